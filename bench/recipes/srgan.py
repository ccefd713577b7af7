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

__all__ = ["RUNS", "outcome"]

# the perceptual term costs a pass through a large network and leads away from PSNR, which is what is measured here
COMMON = {
    "seed": 1, "kimg": 5, "warmup_kimg": 4, "ticks": 5, "channels": 24, "batch": 8, "learning_rate": 1e-3, "weights": {"perceptual": 0.0},
}
RUNS = {
    "srgan": Train(recipe="srgan", generator={"blocks": 4}, **COMMON),
    "esrgan": Train(recipe="esrgan", generator={"blocks": 2}, **COMMON),
}


def outcome() -> Outcome:
    train, holdout = photos()
    assert holdout.given is not None
    given, target = floats(holdout.given), floats(holdout.images)
    plain = bicubic(given, 4)
    base, rows, goals = psnr(plain, target), [], []
    shown = torch.linspace(0, len(target) - 1, 8).long()
    nearest = interpolate(given[shown], scale_factor=4, mode="nearest")
    for name, settings in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:  # the second run goes on where the first one ended
            warm = run(train, settings.model_copy(update={"kimg": settings.warmup_kimg}), holdout=holdout, state=Path(folder))
            whole = run(train, settings, holdout=holdout, state=Path(folder))
        before, after = (enlarged(trained.generator, given) for trained in (warm, whole))
        sheet(name, nearest, plain[shown], before[shown], after[shown], target[shown], scale=1)
        first, last = (psnr(picture, target) for picture in (before, after))
        data, told = f"photographs x4, {len(train)} parts, {len(holdout)} held out", f"{base:.2f} bicubic"
        rows += [(name, data, "PSNR in dB (RGB, border 4) before the adversarial phase", f"{first:.2f}", told, f"{warm.cpu:.0f}"),
                 (name, data, "the same after it", f"{last:.2f}", told, f"{warm.cpu + whole.cpu:.0f}")]
        goals.append(Goal(f"{name}_dB_above_bicubic_before_the_adversarial_phase", first - base, 0.05, at_least=True))
    return Outcome(rows, goals)


@torch.no_grad()
def enlarged(generator: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """Four times larger, as a picture of 8 bits."""
    larger = torch.cat([generator(part) for part in given.split(16)])
    return ((larger.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1

