"""What the recipes are measured with: each measure told right and wrong by pictures whose answer is known by hand."""

import io
import math
import pickle
from itertools import islice

import numpy as np
import pytest
import torch

from bench.recipes import acgan, baselines, plain, sets, sslgan
from pipeline.train.dataset import Dataset
from pipeline.train.recipes import RECIPES


def dataset(images: torch.Tensor, labels: list[int] | None = None, given: torch.Tensor | None = None) -> Dataset:
    told = torch.tensor(labels or [0] * len(images))
    return Dataset(images=images, labels=told, classes=[str(n) for n in range(int(told.max()) + 1)],
                   keys=[str(n) for n in range(len(images))], given=given)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_l1_counts_levels_of_a_picture() -> None:
    one = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    assert baselines.l1(baselines.floats(one), baselines.floats(one + 10)) == pytest.approx(10, abs=1e-4)


def test_psnr_of_a_known_error_leaves_the_border_out() -> None:
    target = torch.full((1, 3, 20, 20), 100, dtype=torch.uint8)
    other = target + 5
    other[..., :4, :] = 0
    assert baselines.psnr(baselines.floats(other), baselines.floats(target)) == pytest.approx(20 * math.log10(255 / 5), abs=1e-4)


def test_a_linear_function_of_the_neighbourhood_is_found() -> None:
    """The target is the mean of the pixels left and right, which the 3x3 regression can say and a copy cannot."""
    given = noise(4, 1, 16, 16)
    wide = torch.nn.functional.pad(given.float(), (1, 1, 0, 0), mode="replicate")
    target = ((wide[..., :-2] + wide[..., 2:]) / 2).round().to(torch.uint8)
    fitted = baselines.linear(dataset(target, given=given), baselines.floats(given))
    assert baselines.l1(fitted, baselines.floats(target)) < 0.5
    assert baselines.l1(baselines.floats(given), baselines.floats(target)) > 20


def test_bicubic_is_as_large_as_asked_and_keeps_a_flat_picture() -> None:
    flat = baselines.floats(torch.full((1, 3, 6, 5), 77, dtype=torch.uint8))
    larger = baselines.bicubic(flat, 4)
    assert larger.shape == (1, 3, 24, 20)
    assert baselines.l1(larger, torch.full_like(larger, 77 / 127.5 - 1)) < 1e-4


def test_one_picture_for_all_has_no_spread_and_real_ones_have_it_all() -> None:
    real = noise(40, 1, 8, 8)
    labels = torch.arange(2).repeat_interleave(20)
    whole = baselines.floats(real).reshape(2, 20, -1)
    assert acgan.diversity(whole, real, labels) == pytest.approx(1.0, abs=1e-5)
    assert acgan.diversity(whole[:, :1].expand(-1, 20, -1), real, labels) == pytest.approx(0.0, abs=1e-3)


def test_a_share_of_each_class_keeps_its_label() -> None:
    known = sslgan.partly(dataset(noise(30, 1, 8, 8), [0] * 20 + [1] * 10), 0.1)
    assert known.labels[known.labels >= 0].tolist() == [0, 0, 1]


def test_the_plain_loop_learns_and_says_so_at_every_step() -> None:
    images = noise(1, 3, 8, 8).repeat(40, 1, 1, 1)
    generator, discriminator, _ = RECIPES["dcgan"].built(dataset(images).shape)
    before = [parameter.clone() for parameter in (*generator.parameters(), *discriminator.parameters())]
    said = io.StringIO()
    torch.manual_seed(0)
    steps = list(islice(plain.plain(dataset(images), generator, discriminator, 16, 100, torch.device("cpu"), 0, said), 4))
    after = (*generator.parameters(), *discriminator.parameters())
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert said.getvalue().count("Loss_D") == len(steps) == 4 and said.getvalue().startswith("[0][0/3]") and "[1][0/3]" in said.getvalue()
    assert all(0 < step.d_real < 1 and np.isfinite([step.d_loss, step.g_loss]).all() for step in steps)


def test_bands_of_the_holdout_touch_no_training_tile() -> None:
    side = 64
    held = [(left, left + side) for left in sets._columns(side, True)]
    trained = [(left, left + side) for left in sets._columns(side, False)]
    assert held and trained
    gap = min(max(a - d, c - b) for a, b in held for c, d in trained)
    assert gap >= side // 2


def test_an_arrays_file_may_hold_arrays_alone() -> None:
    packed = pickle.dumps(np.arange(3), protocol=3)
    assert sets._Arrays(io.BytesIO(packed)).load().tolist() == [0, 1, 2]
    with pytest.raises(pickle.UnpicklingError, match="is no array"):
        sets._Arrays(io.BytesIO(pickle.dumps(print))).load()


def test_emoji_are_split_by_the_code_point() -> None:
    train, holdout = sets.emoji(16)
    assert train.images.shape[1:] == (3, 16, 16) and len(holdout) > 200 and len(train) > 3 * len(holdout)
    assert not {image.numpy().tobytes() for image in train.images} & {image.numpy().tobytes() for image in holdout.images}
