"""Decisions on disk: several people, threads, processes and spreadsheets at a time, and kill -9 at any moment."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.curate.decisions import durable
from pipeline.curate.decisions.decision import Decision, read_decisions, read_file
from pipeline.curate.decisions.recheck import falls
from pipeline.curate.decisions.store import Store, Word
from pipeline.errors import UserError
from tests.conftest import ROOT

HEAD = "id,decision,reason,reviewer,reviewed_at,crop,note\n"


def id_(number: int) -> str:
    return f"i{number:016x}"


def word(number: int, decision: str = "keep", class_: str = "cats", **more: object) -> Word:
    return Word(id_(number), class_, decision, **more)  # type: ignore[arg-type]


def opened(folder: Path, **more: object) -> Store:
    return Store(folder / "review", folder / "cache/lock", **more)  # type: ignore[arg-type]


def on_disk(folder: Path, class_: str = "cats") -> dict[str, str]:
    return {row.id: row.decision for row in read_file(folder / f"review/{class_}.csv")}


def says(store: Store, number: int) -> str:
    state = store.state(id_(number))
    return "conflict" if state.conflict else state.decision


class Clock:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


def test_a_word_is_on_disk_when_it_returns_and_the_file_is_sorted(tmp_path: Path) -> None:
    clock = Clock()
    states = opened(tmp_path, clock=clock).decide([word(2, "reject", reason="blurry"), word(1, crop="0, 0, 0.5, 1")], " ann ")
    assert [(s.id, s.decision, s.reason, s.reviewer, s.crop) for s in states] == [
        (id_(2), "reject", "blurry", "ann", ""), (id_(1), "keep", "", "ann", "0,0,0.5,1"),
    ]
    time = "2026-03-01T12:00:00.001Z"  # opening the store took the millisecond before
    rows = f'{id_(1)},keep,,ann,{time},"0,0,0.5,1",\n{id_(2)},reject,blurry,ann,{time},,\n'
    assert (tmp_path / "review/cats.csv").read_text() == HEAD + rows
    assert opened(tmp_path).states() == {**{s.id: s for s in states}, **{s.id: s for s in opened(tmp_path).states().values()}}
    assert says(opened(tmp_path), 2) == "reject"


def test_nothing_said_is_a_blank_state_of_version_0(tmp_path: Path) -> None:
    state = opened(tmp_path).state(id_(1))
    assert (state.decision, state.version, state.words, state.conflict) == ("", 0, (), False)


@pytest.mark.parametrize(("bad", "told"), [
    (word(1, "maybe"), "decision 'maybe' of i0000000000000001 is not allowed"),
    (Word("../x", "cats", "keep"), "'../x' is no image id"),
    (word(1, class_="../cats"), "'../cats' is no class name"),
    (word(1, class_="forgotten"), "'forgotten' is no class name"),
    (word(1, crop="0,0,2,1"), "is no box"),
    (word(1, reason="a\nb"), "line break or a control character"),
    (word(1, note="a\u2028b"), "line break or a control character"),
    (word(1, note="\udc80"), "line break or a control character"),
    (word(1, note="x" * 501), "501 characters; at most 500"),
    (word(1, look="abc"), "is no PDQ hash"),
])
def test_what_may_not_be_said_is_one_sentence_and_nothing_is_written(tmp_path: Path, bad: Word, told: str) -> None:
    with pytest.raises(UserError) as caught:
        opened(tmp_path).decide([word(2), bad], "ann")
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 81, "\x00"])
def test_a_reviewer_has_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="is no reviewer's name"):
        opened(tmp_path).decide([word(1)], name)


def test_two_reviewers_agree_beside_each_other_or_are_a_conflict_until_settled(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1), word(2)], "ann")
    [agreed, against] = store.decide([word(1), word(2, "reject", reason="text")], "bob")
    assert (agreed.conflict, agreed.decision, agreed.reviewer, len(agreed.words)) == (False, "keep", "ann", 2)
    assert against.conflict and against.decision == "" and [w.decision for w in against.words] == ["keep", "reject"]
    with pytest.raises(UserError, match=r"cats\.csv, line 4 and .*cats\.csv, line 5 disagree"):
        read_decisions(tmp_path / "review")
    settled = store.settle(word(2, "reject", reason="text"), "cid")
    assert (settled.conflict, settled.decision, len(settled.words)) == (False, "reject", 1)
    assert read_decisions(tmp_path / "review")[id_(2)].reviewer == "cid"
    [back] = store.undo("cid")
    assert back.conflict and {w.reviewer for w in back.words} == {"ann", "bob"}
    [again] = store.redo("cid")
    assert not again.conflict and says(opened(tmp_path), 2) == "reject"


def test_what_one_took_back_or_only_cropped_does_not_contradict_who_decides_later(tmp_path: Path) -> None:
    store, box = opened(tmp_path), "0.1,0,0.5,0.5"
    store.decide([word(1)], "ann")
    [blank] = store.undo("ann")
    [state] = store.decide([word(1, "reject", seen=blank.version)], "bob")
    assert (state.conflict, state.decision, len(state.words)) == (False, "reject", 1)
    [cropped] = store.decide([word(2, "", crop=box)], "ann")
    [state] = store.decide([word(2, crop=box, seen=cropped.version)], "bob")
    assert (state.conflict, state.decision, state.crop) == (False, "keep", box)
    assert {row.decision for row in read_decisions(tmp_path / "review").values()} == {"keep", "reject"}
    path = tmp_path / "review/cats.csv"
    path.write_text(path.read_text().replace("reject,", "reject,blurry"))  # in an editor: what was taken back does not return by it
    assert says(store, 1) == "reject" and says(opened(tmp_path), 1) == "reject"
    store.undo("bob")
    [back] = store.undo("bob")
    assert (says(store, 1), {row.reviewer for row in back.words}) == ("", {"ann"})
    [unseen] = store.decide([word(2, "", crop=box)], "ann")
    assert store.decide([word(2, crop=box, seen=unseen.version - 1)], "bob")[0].conflict  # said before ann's could be seen


def test_saying_the_same_again_is_no_step_to_undo(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1, "reject", reason="text")], "ann")
    [again] = store.decide([word(1, "reject", reason="text")], "ann")
    assert again.decision == "reject" and len(store.entries()) == 1
    assert [s.decision for s in store.decide([word(1, "reject", reason="text"), word(2)], "ann")] == ["reject", "keep"]
    store.decide([word(2)], "ann", blind=True)  # a second look counts also where it says the same
    assert len(store.entries()) == 3
    for _ in range(3):
        assert store.undo("ann")
    assert not store.undo("ann") and says(store, 1) == says(store, 2) == ""


def test_a_reviewer_s_new_word_replaces_their_own(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1)], "ann", "one")
    seen = store.state(id_(1)).version
    [state] = store.decide([word(1, "reject", seen=seen)], "ann", "two")
    assert state.decision == "reject" and len(state.words) == 1 and state.version > seen


def test_two_people_under_one_name_do_not_overwrite_each_other_unseen(tmp_path: Path) -> None:
    store = opened(tmp_path)
    [first] = store.decide([word(1, "keep", seen=0)], "reviewer", "one")
    [state] = store.decide([word(1, "reject", seen=0)], "reviewer", "two")
    assert first.decision == "keep" and state.conflict
    [own] = store.decide([word(2, "keep", seen=0)], "reviewer", "one")
    [own] = store.decide([word(2, "reject", seen=0)], "reviewer", "one")  # the same person, faster than the page's news
    assert not own.conflict and own.decision == "reject"


def test_undo_goes_back_action_by_action_without_limit_also_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for step in range(5):
        store.decide([word(n, "keep" if step % 2 else "reject", reason=f"step {step}") for n in range(step + 1)], "ann")
    store.decide([word(9)], "bob")
    sizes = []
    for step in reversed(range(5)):
        store = opened(tmp_path)
        sizes.append(len(store.undo("ann")))
        assert store.state(id_(0)).reason == (f"step {step - 1}" if step else "")
    assert sizes == [5, 4, 3, 2, 1] and store.undo("ann") == [] and says(store, 9) == "keep"
    assert says(store, 4) == "" and on_disk(tmp_path)[id_(4)] == ""  # a blank with a time, not a deleted row
    for step in range(5):
        assert len(opened(tmp_path).redo("ann")) == step + 1
    assert opened(tmp_path).redo("ann") == [] and opened(tmp_path).state(id_(0)).reason == "step 4"


def test_a_new_decision_ends_redo(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1)], "ann")
    store.undo("ann")
    store.decide([word(2)], "ann")
    assert store.redo("ann") == [] and says(store, 1) == ""
    store.undo("ann")
    store.undo("bob")
    assert says(store, 2) == ""


def test_taking_one_s_word_back_leaves_the_other_s(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1)], "ann")
    store.decide([word(1, "reject")], "bob")
    [state] = store.undo("bob")
    assert not state.conflict and state.decision == "keep" and len(state.words) == 1


def test_the_history_has_everything_by_everyone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1, note="=1+1", look="0f" * 32)], "Ånn Ø")
    store.decide([word(1, "reject")], "bob", blind=True)
    store.undo("bob")
    entries = opened(tmp_path).history(id_(1))
    assert [(e.action, e.reviewer, e.decision, e.blind) for e in entries] == [
        ("decide", "Ånn Ø", "keep", False), ("decide", "bob", "reject", True), ("undo", "bob", "", True),
    ]
    assert (entries[0].note, entries[0].look) == ("=1+1", "0f" * 32)
    names = sorted(path.name for path in (tmp_path / "review/history").iterdir())
    assert len(names) == 2 and names[1] == "bob.csv" and names[0].startswith("ann-") and names[0].isascii()


def test_names_that_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    for name in ("ann", "Ann", "ANN", "a/nn", "../ann", "con", "漢"):
        opened(tmp_path).decide([word(1)], name)
    files = list((tmp_path / "review/history").iterdir())
    assert len({path.name.lower() for path in files}) == 7 and "con.csv" not in {path.name for path in files}
    assert {path.parent for path in tmp_path.rglob("*.csv")} == {tmp_path / "review", tmp_path / "review/history"}


def test_changes_tells_what_others_changed(tmp_path: Path) -> None:
    page, other = opened(tmp_path), opened(tmp_path)
    since, states = page.changes(0)
    assert states == []
    other.decide([word(1)], "bob")
    since, states = page.changes(since)
    assert [(s.id, s.decision) for s in states] == [(id_(1), "keep")]
    assert page.changes(since) == (since, [])
    path = tmp_path / "review/cats.csv"
    path.write_text(path.read_text() + f"{id_(2)},reject,text,cid,,,\n")
    since, states = page.changes(since)
    assert [(s.id, s.decision) for s in states] == [(id_(2), "reject")]


def test_an_edit_outside_between_two_decisions_counts(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1), word(2), word(3)], "ann")
    path = tmp_path / "review/cats.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace("keep,,ann", "reject,by hand,ann")  # as people do: the time stays what it was
    path.write_text("\ufeff" + "\r\n".join([*lines, f"{id_(7)},keep,,eve,2026-01-01,,"]).replace(",", ";") + "\r\n")
    store.decide([word(4)], "ann")
    assert on_disk(tmp_path) == {id_(1): "reject", id_(2): "keep", id_(3): "keep", id_(4): "keep", id_(7): "keep"}
    assert store.state(id_(1)).reason == "by hand" and path.read_text().startswith(HEAD)


@pytest.mark.parametrize("reopened", [False, True])
def test_a_stale_copy_saved_over_the_file_takes_no_decision_back(tmp_path: Path, reopened: bool) -> None:
    clock = Clock()
    store = opened(tmp_path, clock=clock)
    store.decide([word(1), word(2)], "ann")
    stale = (tmp_path / "review/cats.csv").read_bytes()
    clock.pass_(seconds=5)
    store.decide([word(1, "reject"), word(3)], "ann")
    (tmp_path / "review/cats.csv").write_bytes(stale + f"{id_(5)},reject,,eve,,,\n".encode())
    if reopened:
        store = opened(tmp_path, clock=clock)
    else:
        store.changes(0)
    assert on_disk(tmp_path) == {id_(1): "reject", id_(2): "keep", id_(3): "keep", id_(5): "reject"}


@pytest.mark.parametrize("time", ["", "yesterday", "2026-03-01", "01/03/2026 12:05", "2026-03-01T12:00:05.500+00:00"])
def test_a_person_s_edit_stands_whatever_they_write_for_the_time(tmp_path: Path, time: str) -> None:
    clock = Clock()
    clock.pass_(seconds=5)
    store = opened(tmp_path, clock=clock)
    store.decide([word(1), word(2)], "ann")
    path = tmp_path / "review/cats.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], f"{id_(1)},reject,by hand,ann,{time},,", lines[2]]) + "\n")
    assert says(store, 1) == "reject" and says(opened(tmp_path, clock=clock), 1) == "reject"
    store.decide([word(3)], "ann")
    assert on_disk(tmp_path) == {id_(1): "reject", id_(2): "keep", id_(3): "keep"}


def test_a_line_deleted_in_an_editor_to_end_a_conflict_stays_deleted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1)], "ann")
    store.decide([word(1, "reject")], "bob")
    path = tmp_path / "review/cats.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if ",bob," not in line))
    assert says(opened(tmp_path), 1) == "keep" and ",bob," not in path.read_text()


def test_a_word_settled_elsewhere_is_not_put_back(tmp_path: Path) -> None:
    ann, bob = opened(tmp_path), opened(tmp_path)
    ann.decide([word(1)], "ann")
    bob.settle(word(1, "reject"), "bob")
    ann.decide([word(2)], "ann")
    assert not ann.state(id_(1)).conflict and on_disk(tmp_path)[id_(1)] == "reject"


@pytest.mark.parametrize("name", ["cats.csv", "history/ann.csv"])
def test_a_malformed_file_is_named_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    store = opened(tmp_path)
    store.decide([word(1)], "ann")
    path = tmp_path / "review" / name
    whole = path.read_bytes()
    path.write_bytes(whole + b"rubbish,perhaps\n")
    damaged = {p: p.read_bytes() for p in tmp_path.rglob("*.csv")}
    for attempt in (lambda: store.decide([word(2)], "ann"), lambda: store.states(), lambda: opened(tmp_path)):
        with pytest.raises(UserError, match=rf"{name}, line 3"):
            attempt()
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.csv")} == damaged
    path.write_bytes(whole)
    store.decide([word(2)], "ann")
    assert set(on_disk(tmp_path)) == {id_(1), id_(2)}


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda n: store.decide([word(n)], f"r{n % 3}")[0], range(200)))
    assert [s.id for s in states] == [id_(n) for n in range(200)]
    assert len(on_disk(tmp_path)) == 200 == len(opened(tmp_path).entries())
    with ThreadPoolExecutor(8) as pool:  # as many undos as decisions, all at once: each takes another one back
        taken = [s.id for states in pool.map(lambda n: store.undo(f"r{n % 3}"), range(200)) for s in states]
    assert sorted(taken) == [id_(n) for n in range(200)]
    assert set(on_disk(tmp_path).values()) == {""}


WRITER = """
import sys
from pathlib import Path
from pipeline.curate.decisions.store import Store, Word

folder, name, start, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = Store(folder / "review", folder / "cache/lock")
for number in range(start, start + count, 2):
    ids = [f"i{number:016x}", f"i{number + 1:016x}"]
    store.decide([Word(ids[0], "cats", "keep"), Word(ids[1], "dogs", "reject", reason="text")], name)
    print(number, flush=True)
"""


def writer(folder: Path, name: str, start: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(start), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    writers = [writer(tmp_path, name, start, 100) for name, start in (("ann", 0), ("bob", 1000), ("ann", 2000))]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(on_disk(tmp_path)) == len(on_disk(tmp_path, "dogs")) == 150
    store = opened(tmp_path)
    assert len(store.entries()) == 300 and len(store.undo("bob")) == 2


def test_kill_9_at_any_moment_leaves_whole_files_and_every_answered_decision(tmp_path: Path) -> None:
    random.seed(7)
    answered: list[int] = []
    for start in range(0, 6000, 1000):
        process = writer(tmp_path, "ann", start, 1000)
        assert process.stdout is not None
        answered += [int(process.stdout.readline()) for _ in range(random.randint(1, 9))]
        time.sleep(random.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        answered += [int(line) for line in process.communicate(timeout=60)[0].split("\n")[:-1] if line]
    store = opened(tmp_path)
    assert all(says(store, n) == "keep" and says(store, n + 1) == "reject" for n in answered)
    states = store.states()
    assert len(states) % 2 == 0 and len(states) <= 2 * (len(answered) + 6), "a batch is whole or was never begun"
    assert len(store.entries()) == len(states) == len(on_disk(tmp_path)) + len(on_disk(tmp_path, "dogs"))
    assert not (tmp_path / "cache/lock.commit").exists()


@pytest.mark.parametrize("point", ["journal", "half the history", "history", "first class file", "second class file"])
def test_a_commit_cut_short_is_brought_to_its_end_or_never_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    store = opened(tmp_path)
    store.decide([word(1), word(2, class_="dogs")], "ann")
    names = ["journal", "first class file", "second class file"]

    class Killed(BaseException):
        pass

    def dying(act: Callable[..., object], name: str) -> Callable[..., object]:
        def then(*given: object) -> object:
            done = act(*given)
            if point.removeprefix("half the ") == (names.pop(0) if name == "replace" else name):
                raise Killed
            return done
        return then

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", dying(durable.replace, "replace"))
        patched.setattr(durable, "append", dying(durable.append, "history"))
        with pytest.raises(Killed):
            store.decide([word(1, "reject"), word(2, "reject", class_="dogs"), word(3, class_="birds")], "ann")
    history = tmp_path / "review/history/ann.csv"
    if point == "half the history":  # two of three rows, the second one torn
        history.write_bytes(history.read_bytes()[: history.read_bytes().index(id_(2).encode(), len(history.read_bytes()) // 2) + 30])
    begun = point not in ("journal", "half the history")
    store = opened(tmp_path)
    assert [says(store, n) for n in (1, 2, 3)] == (["reject", "reject", "keep"] if begun else ["keep", "keep", ""])
    assert len(store.entries()) == (5 if begun else 2)
    assert on_disk(tmp_path, "dogs") == {id_(2): "reject" if begun else "keep"}


def test_a_torn_last_line_of_a_history_is_passed_over_and_cut_off(tmp_path: Path) -> None:
    opened(tmp_path).decide([word(1)], "ann")
    path = tmp_path / "review/history/ann.csv"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:30])
    store = opened(tmp_path)
    assert len(store.entries()) == 1
    store.decide([word(2)], "ann")
    assert path.read_bytes().startswith(whole) and len(opened(tmp_path).entries()) == 2


def test_a_disk_that_cannot_be_written_is_told_and_nothing_holds_that_is_not_there(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide([word(1)], "ann")
    (tmp_path / "review/.dogs.csv.part").mkdir()  # the second of two files cannot be written
    with pytest.raises(UserError, match="see to it, then decide again"):
        store.decide([word(1, "reject"), word(2, class_="dogs")], "ann")
    assert says(store, 1) == "keep" and says(store, 2) == "" and on_disk(tmp_path) == {id_(1): "keep"}
    (tmp_path / "review/.dogs.csv.part").rmdir()
    assert len(opened(tmp_path).entries()) == 1
    assert [s.decision for s in store.decide([word(1, "reject"), word(2, class_="dogs")], "ann")] == ["reject", "keep"]


def test_a_full_disk_is_told_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as the system tells it of an open file: without a name

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(UserError, match=rf"^{tmp_path / 'review'}: No space left on device; see to it"):
        store.decide([word(1)], "ann")


def test_rechecks_come_back_blind_after_a_while_and_once(tmp_path: Path) -> None:
    clock = Clock()
    store = opened(tmp_path, clock=clock)
    store.decide([word(n) for n in range(400)], "ann")
    assert store.rechecks(0.1, "ann") == [] and store.rechecks(0, "bob") == []
    bob = store.rechecks(0.1, "bob")
    assert bob == [id_(n) for n in range(400) if falls(id_(n), "bob", 0.1)] and 20 < len(bob) < 60
    clock.pass_(minutes=11)
    own = store.rechecks(0.1, "ann")
    assert own and own != bob
    store.decide([Word(own[0], "cats", "reject")], "ann", blind=True)
    clock.pass_(minutes=11)
    assert store.rechecks(0.1, "ann") == own[1:] == opened(tmp_path, clock=clock).rechecks(0.1, "ann")
    store.undo("ann")
    clock.pass_(minutes=11)
    assert store.rechecks(0.1, "ann") == own


def test_one_s_own_come_back_after_twenty_further_decisions(tmp_path: Path) -> None:
    store = opened(tmp_path, clock=Clock())
    store.decide([word(0)], "ann")
    for number in range(1, 20):
        store.decide([word(number)], "ann")
    assert id_(0) not in store.rechecks(1, "ann")
    store.decide([word(20)], "ann")
    assert store.rechecks(1, "ann") == [id_(0)]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def test_two_clones_are_merged_by_git_without_loss(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    git(one, "init", "-q", "-b", "main")
    (one / "review").mkdir()
    rules = [line for line in (ROOT / ".gitattributes").read_text().splitlines() if line.startswith("data/review/")]
    (one / ".gitattributes").write_text("".join(line.removeprefix("data/") + "\n" for line in rules))
    opened(one).decide([word(1), word(2), word(3)], "ann")
    (one / ".gitignore").write_text("cache/\n")
    git(one, "add", "-A")
    git(one, "commit", "-qm", "start")
    git(tmp_path, "clone", "-q", str(one), str(two))
    opened(one).decide([word(2, "reject"), word(4)], "ann")
    opened(two).decide([word(2, "reject"), word(5, "reject")], "bob")
    opened(two).decide([word(6)], "ann")
    for folder in (one, two):
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "more")
    git(one, "pull", "-q", "--no-rebase", "--no-edit", str(two), "main")
    store = opened(one)
    assert {n: says(store, n) for n in (1, 3, 4, 5, 6)} == {1: "keep", 3: "keep", 4: "keep", 5: "reject", 6: "keep"}
    assert len(store.entries()) == 8 and {e.reviewer for e in store.history(id_(2))} == {"ann", "bob"}
    if store.state(id_(2)).conflict:  # git may have kept the line that ann changed, beside the new one
        store.settle(word(2, "reject"), "ann")
    assert read_decisions(one / "review")[id_(2)].decision == "reject"


def test_a_class_that_was_renamed_keeps_its_decisions(tmp_path: Path) -> None:
    opened(tmp_path).decide([word(1)], "ann")
    shutil.move(tmp_path / "review/cats.csv", tmp_path / "review/kittens.csv")
    store = opened(tmp_path)
    assert says(store, 1) == "keep" and not (tmp_path / "review/cats.csv").exists()
    store.decide([word(1, "reject", class_="kittens")], "ann")
    assert on_disk(tmp_path, "kittens") == {id_(1): "reject"}


def test_a_cell_with_several_lines_out_of_a_spreadsheet_survives(tmp_path: Path) -> None:
    (tmp_path / "review").mkdir()
    (tmp_path / "review/cats.csv").write_bytes((HEAD + f'{id_(1)},keep,,ann,,,"one\rtwo\nthree"\n').encode())
    store = opened(tmp_path)
    store.decide([word(2)], "ann")
    store.decide([word(1, "reject")], "ann")
    [state] = store.undo("ann")
    assert state.note == "one\rtwo\nthree" == read_decisions(tmp_path / "review")[id_(1)].note
    assert [e.note for e in opened(tmp_path).history(id_(1))] == ["", "one two three"]


def test_a_row_without_a_name_is_nobody_s_own(tmp_path: Path) -> None:
    (tmp_path / "review").mkdir()
    (tmp_path / "review/cats.csv").write_text(HEAD + f"{id_(1)},keep,,,,,\n{id_(2)},,,,,,\n{id_(3)},,,,,,look here\n")
    store = opened(tmp_path)
    states = store.decide([word(n, "reject") for n in (1, 2, 3)], "ann")
    assert [s.conflict for s in states] == [True, False, False]
    assert [len(s.words) for s in states] == [2, 1, 2]
    assert Decision(id_(3), "", note="look here") in states[2].words


def test_an_undo_that_gave_way_to_another_s_word_does_not_come_back(tmp_path: Path) -> None:
    page = opened(tmp_path)
    page.decide([word(1, "reject")], "root")
    page.undo("root")
    opened(tmp_path).decide([word(1, "keep")], "bea")  # another process, such as a merge
    page.changes(0)
    page.decide([word(2)], "root")
    state = page.state(id_(1))
    assert not state.conflict and (state.decision, state.reviewer) == ("keep", "bea")
    assert not opened(tmp_path).state(id_(1)).conflict
