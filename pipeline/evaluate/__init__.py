"""Generator and held-out images to numbers: `features` runs `inception`, whose published weights
`weights` finds; `frechet` and `kernel` are the distances; `measure` puts them together, `report` shows."""
