"""What a person sees of a run: a grid of samples for each tick, a GIF of them all, curves, DVCLive's scalars."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pipeline.sheet import grid
from pipeline.train.sample import to_uint8
from pipeline.train.trainer import Tick

__all__ = ["Watch", "watching"]

SHOWN_SIDE = 64  # samples are enlarged by the whole factor that brings them near this many pixels


@dataclass
class Watch:
    """Takes ticks, keeps what the pictures need. `folder` is the model's."""

    folder: Path
    live: object
    ticks: list[Tick] = field(default_factory=list)
    frames: list[Image.Image] = field(default_factory=list)

    def __call__(self, tick: Tick) -> None:
        frame = sample_grid(tick.samples)
        self.frames.append(frame)
        frame.save(self.folder / "ticks" / f"{round(tick.kimg * 1000):08d}.png")
        if tick.kimg == 0:
            return
        self.ticks.append(tick)
        for name in ("d_loss", "g_loss", "d_real", "d_fake"):
            self.live.log_metric(name, round(getattr(tick, name), 6))  # type: ignore[attr-defined]
        self.live.log_metric("kimg", tick.kimg)  # type: ignore[attr-defined]
        self.live.next_step()  # type: ignore[attr-defined]

    def finish(self) -> None:
        """Write samples.png, evolution.gif and curves.png."""
        self.frames[-1].save(self.folder / "samples.png")
        times = [160] * (len(self.frames) - 1) + [2000]
        small = [frame.quantize(128) for frame in self.frames]
        small[0].save(self.folder / "evolution.gif", save_all=True, append_images=small[1:], duration=times, loop=0)
        _curves(self.ticks, self.folder / "curves.png")


@contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    """A Watch that logs to DVCLive in `folder`/live. DVCLive must not touch dvc.yaml, which is ours."""
    from dvclive import Live  # here, because importing it takes a second that no other use of the room should pay

    (folder / "ticks").mkdir(parents=True, exist_ok=True)
    with Live(str(folder / "live"), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        watch = Watch(folder, live)
        yield watch
        watch.finish()


def sample_grid(samples: torch.Tensor, columns: int = 8) -> Image.Image:
    """Samples (N, C, H, W) in -1..1 as one picture."""
    pixels = to_uint8(samples)
    return grid(pixels, columns, scale=max(1, round(SHOWN_SIDE / pixels.shape[1])))


def _curves(ticks: list[Tick], path: Path) -> None:
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    kimg = [tick.kimg for tick in ticks]
    left.plot(kimg, [tick.d_loss for tick in ticks], label="discriminator")
    left.plot(kimg, [tick.g_loss for tick in ticks], label="generator")
    left.set(title="Loss", xlabel="kimg", ylim=(0, None))
    right.plot(kimg, [tick.d_real for tick in ticks], label="D(x), real")
    right.plot(kimg, [tick.d_fake for tick in ticks], label="D(G(z)), generated")
    right.set(title="What the discriminator believes", xlabel="kimg", ylim=(0, 1))
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
