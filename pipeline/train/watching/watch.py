"""Whoever is told of a run keeps its history and shows it: pictures, curves, DVCLive's scalars, alarms.

While a run goes on, samples.png and curves.png in the model's folder show where it stands.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from pipeline.errors import UserError
from pipeline.files import put, written
from pipeline.train.loop.tick import Panel, Tick
from pipeline.train.model.sample import to_uint8
from pipeline.train.watching import alarms, board
from pipeline.train.watching.curves import curves
from pipeline.train.watching.diversity import diversity
from pipeline.train.watching.evolution import evolution
from pipeline.train.watching.history import History, Moment
from pipeline.train.watching.note import note
from pipeline.train.watching.pictures import page

__all__ = ["Watch", "watching"]

LIVE_SIDE = 200  # pixels of the samples that DVCLive keeps of every tick


@dataclass(frozen=True)
class _Sight:
    """What a run begins with."""

    panel: Panel
    history: History
    real: float | None  # diversity of the real images; None where samples are not to be compared with them


class Watch:
    """Takes ticks. `note` is a few words on the last one, for the progress bar."""

    def __init__(self, model: Path, state: Path, live: Any, tensorboard: bool, refresh: float) -> None:
        self._model, self._state, self._live, self._tensorboard, self._refresh = model, state, live, tensorboard, refresh
        self._sight: _Sight | None = None
        self._board: board.Board | None = None
        self._drawn = float("-inf")
        self.note = ""

    def begin(self, panel: Panel, past: int) -> None:
        """A run begins, or goes on after its first `past` images: what is known of those is shown again, what came later forgotten."""
        within = panel.real_labels if panel.labels is not None else None  # classes are asked for, so it is their own variety that counts
        real = None if panel.given is not None else diversity(panel.real, within) or None
        self._sight = _Sight(panel, History(self._state, past), real)
        if self._tensorboard:
            self._board = board.Board(self._state / "tensorboard")
        for moment in self.moments:
            self._log(moment, self._sight.history.samples(moment))
        if self.moments:
            self._live.make_summary()
            self.note = note(self.moments[-1].scalars, panel.probabilities)

    def __call__(self, tick: Tick) -> None:
        """Keep and show a tick; one that is known already changes nothing. Raises UserError where training broke down."""
        sight = self._sight_of_run()
        broken = alarms.breakdown(tick)
        if broken:
            raise UserError(broken)
        seen = round(tick.kimg * 1000)
        if self.moments and seen <= self.moments[-1].seen:
            return
        samples = to_uint8(tick.samples)
        moment = Moment(seen, tick.kimg, tick.scalars, samples.shape, self._share(tick.samples))
        given = alarms.warnings([*self.moments, moment], sight.panel.probabilities, sight.panel.given is None)
        moment = Moment(**{**vars(moment), "warnings": given})
        sight.history.add(moment, samples)
        for warning in given.values():
            tqdm.write(f"warning: {warning}", file=sys.stderr)
        self._log(moment, samples)
        self._live.make_summary()
        self.note = note(tick.scalars, sight.panel.probabilities) if seen else ""
        if time.monotonic() >= self._drawn + self._refresh:
            self._draw()

    def finish(self) -> None:
        """Write samples.png (classes.png too where there are classes), curves.png and evolution.gif."""
        sight = self._sight_of_run()
        self._draw()
        frames = [(moment.kimg, samples) for moment in self.moments if (samples := sight.history.samples(moment)) is not None]
        if frames:
            put(self._model / "evolution.gif", evolution(frames, lambda samples, limit: page(sight.panel, samples, 64, limit, small=True)))

    @property
    def moments(self) -> list[Moment]:
        """The ticks up to now, those of an earlier part of the run included."""
        return self._sight.history.moments if self._sight else []

    @property
    def warnings(self) -> list[str]:
        """All warnings of the run up to now, each a sentence."""
        return [warning for moment in self.moments for warning in moment.warnings.values()]

    def close(self) -> None:
        if self._board:
            self._board.close()

    def _sight_of_run(self) -> _Sight:
        if self._sight is None:
            raise RuntimeError("a Watch is told of the beginning of a run before it is told of a tick")
        return self._sight

    def _share(self, samples: torch.Tensor) -> float | None:
        sight = self._sight_of_run()
        return None if sight.real is None else round(diversity(samples, sight.panel.labels) / sight.real, 4)

    def _draw(self) -> None:
        sight = self._sight_of_run()
        samples = sight.history.samples(self.moments[-1]) if self.moments else None
        if samples is not None:
            picture = page(sight.panel, samples)
            _save(picture, self._model / "samples.png")
            if sight.panel.labels is not None and sight.panel.given is None:
                _save(picture, self._model / "classes.png")
        put(self._model / "curves.png", curves(self.moments, sight.panel.probabilities))
        self._drawn = time.monotonic()

    def _log(self, moment: Moment, samples: np.ndarray | None) -> None:
        """To DVCLive, whose steps are ticks, and to TensorBoard."""
        picture = None if samples is None else page(self._sight_of_run().panel, samples, 32, LIVE_SIDE, small=True)
        if self._board:
            self._board.add(moment, None if picture is None else np.asarray(picture))
        if not moment.seen:
            return  # nothing is measured before the first step
        self._live.step = len([known for known in self.moments if 0 < known.seen <= moment.seen])
        measured = {**moment.scalars, "kimg": moment.kimg}
        if moment.diversity is not None:
            measured["diversity"] = moment.diversity
        for name, value in measured.items():
            self._live.log_metric(name, float(f"{value:.6g}"))
        if picture is not None:
            self._live.log_image(f"samples/{self._live.step}.png", picture)


@contextmanager
def watching(model: Path, state: Path, tensorboard: bool = False, refresh: float = 5) -> Iterator[Watch]:
    """A Watch of a run whose model will lie in `model` and whose `state` outlives a kill; finish() is called at a good end.

    `model`/live is DVCLive's. With `tensorboard` there are event files in `state`/tensorboard; raises UserError where they cannot be
    written. samples.png and curves.png in `model` are drawn at a tick if `refresh` seconds have passed since the last time.
    """
    if tensorboard:
        board.check()
    from dvclive import Live  # here, because importing it takes a second that no other use of the room should pay

    model.mkdir(parents=True, exist_ok=True)
    # DVCLive must not touch dvc.yaml, which is ours.
    with Live(str(model / "live"), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        watch = Watch(model, state, live, tensorboard, refresh)
        try:
            yield watch
            watch.finish()
        finally:
            watch.close()


def _save(picture: Image.Image, path: Path) -> None:
    with written(path) as file:
        picture.save(file, "png", optimize=False)

