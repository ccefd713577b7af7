"""A run on the disk survives what happens to it, and nothing that is read can run code."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from safetensors.torch import save_file

from pipeline.errors import UserError
from pipeline.train.loop import checkpoint
from pipeline.train.loop.checkpoint import Saved, best, keep_best, latest, prune, read_tensors, save
from tests.conftest import ROOT


def state(seen: int) -> Saved:
    return Saved(seen, {"w": torch.arange(50) + float(seen), "step": torch.tensor(seen)}, {"p": seen / 7, "name": "é"})


def same(one: Saved | None, other: Saved) -> bool:
    return (
        one is not None and (one.seen, one.numbers) == (other.seen, other.numbers) and one.tensors.keys() == other.tensors.keys()
        and all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_kind_of_tensor_comes_back_as_it_was(tmp_path: Path) -> None:
    table = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    tensors = {
        "float": table, "view": table[1:3], "same": table, "turned": table.T, "bf16": table.bfloat16(), "half": table.half(),
        "double": table.double(),
        "step": torch.tensor(2**53 + 1), "yes": torch.tensor(True), "bytes": table.to(torch.uint8), "empty": torch.zeros(0, 3),
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "learned": torch.nn.Parameter(table.clone()),
        "nothing": torch.tensor([float("nan"), float("inf"), -0.0]),
    }
    save(tmp_path / "a" / "b", Saved(64, tensors, {}))
    found = latest(tmp_path / "a" / "b")
    assert found is not None and found.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        back = found.tensors[name]
        assert (back.dtype, back.shape, back.device.type) == (tensor.dtype, tensor.shape, "cpu") and not back.requires_grad
        assert torch.equal(back.contiguous().flatten().view(torch.uint8), tensor.detach().contiguous().flatten().view(torch.uint8)), name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6,
)


@given(numbers=st.dictionaries(st.text(), json_values, max_size=4))
@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_numbers_come_back_to_the_last_digit(tmp_path: Path, numbers: dict[str, object]) -> None:
    save(tmp_path, Saved(1, {"w": torch.ones(1)}, numbers))
    found = latest(tmp_path)
    assert found is not None and found.numbers == numbers


def test_keys_that_are_numbers_and_tuples_are_read_as_json_has_them(tmp_path: Path) -> None:
    save(tmp_path, Saved(1, {}, {"rates": {10: 0.1, 9: 0.2}, "betas": (0.5, 0.9)}))
    found = latest(tmp_path)
    assert found is not None and found.numbers == {"rates": {"10": 0.1, "9": 0.2}, "betas": [0.5, 0.9]}


def test_the_last_stay_and_so_does_the_one_that_was_best(tmp_path: Path) -> None:
    assert latest(tmp_path / "nowhere") is None
    for seen, score in [(10, 0.5), (20, 0.3), (30, 0.4), (40, 0.6), (50, float("nan"))]:
        keep_best(tmp_path, state(seen), score)
        save(tmp_path, state(seen))
    assert names(tmp_path) == ["000000000020", "000000000040", "000000000050", "best"]
    assert same(latest(tmp_path), state(50))
    found = best(tmp_path)
    assert found is not None and found.seen == 20 and found.numbers == {**state(20).numbers, "score": 0.3}
    assert names(tmp_path / "best") == ["000000000020"]


def test_the_best_is_the_lowest_score_and_the_first_of_equals(tmp_path: Path) -> None:
    scores = [float("nan"), 0.5, 0.5, 0.6, -1.0, float("inf")]
    kept = [keep_best(tmp_path, state(seen), score) for seen, score in enumerate(scores)]
    assert kept == [False, True, False, False, True, False]


def test_a_run_that_went_back_leaves_nothing_of_the_future_that_it_left(tmp_path: Path) -> None:
    for seen in (10, 20, 30):
        save(tmp_path, state(seen))
    damage_a_byte(tmp_path / "000000000030/state.safetensors")
    save(tmp_path, state(25), keep=1)
    assert names(tmp_path) == ["000000000025"]


def damage_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def other_number(path: Path) -> None:
    path.write_text(path.read_text().replace('"p": ', '"p": 1'))


def later_format(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["check"]
    content["format"] = 2
    path.write_text(json.dumps({**content, "check": checkpoint._check(content)}))


@pytest.mark.parametrize(
    ("file", "spoil", "says"),
    [
        ("state.safetensors", damage_a_byte, "not those that were written"),
        ("state.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-1]), "not those that were written"),
        ("state.safetensors", Path.unlink, "No such file"),
        ("state.json", Path.unlink, "No such file"),
        ("state.json", other_number, "not those that were written"),
        ("state.json", lambda path: path.write_text(""), "cannot be used"),
        ("state.json", lambda path: path.write_text("[]"), "cannot be used"),
        ("state.json", lambda path: path.write_text("{}"), "cannot be used"),
        ("state.json", lambda path: path.write_bytes(b"\xff\xfe\x00"), "cannot be used"),
        ("state.json", later_format, "has the format 2"),
    ],
)
def test_a_damaged_one_is_passed_over_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, spoil: Callable[[Path], object], says: str
) -> None:
    save(tmp_path, state(10))
    save(tmp_path, state(20))
    spoil(tmp_path / "000000000020" / file)
    assert same(latest(tmp_path), state(10))
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("darkroom: ") and "000000000020" in line and says in line
    save(tmp_path, state(20))
    assert same(latest(tmp_path), state(20))


@given(which=st.sampled_from(["state.safetensors", "state.json"]), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@examples(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_flipped_bits_are_ever_trained_on(tmp_path: Path, which: str, place: float, flip: int) -> None:
    save(tmp_path, state(10))
    save(tmp_path, state(20))
    path = tmp_path / "000000000020" / which
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    found = latest(tmp_path)
    assert same(found, state(20)) or same(found, state(10))


KILLED = """
import os, random, shutil, signal, sys, time
from pathlib import Path
import torch
from pipeline.train.loop.checkpoint import Saved, keep_best, save

torch.set_num_threads(1)
root = Path(sys.argv[1])

def state(seen):
    return Saved(seen, {"w": torch.arange(50) + float(seen), "step": torch.tensor(seen)}, {"p": seen / 7, "name": "é"})

for seen in (10, 20):
    keep_best(root / "begun", state(seen), 1 / seen)
    save(root / "begun", state(seen))

def next_one(folder):
    keep_best(folder, state(30), 1 / 30)
    save(folder, state(30))

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid

def dies_at(number, folder):
    left = [number]
    def hook(event, args):
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir"):
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
    sys.addaudithook(hook)
    next_one(folder)

moment, status = 0, 9
while status == 9:  # once for every file operation of a save
    moment += 1
    folder = root / f"at{moment:03d}"
    shutil.copytree(root / "begun", folder)
    status = os.waitstatus_to_exitcode(os.waitpid(child(lambda: dies_at(moment, folder)), 0)[1])
assert status == 0, status

def for_ever(folder, told):
    for seen in range(10, 10**6, 10):
        save(folder, state(seen))
        os.pwrite(told, b"%012d" % seen, 0)

moments = random.Random(3)
for number in range(8):  # and by the system, at any moment
    folder = root / f"killed{number}"
    folder.mkdir()
    told = os.open(folder / "told", os.O_RDWR | os.O_CREAT)
    pid = child(lambda: for_ever(folder, told))
    time.sleep(moments.uniform(0.03, 0.15))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED, str(folder)], cwd=ROOT, check=True, timeout=120)
    return folder


def test_killed_at_every_operation_the_last_or_the_one_before_is_whole(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = sorted(killed.glob("at*"))
    assert len(folders) > 20
    ends = []
    for folder in folders:
        found, finest = latest(folder), best(folder)
        assert found is not None and found.seen in (20, 30) and same(found, state(found.seen))
        assert finest is not None and finest.seen in (20, 30) and finest.numbers["score"] == 1 / finest.seen
        ends.append((finest.seen, found.seen))
        assert ("best" in names(folder)) and all(name.startswith((".", "0", "best")) for name in names(folder))
        keep_best(folder, state(40), 1 / 40)
        save(folder, state(40))
        assert len(names(folder)) == 3 and names(folder / "best") == ["000000000040"], "nothing that was left unfinished stays"
    assert ends == sorted(ends) and set(ends) == {(20, 20), (30, 20), (30, 30)}, "and each has happened"
    assert capsys.readouterr().err == "", "what looks like a checkpoint is one"


def test_killed_by_the_system_nothing_that_was_saved_is_lost(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = sorted(killed.glob("killed*"))
    assert len(folders) == 8
    for folder in folders:
        told = int((folder / "told").read_bytes() or b"0")
        found = latest(folder)
        assert (found.seen if found else 0) in (told, told + 10)
        assert found is None or same(found, state(found.seen))
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which file is flushed")
def test_all_is_flushed_before_it_gets_its_name_and_the_name_before_others_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, state(10), keep=1)
    events: list[tuple[str, str]] = []
    flush, rename = os.fsync, Path.rename

    def flushing(handle: int) -> None:
        events.append(("flush", Path(f"/proc/self/fd/{handle}").readlink().name))
        flush(handle)

    def renaming(path: Path, target: Path) -> Path:
        events.append(("rename", f"{path.name} {target.name}"))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", flushing)
    monkeypatch.setattr(Path, "rename", renaming)
    save(tmp_path, state(20), keep=1)
    draft = f".000000000020.{os.getpid()}.part"
    assert events == [
        ("flush", "state.safetensors"), ("flush", "state.json"), ("flush", draft),
        ("rename", f"{draft} 000000000020"), ("flush", tmp_path.name),
        ("rename", f"000000000010 .000000000010.{os.getpid()}.gone"),
    ]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, state(10))

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, state(20))
    assert names(tmp_path) == ["000000000010"] and same(latest(tmp_path), state(10))


def test_what_dead_processes_left_is_swept_and_what_others_write_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".000000000010.{ended.pid}.part").mkdir()
    (tmp_path / f".000000000010.{os.getpid()}.gone").mkdir()
    (tmp_path / f".000000000010.{os.getppid()}.part").mkdir()
    (tmp_path / ".notes").mkdir()
    save(tmp_path, state(20))
    assert names(tmp_path) == [f".000000000010.{os.getppid()}.part", ".notes", "000000000020"]


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("ran",)


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))


FOREIGN: dict[str, Callable[[Path], object]] = {
    "torch": lambda path: torch.save({"w": torch.ones(2)}, path),
    "old torch": lambda path: torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False),
    "zip": zipped,
    **{f"protocol {number}": lambda path, number=number: path.write_bytes(pickle.dumps(Evil(), protocol=number)) for number in range(6)},
    "with a brace": lambda path: path.write_bytes(pickle.dumps(("abc{", Evil()))[:8] + b"{" + bytes(90)),
    "nothing": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("weights\n" * 9),
    "half": lambda path: (save_file({"w": torch.ones(99)}, path), path.write_bytes(path.read_bytes()[:30])),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "state.safetensors"])
def test_files_that_could_run_code_are_refused_whatever_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    FOREIGN[kind](tmp_path / name)
    with pytest.raises(UserError) as refused:
        read_tensors(tmp_path / name)
    assert name in str(refused.value) and "safetensors file" in str(refused.value) and "\n" not in str(refused.value)
    assert names(tmp_path) == [name], "it ran"


@pytest.mark.parametrize("name", ["a.pt", "a.PTH", "a.pkl", "a.ckpt"])
def test_a_name_that_promises_code_is_refused_whatever_it_holds(tmp_path: Path, name: str) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / name)
    with pytest.raises(UserError, match=r"give a \.safetensors file"):
        read_tensors(tmp_path / name)


def test_a_damaged_safetensors_file_says_so(tmp_path: Path) -> None:
    save_file({"w": torch.ones(99)}, tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-8])
    with pytest.raises(UserError, match=r"a\.safetensors is damaged .*; fetch or export it again"):
        read_tensors(tmp_path / "a.safetensors")


def test_tensors_do_not_hang_on_their_file(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3), "b": torch.arange(1000.0)}, tmp_path / "a.safetensors")
    found = read_tensors(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes(bytes(5000))
    assert torch.equal(found["b"], torch.arange(1000.0))
    assert all(tensor.data_ptr() % 64 == 0 for tensor in found.values())


def test_states_of_old_runs_go_and_nothing_else(tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"run{number}" / "checkpoints", state(10))
        os.utime(tmp_path / f"run{number}" / "checkpoints", (10**9 + number, 10**9 + number))
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("mine")
    prune(tmp_path, own=tmp_path / "run0")
    assert names(tmp_path) == ["file", "notes", "run0", "run3", "run4", "run5"]
    prune(tmp_path, newest=1)
    assert names(tmp_path) == ["file", "notes", "run5"]
    prune(tmp_path / "nowhere")
