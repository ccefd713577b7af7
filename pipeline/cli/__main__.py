"""python -m pipeline.cli: the same as `darkroom`."""

from pipeline.cli import main

main()
