"""All decisions in memory: what holds of each image, how a new word changes it, and what a stale copy may not take back."""

import secrets
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.curate.decisions.class_file import ClassFile, Rows
from pipeline.curate.decisions.decision import Decision, decision_files
from pipeline.curate.decisions.history import History
from pipeline.curate.decisions.history_file import Entry, Placed, packed, unpacked
from pipeline.curate.decisions.journal import Plan
from pipeline.curate.decisions.word import EARLIEST, State, Word, moment, state_of

__all__ = ["Said", "Speaker"]


@dataclass(frozen=True)
class Speaker:
    """Who says something, in which action."""

    reviewer: str
    session: str
    action: str
    blind: bool = False
    time: str = ""
    batch: str = ""
    undoes: str = ""

    def at(self, time: str) -> "Speaker":
        """The same at a time, as an action of its own."""
        return replace(self, time=time, batch=secrets.token_hex(6))

    def about(self, entry: Entry) -> "Speaker":
        """The same, taking back or doing again what the entry is part of; blind where that was."""
        return replace(self, undoes=entry.undoes or entry.batch, blind=entry.blind)


@dataclass(frozen=True)
class Own:
    """What this process last wrote of one reviewer on one image: the row, or None where it took it out."""

    class_: str
    row: Decision | None
    time: str


class Said:
    """`states` of every image that has rows; `version` counts the changes. Not safe for threads: the store sees to that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, ClassFile] = {}
        self._own: dict[str, dict[str, Own]] = {}
        self._changed_by: dict[tuple[str, str], int] = {}
        self._recent: dict[str, int] = {}
        self._log: list[tuple[ClassFile, str, Rows]] = []
        self._own_log: list[tuple[str, dict[str, Own]]] = []
        self.states: dict[str, State] = {}
        self.version = 0

    @property
    def unwritten(self) -> bool:
        """Whether there is something that is not on disk."""
        return any(file.unwritten for file in self._files.values())

    def state(self, id_: str) -> State:
        """What holds of the image."""
        return self.states.get(id_) or State(id_, version=self._recent.get(id_, 0))

    def changed_since(self, version: int) -> list[State]:
        """The states that changed after `version`."""
        found = []
        for id_ in reversed(self._recent):
            if self._recent[id_] <= version:
                break
            found.append(self.state(id_))
        return found

    def rows(self, id_: str) -> list[Placed]:
        """Every row about the image, with its class."""
        return [(file.name, row) for file in self._files.values() for row in file.rows.get(id_, ())]

    def refresh(self, history: History) -> None:
        """Read the files that somebody else changed. Raises UserError for a malformed row; nothing is taken over then."""
        for path in decision_files(self._folder):
            if path.stem not in self._files:
                self._files[path.stem] = ClassFile(path)
        read = [(file, *file.read()) for file in self._files.values() if file.changed()]
        if not read:
            return
        self.version += 1
        for file, found, known in read:
            for id_ in file.take(found, known):
                for reviewer, own in list(self._own.get(id_, {}).items()):
                    if own.class_ == file.name:
                        self._hold(file, id_, reviewer, own, history)
                self._renew(id_)

    def _hold(self, file: ClassFile, id_: str, reviewer: str, own: Own, history: History) -> None:
        """Put a word back that a stale copy took from the file. What is no older than it, or was settled since, is meant."""
        rows = file.rows.get(id_, ())
        mine = [row for row in rows if row.reviewer == reviewer]
        if own.row in mine:
            return
        gave_way = own.row and not own.row.decision and not mine and any(row.decision for row in rows)  # an undo, to another's word
        if gave_way or history.settled(id_) > own.time or not all(_older(row, own.time) for row in mine):
            del self._own[id_][reviewer]
        elif mine or own.row:
            file.put(id_, (*(row for row in rows if row not in mine), *([own.row] if own.row else [])))

    def bring_forward(self, history: History) -> None:
        """On opening: a row that is older than its reviewer's last word in the history came from a stale copy, and so did a file
        without any row of an image that was judged. A line that was deleted beside another one about the same image stays deleted."""
        changed = []
        for entry in history.latest_words():
            if self._has(entry):
                continue
            rows = self.rows(entry.id)
            mine = [(name, row) for name, row in rows if row.reviewer == entry.reviewer]
            others = any(row.says_something for _, row in rows if row.reviewer != entry.reviewer)
            word = [] if others and not entry.decision else [_row(entry)]
            file = self._files.get(mine[0][0] if mine else entry.class_)
            if file is None or (not mine and (rows or not entry.decision)) or not all(_older(row, entry.at) for _, row in mine):
                continue
            file.put(entry.id, (*(row for row in file.rows.get(entry.id, ()) if row.reviewer != entry.reviewer), *word))
            changed.append(entry.id)
        for id_ in changed:
            self._renew(id_)

    def _has(self, entry: Entry) -> bool:
        file = self._files.get(entry.class_)
        rows = file.rows.get(entry.id, ()) if file else ()
        return any(row.reviewer == entry.reviewer and row.reviewed_at == entry.at for row in rows)

    def speak(self, word: Word, speaker: Speaker, history: History) -> Entry | None:
        """The speaker's word in the place of their earlier one, and of what others took back before; None where it is said already.

        Another session's word that they cannot have seen stays beside it.
        """
        rows = self.rows(word.id)
        own = [placed for placed in rows if placed[1].reviewer == speaker.reviewer]
        blank = [placed for placed in rows if placed not in own and self._given_up(placed[1], word)]
        if not blank and speaker.action == "decide" and not speaker.blind and [_says(row) for _, row in own] == [_says(word)]:
            return None  # as a key pressed twice, or an answer that never came: an undo for it would change nothing
        if word.seen is not None and self._changed_by.get((word.id, speaker.reviewer), 0) > word.seen:
            sessions = {entry.at: entry.session for entry in history.of(word.id) if entry.reviewer == speaker.reviewer}
            own = [(n, r) for n, r in own if r.decision == word.decision or sessions.get(r.reviewed_at) == speaker.session]
        gone = own + blank + [(name, row) for name, row in rows if not (row.says_something or row.reviewer or row.reason or row.note)]
        class_ = own[0][0] if own else word.class_
        row = Decision(word.id, word.decision, word.reason, speaker.reviewer, speaker.time, word.crop, word.note)
        self._put(word.id, [placed for placed in rows if placed not in gone] + [(class_, row)])
        self._note_own(word.id, speaker, class_, row, {other.reviewer for _, other in blank})
        return _entry(row, class_, speaker, gone, word.look)

    def _given_up(self, row: Decision, word: Word) -> bool:
        """Whether nobody stands by the row any more, and the speaker could know: the new word does not contradict it."""
        unseen = word.seen is not None and self._changed_by.get((word.id, row.reviewer), 0) > word.seen
        return not row.decision and bool(row.reviewed_at) and row.crop in ("", word.crop) and not unseen

    def settle(self, word: Word, speaker: Speaker) -> Entry:
        """This word in the place of all rows about the image."""
        rows = self.rows(word.id)
        row = Decision(word.id, word.decision, word.reason, speaker.reviewer, speaker.time, word.crop, word.note)
        self._put(word.id, [(word.class_, row)])
        self._note_own(word.id, speaker, word.class_, row, set(self._own.get(word.id, {})))
        return _entry(row, word.class_, speaker, rows, word.look)

    def take_back(self, entry: Entry, speaker: Speaker) -> Entry:
        """What stood before the entry. Where nothing did, a blank with the time: a deleted row would come back by a merge."""
        rows = self.rows(entry.id)
        own = [placed for placed in rows if placed[1].reviewer == speaker.reviewer]
        gone = [placed for placed in own if placed[1].reviewed_at == entry.at] or own
        before = unpacked(entry.id, entry.before)
        mine = [placed for placed in before if placed[1].reviewer == speaker.reviewer]
        if len(mine) == 1:
            mine = [(mine[0][0], replace(mine[0][1], reviewed_at=speaker.time))]
        rest = [placed for placed in rows if placed not in gone]
        rest += [placed for placed in before if placed[1].reviewer != speaker.reviewer and placed not in rest]
        blank = Decision(entry.id, "", reviewer=speaker.reviewer, reviewed_at=speaker.time)
        if not mine and not any(row.says_something for _, row in rest):
            mine = [(entry.class_, blank)]
        self._put(entry.id, rest + mine)
        self._note_own(entry.id, speaker, mine[0][0] if mine else entry.class_, mine[-1][1] if mine else None)
        return _entry(mine[-1][1] if mine else blank, entry.class_, speaker, gone, entry.look)

    def touched(self) -> Iterator[tuple[str, str, Rows]]:
        """(class, id, rows) of everything that changed since the last write."""
        for name, id_ in dict.fromkeys((file.name, id_) for file, id_, _ in self._log):
            yield name, id_, self._files[name].rows.get(id_, ())

    def write(self) -> None:
        """Put everything on disk. Raises OSError."""
        for file in self._files.values():
            if file.unwritten:
                file.write()
        self._log, self._own_log = [], []

    def take_all_back(self) -> None:
        """Forget what changed in memory since the last write."""
        self.version += 1
        for file, id_, rows in reversed(self._log):
            file.put(id_, rows)
            file.forget()
            self._renew(id_)
        for id_, own in reversed(self._own_log):
            self._own[id_] = own
        self._log, self._own_log = [], []

    def restore(self) -> None:
        """Forget it, and put the files that were written already back. Raises OSError."""
        self.take_all_back()
        self.write()

    def carry_out(self, plan: Plan) -> None:
        """Give images the rows that a commit, which was cut short, had for them; not where somebody decided since. Raises OSError."""
        self.version += 1
        for name, ids in plan.items():
            file = self._file(name)
            for id_, rows in ids.items():
                last = max((moment(row.reviewed_at) for row in rows), default=EARLIEST)
                if all(moment(row.reviewed_at) <= last for row in file.rows.get(id_, ())):
                    file.put(id_, rows)
                    self._renew(id_)
        self.write()

    def _file(self, name: str) -> ClassFile:
        if name not in self._files:
            self._files[name] = ClassFile(self._folder / f"{name}.csv")
        return self._files[name]

    def _put(self, id_: str, rows: Sequence[Placed]) -> None:
        for name in {name for name, _ in rows} | {file.name for file in self._files.values() if id_ in file.rows}:
            file = self._file(name)
            self._log.append((file, id_, file.rows.get(id_, ())))
            file.put(id_, tuple(row for its, row in rows if its == name))
        self._renew(id_)

    def _note_own(self, id_: str, speaker: Speaker, class_: str, row: Decision | None, ended: Set[str] = frozenset()) -> None:
        """`ended` are the reviewers whose rows this took the place of."""
        known = self._own.get(id_, {})
        self._own_log.append((id_, known))
        self._own[id_] = {name: own for name, own in known.items() if name not in ended} | {
            speaker.reviewer: Own(class_, row, speaker.time)}

    def _renew(self, id_: str) -> None:
        """The image's state from its rows; whose row is another one now, has changed it."""
        rows = sorted((row for _, row in self.rows(id_)), key=lambda row: row.order)
        before = self.states.get(id_)
        for row in set(before.words if before else ()) ^ set(rows):
            self._changed_by[id_, row.reviewer] = self.version
        if rows:
            self.states[id_] = state_of(id_, rows, self.version)
        else:
            self.states.pop(id_, None)
        self._recent.pop(id_, None)
        self._recent[id_] = self.version


def _older(row: Decision, time: str) -> bool:
    """Whether the row tells a time, and an earlier one. A time that cannot be read was changed by a person."""
    return EARLIEST < moment(row.reviewed_at) < moment(time)


def _says(word: Word | Decision) -> tuple[str, ...]:
    return word.decision, word.reason, word.crop, word.note


def _row(entry: Entry) -> Decision:
    return Decision(entry.id, entry.decision, entry.reason, entry.reviewer, entry.at, entry.crop, entry.note)


def _entry(row: Decision, class_: str, speaker: Speaker, gone: Sequence[Placed], look: str) -> Entry:
    return Entry(speaker.time, speaker.action, speaker.batch, speaker.undoes, speaker.reviewer, row.id, class_, row.decision,
                 _one_line(row.reason), _one_line(row.crop), _one_line(row.note), speaker.blind, speaker.session, packed(gone), look)


def _one_line(text: str) -> str:
    """A cell of a spreadsheet may have several lines; a line of the history is one row."""
    return " ".join(text.splitlines())
