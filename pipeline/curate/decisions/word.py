"""What is said of one image and what holds of it, and what may be said: the bounds of every text that reaches the review files."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipeline.curate.decisions.decision import CHOICES, ID, Decision, disagree, is_box, joined
from pipeline.errors import UserError
from pipeline.forgotten import FILE as TAKEDOWNS
from pipeline.params import CLASS_NAME

__all__ = ["State", "Word", "checked", "checked_name", "moment", "state_of", "written"]

LONGEST = 500  # characters of a reason or a note
LONGEST_NAME = 80
LONGEST_SESSION = 100
DAY = len("2026-01-31")
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Word:
    """What somebody says of one image. `seen` is the version of the state they looked at; `look` the image's PDQ hash, if known."""

    id: str
    class_: str
    decision: str
    reason: str = ""
    crop: str = ""
    note: str = ""
    seen: int | None = None
    look: str = ""


@dataclass(frozen=True)
class State:
    """What holds of one image now; `words` are all rows about it. Where they disagree, `decision` is blank.

    `version` rises with every change, also by a spreadsheet or another process; it is 0 where nothing was ever said.
    """

    id: str
    decision: str = ""
    reason: str = ""
    crop: str = ""
    note: str = ""
    reviewer: str = ""
    reviewed_at: str = ""
    conflict: bool = False
    words: tuple[Decision, ...] = ()
    version: int = 0


def state_of(id_: str, rows: Sequence[Decision], version: int) -> State:
    """What these rows about one image come to."""
    if not rows:
        return State(id_, version=version)
    words = tuple(rows)
    if len(rows) > 1 and any(disagree(one, other) for place, one in enumerate(rows) for other in rows[:place]):
        return State(id_, conflict=True, words=words, version=version)
    found = joined(rows)
    return State(id_, found.decision, found.reason, found.crop, found.note, found.reviewer, found.reviewed_at, False, words, version)


def checked(word: Word) -> Word:
    """The word as it will be written. Raises UserError where it may not be said."""
    if not ID.fullmatch(word.id):
        raise UserError(f"{word.id!r} is no image id; an id is i and 16 hex digits, as in data/deduped/index.csv")
    if not CLASS_NAME.fullmatch(word.class_) or f"{word.class_}.csv" == TAKEDOWNS:
        raise UserError(f"{word.class_!r} is no class name; one is small letters, digits, - and _ after a letter, and not `forgotten`")
    if word.decision not in CHOICES:
        raise UserError(f"decision {word.decision!r} of {word.id} is not allowed; allowed: keep, reject, or nothing (not yet)")
    if word.crop and not is_box(word.crop):
        raise UserError(f"crop {word.crop!r} of {word.id} is no box; a box is x,y,width,height in shares of 0..1, such as 0.1,0,0.5,0.5")
    if word.look and not re.fullmatch(r"[0-9a-f]{64}", word.look):
        raise UserError(f"look {word.look!r} of {word.id} is no PDQ hash; one is 64 hex digits")
    reason, note = _line("reason", word.reason, word.id), _line("note", word.note, word.id)
    crop = "".join(word.crop.split())
    same = (reason, note, crop) == (word.reason, word.note, word.crop)
    return word if same else replace(word, crop=crop, reason=reason, note=note)


def checked_name(reviewer: str, session: str = "") -> str:
    """The reviewer's name as it will be written. Raises UserError where it is none, or the session is none."""
    name = reviewer.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(f"{reviewer[:100]!r} is no reviewer's name; one is 1 to {LONGEST_NAME} characters that can be printed")
    if len(session) > LONGEST_SESSION or not session.isprintable():
        raise UserError(f"{session[:120]!r} is no session; one is at most {LONGEST_SESSION} characters that can be printed")
    return name


def written(time: datetime) -> str:
    """A time as the review files have it: UTC, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The time that a row tells, of a day alone its end; the beginning of all time where it tells none that can be read."""
    try:
        found = datetime.fromisoformat(f"{text}T23:59:59" if len(text) == DAY else text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        return EARLIEST


def _line(name: str, text: str, id_: str) -> str:
    stripped = text.strip()
    if stripped.isascii() and stripped.isprintable() and len(stripped) <= LONGEST:
        return stripped
    if len(stripped) > LONGEST:
        raise UserError(f"the {name} of {id_} has {len(stripped)} characters; at most {LONGEST} are allowed")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in stripped):
        raise UserError(f"the {name} of {id_} has a line break or a control character in it; a {name} is one line of text")
    return stripped
