"""Quality flags: one score from 0 to 1 a flag, to be seen beside a picture and never instead of a person's look.

Every measure has a unit of its own; `SCALE` says where in it the score is 0 and where it is 0.5, the natural limit. They were set on
photographs of houses, scraped logos and emoji, against the same made blurred, dark, barred and so on; tests/test_quality.py has
the clear cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline import image
from pipeline.curate.quality import file_marks, pixel_marks

__all__ = ["FLAGS", "LIMIT", "SCALE", "flagged", "measure"]

FLAGS: tuple[str, ...] = ("small", "blurry", "dark", "bright", "flat", "aspect", "text", "bars", "watermark", "screenshot", "grey",
                          "animated", "truncated", "colorspace")

LIMIT: dict[str, float] = dict.fromkeys(FLAGS, 0.5)
"""A score at or over it sets the flag."""

SCALE: dict[str, tuple[float, float]] = {
    "small": (256, 128),  # the file's shorter side, pixels
    "blurry": (0.14, 0.36),  # blur effect of the reduced picture: photographs 0.18 to 0.28, blurred by 1/160 of the height over 0.4
    "dark": (128, 64),  # the 98th percentile of luma, levels: even the brightest parts are dark
    "bright": (144, 200),  # the 2nd percentile of luma, levels: even the darkest parts are bright
    "flat": (20, 10),  # the largest standard deviation among the channels, levels
    "aspect": (1, 3),  # longer side by shorter
    "text": (0, 0.18),  # share of cells that look like text: photographs under 0.13, pages from 0.2
    "bars": (0, 0.04),  # share of a side under bars
    "watermark": (3.9, 4.8),  # how far a repetition stands out, standard deviations; 99 of 100 photographs stay under 4.8
    "screenshot": (0.6, 0.85),  # share of a side that a line crosses, where all else looks drawn
    "grey": (24, 12),  # the 99th percentile of the distance between a pixel's highest and lowest channel, levels
    "animated": (1, 1.5),  # frames in the file
    "truncated": (0, 0.05),  # share of rows that are missing; all where the file has no end
    "colorspace": (0, 0.5),  # 1 where mode or profile is not sRGB or grey
}

SCREEN = 240  # pixels: no screen's shorter side has fewer
LINE = 96  # pixels: in a smaller picture the strokes of an icon are as fine as those of letters
SEEN = 128  # alpha from which a pixel counts as seen
OPAQUE = 250  # alpha from which nothing shines through

cv2.setNumThreads(1)  # pictures are this small: the engine's processes are the parallelism


@dataclass(frozen=True)
class _View:
    """A picture as the measures need it.

    `pixels` uint8 (H, W) or (H, W, 3); `luma` uint8 (H, W), transparency over black or white, whichever is farther from what is seen;
    `small` the pixels in half the size; `seen` and `seen_small` 255 where a pixel of them counts, None where all do.
    """

    pixels: np.ndarray
    luma: np.ndarray
    small: np.ndarray
    seen: np.ndarray | None = None
    seen_small: np.ndarray | None = None


def measure(data: bytes, look: image.Reduced) -> dict[str, float]:
    """The score of every flag, 0 (certainly not) to 1 (certainly), to three decimals, in the order of FLAGS.

    `data` is the file and `look` is `image.reduced(data, 128)`: nothing is decoded again. The same picture gives the same scores.
    """
    pixels = np.asarray(look.picture)
    height, width = look.header.height, look.header.width
    missing = file_marks.missing_share(data, pixels)
    view = _view(pixels[: len(pixels) - round(missing * len(pixels))] if missing < 1 else pixels)
    values = {
        "small": min(height, width), "aspect": max(height, width) / min(height, width), "animated": look.header.frames,
        "truncated": missing, "colorspace": float(file_marks.has_foreign_colours(look.mode, look.icc)),
        **_light(view), **_marks(view, min(height, width)),
    }
    scores = {flag: _score(values[flag], *SCALE[flag]) for flag in FLAGS}
    explained = max(scores["text"], scores["screenshot"])
    scores["watermark"] *= 1 - explained if explained >= 0.5 else 1  # lines of print repeat too
    return {flag: round(score, 3) for flag, score in scores.items()}


def flagged(scores: Mapping[str, float]) -> list[str]:
    """The flags whose score is at or over its limit, in the order of FLAGS."""
    return [flag for flag in FLAGS if scores[flag] >= LIMIT[flag]]


def _score(value: float, zero: float, half: float) -> float:
    return min(1.0, max(0.0, (value - zero) / (half - zero) / 2))


def _view(pixels: np.ndarray) -> _View:
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    alpha = pixels[:, :, -1] if channels in (2, 4) else None
    opaque = pixels if alpha is None else np.ascontiguousarray(pixels[:, :, : channels - 1])
    opaque = opaque[:, :, 0] if opaque.ndim == 3 and opaque.shape[2] == 1 else opaque
    luma = cv2.cvtColor(opaque, cv2.COLOR_RGB2GRAY) if opaque.ndim == 3 else opaque
    size = (max(1, luma.shape[1] // 2), max(1, luma.shape[0] // 2))
    if alpha is None or alpha.min() >= OPAQUE:
        return _View(opaque, luma, cv2.resize(opaque, size, interpolation=cv2.INTER_LINEAR))
    seen = np.where(alpha >= min(SEEN, max(1, int(alpha.max()))), np.uint8(255), np.uint8(0))
    ground = 255 if cv2.mean(luma, seen)[0] < 128 else 0
    weight = alpha.astype(np.uint16)
    over = ((luma * weight + ground * (255 - weight) + 127) // 255).astype(np.uint8)
    nearest = cv2.INTER_NEAREST  # colours beside the outline must not mix with what is not seen
    return _View(opaque, over, cv2.resize(opaque, size, interpolation=nearest), seen, cv2.resize(seen, size, interpolation=nearest))


def _light(view: _View) -> dict[str, float]:
    """Brightness, contrast and colour, of what is seen."""
    if view.seen is not None and not view.seen.any():
        return {"dark": 255, "bright": 0, "flat": 0, "grey": 255}  # nothing to see: flat, and no colour or light to judge
    deviation = float(cv2.meanStdDev(view.small, mask=view.seen_small)[1].max())
    if view.seen is not None:
        deviation = max(deviation, float(view.seen.std()))  # an outline is something to see
    luma = view.small if view.small.ndim == 2 else cv2.cvtColor(view.small, cv2.COLOR_RGB2GRAY)
    low, high = _percentiles(luma, (0.02, 0.98), view.seen_small)
    grey = 0 if view.small.ndim == 2 else _percentiles(_chroma(view.small), (0.99,), view.seen_small)[0]
    return {"dark": high, "bright": low, "flat": deviation, "grey": grey}


def _chroma(colours: np.ndarray) -> np.ndarray:
    red, green, blue = cv2.split(colours)
    return cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))


def _percentiles(values: np.ndarray, shares: tuple[float, ...], mask: np.ndarray | None) -> list[int]:
    """For each share the lowest level with that many of the pixels at or under it."""
    counts = np.asarray(cv2.calcHist([values], [0], mask, [256], [0, 256])).ravel().cumsum(dtype=np.float64)
    return [int(np.searchsorted(counts, share * counts[-1])) for share in shares]


def _marks(view: _View, side: int) -> dict[str, float]:
    if min(view.luma.shape) < pixel_marks.LEAST:
        return {"blurry": 0, "bars": 0, "text": 0, "screenshot": 0, "watermark": 0}
    under_bars, inside = (0.0, np.s_[:, :]) if view.seen is not None else pixel_marks.bars(view.luma, view.pixels)
    content = np.ascontiguousarray(view.luma[inside])
    blur = pixel_marks.blur_effect(content)
    return {
        "blurry": blur, "bars": under_bars, "watermark": pixel_marks.repetition(content),
        "text": pixel_marks.text_share(content) if side >= LINE else 0,
        "screenshot": pixel_marks.line_across(content, blur) if side >= SCREEN and view.seen is None else 0,
    }
