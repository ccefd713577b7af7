"""All that a run is between two steps, and that state as plain tensors and numbers."""

import copy

import torch
from torch import nn

from pipeline.train.loop import optimizers
from pipeline.train.loop.checkpoint import Saved
from pipeline.train.loop.sums import Sums
from pipeline.train.recipes.recipe import Recipe

__all__ = ["State"]


class State:
    """The two networks, the averaged generator, the two optimisers, how many images were seen, the chance of augmentation and what it
    adapts to."""

    def __init__(self, recipe: Recipe, generator: nn.Module, discriminator: nn.Module, device: torch.device) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.average = copy.deepcopy(generator).requires_grad_(False).eval()
        self.g_optimizer = optimizers.built(recipe.optimizer, generator.parameters(), device)
        self.d_optimizer = optimizers.built(recipe.optimizer, discriminator.parameters(), device)
        self.seen = 0
        self.augment_p, self.overfit, self.steps = 0.0, Sums(), 0  # where it adapts; counted in steps since the start

    @property
    def kimg(self) -> float:
        return self.seen / 1000

    def saved(self) -> Saved:
        """Everything that the next step depends on."""
        parts = {
            "generator": self.generator.state_dict(), "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "g_optimizer": optimizers.tensors(self.g_optimizer), "d_optimizer": optimizers.tensors(self.d_optimizer),
        }
        tensors = {f"{part}.{name}": value for part, named in parts.items() for name, value in named.items()}
        tensors |= {f"overfit.{name}": value for name, value in self.overfit.totals.items()}
        numbers = {"augment_p": self.augment_p, "steps": self.steps, "overfit": dict(self.overfit.counts)}
        return Saved(self.seen, tensors, numbers)

    def restore(self, saved: Saved) -> None:
        """Go on where `saved` was taken. Raises RuntimeError, KeyError for a state of other networks."""
        self.generator.load_state_dict(_part(saved, "generator"))
        self.discriminator.load_state_dict(_part(saved, "discriminator"))
        self.average.load_state_dict(_part(saved, "average"))
        optimizers.restored(self.g_optimizer, _part(saved, "g_optimizer"))
        optimizers.restored(self.d_optimizer, _part(saved, "d_optimizer"))
        self.seen = saved.seen
        self.augment_p, self.steps = saved.numbers["augment_p"], saved.numbers["steps"]
        device = next(self.generator.parameters()).device
        self.overfit = Sums({name: value.to(device) for name, value in _part(saved, "overfit").items()}, dict(saved.numbers["overfit"]))

    def follow(self, decay: float) -> None:
        """Move the running average, weights and batch statistics alike, towards the generator of now."""
        with torch.no_grad():
            means, values = [], []
            for mean, value in zip(self.average.state_dict().values(), self.generator.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    means.append(mean)
                    values.append(value)
                else:
                    mean.copy_(value)
            torch._foreach_lerp_(means, values, 1 - decay)


def _part(saved: Saved, part: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{part}."): value for name, value in saved.tensors.items() if name.startswith(f"{part}.")}
