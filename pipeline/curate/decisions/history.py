"""Everything that was ever said about images: data/review/history/, a file for each reviewer, to which rows are only added.

The class files say what holds; this says how it came to be: for the history that the page shows, for undo and redo after a restart,
and for how far people agree. Nothing is built from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.curate.decisions import durable
from pipeline.curate.decisions.history_file import HEAD, Entry, encoded, file_name, read_end

__all__ = ["FOLDER", "History"]

FOLDER = "history"  # beside the class files


class History:
    """The entries of all files of a folder, kept in step with them, and what each reviewer can undo and redo."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forget()

    def forget(self) -> None:
        """Read everything anew at the next `refresh`."""
        self._known: dict[Path, durable.Signature | None] = {}
        self._ends: dict[Path, int] = {}
        self._of: dict[str, list[Entry]] = {}
        self._said: dict[str, list[Entry]] = {}
        self._batches: dict[str, list[Entry]] = {}
        self._done: dict[str, list[str]] = {}
        self._undone: dict[str, list[str]] = {}
        self._settled: dict[str, str] = {}
        self._settling: set[str] = set()

    def refresh(self) -> bool:
        """Read what others wrote; whether there was anything. Raises UserError for a malformed row."""
        paths = sorted(self.folder.glob("*.csv"))
        known = {path: durable.signature(path) for path in paths}
        if known == self._known:
            return False
        grown = self._known.keys() <= known.keys()  # only added to: read the ends
        if not (grown and all(self._extends(path, known[path]) for path in self._known)):
            self.forget()
        read = [read_end(path, self._ends.get(path, 0)) for path in paths]
        self._ends = {path: end for path, (_, end) in zip(paths, read, strict=True)}
        self._known = known
        for entry in sorted((entry for entries, _ in read for entry in entries), key=lambda entry: entry.at):
            self.note(entry)
        return True

    def _extends(self, path: Path, now: durable.Signature | None) -> bool:
        before = self._known[path]
        return before == now or (before is not None and now is not None and before[2] == now[2] and before[1] < now[1])

    def pieces(self, entries: Sequence[Entry]) -> dict[str, bytes]:
        """What `append` is to add to each file, by its name."""
        by_reviewer: dict[str, list[Entry]] = {}
        for entry in entries:
            by_reviewer.setdefault(entry.reviewer, []).append(entry)
        names = {file_name(reviewer): encoded(said) for reviewer, said in by_reviewer.items()}
        return {name: data if self._end(name) else HEAD.encode() + data for name, data in names.items()}

    def ends(self, pieces: Mapping[str, bytes]) -> dict[str, tuple[int, int]]:
        """The size of each of these files now and when they have their pieces."""
        return {name: (self._end(name), self._end(name) + len(data)) for name, data in pieces.items()}

    def append(self, pieces: Mapping[str, bytes]) -> None:
        """Write the pieces; returns when they are on disk. Raises OSError."""
        for name, data in pieces.items():
            path = self.folder / name
            self.folder.mkdir(parents=True, exist_ok=True)
            durable.append(path, data, self._end(name))
            self._ends[path] = self._end(name) + len(data)
            self._known[path] = durable.signature(path)

    def _end(self, name: str) -> int:
        return self._ends.get(self.folder / name, 0)

    def cut(self, ends: Mapping[str, tuple[int, int]]) -> None:
        """Take an append back that did not come to its end. Raises OSError."""
        for name, (before, _) in ends.items():
            path = self.folder / name
            if path.exists():
                durable.append(path, b"", before)
        self.forget()

    def of(self, id_: str) -> list[Entry]:
        """All entries about the image, oldest first."""
        return sorted(self._of.get(id_, ()), key=lambda entry: entry.at)

    def by(self, reviewer: str) -> list[Entry]:
        """All entries of the reviewer, oldest first."""
        return self._said.get(reviewer, [])

    def entries(self) -> Iterator[Entry]:
        """All entries; those of one image stand in order of time."""
        for of_one in self._of.values():
            yield from of_one

    def rechecked(self, reviewer: str) -> set[str]:
        """The images that the reviewer judged without seeing what was said of them, and did not take back."""
        return {row.id for batch in self._done.get(reviewer, ()) for row in self._batches[batch] if row.blind}

    def looks(self) -> dict[str, str]:
        """The PDQ hash of each image as it was when it was judged, where that is known."""
        return {entry.id: entry.look for entry in self.entries() if entry.look}

    def latest(self) -> str:
        """The time of the last entry."""
        return max((said[-1].at for said in self._said.values()), default="")

    def settles(self, entry: Entry) -> bool:
        """Whether the entry replaced all rows of its image: by settling, or by settling again."""
        return entry.action != "undo" and (entry.undoes or entry.batch) in self._settling

    def settled(self, id_: str) -> str:
        """When the image was last settled; "" where it never was."""
        return self._settled.get(id_, "")

    def latest_words(self) -> Iterator[Entry]:
        """Each reviewer's last entry about each image, since it was settled."""
        for id_, of_one in self._of.items():
            since = self.settled(id_)
            last = {entry.reviewer: entry for entry in (sorted(of_one, key=lambda entry: entry.at) if len(of_one) > 1 else of_one)}
            yield from (entry for entry in last.values() if entry.at >= since)

    def undoable(self, reviewer: str) -> list[Entry]:
        """The rows of the reviewer's last action that holds, as it was last done; [] where there is none."""
        return self._last(self._done, reviewer)

    def redoable(self, reviewer: str) -> list[Entry]:
        """The rows of the reviewer's last action that was undone, if nothing was decided since."""
        return self._last(self._undone, reviewer)

    def _last(self, stacks: dict[str, list[str]], reviewer: str) -> list[Entry]:
        stack = stacks.get(reviewer)
        return list(self._batches.get(stack[-1], ())) if stack else []

    def note(self, entry: Entry) -> None:
        """Add an entry in memory. Undo and redo move a batch from one stack to the other; `_batches` has it as it was last done."""
        self._of.setdefault(entry.id, []).append(entry)
        self._said.setdefault(entry.reviewer, []).append(entry)
        done, undone = (stacks.setdefault(entry.reviewer, []) for stacks in (self._done, self._undone))
        if entry.action == "settle":
            self._settling.add(entry.batch)
        if self.settles(entry):
            self._settled[entry.id] = max(entry.at, self._settled.get(entry.id, ""))
        if entry.action == "undo":
            _move(entry.undoes, done, undone)
            return
        batch = entry.undoes or entry.batch
        rows = self._batches.get(batch)
        if rows is None or rows[0].batch != entry.batch:
            self._batches[batch] = [entry]
            if entry.action == "redo":
                _move(batch, undone, done)
            else:
                done.append(batch)
                undone.clear()
        else:
            rows.append(entry)


def _move(batch: str, source: list[str], target: list[str]) -> None:
    if batch in source[-1:]:
        source.pop()
        target.append(batch)
    elif batch in source:  # two clones went on from the same place, and were merged
        source.remove(batch)
        target.append(batch)
