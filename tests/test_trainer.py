import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import UserError
from pipeline.train import device
from pipeline.train.dataset import Dataset
from pipeline.train.loop.settings import Aids, Settings, Trained, length_in_kimg
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.loop.trainer import train
from pipeline.train.noise import normal
from pipeline.train.objectives.adversarial import BinaryCrossEntropy
from pipeline.train.objectives.objective import Objective
from pipeline.train.recipes import RECIPES, Recipe
from pipeline.train.recipes.chosen import chosen
from pipeline.train_params import Train

CPU = torch.device("cpu")
SETTINGS = Settings(seed=0, kimg=0.096, threads=1)


class Watch:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []

    def begin(self, panel: Panel, past: int) -> None:
        self.panel, self.past = panel, past

    def __call__(self, tick: Tick) -> None:
        self.ticks.append(tick)


def squares(count: int = 20, size: tuple[int, int] = (32, 32), colors: int = 3, classes: int = 1, given: int | None = None) -> Dataset:
    """Bright squares on black: a generator that learns anything makes the middle brighter than the rim."""
    images = torch.zeros(count, colors, *size, dtype=torch.uint8)
    images[:, :, size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = 255
    inputs = None if given is None else 255 - images[:, :, :: size[0] // given, :: size[1] // given]
    return Dataset(images, torch.arange(count) % classes, [f"c{n}" for n in range(classes)], [f"i{n}" for n in range(count)], inputs)


def small(name: str = "dcgan", **others: Any) -> Recipe:
    own = RECIPES[name]
    options = {"r3gan": (("blocks", 1), ("full_to", 8), ("group", 0)), "srgan": (("blocks", 1),), "esrgan": (("blocks", 1),)}
    g, d = replace(own.generator, channels=8), replace(own.discriminator, channels=8)
    g = replace(g, options=options.get(name, g.options))
    d = replace(d, options=options["r3gan"] if name == "r3gan" else d.options)
    return replace(own, batch=others.pop("batch", 16), generator=g, discriminator=d, **others)


def run(data: Dataset, settings: Settings = SETTINGS, recipe: Recipe | None = None, aids: Aids = Aids()) -> tuple[Trained, Watch]:  # noqa: B008
    watch = Watch()
    return train(data, recipe or small(), settings, CPU, watch, aids=aids), watch


def equal(one: Trained, other: Trained) -> bool:
    pairs = zip(one.generator.state_dict().values(), other.generator.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_same_run_gives_the_same_weights_bit_for_bit() -> None:
    (one, _), (other, _), (third, _) = run(squares()), run(squares()), run(squares(), replace(SETTINGS, seed=1))
    assert equal(one, other) and not equal(one, third)


def test_how_often_it_is_looked_at_changes_nothing() -> None:
    (one, few), (other, many) = run(squares(), replace(SETTINGS, ticks=1)), run(squares(), replace(SETTINGS, ticks=6))
    assert equal(one, other) and len(few.ticks) == 2 and len(many.ticks) == 7
    assert [tick.kimg for tick in many.ticks] == pytest.approx([0, 0.016, 0.032, 0.048, 0.064, 0.08, 0.096])


def test_it_learns() -> None:
    def contrast(tick: Tick) -> float:  # 2 for the real images
        return float(tick.samples[:, :, 10:22, 10:22].mean() - tick.samples[:, :, :6].mean())

    _, watch = run(squares(), replace(SETTINGS, kimg=3.0))
    assert abs(contrast(watch.ticks[0])) < 0.05 and contrast(watch.ticks[-1]) > 0.25


def plain_losses(data: Dataset, recipe: Recipe, steps: int) -> list[tuple[float, float]]:
    """What the textbook's loop says, step by step, of the same batches and noise: three passes of D, two of G's gradients through it."""
    torch.manual_seed(0)
    g, d, _ = recipe.built(data.shape)
    g, d = g.double(), d.double()
    told = torch.nn.BCEWithLogitsLoss()
    optimizers = [torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), foreach=False) for network in (d, g)]
    losses = []
    for step in range(steps):
        start = step * recipe.batch
        real = data.batch(0, start, recipe.batch, dtype=torch.float64).real
        fake = g(normal(0, "noise", start, recipe.batch, recipe.latent).double())
        optimizers[0].zero_grad()
        ones, zeros = torch.ones(recipe.batch).double(), torch.zeros(recipe.batch).double()
        d_real, d_fake = told(d(real).realness, ones), told(d(fake.detach()).realness, zeros)
        d_real.backward()
        d_fake.backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        g_loss = told(d(fake).realness, ones)
        g_loss.backward()
        optimizers[1].step()
        losses.append(((d_real + d_fake).item(), g_loss.item()))
    return losses


def test_it_learns_what_the_plain_loop_learns_step_by_step() -> None:
    recipe = small(batch=8, augment=(), objective=Objective(BinaryCrossEntropy()))
    watch = Watch()
    train(squares(), recipe, Settings(0, 0.16, threads=1, ticks=20, precision="fp64"), CPU, watch)
    ours = [(tick.scalars["d_loss"], tick.scalars["g_loss"]) for tick in watch.ticks[1:]]
    assert len(ours) == 20 and ours == [pytest.approx(losses, rel=1e-6) for losses in plain_losses(squares(), recipe, 20)]


def data_for(recipe: Recipe) -> Dataset:
    if recipe.kind == "noise":
        return squares(classes=2)
    return squares(given=32 if recipe.kind == "translation" else 8)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_and_moves_both_networks(name: str, precision: str) -> None:
    recipe = small(name, batch=4, warmup_kimg=min(RECIPES[name].warmup_kimg, 0.004), ema_kimg=RECIPES["dcgan"].ema_kimg)
    aids = Aids(features=lambda images: torch.nn.functional.avg_pool2d(images, 4))
    before, _ = run(data_for(recipe), replace(SETTINGS, kimg=0.000001, ticks=1), recipe, aids)
    trained, watch = run(data_for(recipe), replace(SETTINGS, kimg=0.024, ticks=2, precision=precision), recipe, aids)
    assert not equal(before, trained)
    wanted = {"noise": (3, 32, 32), "translation": (3, 32, 32), "upscaling": (3, 32, 32)}[recipe.kind]
    assert watch.ticks[-1].samples.shape[1:] == wanted
    last = watch.ticks[-1].scalars
    assert {"d_loss", "g_loss", "d_real", "d_fake"} <= set(last) and {name for name, _ in recipe.objective.terms} - {"classes"} <= set(last)
    assert (watch.panel.given is not None) == (recipe.kind != "noise")
    assert json.loads(json.dumps(trained.network))["name"] == recipe.generator.name


def test_scores_are_probabilities_where_the_loss_means_that() -> None:
    _, watch = run(squares())
    assert watch.panel.probabilities
    assert all(0 < tick.scalars["d_real"] < 1 and 0 < tick.scalars["d_fake"] < 1 for tick in watch.ticks[1:])


def test_conditional_samples_come_in_rows_of_classes() -> None:
    _, watch = run(squares(classes=3), recipe=small("acgan"))
    assert watch.panel.labels is not None and watch.panel.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert "class_accuracy" in watch.ticks[-1].scalars


def test_steps_of_the_discriminator_each_see_new_images() -> None:
    seen: list[float] = []
    train(squares(), small("wgan-gp", batch=4), replace(SETTINGS, kimg=0.04), CPU, Watch(), on_step=seen.append)
    assert seen == pytest.approx([0, 0.02, 0.02])  # five batches of four to one step of the generator


def test_without_the_discriminator_an_upscaler_learns_from_pixels_alone() -> None:
    recipe = small("srgan", batch=4, warmup_kimg=0.012)
    aids = Aids(features=lambda images: images)
    _, watch = run(squares(given=8), replace(SETTINGS, kimg=0.024, ticks=6), recipe, aids)
    assert ["d_loss" in tick.scalars for tick in watch.ticks] == [False, False, False, False, True, True, True]
    assert ["perceptual" in tick.scalars for tick in watch.ticks] == ["d_loss" in tick.scalars for tick in watch.ticks]


def test_the_best_generator_is_the_one_with_the_smallest_score(tmp_path: Path) -> None:
    scores = iter([3.0, 1.0, 2.0])
    taken: list[torch.Tensor] = []

    def score(generator: torch.nn.Module, network: dict[str, object]) -> float:
        taken.append(next(generator.parameters()).clone())
        return next(scores)

    best = train(
        squares(), small(), replace(SETTINGS, ticks=3, best_kimg=0.032), CPU, Watch(), state=tmp_path, aids=Aids(score=score),
    )
    assert best.score == 1 and best.kimg == pytest.approx(0.064)
    assert torch.equal(next(best.generator.parameters()), taken[1])


@pytest.mark.parametrize("ticks", [1, 2, 6])
def test_how_often_it_is_scored_does_not_hang_on_ticks(tmp_path: Path, ticks: int) -> None:
    seen: list[float] = []
    watch = Watch()
    aids = Aids(score=lambda generator, network: seen.append(0) or 5.0)  # type: ignore[func-returns-value]
    train(squares(), small(), replace(SETTINGS, ticks=ticks, best_kimg=0.02), CPU, watch, state=tmp_path, aids=aids)
    assert len(seen) == 4 and {tick.scalars["kid"] for tick in watch.ticks if "kid" in tick.scalars} == {5}


def test_adaptive_augmentation_grows_while_the_discriminator_is_sure() -> None:
    recipe = small(augment=("color",), augment_p="adaptive")
    _, watch = run(squares(4), replace(SETTINGS, kimg=1.6, ticks=4), recipe)
    chances = [tick.scalars["augment_p"] for tick in watch.ticks[1:]]
    assert 0 < chances[-1] < 1.6 / 500 + 1e-9 and chances == sorted(chances)


def test_length_in_either_unit() -> None:
    assert length_in_kimg(5, None, 300) == 5
    assert length_in_kimg(None, 10, 300) == 3


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (squares(1), "dcgan", "at least two images"),
        (squares(given=32), "dcgan", "pix2pix or srgan"),
        (squares(), "pix2pix", "pair.layout or pair.derive"),
        (squares(given=8), "pix2pix", "set train.recipe to srgan"),
        (squares(classes=1), "acgan", "two or more"),
        (replace(squares(classes=2), labels=torch.full((20,), -1)), "sslgan", "raise train.labeled_fraction"),
        (squares(size=(30, 30)), "dcgan", "resize.size"),
    ],
)
def test_what_cannot_be_learned_from_is_one_sentence(data: Dataset, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        run(data, recipe=small(name))
    assert "\n" not in str(caught.value)


def test_a_generator_that_is_told_classes_needs_them_all() -> None:
    data = replace(squares(classes=2), labels=torch.tensor([0, 1] * 9 + [0, -1]))
    with pytest.raises(UserError, match=r"train\.labeled_fraction to 1"):
        run(data, recipe=small(conditional=True))
    run(data, recipe=small("acgan"))


def settings(**given: Any) -> Train:
    return Train(kimg=1, **given)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_without_other_settings_is_itself(name: str) -> None:
    assert chosen(settings(recipe=name)) == RECIPES[name]


def test_settings_change_what_they_name_and_nothing_else() -> None:
    own = RECIPES["dcgan"]
    checks: list[tuple[dict[str, Any], Callable[[Recipe], object], object]] = [
        ({"loss": "hinge"}, lambda r: type(r.objective.adversarial).__name__, "Hinge"),
        ({"label_smoothing": 0.8}, lambda r: r.objective.adversarial.real_label, 0.8),  # type: ignore[attr-defined]
        ({"weights": {"matching": 2}}, lambda r: [name for name, _ in r.objective.terms], ["matching"]),
        ({"weights": {"r1": 5}}, lambda r: "r1" in dict(r.weights) and dict(r.weights)["r1"].at(3), 5),
        ({"steps": [3, 1]}, lambda r: (r.steps[0].discriminator, r.steps[0].generator), (3, 1)),
        ({"steps": [{"kimg": 0, "steps": [3, 1]}, {"kimg": 9, "steps": [1, 1]}]}, lambda r: [s.kimg for s in r.steps], [0, 9]),
        ({"learning_rate": 0.1}, lambda r: r.optimizer.learning_rate.at(0), 0.1),
        ({"decay_kimg": 4}, lambda r: r.optimizer.learning_rate.at(2), 0.505 * 2e-4),
        ({"optimizer": "rmsprop"}, lambda r: (r.optimizer.name, r.optimizer.beta2.at(0)), ("rmsprop", 0.9)),
        ({"channels": 16}, lambda r: (r.generator.channels, r.discriminator.channels), (16, 16)),
        ({"augment": []}, lambda r: r.augment, ()),
        ({"augment_p": "adaptive"}, lambda r: r.augment_p, "adaptive"),
        ({"generator": {"leaky": True}}, lambda r: dict(r.generator.options), {"leaky": True}),
        ({"spectral_norm": "both", "init": "orthogonal"}, lambda r: (r.spectral_norm, r.init), ("both", "orthogonal")),
    ]
    for given, look, wanted in checks:
        found = look(chosen(settings(**given)))
        assert found == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), given
        assert look(own) != wanted, given


def test_a_weight_of_nothing_takes_a_term_out() -> None:
    assert [name for name, _ in chosen(settings(recipe="srgan", weights={"perceptual": 0})).objective.terms] == ["l2"]
    assert [name for name, _ in chosen(settings(recipe="sslgan", weights={"adversarial": 0.5})).objective.terms] == ["classes", "matching"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"loss": "hinge", "label_smoothing": 0.9}, "only bce and least_squares"),
        ({"weights": {"l1": 1}}, "makes images from noise, which have no target"),
        ({"recipe": "pix2pix", "conditional": True}, "is told no class"),
        ({"weights": {"classes": 1}}, "tells no classes"),
        ({"warmup_kimg": 1}, "has nothing to learn from"),
        ({"recipe": "srgan", "weights": {"l2": 0}}, "has nothing to learn from"),
    ],
)
def test_settings_that_do_not_go_together_are_one_sentence(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        chosen(settings(**given))
    assert "\n" not in str(caught.value) and str(caught.value).startswith("params.yaml: train.")


@pytest.mark.parametrize(
    "option", [{"spectral_norm": "both"}, {"init": "orthogonal"}, {"weights": {"matching": 1, "r1": 1}}, {"loss": "relativistic"}],
)
def test_options_fit_any_recipe_from_noise(option: dict[str, Any]) -> None:
    recipe = chosen(settings(channels=8, batch=4, **option))
    plain, _ = run(squares(), replace(SETTINGS, kimg=0.016), chosen(settings(channels=8, batch=4)))
    other, watch = run(squares(), replace(SETTINGS, kimg=0.016), recipe)
    assert watch.ticks[-1].samples.isfinite().all()
    assert set(plain.generator.state_dict()) != set(other.generator.state_dict()) or not equal(plain, other)


def test_a_gpu_that_torch_cannot_use_is_a_stop_that_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "GPU 0: NVIDIA H200 (UUID: GPU-1)"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UserError, match=r"this machine has NVIDIA H200, but torch .* set train\.device: cpu"):
        device.choose("auto")
    assert device.choose("cpu").type == "cpu"
    program.write_text("#!/bin/sh\nexit 9\n")
    assert device.choose("auto").type == "cpu"
    with pytest.raises(UserError, match="no NVIDIA GPU was found"):
        device.choose("cuda")


@pytest.mark.parametrize(("has", "taken"), [
    ({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32"), ({}, "fp32"),
])
def test_precision_is_what_the_cpu_multiplies_in(monkeypatch: pytest.MonkeyPatch, has: dict[str, bool], taken: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert device.precision("auto", CPU) == taken
    assert (device.precision("fp32", CPU), device.precision("bf16", CPU)) == ("fp32", "bf16")


def test_losses_are_computed_in_single_precision_whatever_the_networks_run_in() -> None:
    """Near its optimum the gradient of a loss in bf16 is mostly rounding."""
    seen: list[torch.dtype] = []

    class Noting(BinaryCrossEntropy):
        def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
            seen.extend((real.dtype, fake.dtype))
            return super().d_loss(real, fake)

    run(squares(), replace(SETTINGS, kimg=0.016, precision="bf16"), small(objective=Objective(Noting())))
    assert seen == [torch.float32, torch.float32]
