"""Signs that a picture is not a plain photograph, seen in its luma: bars, text, a screen, a watermark.

All work on luma, uint8 (H, W), of a picture made small (shorter side 128 to 255 pixels); a picture with a side under `LEAST`
pixels shows none of them. The heuristics, but for the blur effect, are this project's own.
"""

import cv2
import numpy as np

__all__ = ["LEAST", "bars", "blur_effect", "line_across", "repetition", "text_share"]

LEAST = 16  # pixels of a side under which nothing here means anything
EVEN = 20  # 8-bit levels by which a bar may differ from its own colour; JPEG makes bars uneven
NARROWEST = 0.015  # share of a side that a bar has at least
BLACK = 32  # luma up to which a frame on all four sides is bars, not an object on a ground

STROKE = 24  # levels between neighbouring pixels that make an edge of a stroke, and between ink and paper
CELL = 8  # pixels a side of the cells that are text or not
NEARBY = np.ones((9, 9), np.uint8)
FAINT = 4  # levels that a window's thin grey lines have at least after the reduction

TILE = 256  # pixels a side of the middle part that is searched for repetitions
NEAR = 24  # pixels within which everything resembles itself
MARK = 8  # levels beyond which a difference counts no more
AXIS = 6  # pixels beside the axes: sidings and fences repeat straight along them, so what repeats there alone does not count

Box = tuple[slice, slice]


def blur_effect(luma: np.ndarray) -> float:
    """0 (sharp) to 1 (blurred): the share of the differences between neighbours that another blur leaves.

    Source: Crete, Dolmiere, Ladret, Nicolas, "The Blur Effect", SPIE 6492, 2007: a mean over 9 pixels, the worse of both
    directions. Differences count from 3 levels up, or the noise of an even sky would decide. 0 where nothing differs.
    """
    effects = []
    for kernel, ahead, behind in (((1, 9), np.s_[1:], np.s_[:-1]), ((9, 1), np.s_[:, 1:], np.s_[:, :-1])):
        soft = cv2.blur(luma, kernel)
        differences = cv2.absdiff(luma[ahead], luma[behind])
        steps = cv2.subtract(differences, _at_most(differences, 2))
        lost = cv2.subtract(steps, cv2.absdiff(soft[ahead], soft[behind]))
        total = cv2.sumElems(steps)[0]
        effects.append((total - cv2.sumElems(lost)[0]) / total if total else 0.0)
    return max(effects)


def bars(luma: np.ndarray, colours: np.ndarray) -> tuple[float, Box]:
    """(share of a side under even bars at two opposite sides, the part of the picture inside them).

    `colours` is the same picture, uint8 (H, W) or (H, W, 3). Just inside a bar the lines are mostly of other colours; where they are still
    mostly of the bar's, it is a ground around an object. Stripes of a flag end at another even line: so may black bars, others not. Bars on
    all four sides count where they are black.
    """
    height, width = luma.shape
    whole = (slice(0, height), slice(0, width))
    top, bottom, level = _pair(luma.min(1), luma.max(1))
    left, right, upright = _pair(luma.min(0), luma.max(0))
    black = max(luma[0, 0], luma[-1, -1]) <= BLACK
    if not (level or upright) or (level and upright and not black):
        return 0.0, whole
    inside = (slice(top, height - bottom) if level else whole[0], slice(left, width - right) if upright else whole[1])
    content = colours[inside].astype(np.int16)
    depth = min(luma.shape) // 32  # the edge of a bar is soft in a picture that was enlarged
    ends = [content[depth], content[-1 - depth]] * level + [content[:, depth], content[:, -1 - depth]] * upright
    grounds = [_share_near(line, colours[0, 0]) > 0.5 for line in ends]
    even = [_share_near(line, np.median(line, 0)) > 0.98 for line in ends]
    if any(grounds) or (all(even) and not black):
        return 0.0, whole
    return max((top + bottom) / height * level, (left + right) / width * upright), inside


def _share_near(line: np.ndarray, colour: np.ndarray) -> float:
    """Share of a line's pixels, (N,) or (N, C), that are nearly of a colour."""
    return float((np.abs(line - colour.astype(np.int16)).reshape(len(line), -1).max(1) <= EVEN).mean())


def _pair(low: np.ndarray, high: np.ndarray) -> tuple[int, int, bool]:
    """Even lines from each end, by the lowest and highest luma of every line, and whether they are a pair of bars."""
    first, last = _even(low, high), _even(low[::-1], high[::-1])
    same = abs(int(low[0]) - int(low[-1])) <= EVEN
    wide = min(first, last) >= max(2, NARROWEST * len(low)) and len(low) - first - last >= LEAST
    return first, last, bool(same and wide)


def _even(low: np.ndarray, high: np.ndarray) -> int:
    level = (int(low[0]) + int(high[0])) // 2
    other = (low < level - EVEN // 2) | (high > level + EVEN // 2)
    return int(other.argmax()) if other.any() else len(low)


def text_share(luma: np.ndarray) -> float:
    """Share of the picture's cells of 8 x 8 pixels that look like text, on bright paper or on dark.

    A cell does where strokes both begin and end in it, and a third of it is paper: like the brightest pixel nearby, or the darkest. Leaves
    and grass have strokes too, but hardly two pixels of one brightness between them.
    """
    size = ((luma.shape[1] - 1) // CELL, luma.shape[0] // CELL)
    begin = _over(cv2.subtract(luma[:, :-1], luma[:, 1:]), size)
    end = _over(cv2.subtract(luma[:, 1:], luma[:, :-1]), size)
    strokes = np.minimum(begin, end) > 0.06
    if not strokes.any():
        return 0.0
    shares = []
    for ink in (cv2.subtract(cv2.dilate(luma, NEARBY), luma), cv2.subtract(luma, cv2.erode(luma, NEARBY))):
        share = _over(ink, size)
        shares.append(float((strokes & (share > 0.05) & (share < 0.7)).mean()))
    return max(shares)


def _over(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Share of each cell's pixels that are over `STROKE`, float (rows, columns)."""
    over = cv2.threshold(values[: size[1] * CELL, : size[0] * CELL], STROKE, 255, cv2.THRESH_BINARY)[1]
    return cv2.resize(over, size, interpolation=cv2.INTER_AREA) / 255


def line_across(luma: np.ndarray, blur: float) -> float:
    """Share of the picture's width or height that its longest upright or level line crosses, where all else looks drawn by a program.

    A window has a toolbar, a column or a table from side to side; a photograph may too, so the share is less by as much as
    the four commonest levels cover less than 35 % of the picture, less than 32 % of the edges run along an axis, or it is not crisp.
    """
    across, down = cv2.absdiff(luma[:-1, 1:], luma[:-1, :-1]), cv2.absdiff(luma[1:, :-1], luma[:-1, :-1])
    levels = np.sort(np.asarray(cv2.calcHist([luma], [0], None, [256], [0, 256])).ravel())
    common = float(levels[-4:].sum()) / luma.size
    most, least = cv2.max(across, down), cv2.min(across, down)
    twice = cv2.add(least, least)
    edges, straight = _count(most, STROKE), _count(cv2.subtract(most, cv2.add(twice, twice)), STROKE)
    level = cv2.reduce(cv2.threshold(cv2.subtract(down, across), FAINT, 255, cv2.THRESH_BINARY)[1], 1, cv2.REDUCE_AVG)
    upright = cv2.reduce(cv2.threshold(cv2.subtract(across, down), FAINT, 255, cv2.THRESH_BINARY)[1], 0, cv2.REDUCE_AVG)
    drawn = min(1.0, common / 0.35) * min(1.0, straight / max(1, edges) / 0.32) * min(1.0, 0.25 / max(blur, 0.01))
    return float(max(level.max(), upright.max())) / 255 * drawn


def _count(values: np.ndarray, over: int) -> int:
    return int(cv2.countNonZero(cv2.threshold(values, over, 255, cv2.THRESH_BINARY)[1]))


def repetition(luma: np.ndarray) -> float:
    """How far the strongest repetition of fine marks stands out, in standard deviations of its row of the autocorrelation.

    Of the middle of the picture: luma less its mean over 5 x 5 pixels, limited to `MARK` levels, so that a faint mark weighs as much as a
    strong edge; its autocorrelation by the theorem of Wiener and Khinchin, of the amplitude instead of the power, which sharpens the
    peaks. So a mark is found that is there about three times each way, and a mark alone never is. Where less than a third of the
    picture has anything fine the result is less in proportion: two edges always resemble each other.
    """
    height, width = (min(TILE, side) // 32 * 32 for side in luma.shape)  # sizes that the transform is quick with
    if min(height, width) < 4 * NEAR:
        return 0.0
    top, left = (luma.shape[0] - height) // 2, (luma.shape[1] - width) // 2
    part = luma[top : top + height, left : left + width]
    soft = cv2.blur(part, (5, 5))
    fine = _at_most(cv2.subtract(part, soft), MARK) + np.uint8(MARK) - _at_most(cv2.subtract(soft, part), MARK)
    busy = 1 - cv2.countNonZero(cv2.inRange(fine, MARK - 1, MARK + 1)) / fine.size
    waves = fine.astype(np.float32)
    waves -= MARK
    cv2.dft(waves, waves)
    cv2.mulSpectrums(waves, waves, 0, waves, conjB=True)
    np.maximum(waves, 0, out=waves)
    cv2.sqrt(waves, waves)
    likeness = cv2.idft(waves, waves)[AXIS + 1 : height // 2, AXIS + 1 : width - AXIS]  # the other half is the same
    likeness -= likeness.mean(1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", likeness, likeness) / likeness.shape[1])
    likeness[: NEAR - AXIS, : NEAR - AXIS] = likeness[: NEAR - AXIS, AXIS - NEAR :] = 0
    return float((likeness.max(1) / np.maximum(spread, 1e-6)).max()) * min(1.0, 3 * busy)


def _at_most(values: np.ndarray, level: int) -> np.ndarray:
    return cv2.threshold(values, level, 0, cv2.THRESH_TRUNC)[1]
