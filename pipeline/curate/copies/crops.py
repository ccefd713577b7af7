"""Is one picture a part of another, or the same a little turned? Found by sliding it over, then by fitting it.

Photographs of one kind share their layout, sky over house over lawn, so a high correlation of brightness proves nothing. What
counts is the correlation of the detail that is left when the broad shapes are taken off.
"""

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["Fit", "detail", "find_part", "luma_of", "tint_apart"]

STEP = 0.955  # from one size tried to the next: an edge at the rim is then off by a pixel of a thumbnail at most
ROUGH_SIZES = STEP ** (3 * np.arange(5))  # at half resolution, of the largest that fits; a part with 20 % cut off each side has 0.6
WORTH_A_LOOK, WORTH_FITTING = 0.45, 0.58  # correlations at half and at full size from which on it goes on
LEAST_FIT = 0.88
SHEAR = 0.12  # of the fitted map: beyond this it is no crop, resize or small turn
ROUNDS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 1e-3)
DETAIL_SIGMA = 1.5  # pixels of a thumbnail
GREY_TINT = 1.5  # mean tint of a picture that counts as grey, 8-bit levels
PLACE = 7  # pixels of a place
LEAST_POWER, AGREEING = 0.2, 0.4  # of the mean power of the detail, to be a place with detail; the correlation of one that agrees


@dataclass(frozen=True)
class Fit:
    """How one of two pictures lies in the other.

    `part`: 0 or 1, which one is the part; `correlation` of the detail, 0..1, where both overlap, and the share of `agreeing` places;
    `share` of the whole's area that the part shows; `local`, `broad`: the largest difference of the mean colour in 3 x 3 and 6 x 6
    places, 8-bit levels; `tint`: see `tint_apart`.
    """

    part: int
    correlation: float
    agreeing: float
    share: float
    local: float
    broad: float
    tint: float


def find_part(one: np.ndarray, other: np.ndarray) -> Fit | None:
    """Look for one of two pictures in the other, both RGB thumbnails uint8 (H, W, 3) with square pixels; None if it is not there.

    The fit is Evangelidis and Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient", 2008.
    """
    pair = ((one, luma_of(one)), (other, luma_of(other)))
    place = _slide(pair[0][1], pair[1][1])
    if place is None:
        return None
    part_number, scale, x, y = place
    (part, wanted), (whole, luma) = pair[part_number], pair[1 - part_number]
    start = np.array([[scale, 0, x + (scale - 1) / 2], [0, scale, y + (scale - 1) / 2]], np.float32)
    try:
        fit, affine = cv2.findTransformECC(wanted, luma, start, cv2.MOTION_AFFINE, ROUNDS, None, 1)  # type: ignore[call-overload]
    except cv2.error:  # it does not converge: they are two pictures
        return None
    linear = affine[:, :2]
    if fit < LEAST_FIT or not _is_plain(linear):
        return None
    height, width = wanted.shape
    found = cv2.warpAffine(whole, affine, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                           borderMode=cv2.BORDER_REPLICATE)
    correlation, agreeing = detail(luma_of(found)[2:-2, 2:-2], wanted[2:-2, 2:-2])
    difference = (found.astype(np.float32) - part)[1:-1, 1:-1]
    local, broad = (float(np.abs(cv2.blur(difference, (side, side))).max()) for side in (3, 6))
    share = abs(float(np.linalg.det(linear))) * wanted.size / luma.size
    return Fit(part_number, correlation, agreeing, share, local, broad, tint_apart(found[1:-1, 1:-1], part[1:-1, 1:-1]))


def detail(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How far two float32 pictures (H, W) of one size agree after their broad shapes are taken off: (correlation, share).

    `correlation`, -1..1, over the whole; `share`, 0..1, of the places with any detail in which it agrees with the other's there.
    """
    a, b = (each - cv2.GaussianBlur(each, (0, 0), DETAIL_SIGMA) for each in (one, other))
    a, b = a - a.mean(), b - b.mean()
    together, own, others = (cv2.blur(product, (PLACE, PLACE)) for product in (a * b, a * a, b * b))
    correlation = float(together.mean() / np.sqrt(own.mean() * others.mean() + 1e-6))
    power = np.sqrt(own * others) + 1e-6
    detailed = np.maximum(own / (own.mean() + 1e-6), others / (others.mean() + 1e-6)) > LEAST_POWER
    agreeing = together > AGREEING * power
    return correlation, float(agreeing[detailed].mean()) if detailed.any() else 1.0


def tint_apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of tint of two RGB pictures uint8 (H, W, 3) in any 6 x 6 place, 8-bit levels of Cr and Cb;
    0 if one of them is grey."""
    tints = [cv2.cvtColor(each, cv2.COLOR_RGB2YCrCb)[:, :, 1:].astype(np.float32) - 128 for each in (one, other)]
    if min(np.abs(tint).mean() for tint in tints) < GREY_TINT:
        return 0.0
    return float(np.abs(cv2.blur(tints[0] - tints[1], (6, 6))).max())


def luma_of(rgb: np.ndarray) -> np.ndarray:
    """Brightness, float32 (H, W), 0..255."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _slide(one: np.ndarray, other: np.ndarray) -> tuple[int, float, int, int] | None:
    """(which of the two is the part, size of its pixel in the whole, x, y): all sizes at half resolution, the best at the full."""
    full = one, other
    half = [cv2.resize(each, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for each in full]
    tried = []
    for part in (0, 1):
        largest = min(side / inner for side, inner in zip(full[1 - part].shape, full[part].shape, strict=True))
        scales = largest * ROUGH_SIZES
        tried += [(_best_place(half[1 - part], half[part], scale)[0], part, float(scale)) for scale in scales]
    score, part, scale = max(tried)
    if score < WORTH_A_LOOK:
        return None
    places = [(*_best_place(full[1 - part], full[part], near), near) for near in (scale / STEP, scale, scale * STEP)]
    score, x, y, scale = max(places)
    return (part, scale, x, y) if score >= WORTH_FITTING else None


def _best_place(whole: np.ndarray, part: np.ndarray, scale: float) -> tuple[float, int, int]:
    height, width = whole.shape
    size = min(width, max(6, round(part.shape[1] * scale))), min(height, max(6, round(part.shape[0] * scale)))
    template = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(whole, template, cv2.TM_CCOEFF_NORMED))
    return score, x, y


def _is_plain(linear: np.ndarray) -> bool:
    """Whether a 2 x 2 map is about a uniform scaling with a small turn."""
    scale = np.sqrt(abs(np.linalg.det(linear)))
    if scale < 0.2 or scale > 2:
        return False
    a, b, c, d = (linear / scale).ravel()
    return bool(abs(a - d) < SHEAR and abs(b + c) < SHEAR and abs(b) < SHEAR and a > 0)
