"""Images a second of training: the loop most people start from (pytorch/examples dcgan, as recipes/plain.py has it) and ours.

The same networks, batch and data, without augmentation or smoothing, on the CPU with two threads and, where there is one, on a GPU. The
loops take turns in one run, so that both meet the same machine; after a warm-up the median of the windows' ratios counts. Both
must learn the same: mean losses of the later half within what they differ by from window to window. Ours runs as a project's
does, in bf16 where the CPU or GPU multiplies in it, and again in fp32 as the plain loop, without a goal, so that both shares show.
"""

from dataclasses import replace
from pathlib import Path

import torch

from bench.frame import Bench, Goal, Result
from bench.training.speed import Case, beside
from pipeline.train.device import precision

CPU = (Case(32, 64, 32, steps=40, windows=17), Case(64, 64, 32, steps=10, windows=17))
CPU_FP32 = tuple(replace(case, precision="fp32") for case in CPU)
GPU = Case(64, 128, 64, steps=200, windows=5, device="cuda")
SCATTER = 2.0  # standard deviations of a window that the mean losses may lie apart


def run(peers: Path) -> Result:
    torch.set_num_threads(2)
    rows, goals = [], []
    for case in (*CPU, *CPU_FP32, *([GPU] if torch.cuda.is_available() else [])):
        measured = beside(case)
        where = torch.cuda.get_device_name() if case.device == "cuda" else "CPU, 2 threads"
        exact = precision(case.precision, torch.device(case.device))
        name = f"{case.device}_{case.side}px_{exact}"
        rows.append((
            where, exact, f"{case.side} px, batch {case.batch}, {case.channels} channels", f"{measured.plain:.0f}", f"{measured.ours:.0f}",
            f"{measured.ratio:.2f}", f"{measured.apart:.1f}",
        ))
        if case.precision == "auto":
            needed = 3.0 if case.device == "cuda" else 1.2
            goals.append(Goal(f"{name}_images_per_second_of_the_plain_loop", measured.ratio, needed, at_least=True))
        goals.append(Goal(f"{name}_losses_apart", measured.apart, SCATTER))
    return Result(("on", "ours in", "what", "plain loop, images/s", "darkroom", "ratio", "losses apart, window s.d."), rows, goals)


BENCH = Bench((), run)
