"""What decoding a file gives and costs, told by the process that did it."""

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline import image


@dataclass(frozen=True)
class Examined:
    """Of one file: its reason, or mode and size of its pixels and the notes; seconds, and bytes resident at the peak (0: unknown)."""

    reason: str
    mode: str = ""
    size: tuple[int, int] = (0, 0)
    full: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    peak: int = 0


@dataclass(frozen=True)
class Examine:
    """Header, full size, a quarter and a thumbnail of one file; where `shown` is a folder the thumbnail is left there."""

    shown: Path | None = None

    def __call__(self, path: Path) -> Examined:
        data = path.read_bytes()
        _forget_peak()
        began = time.monotonic()
        try:
            header = image.read_header(data)
            full = image.decoded(data)
            size, mode, notes = full.picture.size, full.picture.mode, full.notes
            assert full.size == (header.width, header.height), path
            del full
            image.decoded(data, 0.25)
            small = image.reduced(data, 128)
        except image.ImageError as error:
            return Examined(str(error), seconds=time.monotonic() - began, peak=_peak())
        found = Examined("", mode, size, (header.width, header.height), notes, time.monotonic() - began, _peak())
        if self.shown:
            picture = small.picture
            picture.thumbnail((128, 128))
            picture.save(self.shown / f"{path.parent.name}__{path.name}.png")
        return found


def _forget_peak() -> None:
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak of resident memory starts anew


def _peak() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
