"""Two versions of the dataset side by side. A `snapshot` is what the tables of one version say, `compare` finds what differs, `causes`
tells why for each image, `sheet` draws it. Nothing here knows git or DVC."""
