"""SVG: a drawing, rasterised by resvg at the size needed. Nothing outside the file is ever read.

resvg has no network, but opens files that an image element names. So the text is parsed here, by expat, which reads no
external entity; what refers to elsewhere is taken out, and resvg is given the tree that is left.
"""

import io
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from PIL import Image

from pipeline.image.formats import ImageError, damage_told

__all__ = ["SVG_SIDE", "Drawing", "draw", "size_of"]

SVG_SIDE = 1024  # pixels that the longer side of an SVG counts as: it has none of its own
MAX_SIDE = 8192  # of a drawing, whatever scale is asked for
MAX_BYTES = 32_000_000
MAX_DEPTH = 200  # elements within elements; real drawings have a few dozen, and each takes of a renderer's stack
SVG = "http://www.w3.org/2000/svg"
LEFT_OUT = {"script", "foreignObject", "iframe", "audio", "video", "handler", "listener"}
OWN_PICTURE = re.compile(r"\s*data:image/(png|jpe?g|gif|webp)[;,]", re.IGNORECASE)
ELSEWHERE = re.compile(r"url\(\s*(?!['\"]?\s*#)[^)]*\)", re.IGNORECASE)
IMPORT = re.compile(r"@import[^;]*;?", re.IGNORECASE)
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|q)?\s*", re.IGNORECASE)
PER_UNIT = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "q": 96 / 101.6}  # CSS Values 4, 6.2
USUAL = (300.0, 150.0)  # CSS 2.1, 10.3.2: what has no size of its own


@dataclass(frozen=True)
class Drawing:
    """Pixels as L, LA, RGB or RGBA, and notes on what was left out."""

    picture: Image.Image
    notes: tuple[str, ...]


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, the longer `SVG_SIDE`, shaped as the drawing says. Raises ImageError."""
    return _within(_extent(_parsed(data)), SVG_SIDE)


def draw(data: bytes, scale: float) -> Drawing:
    """Rasterise at `scale` times `size_of` or a little larger, RGBA. Raises ImageError."""
    root = _parsed(data)
    left_out = _clean(root)
    extent = _extent(root)
    width, height = _within(extent, min(MAX_SIDE, max(1, math.ceil(SVG_SIDE * scale))))
    if not root.get("viewBox"):
        root.set("viewBox", f"0 0 {extent[0]:g} {extent[1]:g}")
    root.set("width", str(width))
    root.set("height", str(height))
    with damage_told("SVG data"):
        picture = _rendered(ElementTree.tostring(root, encoding="unicode"))
    picture.info = {}
    references = "1 reference" if left_out == 1 else f"{left_out} references"
    return Drawing(picture, (f"{references} to elsewhere left out",) if left_out else ())


def _rendered(text: str) -> Image.Image:
    import resvg_py  # only who has such files waits for it to load

    fonts = [str(folder) for folder in _fonts()] if "<text" in text or ":text" in text else []
    family = "DejaVu Sans"
    png = resvg_py.svg_to_bytes(
        svg_string=text, skip_system_fonts=True, font_dirs=fonts, font_family=family, serif_family=family, sans_serif_family=family,
        cursive_family=family, fantasy_family=family, monospace_family="DejaVu Sans Mono",
    )
    with Image.open(io.BytesIO(bytes(png)), formats=["PNG"]) as picture:
        return picture.convert("RGBA")


@lru_cache(1)
def _fonts() -> tuple[Path, ...]:
    """Matplotlib's own DejaVu: the same on every machine, which the system's fonts are not."""
    found = find_spec("matplotlib")  # looks, and does not import
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" if found and found.origin else None
    return (folder,) if folder and folder.is_dir() else ()


def _parsed(data: bytes) -> Element:
    """The root, its nesting judged. External entities and entities that grow without end are errors of expat's."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"an SVG of {len(data):,} bytes is more than the {MAX_BYTES:,} allowed")
    with damage_told("SVG text"):
        root, depth = None, 0
        for event, element in ElementTree.iterparse(io.BytesIO(data), ("start", "end")):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            if depth > MAX_DEPTH:
                raise ImageError(f"its elements are nested deeper than {MAX_DEPTH}")
    if root is None or _name(root) != "svg":
        raise ImageError("it is a text or web page, not an image")
    if root.tag == "svg":  # written without its namespace: whoever saved it took it out of a page
        for element in root.iter():
            if isinstance(element.tag, str) and not element.tag.startswith("{"):
                element.tag = f"{{{SVG}}}{element.tag}"
    return root


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _clean(root: Element) -> int:
    """Take out all that could lead out of the file; how many references that were."""
    count = 0
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or _name(child) in LEFT_OUT:
                _drop(parent, child)
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            plain = key.rpartition("}")[2].lower()
            if plain in ("href", "src", "base") and not _stays_inside(element, value):
                del element.attrib[key]
                count += _name(element) != "a"  # a link shows nothing of where it leads
            elif plain.startswith("on"):
                del element.attrib[key]
            elif ELSEWHERE.search(value) and not plain.endswith("href"):
                element.set(key, ELSEWHERE.sub("none", value))
                count += 1
        if _name(element) == "style" and element.text:
            element.text, imports = IMPORT.subn("", element.text)
            element.text, links = ELSEWHERE.subn("none", element.text)
            count += imports + links
    return count


def _drop(parent: Element, child: Element) -> None:
    """Without its tail, the text behind it, going too: that belongs to the parent."""
    place = list(parent).index(child)
    if child.tail:
        if place:
            before = parent[place - 1]
            before.tail = (before.tail or "") + child.tail
        else:
            parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def _stays_inside(element: Element, value: str) -> bool:
    if _name(element) in ("image", "feImage"):
        return bool(OWN_PICTURE.match(value)) or (_name(element) == "feImage" and value.strip().startswith("#"))
    return value.strip().startswith("#")


def _extent(root: Element) -> tuple[float, float]:
    """Width and height in CSS pixels, by the attributes, and where those are silent by the viewBox."""
    width, height = (_length(root.get(side, "")) for side in ("width", "height"))
    box = [_length(part) for part in re.split(r"[\s,]+", root.get("viewBox", "").strip())]
    shape = (box[2], box[3]) if len(box) == 4 and box[2] and box[3] else None
    if width and height:
        return width, height
    if shape:
        return shape
    return width or USUAL[0], height or USUAL[1]


def _length(text: str) -> float:
    """In CSS pixels; 0 where it is missing, relative (such as 100%) or no length above zero."""
    found = NUMBER.fullmatch(text)
    if not found:
        return 0.0
    length = float(found[1]) * PER_UNIT[(found[2] or "").lower()]
    return length if 0 < length < 1e9 else 0.0


def _within(extent: tuple[float, float], side: int) -> tuple[int, int]:
    longest = max(extent)
    width, height = (max(1, round(side * length / longest)) for length in extent)
    return width, height
