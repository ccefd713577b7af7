"""Which part of each image is used: a box, never pixels. A box that a person drew wins over every rule."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import bounded, files, image, params
from pipeline.identity import code_of, digest
from pipeline.item import Item, Rejection, read_index, write_index, write_rejections
from pipeline.memory import Memory
from pipeline.prepare.boxes import faces
from pipeline.prepare.boxes.attention import attended
from pipeline.prepare.boxes.geometry import Box, Target, box_text, centered, enlargement, from_shares, grown, left_half, scaled
from pipeline.prepare.boxes.sheet import boxes_sheet
from pipeline.prepare.boxes.trim import trimmed

__all__ = ["Chosen", "Crop", "crop"]

LOOK = 512  # pixels on the shorter side from which a picture is judged; files that can be read smaller are
AT_A_TIME = 1024  # images after which what was learned is kept, so that a kill costs little


@dataclass(frozen=True)
class Chosen:
    """The box of one image, by what it was chosen ("trim+smart"), the room that it may grow into, the image's size (width, height)
    upright, notes of its decoding."""

    box: Box
    by: str
    room: Box
    size: tuple[int, int]
    notes: str = ""


@dataclass(frozen=True)
class Crop:
    """The work of choosing one image's box by rule; an unreadable image gives its reason instead.

    `sheet`: the image holds two pictures side by side; the box lies in the left one and is chosen by it alone. `finder`: what
    finds faces, so that another version of it looks again.
    """

    mode: str
    aspect: float
    trim: bool
    tolerance: int = 24
    sheet: bool = False
    finder: str = ""

    def __call__(self, path: Path) -> Chosen | str:
        """From the image's file to its box. A large JPEG is read small, and in full only where something is to be trimmed."""
        data = path.read_bytes()
        try:
            header = image.read_header(data)
            seen = self._of_one(image.decoded(data, min(1.0, LOOK / min(header.width, header.height))))
            whole: Box = (0, 0, *seen.picture.size)
            content, room = trimmed(seen.picture, self.tolerance) if self.trim else (whole, whole)
            if content != whole and seen.shrink > 1:
                seen = self._of_one(image.decoded(data))
                whole = (0, 0, *seen.picture.size)
                content, room = trimmed(seen.picture, self.tolerance)
        except image.ImageError as error:
            return str(error)
        one = left_half(seen.size) if self.sheet else (0, 0, *seen.size)
        cut = content != whole
        content, room = (content, room) if cut else (one, one)
        box, by = self._chosen(_small(seen), content, room)
        return Chosen(box, f"trim+{by}" if cut else by, room, seen.size, "; ".join(seen.notes))

    def _of_one(self, seen: image.Decoded) -> image.Decoded:
        """The same with half A alone, where the image is a sheet."""
        if not self.sheet:
            return seen
        width = max(1, int(left_half(seen.size)[2] / seen.shrink))
        return image.Decoded(seen.picture.crop((0, 0, width, seen.picture.height)), seen.size, seen.shrink, seen.notes)

    def _chosen(self, seen: image.Decoded, content: Box, room: Box) -> tuple[Box, str]:
        """(box, why) in pixels of the full size, as content and room are."""
        if self.mode == "none":
            return content, "none"
        if self.mode == "faces":
            face = faces.largest_face(seen.picture)
            if face:
                return faces.framed(scaled(face, seen.shrink, room), room, self.aspect), "faces"
        box = centered(content, room, self.aspect)
        if self.mode == "center":
            return box, "center"
        left, top, width, height = scaled(content, 1 / seen.shrink, (0, 0, *seen.picture.size))
        return attended(box, content, seen.picture.crop((left, top, left + width, top + height))), "smart"


def _small(seen: image.Decoded) -> image.Decoded:
    """The same with a picture of LOOK to 2 * LOOK pixels on the shorter side, where it was larger."""
    factor = min(seen.picture.size) // LOOK
    return image.Decoded(seen.picture.reduce(factor), seen.size, seen.shrink * factor, seen.notes) if factor > 1 else seen


def crop(
    raw: Path, curated: Path, out: Path, memory: Path | None, settings: params.Params, engine: str = "local", workers: int = 0
) -> tuple[int, int]:
    """Write an index.csv with a box for each curated image, a rejected.csv, and boxes.png, a sheet with the boxes drawn.

    Adds the columns `box` (left,top,width,height in pixels of the upright image), `box_by` and `notes`; returns (boxes, rejected).
    `memory` is the file in which what was seen is remembered, so that no image is looked at twice. A box that a person drew is
    used as it is, however much it is enlarged.
    """
    items = read_index(curated / "index.csv")
    work = _work(settings)
    with Memory(memory) as remembered:
        learned = _learned(items, raw, work, remembered, engine, workers)
        outcomes = [_judged(item, learned[item.id], settings) for item in items]
        done = [outcome for outcome in outcomes if isinstance(outcome, Item)]
        sheet = boxes_sheet(done, raw, remembered, settings.pair.on_sheets, engine, workers)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
    out.mkdir(parents=True, exist_ok=True)
    write_index(out / "index.csv", done)
    write_rejections(out / "rejected.csv", failed)
    files.put(out / "boxes.png", image.encode_png(sheet))
    return len(done), len(failed)


def _work(settings: params.Params) -> Crop:
    given = settings.crop
    finder = faces.finder() if given.mode == "faces" else ""
    return Crop(given.mode, given.aspect, given.trim, given.tolerance, settings.pair.on_sheets, finder)


def _target(settings: params.Params) -> Target:
    return Target(settings.resize.width_height, settings.resize.fit, settings.crop.max_upscale)


def _learned(items: Sequence[Item], raw: Path, work: Crop, remembered: Memory, engine: str, workers: int) -> dict[str, Chosen | str]:
    """What the work says of each image, by id: remembered, or found out now and remembered, unless it was a worker that failed."""
    code = digest(f"{work!r}\n{code_of(Crop)}".encode())
    learned = {id_: _read(data) for id_, data in remembered.recall(code, (item.id for item in items)).items()}
    new = [item for item in items if item.id not in learned]
    for start in range(0, len(new), AT_A_TIME):
        some = new[start : start + AT_A_TIME]
        results = bounded.run(work, [raw / item.path for item in some], engine, workers)
        found = [(item.id, result) for item, result in zip(some, results, strict=True)]
        remembered.keep(code, [(id_, _written(result)) for id_, result in found if not isinstance(result, bounded.Lost)])
        learned |= {id_: result.reason if isinstance(result, bounded.Lost) else result for id_, result in found}
    return learned


def _written(result: Chosen | str) -> bytes:
    return json.dumps(result if isinstance(result, str) else asdict(result)).encode()


def _read(data: bytes) -> Chosen | str:
    found = json.loads(data)
    if isinstance(found, str):
        return found
    return Chosen(_box(found["box"]), found["by"], _box(found["room"]), (found["size"][0], found["size"][1]), found["notes"])


def _box(numbers: Sequence[int]) -> Box:
    left, top, width, height = numbers
    return left, top, width, height


def _judged(item: Item, found: Chosen | str, settings: params.Params) -> Item | Rejection:
    """The item with its box; or why it has none."""
    if isinstance(found, str):
        return Rejection(item.id, item.class_, "unreadable", found)
    drawn = item.more.get("crop", "")
    if drawn:
        return item.with_more(box=box_text(from_shares(drawn, found.size, settings.pair.on_sheets)), box_by="person", notes=found.notes)
    box, target = found.box, _target(settings)
    if target.times and settings.crop.mode != "none":
        box = grown(box, target.least(), found.room)
    times = enlargement(box[2:], target)
    if 0 < target.times < times:
        detail = (f"{box[2]}x{box[3]} pixels would be enlarged {times:.2f} times to {target.size[0]}x{target.size[1]}, "
                  f"more than the {target.times:g} times that crop.max_upscale allows")
        return Rejection(item.id, item.class_, "max_upscale", detail)
    return item.with_more(box=box_text(box), box_by=found.by, notes=found.notes)
