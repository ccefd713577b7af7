"""Which files are one picture. A file becomes `views`, each with its `hashes`; `search` finds what may be copies, `match` decides it
on the pixels, with `crops` for parts; `stars` and `grouping` make groups of them; `fingerprints` remembers it all."""
