"""srgan and esrgan x4 on parts of photographs that come from other packages than those that they learn from, against bicubic."""

import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate

from bench.frame import Goal
from bench.recipes.baselines import bicubic, floats, psnr
from bench.recipes.outcome import Outcome
from bench.recipes.runs import run, sheet
from bench.recipes.sets import photos
from pipeline.train_params import Train

__all__ = ["SETTINGS", "outcome"]

# the perceptual term costs a pass through a large network and leads away from PSNR, which is what is measured here
SETTINGS = Train(
    recipe="srgan", kimg=5, warmup_kimg=4, ticks=5, channels=24, batch=8, learning_rate=1e-3, generator={"blocks": 4},
    weights={"perceptual": 0.0},
)


def outcome() -> Outcome:
    train, holdout = photos()
    assert holdout.given is not None
    given, target = floats(holdout.given), floats(holdout.images)
    plain = bicubic(given, 4)
    with tempfile.TemporaryDirectory() as folder:  # the second run goes on where the first one ended
        warm = run(train, SETTINGS.model_copy(update={"kimg": SETTINGS.warmup_kimg}), holdout=holdout, state=Path(folder))
        whole = run(train, SETTINGS, holdout=holdout, state=Path(folder))
    before, after = (enlarged(trained.generator, given) for trained in (warm, whole))
    shown = torch.linspace(0, len(target) - 1, 8).long()
    nearest = interpolate(given[shown], scale_factor=4, mode="nearest")
    sheet("srgan", nearest, plain[shown], before[shown], after[shown], target[shown], scale=1)
    base, first, last = (psnr(picture, target) for picture in (plain, before, after))
    data = f"photographs x4, {len(train)} parts, {len(holdout)} held out"
    told = f"{base:.2f} bicubic"
    rows = [("srgan", data, "PSNR in dB (RGB, border 4) before the adversarial phase", f"{first:.2f}", told, f"{warm.cpu:.0f}"),
            ("srgan", data, "the same after it", f"{last:.2f}", told, f"{whole.cpu:.0f}")]
    return Outcome(rows, [Goal("srgan_dB_above_bicubic_before_the_adversarial_phase", first - base, 0.05, at_least=True)])


@torch.no_grad()
def enlarged(generator: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """Four times larger, as a picture of 8 bits."""
    larger = torch.cat([generator(part) for part in given.split(16)])
    return ((larger.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1

