"""Decisions on disk: said once, kept for ever, by several people and programs at a time.

Every action goes to the reviewer's history and to the class file before it returns. Callers that wait at the same time are committed
together. A file that somebody else changed is read again first, and theirs counts; only what a stale copy of a spreadsheet
takes back is put there again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock

from filelock import FileLock, Timeout

from pipeline.curate.decisions.history import FOLDER, History
from pipeline.curate.decisions.history_file import Entry
from pipeline.curate.decisions.journal import Journal
from pipeline.curate.decisions.recheck import rechecks
from pipeline.curate.decisions.said import Said, Speaker
from pipeline.curate.decisions.word import State, Word, checked, checked_name, moment, written
from pipeline.errors import UserError

__all__ = ["Entry", "State", "Store", "Word", "utcnow"]

STEP = timedelta(milliseconds=1)
LONGEST_WAIT = 60  # seconds for another process that writes


def utcnow() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass
class _Request:
    """What one caller wants: `apply` changes the rows in memory, given the time, and returns what the history is to say.

    `about` are images whose states are wanted though nothing may change.
    """

    apply: Callable[[str], list[Entry]]
    about: Sequence[str] = ()
    states: list[State] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class Store:
    """The review folder. Safe for threads and for processes that use the same `lock`.

    Raises UserError, here and in every method, where a file is malformed or cannot be written; nothing is overwritten then.
    """

    def __init__(self, folder: Path, lock: Path, clock: Callable[[], datetime] = utcnow) -> None:
        self._clock = clock
        self._folder = folder
        self._lock = lock
        self._said = Said(folder)
        self._history = History(folder / FOLDER)
        self._journal = Journal(lock.with_name(f"{lock.name}.commit"))
        self._queue: deque[_Request] = deque()
        self._turn = RLock()
        self._last = datetime(1, 1, 1, tzinfo=UTC)
        self._commit(self._open)

    def state(self, id_: str) -> State:
        """What holds of the image; a blank state where nothing was said."""
        with self._turn:
            self._look()
            return self._said.state(id_)

    def states(self) -> dict[str, State]:
        """What holds of every image that has rows, by id."""
        with self._turn:
            self._look()
            return dict(self._said.states)

    def changes(self, since: int) -> tuple[int, list[State]]:
        """A counter, and the states that changed since it was `since`, whoever changed them."""
        with self._turn:
            self._look()
            return self._said.version, self._said.changed_since(since)

    def history(self, id_: str) -> list[Entry]:
        """Everything that was said of the image, oldest first."""
        with self._turn:
            self._look()
            return self._history.of(id_)

    def entries(self) -> list[Entry]:
        """The whole history; what was said of one image stands in order of time."""
        with self._turn:
            self._look()
            return list(self._history.entries())

    def looks(self) -> dict[str, str]:
        """The PDQ hash of each image that was judged, also of those that have gone, where it was told; see `inherit.proposals`."""
        with self._turn:
            self._look()
            return self._history.looks()

    def rechecks(self, share: float, reviewer: str) -> list[str]:
        """The ids, sorted, that come back to this reviewer without what was said of them; see `recheck.rechecks`."""
        with self._turn:
            self._look()
            return rechecks(self._said.states.values(), self._history, share, checked_name(reviewer), self._clock())

    def decide(
        self, words: Sequence[Word], reviewer: str, session: str = "", action: str = "decide", blind: bool = False
    ) -> list[State]:
        """Say all words in one step, which one `undo` takes back; the states of their images, when everything is on disk.

        A reviewer's word replaces their own earlier one. It stands beside the earlier one, as a conflict, where another session under the
        same name said something else since what this speaker saw (`Word.seen`). Saying the same again is no step, unless it is blind.
        `action` is decide or merge.
        """
        said = [checked(word) for word in words]
        speaker = Speaker(checked_name(reviewer, session), session, action, blind=blind)
        if not said:
            return []
        return self._commit(lambda at: self._spoken(said, speaker.at(at)), [word.id for word in said])

    def undo(self, reviewer: str, session: str = "") -> list[State]:
        """Take back the reviewer's last action that holds; [] where there is none. Also after a restart, and without limit."""
        name = checked_name(reviewer, session)
        return self._commit(lambda at: self._step(Speaker(name, session, "undo").at(at)))

    def redo(self, reviewer: str, session: str = "") -> list[State]:
        """Do again what the reviewer's last undo took back; [] where there is nothing, or something was decided since."""
        name = checked_name(reviewer, session)
        return self._commit(lambda at: self._step(Speaker(name, session, "redo").at(at)))

    def settle(self, word: Word, reviewer: str, session: str = "") -> State:
        """Replace everything that was said of the image by this word."""
        said, speaker = checked(word), Speaker(checked_name(reviewer, session), session, "settle")
        [state] = self._commit(lambda at: [self._said.settle(said, speaker.at(at))])
        return state

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else who uses the lock writes in the block."""
        with self._turn, self._locked():
            yield

    def _open(self, at: str) -> list[Entry]:
        self._said.bring_forward(self._history)
        return []

    def _spoken(self, words: Sequence[Word], speaker: Speaker) -> list[Entry]:
        spoken = (self._said.speak(word, speaker, self._history) for word in words)
        return [entry for entry in spoken if entry]

    def _step(self, speaker: Speaker) -> list[Entry]:
        if speaker.action == "undo":
            rows = self._history.undoable(speaker.reviewer)
            return [self._said.take_back(entry, speaker.about(entry)) for entry in reversed(rows)]
        entries = []
        for entry in self._history.redoable(speaker.reviewer):
            word = Word(entry.id, entry.class_, entry.decision, entry.reason, entry.crop, entry.note, look=entry.look)
            again = speaker.about(entry)
            settles = self._history.settles(entry)
            entries.append(self._said.settle(word, again) if settles else self._said.speak(word, again, self._history))
        return [entry for entry in entries if entry]

    def _commit(self, apply: Callable[[str], list[Entry]], about: Sequence[str] = ()) -> list[State]:
        """Wait for a turn. Whoever has it does the work of all that wait, so that they share one write."""
        request = _Request(apply, about)
        self._queue.append(request)
        with self._turn:
            if not request.done:
                self._serve([self._queue.popleft() for _ in range(len(self._queue))])
        if request.error is not None:
            raise UserError(str(request.error)) if isinstance(request.error, UserError) else request.error
        return request.states

    def _serve(self, requests: list[_Request]) -> None:
        failed: BaseException | None = UserError("the decision was interrupted; make it again")
        try:
            with self._locked():
                self._recover()
                self._read()
                answers = [(request, self._applied(request)) for request in requests]
                self._save([entry for _, entries in answers for entry in entries])
                for request, entries in answers:
                    request.states = [self._said.state(id_) for id_ in dict.fromkeys([*request.about, *(entry.id for entry in entries)])]
            failed = None
        except OSError as error:
            where = error.filename or self._folder  # a full disk names no file
            failed = UserError(f"{where}: {error.strerror}; see to it, then decide again")
        except Exception as error:  # handed to whoever waits for it
            failed = error
        finally:
            if failed is not None:
                self._said.take_all_back()
                self._history.forget()
            for request in requests:
                request.error, request.done = failed, True

    def _applied(self, request: _Request) -> list[Entry]:
        """Times rise from one action to the next, also where another machine's clock is ahead."""
        self._last = max(self._clock(), moment(self._history.latest()) + STEP, self._last + STEP)
        self._said.version += 1
        entries = request.apply(written(self._last))
        for entry in entries:
            self._history.note(entry)
        return entries

    def _save(self, entries: list[Entry]) -> None:
        """History first, then the class files; by the journal another process can finish it. Raises OSError."""
        pieces = self._history.pieces(entries)
        ends = self._history.ends(pieces)
        if entries:
            self._journal.begin(ends, self._said.touched())
        try:
            self._history.append(pieces)
            self._said.write()
        except OSError:
            self._history.cut(ends)
            self._said.restore()
            self._journal.end()
            raise
        self._journal.end()

    def _recover(self) -> None:
        left = self._journal.left()
        if left is None:
            return
        ends, plan = left
        sizes = {path.name: path.stat().st_size for path in self._history.folder.glob("*.csv")}
        if all(sizes.get(name, 0) >= after for name, (_, after) in ends.items()):
            self._read()
            self._said.carry_out(plan)
        else:
            self._history.cut(ends)
        self._journal.end()

    def _look(self) -> None:
        self._read()
        self._write_back()

    def _read(self) -> None:
        self._history.refresh()
        self._said.refresh(self._history)

    def _write_back(self) -> None:
        """What a stale copy took from the files is in memory only; nobody may build without it."""
        if self._said.unwritten:
            self._commit(lambda at: [])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock, timeout=LONGEST_WAIT):
                yield
        except Timeout:
            raise UserError(f"{self._lock} is held by another process for over a minute; wait until it has ended, then again") from None
