"""The training loop: `trainer` is the only one, `state` is all that a run is between two steps, `checkpoint` keeps it on disk,
`tick` is what a person or a picture gets to see of it."""
