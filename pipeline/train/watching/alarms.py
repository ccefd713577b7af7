"""What a person should be told of a run, as pure functions of its history: each alarm once, with what to try.

The thresholds are far from what a healthy run shows; tests hold both sides.
"""

from collections.abc import Sequence

from pipeline.train.loop.tick import Tick
from pipeline.train.watching.history import Moment

__all__ = ["breakdown", "warnings"]

MORE = "train.augment: [color, translation, cutout], more images"
COLLAPSED, COLLAPSED_FOR = 0.10, 2  # share of the real images' diversity; ticks in a row
STARTING, STARTING_KIMG = 5, 5.0  # ticks, and thousands of images, that a generator may take to leave its first grey
CERTAIN_FOR = 3  # ticks in a row at which the discriminator is never wrong
FAKE_SEEN, REAL_SEEN = 0.02, 0.85  # D(G(z)) below and D(x) above; label smoothing keeps D(x) near 0.9, and the loss from 0
NO_LOSS, GAP = 0.01, 0.5  # of scores without bounds: the loss, and how far real and generated images are apart


def breakdown(tick: Tick) -> str | None:
    """The sentence to stop with where a loss or the samples are no longer numbers; None where all is well."""
    losses = [name for name in ("d_loss", "g_loss") if not _finite(tick.scalars.get(name, 0.0))]
    if not losses and bool(tick.samples.isfinite().all()):
        return None
    what = "the loss is" if losses else "the generator's weights are"
    return (
        f"training broke down at {tick.kimg:.1f} kimg: {what} no longer a number; try a smaller train.learning_rate, "
        "a larger train.batch or another train.seed in params.yaml"
    )


def warnings(history: Sequence[Moment], probabilities: bool, noise: bool = True) -> dict[str, str]:
    """The warnings, by name, that the last moment of `history` gives for the first time.

    `probabilities`: d_real and d_fake are D(x) and D(G(z)) in 0..1; else they are scores without bounds. `noise`: images are made
    from noise, not from other images; it decides what to try.
    """
    given = {name for moment in history for name in moment.warnings}
    found: dict[str, str] = {}
    if "collapse" not in given and _collapsed(history):
        share = history[-1].diversity or 0
        found["collapse"] = (
            f"at {history[-1].kimg:.1f} kimg the generator makes almost the same picture every time (its samples differ {share:.0%} as "
            f"much as real images do); try a smaller train.learning_rate, {MORE}, or train.recipe: r3gan"
        )
    if "certain" not in given and _certain(history, probabilities):
        smooth = ", train.label_smoothing: 0.9" if probabilities else ""
        found["certain"] = (
            f"since {history[-CERTAIN_FOR].kimg:.1f} kimg the discriminator tells every generated image from a real one, so the "
            f"generator learns little; try {MORE}{smooth}{', or train.recipe: r3gan' if noise else ''}"
        )
    return found


def _collapsed(history: Sequence[Moment]) -> bool:
    """Hardly any diversity for some ticks: after there was some, or so long after the start that it should be there."""
    trained = [moment.diversity for moment in history if moment.seen and moment.diversity is not None]
    low = [share < COLLAPSED for share in trained]
    begun = len(low) >= STARTING and history[-1].kimg >= STARTING_KIMG
    return len(low) >= COLLAPSED_FOR and all(low[-COLLAPSED_FOR:]) and (not all(low) or begun)


def _certain(history: Sequence[Moment], probabilities: bool) -> bool:
    recent = [moment.scalars for moment in history if moment.seen][-CERTAIN_FOR:]
    if len(recent) < CERTAIN_FOR or not all({"d_loss", "d_real", "d_fake"} <= scalars.keys() for scalars in recent):
        return False
    if probabilities:
        return all(scalars["d_fake"] < FAKE_SEEN and scalars["d_real"] > REAL_SEEN for scalars in recent)
    losses = [scalars.get("d_adversarial", scalars["d_loss"]) for scalars in recent]
    gaps = [scalars["d_real"] - scalars["d_fake"] for scalars in recent]
    return all(abs(loss) < NO_LOSS for loss in losses) and all(gap > GAP for gap in gaps)


def _finite(value: float) -> bool:
    return abs(value) < float("inf")  # false for nan, too
