"""Everything that is wrong with the review files, for a person or for continuous integration: all of it, not only the first."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline import params
from pipeline.curate.decisions.decision import conflicts, decision_files, read_file, told
from pipeline.curate.decisions.history import FOLDER
from pipeline.curate.decisions.history_file import read_entries
from pipeline.curate.gate import judged
from pipeline.errors import UserError
from pipeline.forgotten import read_forgotten

__all__ = ["Checked", "check"]


@dataclass(frozen=True)
class Checked:
    """Sentences about what is wrong, and about what only looks odd; how much was looked at; whether the images were here too."""

    problems: list[str]
    warnings: list[str]
    files: int
    decisions: int
    entries: int
    images: bool

    def __str__(self) -> str:
        found = f"{_count(len(self.problems), 'problem')}, {_count(len(self.warnings), 'warning')} in {_count(self.files, 'file')}: "
        found += f"{_count(self.decisions, 'decision')} and {self.entries} rows of history"
        return found if self.images else f"{found}; files only, for there are no collected images here"


def check(raw: Path, deduped: Path, review: Path, classes: Iterable[str], settings: params.Review) -> Checked:
    """Read every file of the folder; where there are deduplicated images, also ask the gate whether it would stop."""
    problems: list[str] = []
    names, paths = list(classes), decision_files(review)
    rows = [row for path in paths for row in read_file(path, problems)]
    problems += [told(one, other) for one, other in conflicts(rows)]
    try:
        read_forgotten(review)
    except UserError as error:
        problems.append(str(error))
    entries, malformed = read_entries(review / FOLDER)
    strange = [path for path in paths if path.stem not in names]
    warnings = [f"{path}: params.yaml has no class {path.stem!r}; its decisions count all the same" for path in strange]
    images = (deduped / "index.csv").exists()
    if images and settings.pending == "stop" and not problems:
        try:
            judged(raw, deduped, review, names, settings)
        except UserError as error:
            problems.append(str(error))
    return Checked(problems + malformed, warnings, len(paths), len(rows), len(entries), images)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
