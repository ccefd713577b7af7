"""Decisions out of another file, such as an exported sheet, said as their reviewer's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.curate.decisions.decision import Decision, read_file
from pipeline.curate.decisions.store import State, Store, Word
from pipeline.curate.decisions.word import checked, checked_name, moment
from pipeline.errors import UserError

__all__ = ["Merged", "merge"]


@dataclass(frozen=True)
class Merged:
    """`states` of what was said; ids of rows that said nothing new, that are older than their reviewer's own word here, and that no
    class is known of; and the ids about which people disagree now."""

    states: list[State]
    known: list[str]
    older: list[str]
    strange: list[str]

    @property
    def conflicts(self) -> list[str]:
        return [state.id for state in self.states if state.conflict]


def merge(store: Store, path: Path, classes: Mapping[str, str], looks: Mapping[str, str], nameless: str) -> Merged:
    """Say each row that is not blank, one action for each reviewer; a row without one is `nameless`'s.

    `classes` and `looks` tell the class and the PDQ hash of each image that is here; of another image the file's own column `class` counts.
    Merging a file again says nothing new. Raises UserError for a malformed row, and says nothing then.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; name the file that the sheet saved")
    columns: dict[str, str] = {}
    rows = [row for row in read_file(path, classes=columns) if row.judges]
    said, known, older, strange = dict[str, list[Word]](), list[str](), list[str](), list[str]()
    states = store.states()
    for row in rows:
        class_, name = classes.get(row.id) or columns.get(row.id, ""), checked_name(row.reviewer or nameless)
        own = [word for word in states[row.id].words if word.reviewer == name] if row.id in states else []
        if not class_:
            strange.append(row.id)
        elif any(_says(word) == _says(row) for word in own):
            known.append(row.id)
        elif any(moment(word.reviewed_at) > moment(row.reviewed_at) for word in own):
            older.append(row.id)
        else:
            word = Word(row.id, class_, row.decision, row.reason, row.crop, row.note, look=looks.get(row.id, ""))
            said.setdefault(name, []).append(checked(word))
    for name, words in said.items():
        store.decide(words, name, action="merge")
    ids, states = dict.fromkeys(word.id for words in said.values() for word in words), store.states()
    return Merged([states[id_] for id_ in ids], known, older, strange)


def _says(row: Decision) -> tuple[str, ...]:
    return row.decision, row.reason, row.crop, row.note
