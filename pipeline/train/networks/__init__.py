"""Networks by name; each file is one family and cites where it comes from."""

from collections.abc import Callable

import torch

from pipeline.train.networks import dcgan

__all__ = ["GENERATORS"]

GENERATORS: dict[str, Callable[..., torch.nn.Module]] = {"dcgan": dcgan.Generator}
"""What config.json of a model names, so that a saved generator can be built again."""
