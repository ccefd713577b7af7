import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.parallel_training import STEPS, trained


@pytest.mark.parametrize("name", ["dcgan", "acgan"])
def test_two_processes_train_as_one_does(tmp_path: Path, name: str) -> None:
    """Batch statistics, order, noise and augmentation are those of the whole batch: the losses of fifty steps agree to 1e-6."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.parallel_training"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, name, str(tmp_path / "two.json")], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    two, one = json.loads((tmp_path / "two.json").read_text()), trained(name)
    assert len(one) == len(two) == STEPS
    for step, (ours, theirs) in enumerate(zip(one, two, strict=True)):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert theirs[key] == pytest.approx(value, abs=1e-6), f"{key} at step {step}"
