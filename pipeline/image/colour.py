"""Colours to sRGB, by the profile in the file: relative colorimetric with black point compensation, as browsers do it."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

__all__ = ["to_srgb"]

ALIKE = 2  # 8-bit levels by which a profile may differ from sRGB and still count as it: smaller than what JPEG does
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
KINDS = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK", "L": "GRAY", "LA": "GRAY"}
RAMP = np.arange(256, dtype=np.uint8)


def to_srgb(picture: Image.Image, icc: bytes) -> tuple[Image.Image, str]:
    """The picture (mode L, LA, RGB, RGBA, CMYK or LAB) as L, LA, RGB or RGBA in sRGB, and a note where its profile matters.

    `icc`: the profile, or b"". A picture whose profile is sRGB keeps its very pixels. An RGB or RGBA picture may be changed in
    place. A profile that is broken or of another kind is left out and noted; CMYK without one is 255 minus the inks.
    """
    if picture.mode == "LAB":
        return _applied(picture, _from_lab()), ""
    note = ""
    if icc:
        try:
            name, kind = _described(icc)
            if kind == KINDS[picture.mode] or (kind == "RGB" and picture.mode in ("L", "LA")):
                return _converted(picture, icc, kind, f"colour profile {name}")
            note = f"colour profile left out: it is of {kind} and the picture of {KINDS[picture.mode]}"
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            note = "colour profile left out: it is damaged"
    return (picture.convert("RGB") if picture.mode == "CMYK" else picture), note


def _converted(picture: Image.Image, icc: bytes, kind: str, note: str) -> tuple[Image.Image, str]:
    if picture.mode in ("L", "LA"):
        curve = _curve(icc, kind)
        if curve is None:
            return picture, ""
        if picture.mode == "L":
            return picture.point(curve), note
        grey, alpha = picture.split()
        return Image.merge("LA", (grey.point(curve), alpha)), note
    transform = _transform(icc, picture.mode)
    return (picture, "") if transform is None else (_applied(picture, transform), note)


def _applied(picture: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    if picture.mode in ("RGB", "RGBA"):
        ImageCms.applyTransform(picture, transform, inPlace=True)
        return picture
    changed = ImageCms.applyTransform(picture, transform)
    assert changed is not None  # only inPlace gives None
    return changed


@lru_cache(64)
def _described(icc: bytes) -> tuple[str, str]:
    """Its name for people, and RGB, CMYK or GRAY."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    words = "".join(c if c.isprintable() else " " for c in ImageCms.getProfileDescription(profile))
    return " ".join(words.split())[:60] or "without a name", profile.profile.xcolor_space.strip()


@lru_cache(16)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """To sRGB, or None where that changes nothing."""
    to = "RGB" if mode == "CMYK" else mode
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    transform = ImageCms.buildTransform(profile, _srgb(), mode, to, INTENT, FLAGS)
    if mode == "CMYK":
        return transform
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    colours = np.concatenate([grid, np.repeat(RAMP[None, :, None], 3, axis=2)], axis=1)
    given = Image.fromarray(colours).convert(mode)
    return None if _alike(given, _applied(given.copy(), transform)) else transform


@lru_cache(16)
def _curve(icc: bytes, kind: str) -> list[int] | None:
    """Where each of the 256 greys goes, or None where it stays."""
    mode = "L" if kind == "GRAY" else "RGB"
    ramp = Image.fromarray(RAMP[None]).convert(mode)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    exact = FLAGS | ImageCms.Flags.NOOPTIMIZE  # else LittleCMS interpolates a steep curve from few points, and darks are off by 10
    transform = ImageCms.buildTransform(profile, _srgb(), mode, "RGB", INTENT, exact)
    after = _applied(ramp.copy(), transform).getchannel("G")
    return None if _alike(ramp.convert("L"), after) else np.asarray(after)[0].tolist()


@lru_cache(1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB", INTENT, FLAGS)


@lru_cache(1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _alike(one: Image.Image, other: Image.Image) -> bool:
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max()) <= ALIKE
