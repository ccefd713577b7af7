"""Dataset to generator: `run` is all of it, `dataset` reads the shards, `recipes` say what is trained and are made of `networks` and
`objectives`, `loop` trains, `watching` shows how it went, `model` is the folder that comes out and its use."""
