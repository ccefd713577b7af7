"""What a recipe is: the two networks, the objective and the numbers, and where they come from."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from pipeline.train import networks
from pipeline.train.networks.shape import Shape
from pipeline.train.objectives.objective import Objective
from pipeline.train.recipes.schedule import Schedule, fixed

__all__ = ["Init", "Kind", "Network", "Normalised", "Optimizer", "Recipe", "Steps"]

Kind = Literal["noise", "translation", "upscaling"]
Init = Literal["own", "normal", "orthogonal", "xavier", "kaiming"]
Normalised = Literal["none", "discriminator", "both"]
BETA2, ALWAYS = fixed(0.999), fixed(1.0)
Options = tuple[tuple[str, bool | int | float | str], ...]


@dataclass(frozen=True)
class Network:
    """A family by name, its width, and what else its constructor takes."""

    name: str
    channels: int
    options: Options = ()


@dataclass(frozen=True)
class Optimizer:
    """`beta2` is Adam's second; RMSprop takes `alpha` from it and no first."""

    name: Literal["adam", "rmsprop"]
    learning_rate: Schedule
    beta1: float = 0.5
    beta2: Schedule = BETA2


@dataclass(frozen=True)
class Steps:
    """From `kimg` on, so many steps of the discriminator and then of the generator, in turn."""

    kimg: float
    discriminator: int
    generator: int


@dataclass(frozen=True)
class Recipe:
    """One system, complete. Lengths are in kimg, thousands of real images shown."""

    source: str  # the papers its numbers come from
    kind: Kind
    generator: Network
    discriminator: Network
    objective: Objective
    weights: tuple[tuple[str, Schedule], ...]
    optimizer: Optimizer
    batch: int
    ema_kimg: Schedule  # half-life of the averaged generator
    latent: int = 0
    conditional: bool = False
    steps: tuple[Steps, ...] = (Steps(0, 1, 1),)
    warmup_kimg: float = 0.0  # without the discriminator
    augment: tuple[str, ...] = ()
    augment_p: Schedule | Literal["adaptive"] = ALWAYS
    spectral_norm: Normalised = "none"
    init: Init = "own"

    def built(self, shape: Shape) -> tuple[nn.Module, nn.Module, dict[str, object]]:
        """The generator, the discriminator, and what config.json needs to build the generator again.

        Raises UserError where the family cannot make images of this shape.
        """
        made = self._arguments(shape)
        generator = networks.GENERATORS[self.generator.name](**made)
        discriminator = networks.DISCRIMINATORS[self.discriminator.name](**self._judging(shape))
        return generator, discriminator, {"name": self.generator.name, **made}

    def classifier(self, shape: Shape) -> dict[str, object] | None:
        """What config.json needs to build the discriminator again, where that learns to tell classes; else None."""
        return {"name": self.discriminator.name, **self._judging(shape)} if self.objective.asks_classes else None

    def _judging(self, shape: Shape) -> dict[str, object]:
        asked = shape.classes if self.conditional or self.objective.asks_classes else 0
        return {
            "size": shape.size, "colors": shape.colors, "channels": self.discriminator.channels, "classes": asked,
            **({"given_colors": shape.given_colors} if self.kind == "translation" else {}), **dict(self.discriminator.options),
        }

    def _arguments(self, shape: Shape) -> dict[str, object]:
        common: dict[str, object] = {
            "size": shape.size, "colors": shape.colors, "channels": self.generator.channels, **dict(self.generator.options),
        }
        if self.kind == "noise":
            return {**common, "latent": self.latent, "classes": shape.classes if self.conditional else 0}
        return {**common, "given_size": shape.given_size, "given_colors": shape.given_colors}
