"""The former names of what lies in `model`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.train.model.folder import Model, load_model
from pipeline.train.model.folder import save_model as save_generator
from pipeline.train.model.sample import generate as of_model
from pipeline.train.model.sample import to_uint8

__all__ = ["generate", "load_generator", "save_generator", "to_uint8"]


def load_generator(folder: Path) -> tuple[torch.nn.Module, int]:
    """The generator on the CPU, ready to sample, and its latent size. Raises UserError for what is no model folder."""
    model = load_model(folder)
    return model.generator, model.latent


def generate(generator: torch.nn.Module, latent: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """`count` images in batches of uint8 (n, H, W, C); image k depends on (generator, seed, k) alone."""
    return of_model(Model(generator, "noise", latent, [], (0, 0), 0, 1, {}), count, seed)
