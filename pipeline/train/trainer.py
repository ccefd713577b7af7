"""The training loop, the only one.

    dvc repro train                          # as a stage, with params.yaml
    python -m stages.train                   # the same without DVC

A step shows the discriminator one batch of real and one of generated images, then moves the generator.
Progress is counted in kimg, thousands of real images shown. The order of images and all noise are
functions of (seed, images seen), so a position in the run is one number.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch

from pipeline.errors import UserError
from pipeline.train.dataset import Dataset
from pipeline.train.diffaugment import augment
from pipeline.train.noise import generator, normal
from pipeline.train.recipes import Recipe

__all__ = ["Settings", "Tick", "Trained", "length_in_kimg", "train"]

TICKS = 20  # how often a run is looked at


@dataclass(frozen=True)
class Settings:
    """One run: everything its result depends on beside the dataset, the recipe and the machine.

    None stands for the recipe's own number.
    """

    seed: int
    kimg: float
    batch: int
    channels: int | None
    learning_rate: float | None
    policies: tuple[str, ...]
    threads: int


@dataclass(frozen=True)
class Tick:
    """What a run looks like at one moment. Losses and scores are means since the tick before;
    d_real and d_fake are probabilities, D(x) and D(G(z)), of what the discriminator saw."""

    kimg: float
    d_loss: float
    g_loss: float
    d_real: float
    d_fake: float
    samples: torch.Tensor


@dataclass(frozen=True)
class Trained:
    """The averaged generator on the CPU, in eval mode, and the arguments that build its network again."""

    generator: torch.nn.Module
    network: dict[str, object]


def length_in_kimg(kimg: float | None, epochs: float | None, images: int) -> float:
    """The length of a run in kimg, whichever of the two it was given in."""
    return kimg if kimg is not None else (epochs or 0) * images / 1000


def train(
    dataset: Dataset,
    recipe: Recipe,
    settings: Settings,
    device: torch.device,
    on_tick: Callable[[Tick], None],
    on_step: Callable[[float], object] = lambda kimg: None,
) -> Trained:
    """Train for settings.kimg. `on_tick` is called at the start and TICKS times after it, `on_step` every step.

    On a CPU the same dataset, recipe and settings give the same weights, bit for bit, on one kind of machine.
    Raises UserError where the loss is no longer a number, or where there are too few images for one batch.
    """
    if len(dataset) < 2:
        raise UserError("training needs at least two images; raise count in params.yaml or reject fewer")
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    _, colors, height, width = dataset.images.shape
    channels = settings.channels or recipe.channels
    size = (height, width)
    g = recipe.generator(size, channels, colors).to(device)
    d = recipe.discriminator(size, channels, colors).to(device)
    run = _Run(recipe, settings, dataset, device, g, d)
    steps = ceil(settings.kimg * 1000 / settings.batch)
    marks = {round(steps * tick / TICKS) for tick in range(1, TICKS + 1)}
    on_tick(run.tick())
    for step in range(1, steps + 1):
        run.step()
        on_step(run.seen / 1000)
        if step in marks:
            tick = run.tick()
            _check(tick)
            on_tick(tick)
    network = {"name": recipe.network, "size": size, "latent": recipe.latent, "channels": channels, "colors": colors}
    return Trained(run.average.cpu().eval(), network)


class _Run:
    """The state of a run between two steps."""

    def __init__(self, recipe: Recipe, settings: Settings, dataset: Dataset, device: torch.device,
                 g: torch.nn.Module, d: torch.nn.Module) -> None:
        self.recipe, self.settings, self.dataset, self.device = recipe, settings, dataset, device
        self.g, self.d = g, d
        self.average = copy.deepcopy(g).requires_grad_(False).eval()
        rate = settings.learning_rate or recipe.learning_rate
        self.g_adam = torch.optim.Adam(g.parameters(), rate, recipe.betas)
        self.d_adam = torch.optim.Adam(d.parameters(), rate, recipe.betas)
        self.fixed = normal(settings.seed, "grid", 0, 64, recipe.latent).to(device)
        self.decay = 0.5 ** (settings.batch / (recipe.ema_kimg * 1000))
        self.seen = 0
        self._sums = torch.zeros(4, device=device)
        self._steps = 0

    def step(self) -> None:
        batch, seed, objective = self.settings.batch, self.settings.seed, self.recipe.objective
        z = normal(seed, "noise", self.seen, batch, self.recipe.latent).to(self.device)
        fake = self.g(z)
        real = self.dataset.batch(seed, self.seen, batch).to(self.device)

        real_logits = self.d(self._augmented(real, "real"))
        fake_logits = self.d(self._augmented(fake.detach(), "fake"))
        d_loss = objective.d_loss(real_logits, fake_logits)
        self.d_adam.zero_grad(set_to_none=True)
        d_loss.backward()
        self.d_adam.step()

        self.d.requires_grad_(False)
        g_loss = objective.g_loss(self.d(self._augmented(fake, "generator")))
        self.g_adam.zero_grad(set_to_none=True)
        g_loss.backward()
        self.g_adam.step()
        self.d.requires_grad_(True)

        self.seen += batch
        self._steps += 1
        _average(self.average, self.g, min(self.decay, self.seen / (self.seen + 9 * batch)))
        scores = (d_loss, g_loss, real_logits.sigmoid().mean(), fake_logits.sigmoid().mean())
        self._sums += torch.stack(scores).detach()

    def tick(self) -> Tick:
        d_loss, g_loss, d_real, d_fake = (self._sums / max(self._steps, 1)).tolist()
        self._sums.zero_()
        self._steps = 0
        with torch.no_grad():
            samples = self.average(self.fixed).cpu()
        return Tick(self.seen / 1000, d_loss, g_loss, d_real, d_fake, samples)

    def _augmented(self, images: torch.Tensor, stream: str) -> torch.Tensor:
        return augment(images, self.settings.policies, generator(self.settings.seed, stream, self.seen))


def _average(average: torch.nn.Module, now: torch.nn.Module, decay: float) -> None:
    """Move the running average, weights and batch statistics alike, towards `now`."""
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), now.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def _check(tick: Tick) -> None:
    if not all(x == x and abs(x) != float("inf") for x in (tick.d_loss, tick.g_loss)):
        raise UserError(
            f"training broke down at {tick.kimg:.1f} kimg: the loss is no longer a number; "
            "try another train.seed or a larger train.batch in params.yaml"
        )
