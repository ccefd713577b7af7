"""Dataset to generator: `dataset` reads the shards, `trainer` is the only loop, `recipes` say what it
trains, `networks` and `objectives` are what recipes are made of, `watch` draws how it went, `sample`
makes images from what came out."""
