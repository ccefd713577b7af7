"""What is shown of a run: the same after a kill as without one; pictures that hold what they should; alarms on trouble alone."""

import io
import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageSequence

from pipeline.errors import UserError
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.model.sample import to_uint8
from pipeline.train.watching import watching
from pipeline.train.watching.alarms import breakdown, warnings
from pipeline.train.watching.curves import curves
from pipeline.train.watching.diversity import diversity
from pipeline.train.watching.evolution import evolution
from pipeline.train.watching.history import History, Moment
from pipeline.train.watching.note import note
from pipeline.train.watching.pictures import page

SHOWN = ("samples.png", "evolution.gif", "curves.png")


def images(seed: int, *shape: int) -> torch.Tensor:
    """float32 in -1..1: broad shapes, such as pictures have."""
    coarse = torch.rand(shape[0], shape[1], 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=shape[2:], mode="bilinear") * 2 - 1


def noise_panel(count: int = 16, classes: int = 0) -> Panel:
    labels = torch.arange(count) % classes if classes else None
    return Panel([f"class {k}" for k in range(classes)], labels, None, None, images(0, count, 3, 16, 16), True)


def tick(number: int, count: int = 16, **scalars: float) -> Tick:
    healthy = {"d_loss": 0.9 + 0.01 * number, "g_loss": 1.2, "d_real": 0.7, "d_fake": 0.25, "l1": 1 / (number + 1)}
    return Tick(1.6 * number, {**healthy, **scalars} if number else {}, images(number, count, 3, 16, 16))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def watched(folder: Path, panel: Panel, ticks: list[Tick], past: int = 0) -> Path:
    with watching(folder / "model", folder / "state") as watch:
        watch.begin(panel, past)
        for one in ticks:
            watch(one)
    return folder


class Killed(BaseException):
    """In place of the kill."""


@pytest.mark.parametrize("panel", [noise_panel(), noise_panel(classes=4)], ids=["noise", "classes"])
def test_a_resumed_run_leaves_the_files_of_an_undisturbed_one(tmp_path: Path, panel: Panel) -> None:
    ticks = [tick(number) for number in range(7)]
    ticks[5] = tick(5, kid=0.1)
    whole = watched(tmp_path / "whole", panel, ticks)
    with pytest.raises(Killed), watching(tmp_path / "cut" / "model", tmp_path / "cut" / "state") as watch:
        watch.begin(panel, 0)
        for one in [*ticks[:4], tick(4, d_loss=7)]:  # the last is after the checkpoint of tick 3 and comes again
            watch(one)
        raise Killed
    for path in (tmp_path / "cut" / "model").rglob("*.*"):  # DVC deletes an output before its stage runs again
        path.unlink()
    with (tmp_path / "cut" / "state" / "history.jsonl").open("ab") as file:
        file.write(b'{"seen": 8000, "kim')  # a line that the kill cut off
    cut = watched(tmp_path / "cut", panel, ticks[4:], past=round(ticks[3].kimg * 1000))
    expected = files(whole)
    assert files(cut) == expected
    shown = {f"model/{name}" for name in SHOWN} | {f"model/live/plots/metrics/{name}.tsv" for name in ("d_loss", "kid", "diversity")}
    assert shown <= expected.keys() and ("model/classes.png" in expected) == bool(panel.classes)
    assert expected["model/live/plots/metrics/g_loss.tsv"].decode().splitlines() == ["step\tg_loss", *(f"{n}\t1.2" for n in range(1, 7))]


def test_a_run_that_goes_on_shows_what_was_before_even_without_a_tick(tmp_path: Path) -> None:
    ticks = [tick(number) for number in range(4)]
    before = files(watched(tmp_path, noise_panel(), ticks))
    for path in (tmp_path / "model").rglob("*.*"):
        path.unlink()
    assert files(watched(tmp_path, noise_panel(), [ticks[-1]], past=4800)) == before  # a tick that is known changes nothing


def test_a_new_run_forgets_what_lay_there(tmp_path: Path) -> None:
    watched(tmp_path, noise_panel(), [tick(number) for number in range(5)])
    watched(tmp_path, noise_panel(), [tick(0), tick(1)])
    assert [json.loads(line)["seen"] for line in (tmp_path / "state" / "history.jsonl").open()] == [0, 1600]
    assert [path.name for path in sorted((tmp_path / "state" / "frames").iterdir())] == ["000000000000.png", "000000001600.png"]


def test_pictures_are_there_while_the_run_goes_on(tmp_path: Path) -> None:
    with watching(tmp_path / "model", tmp_path / "state", refresh=0) as watch:
        watch.begin(noise_panel(), 0)
        seen = []
        for number in range(3):
            watch(tick(number))
            seen.append([(tmp_path / "model" / name).read_bytes() for name in ("samples.png", "curves.png")])
        assert len({pictures[0] for pictures in seen}) == 3 and len({pictures[1] for pictures in seen}) == 3
        assert watch.note.startswith("D(x) 0.70, D(G(z)) 0.25, ") and watch.note.endswith(" GB")
        assert watch.warnings == []


def test_history_is_whole_on_the_disk_at_every_tick(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    samples = to_uint8(images(3, 5, 3, 8, 12))
    history.add(Moment(64, 0.064, {"d_loss": 1.0, "odd": math.nan}, samples.shape), samples)
    again = History(tmp_path, 64)
    assert again.moments == [Moment(64, 0.064, {"d_loss": 1.0}, (5, 8, 12, 3))]
    found = again.samples(again.moments[0])
    assert found is not None and np.array_equal(found, samples)


@given(samples=hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]))))
@settings(max_examples=40, deadline=None)
def test_a_frame_gives_back_its_samples(tmp_path_factory: pytest.TempPathFactory, samples: np.ndarray) -> None:
    history = History(tmp_path_factory.mktemp("state"), 0)
    history.add(Moment(1, 0.001, {}, samples.shape), samples)
    found = history.samples(history.moments[0])
    assert found is not None and np.array_equal(found, samples)


# --- pictures


def crop(picture: Image.Image, left: int, top: int, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(picture.crop((left, top, left + size[0], top + size[1])))


@pytest.mark.parametrize(("shape", "scale", "across"), [
    ((64, 3, 32, 32), 3, 8), ((64, 1, 28, 28), 3, 8), ((64, 3, 96, 64), 1, 8), ((64, 3, 8, 8), 12, 8), ((16, 3, 256, 256), 1, 4),
])
def test_samples_are_enlarged_by_a_whole_factor(shape: tuple[int, ...], scale: int, across: int) -> None:
    samples = to_uint8(images(1, *shape))
    panel = Panel([], None, None, None, images(0, *shape), True)
    picture = page(panel, samples)
    height, width = shape[2] * scale, shape[3] * scale
    assert picture.width == 24 + across * (width + 4) - 4 and max(picture.size) <= 1100
    last = crop(picture, picture.width - 12 - width, 12, (width, height))
    assert np.array_equal(last, np.repeat(np.repeat(samples[across - 1], scale, 0), scale, 1) + np.zeros((1, 1, 3), np.uint8))


def test_each_class_has_a_row_in_the_order_of_the_classes() -> None:
    panel = noise_panel(12, classes=3)  # labels 0 1 2 0 1 2 …
    samples = to_uint8(images(1, 12, 3, 16, 16))
    picture = page(panel, samples)
    left = picture.width - 12 - 4 * 100 + 4
    for row, column in ((0, 0), (1, 0), (2, 3)):
        shown = crop(picture, left + 100 * column, 12 + 100 * row, (96, 96))
        assert np.array_equal(shown[::6, ::6], samples[row + 3 * column])
    assert (np.asarray(picture.convert("L"))[12:108, 12 : left - 4] < 100).any()  # its name


def test_every_class_is_shown_though_they_are_many_and_a_small_picture_keeps_its_size() -> None:
    panel = noise_panel(100, classes=50)
    samples = np.zeros((100, 16, 16, 3), np.uint8)
    samples[:, 0, 0] = [(1, number, 1) for number in range(100)]
    picture = np.asarray(page(panel, samples))
    found = set(picture[(picture[:, :, 0] == 1) & (picture[:, :, 2] == 1)][:, 1].tolist())
    assert {number % 50 for number in found} == set(range(50))
    assert max(page(panel, samples, 64, 400, small=True).size) <= 420


@pytest.mark.parametrize("small", [False, True])
def test_pairs_show_given_made_and_target_side_by_side(small: bool) -> None:
    target, low = images(1, 2, 3, 64, 64), images(2, 2, 1, 16, 16)
    made = to_uint8(images(3, 2, 3, 64, 64))
    panel = Panel([], None, low, target, target, False)
    picture = page(panel, made, side=64, small=small)
    assert picture.width == 24 + 3 * 64 + 8
    top = picture.height - 12 - 64 - 68
    assert np.array_equal(crop(picture, 12, top, (64, 64))[::4, ::4, 0], to_uint8(low)[0, :, :, 0])
    assert np.array_equal(crop(picture, 80, top, (64, 64)), made[0])
    assert np.array_equal(crop(picture, 148, top + 68, (64, 64)), to_uint8(target)[1])
    assert (np.asarray(picture.convert("L"))[: top - 2] < 100).any()  # headings


def test_pairs_without_a_target_and_more_of_them_than_fit() -> None:
    low = images(2, 40, 3, 128, 128)
    picture = page(Panel([], None, low, None, low, False), to_uint8(low))
    assert max(picture.size) <= 1100


def test_the_gif_holds_the_first_and_the_last_and_the_last_is_held() -> None:
    moments = [(float(number), np.full((1, 8, 8, 3), 2 * number, np.uint8)) for number in range(101)]
    gif = evolution(moments, lambda samples, limit: Image.fromarray(samples[0]).resize((64, 64)))
    assert gif == evolution(moments, lambda samples, limit: Image.fromarray(samples[0]).resize((64, 64)))
    every = ImageSequence.Iterator(Image.open(io.BytesIO(gif)))
    frames = [(frame.convert("RGB").getpixel((5, 5)), frame.info["duration"]) for frame in every]
    assert len(frames) == 40
    brightness = [color[0] for color, _ in frames]
    assert brightness == sorted(brightness) and brightness[0] <= 8 and brightness[-1] >= 192
    assert frames[-1][1] == 2000 and {duration for _, duration in frames[:-1]} == {120}


def test_a_gif_that_is_too_large_shows_fewer_samples() -> None:
    random = np.random.default_rng(0)
    panel = Panel([], None, None, None, torch.zeros(64, 3, 32, 32), True)
    moments = [(float(number), random.integers(0, 256, (64, 32, 32, 3), np.uint8)) for number in range(4)]
    drawn = partial(page, panel, side=64, small=True)
    free, bound = (evolution(moments, lambda samples, limit: drawn(samples, limit=limit), most) for most in (10**9, 150_000))
    assert len(free) > 150_000 >= len(bound)
    assert Image.open(io.BytesIO(free)).width > Image.open(io.BytesIO(bound)).width > 100


# --- curves


def height(history: list[Moment]) -> int:
    """Of the picture, in rows of panels."""
    return round(Image.open(io.BytesIO(curves(history, True))).height / 110 / 3.1)


def moment(number: int, diverse: float | None = None, **scalars: float) -> Moment:
    return Moment(number * 1000, float(number), scalars, (1, 1, 1, 1), diverse)


def test_curves_have_panels_for_the_terms_that_there_are() -> None:
    plain = {"d_loss": 1.0, "g_loss": 1.0, "d_real": 0.6, "d_fake": 0.4}
    few = [moment(n, **plain, learning_rate=2e-4) for n in range(1, 4)]
    assert curves(few, True) == curves(few, True) != curves(few, False)
    assert height(few) == 1  # a rate that is constant is not drawn
    three = curves([moment(n, **plain, learning_rate=2e-4 / n) for n in range(1, 4)], True)
    assert Image.open(io.BytesIO(three)).width > Image.open(io.BytesIO(curves(few, True))).width
    assert height([moment(n, 0.9, **plain, classes=1.0, r1=0.1, unforeseen=1.0) for n in range(1, 4)]) == 2
    assert height([]) == 1  # before the first step


# --- alarms


def healthy(number: int) -> Moment:
    return moment(number, 0.9, d_loss=0.8, g_loss=1.4, d_real=0.75, d_fake=0.2)


def told(history: list[Moment], probabilities: bool = True) -> dict[int, set[str]]:
    """Which warnings are given, and at which place, when the moments come one after another."""
    past: list[Moment] = []
    for one in history:
        found = warnings([*past, one], probabilities)
        past.append(Moment(**{**vars(one), "warnings": found}))
    return {place: set(one.warnings) for place, one in enumerate(past) if one.warnings}


@pytest.mark.parametrize("name", ["d_loss", "g_loss"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(UserError, match=r"broke down at 3\.2 kimg: the loss is no longer a number; try a smaller train\.learning_rate"):
        watched(tmp_path, noise_panel(), [tick(0), tick(1), tick(2, **{name: value})])
    assert len((tmp_path / "state" / "history.jsonl").read_bytes().splitlines()) == 2  # the broken one is not kept


def test_samples_that_are_no_numbers_stop_the_run() -> None:
    broken = Tick(1.0, {"d_loss": 1.0}, torch.full((1, 1, 2, 2), math.nan))
    assert "generator's weights are no longer a number" in (breakdown(broken) or "")
    assert breakdown(tick(1)) is None and breakdown(tick(0)) is None


def test_collapse_is_told_once_after_two_ticks() -> None:
    collapsed = [moment(n, 0.04, d_loss=0.8, d_real=0.7, d_fake=0.2) for n in range(4, 9)]
    assert told([*map(healthy, range(1, 4)), *collapsed]) == {4: {"collapse"}}


def test_one_low_tick_is_no_collapse() -> None:
    low = moment(4, 0.05)
    assert told([healthy(1), low, healthy(5), moment(6, 0.05), healthy(7)]) == {}


def test_a_slow_start_is_no_collapse_but_never_to_leave_it_is() -> None:
    start = [moment(n, 0.02) for n in range(10)]  # the first is before the first step
    assert told([*start[:4], *map(healthy, range(4, 12))]) == {}
    assert told(start) == {5: {"collapse"}}


def test_the_first_ticks_of_a_run_of_minutes_are_no_collapse() -> None:
    rising = [replace(moment(n, share), kimg=n / 10) for n, share in enumerate([0, 0.02, 0.02, 0.03, 0.04, 0.05, 0.08, 0.2, 0.4], start=1)]
    assert told(rising) == {}


def test_advice_fits_the_kind_of_run() -> None:
    winning = [moment(n, d_loss=0.02, d_real=0.99, d_fake=0.005) for n in range(3)] + [moment(3, d_loss=0.0, d_real=0.99, d_fake=0.005)]
    assert "r3gan" in warnings(winning, True)["certain"] and "label_smoothing" in warnings(winning, True)["certain"]
    paired = warnings(winning, False, noise=False) | warnings(winning, True, noise=False)
    assert "r3gan" not in paired["certain"]
    scores = [moment(n, d_loss=0.0, d_real=9.0, d_fake=-9.0) for n in range(1, 4)]
    assert "label_smoothing" not in warnings(scores, False)["certain"]


def test_a_warm_up_without_a_discriminator_is_shown_and_is_no_trouble() -> None:
    warm = [moment(n, g_loss=0.1 / n, l1=0.1 / n) for n in range(1, 9)]
    assert told(warm) == {} and curves(warm, True) == curves(warm, False)


def test_no_collapse_where_diversity_is_not_measured() -> None:
    assert told([moment(n) for n in range(20)]) == {}


def test_a_discriminator_that_is_always_right_is_told_once() -> None:
    winning = [moment(n, 0.9, d_loss=0.02, g_loss=7.0, d_real=0.99, d_fake=0.005) for n in range(3, 9)]
    assert told([healthy(1), healthy(2), *winning]) == {4: {"certain"}}
    smoothed = [moment(n, 0.9, d_loss=0.33, g_loss=7.0, d_real=0.9, d_fake=0.005) for n in range(3, 9)]
    assert told([healthy(1), healthy(2), *smoothed]) == {4: {"certain"}}


def test_a_discriminator_by_scores() -> None:
    dead = [moment(n, 0.9, d_loss=0.0, g_loss=4.0, d_real=3.0, d_fake=-4.0) for n in range(1, 6)]
    assert told(dead, probabilities=False) == {2: {"certain"}}
    even = [moment(n, 0.9, d_loss=0.0, g_loss=0.0, d_real=0.1, d_fake=0.1) for n in range(1, 6)]  # Wasserstein, at peace
    far = [moment(n, 0.9, d_loss=-8.0, g_loss=4.0, d_real=3.0, d_fake=-5.0) for n in range(1, 6)]  # Wasserstein, learning
    termed = [moment(n, 0.9, d_loss=2.5, d_adversarial=0.0, d_classes=2.5, d_real=3.0, d_fake=-4.0) for n in range(1, 6)]
    assert told(termed, probabilities=False) == {2: {"certain"}}
    assert told(even, probabilities=False) == {} and told(far, probabilities=False) == {}


@given(st.lists(st.tuples(st.floats(0.3, 2), st.floats(0.5, 0.84), st.floats(0.1, 0.5), st.floats(0.15, 1.5)), max_size=30))
@settings(max_examples=50, deadline=None)
def test_no_alarm_on_a_healthy_run(numbers: list[tuple[float, float, float, float]]) -> None:
    history = [moment(n, share, d_loss=loss, d_real=real, d_fake=fake) for n, (loss, real, fake, share) in enumerate(numbers)]
    assert told(history) == {} and told(history, probabilities=False) == {}


def test_a_collapse_is_seen_in_the_samples_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = images(5, 1, 3, 16, 16).expand(16, -1, -1, -1) + 0.01 * images(6, 16, 3, 16, 16)
    dull = [Tick(1.6 * n, tick(n).scalars, same) for n in (3, 4, 5)]
    with watching(tmp_path / "model", tmp_path / "state") as watch:
        watch.begin(noise_panel(), 0)
        for one in [tick(0), tick(1), tick(2), *dull]:
            watch(one)
        found = watch.warnings
    assert len(found) == 1 and found[0].startswith("at 6.4 kimg the generator makes almost the same picture")
    assert capsys.readouterr().err.splitlines() == [f"warning: {found[0]}"]
    with watching(tmp_path / "model", tmp_path / "state") as watch:
        watch.begin(noise_panel(), 8000)
        assert watch.warnings == found
        watch(Tick(9.6, tick(6).scalars, same))
        assert watch.warnings == found  # once, though the run was cut in between
    assert capsys.readouterr().err == ""


# --- small things


def test_diversity_is_the_root_mean_square_distance_over_all_pairs() -> None:
    some = images(1, 6, 3, 8, 8).double()
    flat = some.flatten(1).numpy()
    pairs = [((flat[i] - flat[j]) ** 2).mean() for i in range(6) for j in range(i)]
    assert diversity(some) == pytest.approx(math.sqrt(sum(pairs) / len(pairs)), rel=1e-9)
    assert diversity(some[:1]) == 0


def test_diversity_of_classes_is_within_them() -> None:
    one_each = images(1, 3, 3, 8, 8).repeat_interleave(4, 0)
    labels = torch.arange(3).repeat_interleave(4)
    assert diversity(one_each, labels) == 0 and diversity(one_each) > 0.1
    assert diversity(one_each, torch.where(torch.arange(12) % 2 == 0, -1, labels)) == 0  # nobody knows what those of -1 are


def test_samples_of_a_class_are_compared_with_real_images_of_a_class(tmp_path: Path) -> None:
    """Two classes far apart, each with little variety of its own, and samples with just as much."""
    labels = torch.arange(2).repeat_interleave(8)
    real = 0.1 * images(1, 16, 3, 16, 16) + (labels.float() * 2 - 1).view(-1, 1, 1, 1)
    made = 0.1 * images(2, 16, 3, 16, 16) + (labels.float() * 2 - 1).view(-1, 1, 1, 1)
    with watching(tmp_path / "model", tmp_path / "state") as watch:
        watch.begin(Panel(["low", "high"], labels, None, None, real, True, labels), 0)
        watch(Tick(0.0, {}, made))
        watch(Tick(1.6, tick(1).scalars, made))
        assert watch.moments[-1].diversity == pytest.approx(1, abs=0.1)


def test_note_calls_scores_by_their_name() -> None:
    assert note({"d_real": 1.234, "d_fake": -2.0}, False).startswith("score real 1.23, fake -2.00, ")
    assert note({}, True).endswith(" GB")


def test_tensorboard_is_asked_for_in_one_sentence_or_writes_events(tmp_path: Path) -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match=r"train\.tensorboard: true in params\.yaml needs the package tensorboard"), \
                watching(tmp_path / "model", tmp_path / "state", tensorboard=True):
            pass
        return
    with watching(tmp_path / "model", tmp_path / "state", tensorboard=True) as watch:
        watch.begin(noise_panel(), 0)
        watch(tick(0))
        watch(tick(1))
    events = list((tmp_path / "state" / "tensorboard").glob("events.*"))
    assert len(events) == 1 and b"d_loss" in events[0].read_bytes()
