"""The curated list to a versioned dataset. Each stage has its module here (`crop`, `resize`, `rgb`, `augment`, `pair`, `package`; `cut`
is a crop as pixels, outside the project); what they are made of lies in `boxes`, `pixels`, `augmentation` and `dataset`."""
