"""Which rows, in which order: the filters and sorts of the review page."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.curate.review.catalogue import Catalogue
from pipeline.curate.review.standing import CODES, Standing
from pipeline.errors import UserError

__all__ = ["Query", "listed"]

SORTS = ("file", "group", "similar", "uncertain", "size")
LEAST_DOUBT = 0.5  # below it an image is not near any line, and only whether it is decided counts


class Query(BaseModel):
    """What the page asks for; an empty string is no filter."""

    model_config = ConfigDict(extra="forbid")

    class_: str = Field("", alias="class")
    group: str = ""
    flag: str = ""
    decision: Literal["", "keep", "reject", "undecided", "decided", "proposed"] = ""
    reviewer: str = ""
    conflict: bool = False
    recheck: bool = False
    show: Literal["kept", "copies", "all"] = "kept"
    text: str = ""
    sort: str = "file"
    to: str = ""
    who: str = ""


def listed(catalogue: Catalogue, standing: Standing, query: Query) -> NDArray[np.intp]:
    """The row numbers that fit, in order. Raises UserError for a sort that does not exist."""
    standing.fresh()
    order = _order(catalogue, standing, query)
    return order[_fitting(catalogue, standing, query)[order]]


def _fitting(catalogue: Catalogue, standing: Standing, query: Query) -> NDArray[np.bool_]:
    rows = np.ones(len(catalogue), np.bool_)
    if query.show != "all":
        rows &= catalogue.kept == (query.show == "kept")
    if query.class_:
        names, places = catalogue.classes
        rows &= places == (names.index(query.class_) if query.class_ in names else -1)
    if query.group:
        rows &= _among(catalogue, list(catalogue.members.get(query.group, ())))
    if query.flag:
        rows &= np.array([query.flag in flags for flags in catalogue.flagged], dtype=np.bool_)
    if query.conflict:
        rows &= standing.conflicts
    if query.recheck:
        rows &= _among(catalogue, [row for id_ in standing.rechecks(query.who) for row in catalogue.rows_of[id_]])
    if query.reviewer:
        rows &= standing.spoken_by(query.reviewer)
    for word in query.text.split():
        rows &= catalogue.mentions(word)
    return rows & _decided(catalogue, standing, query.decision)


def _decided(catalogue: Catalogue, standing: Standing, decision: str) -> NDArray[np.bool_]:
    if decision == "proposed":
        rows = [row for id_ in standing.all_proposals() for row in catalogue.rows_of[id_]]
        return _among(catalogue, rows) & (standing.decisions == 0)
    if decision in ("undecided", "decided"):
        return (standing.decisions == 0) == (decision == "undecided")
    return standing.decisions == CODES[decision] if decision else np.ones(len(catalogue), np.bool_)


def _among(catalogue: Catalogue, rows: list[int]) -> NDArray[np.bool_]:
    among = np.zeros(len(catalogue), np.bool_)
    among[rows] = True
    return among


def _order(catalogue: Catalogue, standing: Standing, query: Query) -> NDArray[np.intp]:
    if query.sort == "group":
        return catalogue.by_group
    if query.sort == "similar":
        rows = catalogue.rows_of.get(query.to)
        return np.argsort(catalogue.distances(rows[0]), kind="stable") if rows else np.arange(len(catalogue))
    if query.sort == "uncertain":
        doubt = np.where(catalogue.doubt > LEAST_DOUBT, catalogue.doubt, 0)
        return np.lexsort((standing.decisions != 0, -doubt))  # the last key counts first
    if query.sort == "size":
        return np.argsort(-catalogue.sizes[:, 0] * catalogue.sizes[:, 1], kind="stable")
    flag = query.sort.removeprefix("flag:")
    if query.sort.startswith("flag:") and flag in catalogue.flags:
        scores = catalogue.scores[:, list(catalogue.flags).index(flag)]
        return np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
    if query.sort != "file":
        raise UserError(f"sort {query.sort!r} is not known; known: {', '.join([*SORTS, *(f'flag:{name}' for name in catalogue.flags)])}")
    return np.arange(len(catalogue))
