"""Albumentations by name: looked up, checked and applied. Imported only where an entry asks for it.

A transform that moves pixels (its DualTransform) does the same to everything it is given; one that changes colours is given one
picture. What needs more than a picture (boxes, masks, other images, fonts, functions) cannot be used, and says so.
"""

import difflib
import inspect
import json
import os
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from pipeline.image import ImageError

__all__ = ["Problem", "Transform", "apply", "tried", "version"]

NEEDS = {
    **dict.fromkeys(("AtLeastOneBBoxRandomCrop", "BBoxSafeRandomCrop", "RandomCropNearBBox", "RandomSizedBBoxSafeCrop"), "bounding boxes"),
    **dict.fromkeys(("ConstrainedCoarseDropout", "CropNonEmptyMaskIfExists", "MaskDropout"), "a mask of each image"),
    **dict.fromkeys(("FDA", "HistogramMatching", "MixUp", "Mosaic", "OverlayElements", "PixelDistributionAdaptation",
                     "TemplateTransform"), "further images"),
    "TextImage": "a font and texts", "Lambda": "functions",
}
BASES = ("BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D")


class Problem(ValueError):
    """This transform cannot be used as it is written; the message says why and what is allowed."""


@dataclass(frozen=True)
class Transform:
    """One transform: its name in Albumentations, and its arguments as compact JSON."""

    name: str
    arguments: str = "{}"

    @property
    def spatial(self) -> bool:
        """Whether it moves pixels, and so must do the same to both halves of a pair."""
        return issubclass(_kind(self.name), _library().DualTransform)

    @property
    def random(self) -> bool:
        """Whether it gives another picture each time; told of all alike."""
        return True


def version() -> str:
    """Of the library, for what an output depends on."""
    return str(_library().__version__)


def tried(transform: Transform, picture: np.ndarray) -> np.ndarray:
    """Make the transform and see what becomes of uint8 (H, W, 3). Raises Problem, one sentence."""
    made = _made(transform)
    made.set_random_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", UserWarning)  # such as "do not apply": it would do nothing, again and again
            result = made(image=picture)["image"]
    except Exception as error:  # whatever a library of 120 transforms raises is a fact about the entry
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise Problem(f"{transform.name} does not work on a picture of {size} pixels: {_line(error)}") from None
    if not isinstance(result, np.ndarray) or result.dtype != np.uint8 or result.shape[2:] != (3,):
        raise Problem(f"{transform.name} gives numbers that are no 8-bit colours, as an image file holds them; leave it out")
    return result


def apply(pictures: Sequence[np.ndarray], transform: Transform, seed: int) -> list[np.ndarray]:
    """uint8 pictures, each (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), through one transform drawn once. Raises ImageError.

    Several pictures need a spatial transform. Grey is shown to it as RGB and made grey again. Alpha moves with the pixels,
    and weighs their colours; a transform of colours leaves it alone.
    """
    made, colors, alphas = _made(transform), [], []
    for picture in pictures:
        color, alpha = _split(picture)
        colors.append(_premultiplied(color, alpha) if transform.spatial else color)
        alphas.append(np.repeat(alpha[:, :, None], 3, axis=2) if alpha is not None and transform.spatial else None)
    names = {f"color{n}": color for n, color in enumerate(colors)} | {f"alpha{n}": a for n, a in enumerate(alphas) if a is not None}
    made.add_targets(dict.fromkeys((name for name in names if name != "color0"), "image"))
    made.set_random_seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            moved = made(image=names.pop("color0"), **names)
    except Exception as error:  # as in check(): the library's own, of any kind, about one picture
        raise ImageError(f"{transform.name}: {_line(error)}") from error
    results = []
    for number, picture in enumerate(pictures):
        color = moved["image" if number == 0 else f"color{number}"]
        alpha = moved[f"alpha{number}"][:, :, 0] if alphas[number] is not None else _split(picture)[1]
        results.append(_joined(color, alpha, transform.spatial, grey=picture.ndim == 2 or picture.shape[2] == 2))
    return results


def _split(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(RGB, alpha or None)."""
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    alpha = picture[:, :, -1] if channels in (2, 4) else None
    if channels > 2:
        return np.ascontiguousarray(picture[:, :, :3]), alpha
    grey = picture if channels == 1 else picture[:, :, 0]
    return np.repeat(grey[:, :, None], 3, axis=2), alpha


def _premultiplied(color: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    if alpha is None:
        return color
    return ((color.astype(np.uint16) * alpha[:, :, None] + 127) // 255).astype(np.uint8)


def _joined(color: np.ndarray, alpha: np.ndarray | None, premultiplied: bool, grey: bool) -> np.ndarray:
    if alpha is not None and premultiplied:
        weight = np.maximum(alpha[:, :, None].astype(np.int32), 1)
        color = ((color.astype(np.int32) * 255 + weight // 2) // weight).clip(0, 255).astype(np.uint8)
    if grey:
        luma = color.astype(np.int32) @ np.array([19595, 38470, 7471])  # ITU-R 601 in 1/65536, as Pillow has it
        color = ((luma + 32768) >> 16).astype(np.uint8)
    if alpha is None:
        return color
    return np.dstack([color, alpha])


@cache
def _library() -> ModuleType:
    """Albumentations, which must not ask the network for a newer version of itself, and need not load PyTorch."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    without = "albumentations.pytorch"
    already = sys.modules.get(without)
    if already is None:
        sys.modules[without] = None  # type: ignore[assignment]  # an import of it fails, which the library allows for
    try:
        import albumentations  # type: ignore[import-untyped]
    except ImportError:
        raise Problem("Albumentations is not installed; run `make setup`") from None
    finally:
        if already is None:
            del sys.modules[without]
    return albumentations


@cache
def _names() -> dict[str, type]:
    """The transforms of pictures, by name."""
    library = _library()
    public = {name: value for name, value in vars(library).items() if isinstance(value, type) and name not in BASES}
    return {name: kind for name, kind in public.items()
            if issubclass(kind, library.BasicTransform) and not issubclass(kind, library.Transform3D)}


def _kind(name: str) -> Any:
    if name in NEEDS:
        raise Problem(f"{name} needs {NEEDS[name]}, which Darkroom does not have")
    if name not in _names():
        same = {known.lower(): known for known in _names()}
        close = difflib.get_close_matches(name.lower(), same, 2, 0.75)
        near = f"did you mean {' or '.join(same[one] for one in close)}?" if close else \
            f"there are {', '.join(sorted(set(_names()) - set(NEEDS)))}"
        raise Problem(f"Albumentations {version()} has no transform {name} for pictures; {near}")
    return _names()[name]


@cache
def _made(transform: Transform) -> Any:
    """The library's object. Raises Problem for arguments that it does not take."""
    kind = _kind(transform.name)
    arguments = {name: _tuples(value) for name, value in json.loads(transform.arguments).items()}
    allowed = {name: parameter for name, parameter in inspect.signature(kind.__init__).parameters.items() if name not in ("self", "strict")}
    unknown = [name for name in arguments if name not in allowed]
    if unknown:
        close = difflib.get_close_matches(unknown[0], allowed, 1)
        raise Problem(f"{transform.name} has no argument {', '.join(unknown)}; {f'did you mean {close[0]}? ' if close else ''}"
                      f"it takes {_signature(allowed)}")
    strict = {"strict": True} if kind.__init__.__code__.co_flags & inspect.CO_VARKEYWORDS else {}
    try:
        with warnings.catch_warnings():
            # Where it can be strict, what is invalid raises, and it only warns of slow ones and of other names
            warnings.simplefilter("ignore" if strict else "error")
            made = kind(**{"p": 1.0, **strict, **arguments})
    except Exception as error:  # pydantic's, the library's own, or Python's about a wrong type
        raise Problem(f"{transform.name} cannot be made: {_line(error)}; it takes {_signature(allowed)}") from None
    if made.targets_as_params:
        raise Problem(f"{transform.name} needs {', '.join(made.targets_as_params)}, which Darkroom does not have")
    return made


def _tuples(value: Any) -> Any:
    """Lists as tuples: what the library's types call for, and its lists accept."""
    if isinstance(value, list):
        return tuple(_tuples(part) for part in value)
    return {name: _tuples(part) for name, part in value.items()} if isinstance(value, dict) else value


def _signature(allowed: dict[str, inspect.Parameter]) -> str:
    return ", ".join(name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
                     for name, parameter in allowed.items() if name != "p") + ("" if len(allowed) == 1 else ", ") + "p=1.0"


def _line(error: Exception) -> str:
    """An exception as part of a sentence; pydantic's by field."""
    found = getattr(error, "errors", None) or getattr(error.__cause__, "errors", None)
    if callable(found):
        return "; ".join(": ".join([*map(str, one["loc"][:1]), _lowered(one["msg"])]) for one in found())
    return _lowered(" ".join(str(error).split())) or type(error).__name__


def _lowered(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:] if re.match("[A-Z][a-z]* ", text) else text
