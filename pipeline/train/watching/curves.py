"""The curves of a run: losses, what the discriminator believes, and a panel for each further thing that was measured."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.train.watching.history import Moment

__all__ = ["curves"]

COLORS = ("#2f6690", "#d1495b", "#66a182", "#edae49", "#7d5ba6", "#5c6b73")
COLUMN, ROW, LEFT, RIGHT, ABOVE, BELOW = 4.4, 3.1, 0.62, 0.2, 0.62, 0.52  # inches: a panel, and the space around its axes
INK, FAINT = "#333333", "#dddddd"
SPIKE = 4  # a start so many times above all the rest leaves the frame, or the rest would be a flat line


@dataclass(frozen=True)
class Drawing:
    """One panel: lines by the scalars' names, each with its label; `bounds` of the axis, None where the values say; `level`: draw 1."""

    title: str
    lines: dict[str, str]
    bounds: tuple[float | None, float | None] = (None, None)
    level: bool = False
    legend: bool = False


BELIEF = Drawing("What the discriminator believes", {"d_real": "real: D(x)", "d_fake": "generated: D(G(z))"}, (0, 1), legend=True)
SCORES = Drawing("Scores of the discriminator", {"d_real": "real", "d_fake": "generated"}, legend=True)
FURTHER = (
    Drawing("Loss, the game alone", {"d_adversarial": "discriminator", "g_adversarial": "generator"}),
    Drawing("Classes, loss", {"classes": "real and generated", "d_classes": "of real images", "g_classes": "of generated images"}),
    Drawing("Classes, share that is right", {"class_accuracy": "of real images"}, (0, 1)),
    Drawing("Distance to the target", {"l1": "L1", "l2": "L2"}),
    Drawing("Perceptual distance", {"perceptual": "features"}),
    Drawing("Feature matching", {"matching": "distance"}),
    Drawing("Penalties", {"gradient_penalty": "gradient", "r1": "R1, real", "r2": "R2, generated", "drift": "drift"}),
    Drawing("Augmentation probability", {"augment_p": "p"}, (0, 1)),
    Drawing("KID, held-out images", {"kid": "KID"}),
    Drawing("Learning rate", {"learning_rate": "of both networks"}),
)
DIVERSITY = Drawing("Diversity of samples (real images = 1)", {"diversity": "samples"}, (0, None), level=True)


def curves(history: Sequence[Moment], probabilities: bool) -> bytes:
    """A PNG, the same bytes for the same history; `probabilities` as in Panel. Moments before the first step are left out."""
    series = _series([moment for moment in history if moment.seen])
    drawings = list(_drawings(series, probabilities))
    across = min(len(drawings), 2 if len(drawings) == 4 else 3)
    width, height = COLUMN * across, ROW * -(-len(drawings) // across)
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    places = [
        figure.add_axes(((COLUMN * (number % across) + LEFT) / width, (height - ROW * (number // across + 1) + BELOW) / height,
                         (COLUMN - LEFT - RIGHT) / width, (ROW - ABOVE - BELOW) / height))
        for number in range(len(drawings))
    ]
    end = max((kimg for points in series.values() for kimg, _ in points), default=1.0)
    for place, drawing in zip(places, drawings, strict=True):
        _draw(place, drawing, series, end)
    file = io.BytesIO()
    figure.savefig(file, dpi=110, metadata={"Software": None})
    return file.getvalue()


def _series(history: Sequence[Moment]) -> dict[str, list[tuple[float, float]]]:
    """(kimg, value) in order, by name."""
    found: dict[str, list[tuple[float, float]]] = {}
    for moment in history:
        for name, value in moment.scalars.items():
            found.setdefault(name, []).append((moment.kimg, value))
        if moment.diversity is not None:
            found.setdefault("diversity", []).append((moment.kimg, moment.diversity))
    return found


def _drawings(series: dict[str, list[tuple[float, float]]], probabilities: bool) -> Iterator[Drawing]:
    """Losses and scores first; of the rest what there is, at last what nobody foresaw, each by its own name."""
    yield Drawing("Loss", {"d_loss": "discriminator", "g_loss": "generator"}, legend=True)
    if not series or series.keys() & BELIEF.lines.keys():  # a generator's warm-up has no discriminator
        yield BELIEF if probabilities else SCORES
    foreseen = {"d_loss", "g_loss", "d_real", "d_fake", "kimg"}
    for drawing in (*FURTHER, DIVERSITY):
        foreseen |= drawing.lines.keys()
        there = {name: label for name, label in drawing.lines.items() if name in series}
        constant = there == {"learning_rate": "of both networks"} and len({value for _, value in series["learning_rate"]}) == 1
        if there and not constant:
            yield Drawing(drawing.title, there, drawing.bounds, drawing.level, legend=len(drawing.lines) > 1)
    for name in sorted(series.keys() - foreseen):
        yield Drawing(name.replace("_", " ").capitalize(), {name: name})


def _draw(axes: Axes, drawing: Drawing, series: dict[str, list[tuple[float, float]]], end: float) -> None:
    shown: list[list[float]] = []
    for color, (name, label) in zip(COLORS, drawing.lines.items(), strict=False):
        points = series.get(name, [])
        if points:
            kimg, values = [x for x, _ in points], [y for _, y in points]
            axes.plot(kimg, values, color=color, linewidth=1.7, label=label, solid_capstyle="round")
            axes.plot(kimg[-1:], values[-1:], "o", color=color, markersize=4, clip_on=False)
            shown.append(values)
    if drawing.level:
        axes.axhline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.set_xlim(0, end * 1.02)
    axes.set_ylim(*_bounds(drawing, shown))
    axes.set_title(drawing.title, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=22)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("kimg", fontsize=9, color=INK)
    axes.tick_params(colors=INK, labelsize=8.5, length=0)
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#999999")
    if drawing.legend and shown:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=3, frameon=False, fontsize=9, labelcolor=INK,
                    handlelength=1.2, handletextpad=0.5, columnspacing=1.4, borderpad=0.2)


def _bounds(drawing: Drawing, shown: list[list[float]]) -> tuple[float, float]:
    """The axis: from 0 where nothing is below it, with room above; a spike at the start leaves it."""
    low, high = drawing.bounds
    everything = [value for values in shown for value in values] or [0.0, 1.0]
    settled = [value for values in shown for value in values[len(values) // 20 :]] or everything
    top = max(settled) if max(everything) > SPIKE * max(settled) > 0 else max(everything)
    bottom = min(everything)
    room = 0.06 * (top - min(bottom, 0)) or 0.5
    if drawing.level:
        top = max(top, 1)
    return (low if low is not None else 0 if bottom >= 0 else bottom - room, high if high is not None else top + room)
