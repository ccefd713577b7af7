import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.train.processes import Ranks
from pipeline.train.recipes import RECIPES
from tests.conftest import ROOT
from tests.parallel_training import STEPS, small, trained

QUICK = ["dcgan", "acgan"]


@pytest.mark.parametrize("names", [
    QUICK, pytest.param([name for name in RECIPES if name not in QUICK], marks=pytest.mark.slow),
], ids=["some", "others"])
def test_two_processes_train_as_one_does(tmp_path: Path, names: list[str]) -> None:
    """Batch statistics, order, noise, dropout, augmentation and what a loss compares with the batch are those of the whole batch: the
    scalars of fifty steps agree to 1e-6."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.parallel_training"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(tmp_path / "two.json"), *names], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "two.json").read_text())
    assert list(found) == names
    for name, two in found.items():
        one = trained(small(RECIPES[name]), Ranks(0, 1, torch.device("cpu")))
        assert len(one) == len(two) == STEPS
        for step, (ours, theirs) in enumerate(zip(one, two, strict=True)):
            assert ours.keys() == theirs.keys()
            for key, value in ours.items():
                assert theirs[key] == pytest.approx(value, rel=1e-6, abs=1e-6), f"{name}: {key} at step {step}"
