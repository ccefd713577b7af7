"""What is trained and with which numbers; every recipe cites where its numbers come from."""

from dataclasses import dataclass, field

import torch

from pipeline.train.networks import GENERATORS, dcgan
from pipeline.train.objectives import BinaryCrossEntropy, Objective

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """Networks by family name, the objective, and the optimiser's numbers. Lengths are in kimg."""

    network: str
    objective: Objective
    latent: int
    channels: int
    learning_rate: float
    betas: tuple[float, float]
    ema_kimg: float = field(metadata={"help": "half-life of the averaged generator"})

    def generator(self, size: tuple[int, int], channels: int, colors: int) -> torch.nn.Module:
        return GENERATORS[self.network](size=size, latent=self.latent, channels=channels, colors=colors)

    def discriminator(self, size: tuple[int, int], channels: int, colors: int) -> torch.nn.Module:
        return dcgan.Discriminator(size, channels, colors)


RECIPES = {
    # Radford et al., arXiv:1511.06434, section 4: latent 100, Adam 2e-4 with beta1 0.5. Label smoothing .9 as
    # in arXiv:1606.03498. 32 channels (the paper: 128) train in minutes on two cores; the average of the
    # generator's weights, as in arXiv:1710.10196, appendix A.2, with a half-life that suits so short a run.
    "dcgan": Recipe(
        network="dcgan",
        objective=BinaryCrossEntropy(real_label=0.9),
        latent=100,
        channels=32,
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        ema_kimg=3.0,
    ),
}
