"""What the page is told, as plain data for JSON: a row, what holds of it, and what was said about it before."""

import math
import re
from collections.abc import Sequence
from typing import Any

from pipeline.curate.decisions.inherit import Proposal
from pipeline.curate.decisions.store import Entry, State
from pipeline.curate.review.catalogue import Catalogue

__all__ = ["blank_state", "history_answer", "link", "row_answer", "state_answer"]

WEB = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
LINKS = ("license_url", "page_url", "image_url")
OPAQUE = ("JPEG", "JPG", "BMP")


def link(address: str) -> str:
    """The address if a browser may follow it, else "": only http and https, so that none is a script."""
    return address if WEB.fullmatch(address) else ""


def row_answer(catalogue: Catalogue, row: int, state: dict[str, Any], proposal: Proposal | None) -> dict[str, Any]:
    """One row as the page gets it; what nobody measured is null."""
    texts = {name: column[row].as_py() for name, column in catalogue.texts.items()}
    width, height, size = catalogue.sizes[row].tolist()
    distance, correlation, margin = (None if math.isnan(tie) else tie for tie in catalogue.ties[row].tolist())
    group, scores = catalogue.groups[row], zip(catalogue.flags, catalogue.scores[row].tolist(), strict=True)
    return {
        "n": row, **texts, **{name: link(texts[name]) for name in LINKS}, "width": width, "height": height, "bytes": size,
        "group": group, "size": len(catalogue.members[group]), "kept": bool(catalogue.kept[row]), "kind": catalogue.kinds[row],
        "distance": None if distance is None else round(distance), "correlation": _short(correlation), "margin": _short(margin),
        "copy_of": catalogue.copy_of[row], "flags": catalogue.flagged[row], "rule": catalogue.rules[row],
        "scores": {name: _short(score) for name, score in scores if not math.isnan(score)},
        "alpha": False if texts["format"].upper() in OPAQUE else None, "state": state,
        "proposal": {"decision": proposal.decision, "id": proposal.id, "reviewer": proposal.reviewer} if proposal else None,
    }


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def state_answer(state: State) -> dict[str, Any]:
    """What holds of an image, and every word that stands for it."""
    return {
        "id": state.id, "decision": state.decision, "reason": state.reason, "crop": state.crop, "note": state.note,
        "reviewer": state.reviewer, "at": state.reviewed_at, "conflict": state.conflict, "version": state.version,
        "words": [
            {"decision": w.decision, "reason": w.reason, "crop": w.crop, "reviewer": w.reviewer, "at": w.reviewed_at} for w in state.words
        ],
    }


def blank_state(id_: str, version: int) -> dict[str, Any]:
    """The state of an image that is to be judged again without knowing what was said."""
    blank: dict[str, Any] = dict.fromkeys(("decision", "reason", "crop", "note", "reviewer", "at"), "")
    return {"id": id_, **blank, "conflict": False, "version": version, "words": []}


def history_answer(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What was said of an image, oldest first."""
    names = ("at", "action", "reviewer", "decision", "reason", "crop", "note")
    return [{**{name: getattr(entry, name) for name in names}, "blind": entry.blind} for entry in entries]
