"""What is said of translators and upscalers: likeness by its formulas, and baselines that anyone could compute."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.evaluate import likeness
from pipeline.evaluate.pairs import measure_pairs
from pipeline.evaluate.scores import score
from pipeline.train.dataset import Dataset
from pipeline.train.model.folder import Model
from pipeline.train.recipes import RECIPES
from tests.shards import png, write_shard

RANDOM = np.random.default_rng(0)


def test_l1_and_psnr_are_their_formulas() -> None:
    made, target = np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    made[1, :, :, 0] = 30
    assert likeness.l1(made, target).tolist() == [0, 10]
    found = likeness.psnr(made, target)
    assert found[0] == np.inf and found[1] == pytest.approx(10 * np.log10(255**2 / 300))


def ssim_by_hand(one: np.ndarray, other: np.ndarray) -> float:
    """Section III.C of Wang et al. 2004, window by window."""
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(axis, axis) / axis.sum() ** 2
    found = []
    for y in range(one.shape[0] - 10):
        for x in range(one.shape[1] - 10):
            a, b = one[y : y + 11, x : x + 11].astype(float), other[y : y + 11, x : x + 11].astype(float)
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb, ab = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum(), (weights * (a - ma) * (b - mb)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            found.append((2 * ma * mb + c1) * (2 * ab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(found))


@pytest.mark.parametrize("colors", [1, 3])
def test_ssim_is_its_formula(colors: int) -> None:
    one = RANDOM.integers(0, 256, (1, 17, 14, colors), np.uint8)
    other = np.clip(one.astype(int) + RANDOM.integers(-40, 41, one.shape), 0, 255).astype(np.uint8)
    wanted = np.mean([ssim_by_hand(one[0, :, :, color], other[0, :, :, color]) for color in range(colors)])
    assert likeness.ssim(one, other)[0] == pytest.approx(wanted, rel=1e-6)
    assert likeness.ssim(one, one)[0] == pytest.approx(1)


def pairs(count: int, given: int, start: int = 0) -> Dataset:
    levels = 40 + 2 * torch.arange(start, start + count, dtype=torch.uint8)
    images = levels[:, None, None, None].repeat(1, 3, 16, 16)
    small = images[:, :, : given, : given] + 10
    return Dataset(images, torch.zeros(count, dtype=torch.int64), ["a"], [f"i{number}" for number in range(count)], small)


class Less(torch.nn.Module):
    """Gives what it is given, a little darker, at the target's size."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given.repeat_interleave(self.times, 2).repeat_interleave(self.times, 3) - 8 / 127.5


@pytest.mark.parametrize(("given", "baseline"), [(16, "input"), (4, "bicubic")])
def test_pairs_are_measured_beside_the_mean_image_and_the_input(given: int, baseline: str) -> None:
    kind = "translation" if given == 16 else "upscaling"
    model = Model(Less(16 // given), kind, 0, [], (16, 16), 3, 16 // given, {})
    measured, made = measure_pairs(model, pairs(3, given), pairs(2, given, 3), held_out=True)
    assert made.shape == (2, 16, 16, 3)
    assert measured.made.l1 == pytest.approx(2)  # ten more in the input, eight less by the model
    assert measured.baselines[baseline].l1 == pytest.approx(10)
    assert measured.baselines["mean_image"].l1 == pytest.approx(5)  # 42 against 46 and 48
    told = measured.as_json("version")
    assert told["l1"] == 2 and told[f"{baseline}_l1"] == 10 and told["n_pairs"] == 2 and told["held_out"] is True


def test_a_score_of_pairs_is_the_distance_to_held_out_targets(tmp_path: Path) -> None:
    picture = np.full((16, 16, 3), 100, np.uint8)
    members = {"i1.input.png": png(picture + 10), "i1.target.png": png(picture), "i1.cls.txt": b"a", "i1.json": b"{}"}
    write_shard(tmp_path / "holdout-000000.tar", members)

    class Parametrised(Less):
        def __init__(self) -> None:
            super().__init__(1)
            self.weight = torch.nn.Parameter(torch.zeros(1))

    assert score(RECIPES["pix2pix"], tmp_path, "auto", tmp_path)(Parametrised(), {}) == pytest.approx(2, abs=1e-4)


def test_a_score_without_held_out_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"train\.best_kimg .* raise review\.holdout, or set it to 0"):
        score(RECIPES["dcgan"], tmp_path, "auto", tmp_path)
