"""How the samples came to be, as an animated GIF that is small enough for a README."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from pipeline.sheet import captioned

__all__ = ["evolution"]

FRAMES = 40  # at most
LIMITS = (560, 500, 450, 400, 360, 320, 280, 240, 160)  # sides of the square that the samples must fit into, largest first
COLORS = 160
LENGTH, HELD = 5000, 2000  # milliseconds: of the whole before the last frame, and of that


def evolution(moments: Sequence[tuple[float, np.ndarray]], drawn: Callable[[np.ndarray, int], Image.Image], most: int = 1_000_000) -> bytes:
    """A GIF of (kimg, samples) in order, the kimg below each; `drawn` makes a picture of samples that fits into so many pixels.

    Of many moments some are shown, evenly spread, the first and the last among them. Where the file would have more bytes than `most`,
    fewer samples are shown. The same moments give the same bytes.
    """
    places = np.unique(np.linspace(0, len(moments) - 1, min(FRAMES, len(moments))).round().astype(int))
    shown = [moments[place] for place in places]
    digits = 2 if shown[-1][0] < 5 else 1 if shown[-1][0] < 100 else 0
    made = b""
    for limit in LIMITS:
        made = _gif([captioned(drawn(samples, limit), f"{kimg:.{digits}f} kimg") for kimg, samples in shown])
        if len(made) <= most:
            break
    return made


def _gif(frames: list[Image.Image]) -> bytes:
    palette = _montage([frames[0], frames[len(frames) // 2], frames[-1]]).quantize(COLORS, Image.Quantize.MEDIANCUT)
    few = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]  # dithering flickers, and does not compress
    each = min(400, max(100, LENGTH // len(frames) // 10 * 10))
    file = io.BytesIO()
    few[0].save(file, "gif", save_all=True, append_images=few[1:], duration=[each] * (len(few) - 1) + [HELD], loop=0)
    return file.getvalue()


def _montage(frames: list[Image.Image]) -> Image.Image:
    page = Image.new("RGB", (frames[0].width, sum(frame.height for frame in frames)))
    for number, frame in enumerate(frames):
        page.paste(frame, (0, number * frame.height))
    return page
