"""Two processes by a real torchrun give the numbers of one with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.errors import UserError
from pipeline.train import processes
from pipeline.train.networks.synchronised import synchronised
from tests import processes_ranks
from tests.conftest import ROOT
from tests.processes_ranks import CPU, NORMS, Results


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes have written to."""
    folder = tmp_path_factory.mktemp("ranks")
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.processes_ranks", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.fixture(scope="module")
def ranks(two: Path) -> list[Results]:
    return [load_file(two / f"{rank}.safetensors") for rank in range(2)]


@pytest.fixture(scope="module")
def one() -> Results:
    return processes_ranks.all_of_it(0)


def of(results: Results, kind: str) -> Results:
    return {name.removeprefix(f"{kind}/"): value for name, value in results.items() if name.startswith(f"{kind}/")}


def agree(found: Results, wanted: Results, tolerance: float) -> None:
    assert found.keys() == wanted.keys() and found
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype, name
        assert torch.allclose(found[name].double(), value.double(), rtol=tolerance, atol=tolerance), name


@pytest.mark.parametrize("kind", NORMS)
def test_batch_norm_and_two_derivatives_are_torchs_of_the_whole_batch(ranks: list[Results], one: Results, kind: str) -> None:
    for results in ranks:
        agree(of(results, kind), of(one, kind), 1e-9)


def test_single_precision_too_far_from_zero(ranks: list[Results], one: Results) -> None:
    for results in ranks:
        found, wanted = of(results, "half"), of(one, "half")
        agree({"y": found["y"]}, {"y": wanted["y"]}, 2e-4)  # values near 100 have 5 digits behind the point


def test_a_game_of_two_is_the_game_of_one(ranks: list[Results], one: Results) -> None:
    wanted = of(one, "game")
    assert wanted["losses"].shape == (processes_ranks.STEPS, 3) and wanted["losses"][:, 2].min() > 1e-6, "the penalty says something"
    for results in ranks:
        agree(of(results, "game"), wanted, 1e-9)
    assert (ranks[0]["apart/losses"] - wanted["losses"]).abs().max() > 1e-3, "which it is not by itself"


def test_both_processes_hold_the_same_bits(ranks: list[Results]) -> None:
    for name, value in of(ranks[0], "game").items():
        assert torch.equal(value, ranks[1][f"game/{name}"]), name


def test_a_loss_over_gathered_rows_has_the_gradient_of_the_whole(ranks: list[Results], one: Results) -> None:
    for results in ranks:
        agree(of(results, "matching"), of(one, "matching"), 1e-12)


def test_networks_begin_as_those_of_the_first(ranks: list[Results], one: Results) -> None:
    for results in ranks:
        agree(of(results, "started"), of(one, "started"), 0)


def test_rows_are_taken_apart_in_order_and_numbers_averaged(two: Path, ranks: list[Results]) -> None:
    assert [results["plainly/part"].tolist() for results in ranks] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    for rank, results in enumerate(ranks):
        assert results["plainly/gathered"].tolist() == list(range(8))
        assert results["plainly/mean"].tolist() == [1.5, 3.5]
        assert (two / f"{rank}.txt").read_text() == (
            "params.yaml: train.batch: 2 processes cannot share 7 images evenly; use a multiple of 2"
        )


def test_alone_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    network = nn.Sequential(nn.BatchNorm2d(3))
    values = torch.arange(7)
    with processes.ranks(CPU) as here:
        assert (here.rank, here.world, here.device) == (0, 1, CPU)
        assert synchronised(network) is network and type(network[0]) is nn.BatchNorm2d
        assert processes.part(values) is values and processes.gathered(values) is values
        assert not torch.distributed.is_initialized()


def test_more_processes_than_gpus_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    says = "process 4 on this machine, which has 2 GPUs; set --nproc-per-node to 2"
    with pytest.raises(UserError, match=says), processes.ranks(torch.device("cuda")):
        pass
