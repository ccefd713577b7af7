"""A run that was cut off goes on as if nothing had been: the same weights, bit for bit."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from pipeline.train.dataset import Dataset
from pipeline.train.loop import checkpoint
from pipeline.train.loop.checkpoint import Saved
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.loop.trainer import Aids, Settings, Trained, train
from pipeline.train.recipes import RECIPES
from pipeline.train.recipes.recipe import Network, Optimizer, Recipe, Steps
from pipeline.train.recipes.schedule import Schedule, fixed

CPU = torch.device("cpu")
BATCH, TICKS = 4, 5
SETTINGS = Settings(seed=3, kimg=0.04, threads=1, ticks=TICKS)  # ten batches


def narrow(name: str, **changes: object) -> Recipe:
    """A recipe with thin networks and small batches."""
    own = RECIPES[name]
    generator, discriminator = (replace(network, channels=4) for network in (own.generator, own.discriminator))
    latent = {"latent": 6} if own.latent else {}
    return replace(own, **{"generator": generator, "discriminator": discriminator, "batch": BATCH, **latent, **changes})


FAMILIES: dict[str, Callable[[], Recipe]] = {
    "dcgan": lambda: narrow("dcgan", augment_p="adaptive"),
    "acgan": lambda: narrow("acgan"),
    "sslgan": lambda: narrow("sslgan", steps=(Steps(0, 1, 1), Steps(0.012, 1, 2), Steps(0.02, 2, 1))),
    "pix2pix": lambda: narrow(
        "pix2pix", generator=Network("unet", 4, (("depth", 4),)), discriminator=Network("patch", 4, (("layers", 2),)),
    ),
    "srgan": lambda: narrow("srgan", warmup_kimg=0.02),
    "wgan-gp": lambda: narrow("wgan-gp", steps=(Steps(0, 2, 1),)),
    "r3gan": lambda: narrow(
        "r3gan", generator=Network("r3gan", 16), discriminator=Network("r3gan", 16), augment_p=Schedule(0.0, 1.0, 0.03),
        optimizer=Optimizer("adam", Schedule(2e-3, 5e-4, 0.03, "cosine"), 0.0, Schedule(0.9, 0.99, 0.03)),
    ),
    "all that can be set": lambda: narrow(
        "acgan", optimizer=Optimizer("rmsprop", fixed(5e-4)), spectral_norm="both", init="orthogonal", ema_kimg=Schedule(0.0, 0.02, 0.03),
    ),
}


def dataset(recipe: Recipe) -> Dataset:
    """Noise of two classes, not all of them told, with a given half where the recipe wants one; 7 images, so passes end within batches."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (7, 3, 16, 16), dtype=torch.uint8, generator=random)
    side = {"noise": 0, "translation": 16, "upscaling": 4}[recipe.kind]
    given = torch.randint(0, 256, (7, 3, side, side), dtype=torch.uint8, generator=random) if side else None
    labels = torch.tensor([0, 1, 0, 1, 0, 1, 1])
    told = labels if recipe.conditional else labels.masked_fill(torch.arange(7) > 4, -1)
    return Dataset(images, told, ["a", "b"], list("abcdefg"), given)


class CutOff(Exception):
    """What the tests end a run by."""


@dataclass
class Watch:
    """Keeps the ticks, and ends the run at the one of that number since the beginning of this part of it."""

    ends_at: int | None = None
    ticks: dict[float, Tick] = field(default_factory=dict)
    pasts: list[int] = field(default_factory=list)

    def begin(self, panel: Panel, past: int) -> None:
        self.pasts.append(past)
        self._left = self.ends_at if past or self.ends_at is None else self.ends_at + 1  # a new run has a tick at 0

    def __call__(self, tick: Tick) -> None:
        self.ticks[tick.kimg] = tick
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise CutOff


def aids() -> Aids:
    def score(generator: nn.Module, *_: object) -> float:
        """Lowest in the middle of the run, not at its end."""
        counted = sum(float(value.double().abs().sum()) for value in generator.state_dict().values())
        return counted % 1

    return Aids(features=lambda images: avg_pool2d(images, 4), score=score)


def run(recipe: Recipe, state: Path, watch: Watch, settings: Settings = SETTINGS) -> Trained:
    return train(dataset(recipe), recipe, settings, CPU, watch, state=state, aids=aids())


def end(state: Path) -> Saved:
    found = checkpoint.latest(state / "checkpoints")
    assert found is not None
    return found


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


def identical(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(bits(one[name]) == bits(other[name]) for name in one)


def compare(state: Path, trained: Trained, watch: Watch, wanted: tuple[Path, Trained, Watch]) -> None:
    other_state, other_trained, other_watch = wanted
    found, sought = end(state), end(other_state)
    assert (found.seen, found.numbers) == (sought.seen, sought.numbers)
    assert identical(dict(found.tensors), dict(sought.tensors)), "networks, average and optimisers"
    assert identical(trained.generator.state_dict(), other_trained.generator.state_dict())
    assert (trained.classifier is None) == (other_trained.classifier is None)
    if trained.classifier and other_trained.classifier:
        (classifier, arguments), (other_classifier, other_arguments) = trained.classifier, other_trained.classifier
        assert identical(classifier.state_dict(), other_classifier.state_dict()) and arguments == other_arguments
    assert (trained.network, trained.kimg, trained.score) == (other_trained.network, other_trained.kimg, other_trained.score)
    assert watch.ticks.keys() == other_watch.ticks.keys()
    for kimg, tick in watch.ticks.items():
        assert tick.scalars == other_watch.ticks[kimg].scalars, kimg
        assert torch.equal(tick.samples, other_watch.ticks[kimg].samples), kimg


@pytest.mark.parametrize("family", FAMILIES)
def test_cut_off_at_every_tick_in_turn_nothing_is_different(family: str, tmp_path: Path) -> None:
    recipe, undisturbed, watch = FAMILIES[family](), Watch(), Watch(ends_at=1)
    wanted = tmp_path / "wanted", run(recipe, tmp_path / "wanted", undisturbed), undisturbed
    assert len(undisturbed.ticks) >= 4 and undisturbed.pasts == [0]
    with pytest.raises(CutOff):  # before there is any checkpoint
        run(recipe, tmp_path / "cut", watch)
    watch.ends_at = 2  # from now on at the tick after the next, whose steps are then repeated: each part gets one tick further
    while True:
        try:
            trained = run(recipe, tmp_path / "cut", watch)
            break
        except CutOff:
            assert watch.pasts[-1] == 0 or watch.pasts[-1] > watch.pasts[-2], "at most one tick is repeated"
    assert watch.pasts[0] == watch.pasts[1] == 0 and [past / 1000 for past in watch.pasts[2:]] == sorted(wanted[2].ticks)[1:-1]
    compare(tmp_path / "cut", trained, watch, wanted)


@pytest.mark.parametrize("part", ["generator", "discriminator", "average", "g_optimizer", "d_optimizer", "augment_p"])
def test_every_part_of_a_checkpoint_counts(part: str, tmp_path: Path) -> None:
    recipe = FAMILIES["dcgan"]()
    wanted = run(recipe, tmp_path / "wanted", Watch())
    with pytest.raises(CutOff):
        run(recipe, tmp_path / "cut", Watch(ends_at=3))
    saved = end(tmp_path / "cut")
    tensors = {name: value * 1.01 if name.startswith(f"{part}.") and value.ndim else value for name, value in saved.tensors.items()}
    numbers = {name: value + 0.5 if name == part else value for name, value in saved.numbers.items()}
    checkpoint.save(tmp_path / "cut" / "checkpoints", Saved(saved.seen, tensors, numbers))
    assert not identical(run(recipe, tmp_path / "cut", Watch()).generator.state_dict(), wanted.generator.state_dict())


@pytest.mark.parametrize("family", ["dcgan", "r3gan", "sslgan"])
def test_a_raised_length_goes_on_from_the_end(family: str, tmp_path: Path) -> None:
    recipe, undisturbed, watch = FAMILIES[family](), Watch(), Watch()
    wanted = tmp_path / "wanted", run(recipe, tmp_path / "wanted", undisturbed, replace(SETTINGS, kimg=0.08, ticks=2 * TICKS)), undisturbed
    run(recipe, tmp_path / "raised", watch)
    seen = end(tmp_path / "raised").seen
    trained = run(recipe, tmp_path / "raised", watch, replace(SETTINGS, kimg=0.08, ticks=2 * TICKS))
    assert watch.pasts == [0, seen] and 40 <= seen < 48
    compare(tmp_path / "raised", trained, watch, wanted)


def test_the_best_generator_is_the_same_one(tmp_path: Path) -> None:
    recipe, undisturbed, watch = FAMILIES["dcgan"](), Watch(), Watch(ends_at=2)
    settings = replace(SETTINGS, best_kimg=0.008)
    wanted = tmp_path / "wanted", run(recipe, tmp_path / "wanted", undisturbed, settings), undisturbed
    for _ in range(TICKS + 1):
        with suppress(CutOff):
            trained = run(recipe, tmp_path / "cut", watch, settings)
    assert wanted[1].score == min(tick.scalars["kid"] for kimg, tick in undisturbed.ticks.items() if kimg)
    compare(tmp_path / "cut", trained, watch, wanted)


def test_a_run_that_is_done_trains_nothing_more(tmp_path: Path) -> None:
    recipe, first, second = FAMILIES["dcgan"](), Watch(), Watch()
    wanted = tmp_path, run(recipe, tmp_path, first), first
    again = run(recipe, tmp_path, second)
    assert second.pasts == [40] and not second.ticks
    assert identical(again.generator.state_dict(), wanted[1].generator.state_dict())


def test_a_damaged_checkpoint_costs_no_more_than_its_tick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, undisturbed, watch = FAMILIES["dcgan"](), Watch(), Watch(ends_at=4)
    wanted = tmp_path / "wanted", run(recipe, tmp_path / "wanted", undisturbed), undisturbed
    with pytest.raises(CutOff):
        run(recipe, tmp_path / "cut", watch)
    newest = max((tmp_path / "cut" / "checkpoints").glob("0*"))
    (newest / "state.safetensors").write_bytes(b"half of it")
    watch.ends_at = None
    trained = run(recipe, tmp_path / "cut", watch)
    assert watch.pasts == [0, 16] and "passed over" in capsys.readouterr().err
    compare(tmp_path / "cut", trained, watch, wanted)
