"""A sheet to judge by someone without the repository: one HTML file with thumbnails, keys and a download of decisions."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from pipeline.curate.decisions.decision import REASONS
from pipeline.curate.review.desk import Desk, Project
from pipeline.curate.review.listing import Query
from pipeline.errors import UserError

__all__ = ["write_sheet"]

SIDE, QUALITY = 200, 75  # about 6 kB an image
MOST = 20_000  # images; more is over a hundred megabytes, which neither mail nor a phone's browser takes
BATCH = 200


def write_sheet(path: Path, project: Project, class_name: str | None, undecided_only: bool) -> int:
    """Write the kept images of one class, or of all, as a sheet; returns how many.

    What was said before is not told, so that the sheet's words are its reader's own; a crop box drawn before goes along.
    Raises UserError where the class is not in the project, there are too many images, or the file cannot be written.
    """
    if class_name is not None and class_name not in project.titles:
        raise UserError(f"there is no class {class_name!r}; the project has {', '.join(project.titles)}")
    desk = Desk(project)
    query = Query(**{"class": class_name or "", "decision": "undecided" if undecided_only else ""})
    numbers = desk.listed(query).tolist()
    if len(numbers) > MOST:
        raise UserError(f"{len(numbers):,} images are too many for one sheet, which holds {MOST:,}; name a class, or take the undecided")
    rows = [desk.rows(numbers[start : start + BATCH]) for start in range(0, len(numbers), BATCH)]
    title = project.titles[class_name] if class_name else "All classes"
    try:
        _write(path, title, class_name or "all", [row for batch in rows for row in batch], desk)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); name another file") from None
    return len(numbers)


def _write(path: Path, title: str, name: str, rows: Sequence[dict[str, Any]], desk: Desk) -> None:
    folder = resources.files(__package__)
    page, style, script = (folder.joinpath(f"sheet.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    about = {
        "key": hashlib.sha256(" ".join(row["id"] for row in rows).encode()).hexdigest()[:16],  # the same images, the same sheet
        "reasons": list(REASONS), "classes": len({row["class"] for row in rows}), "file": f"decisions-{name}.csv",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        Environment(autoescape=True).from_string(page).stream(
            title=title, about=about, images=_images(rows, desk), style=Markup(style), script=Markup(script),  # our own files, not data
            style_hash=_hash(style), script_hash=_hash(script),
        ).dump(str(part), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _images(rows: Sequence[dict[str, Any]], desk: Desk) -> Iterator[dict[str, Any]]:
    """What the sheet knows of each image, made a batch at a time so that no more than that is in memory."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            for row, shown in zip(batch, pool.map(lambda row: desk.shower.reduced(row["path"], SIDE, QUALITY), batch), strict=True):
                names = ("id", "class", "title", "width", "height", "license", "license_url", "creator", "source")
                yield {
                    **{name: row[name] for name in names}, "class_title": desk.project.titles.get(row["class"], row["class"]),
                    "link": row["page_url"] or row["image_url"], "flags": " ".join(row["flags"]), "crop": row["state"]["crop"],
                    "thumb": f"data:{shown.media_type};base64,{base64.b64encode(shown.data).decode()}",
                }


def _hash(text: str) -> str:
    """As Content-Security-Policy names an inline script or style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
