"""What the report says of a model, by its kind."""

from PIL import Image

from pipeline.evaluate.classes import ClassesMeasured
from pipeline.evaluate.measure import FEW, Measured
from pipeline.evaluate.pairs import Likeness, PairsMeasured
from pipeline.evaluate.report import Content, Figure, Number
from pipeline.evaluate.weights import SHA256

__all__ = ["of_pairs", "of_samples"]

WHY_KID = (
    "Why KID comes first: there are {n} real images. FID compares covariances of 2048 features, and with fewer than {few} images most of "
    "its value is the small sample's own error; KID is unbiased at any size. Compare FIDs only between runs with the same numbers of real "
    "and generated images."
)
FLOOR = "The noise floor is the distance between the held-out and the training images: what fresh real images would get."
NO_HOLDOUT = " There is none here, because fewer than two images are held out (review.holdout)."
NAMES = {"mean_image": "the mean of all training targets, whatever is given", "input": "the input itself", "bicubic": "bicubic enlargement"}


def of_samples(measured: Measured, classes: ClassesMeasured | None, real: Image.Image, samples: Image.Image) -> Content:
    """For a generator from noise, and for its classifier where classes were measured."""
    labels = (("Generated – training images", measured.train), ("Generated – held-out images", measured.holdout),
              ("Noise floor: held-out – training images", measured.floor))
    rows = [
        (label, f"{a.fid:.2f}", f"{a.kid_mean * 1000:.2f}", f"{a.kid_sd * 1000:.2f}", f"{a.n_real} / {a.n_other}")
        for label, a in labels if a
    ]
    few = measured.train.n_real < FEW
    return Content(
        numbers=[*_numbers(measured, few), *_classes_number(classes)],
        note=WHY_KID.format(n=measured.train.n_real, few=FEW) if few else "",
        figures=(
            Figure("real", real, "Real images, from the training split"), Figure("samples", samples, "Generated images, not selected"),
        ),
        header=("Between", "FID", "KID × 1000", "± sd", "images"),
        rows=rows,
        classes=_classes_rows(classes),
        remark=FLOOR + ("" if measured.holdout else NO_HOLDOUT),
        over_time="The same latent vectors over the run",
        weights=f"Inception weights of 2015, SHA-256 {SHA256}",
    )


def of_pairs(measured: PairsMeasured, samples: Image.Image) -> Content:
    """For a translator or an upscaler."""
    best = min(measured.baselines.values(), key=lambda likeness: likeness.l1)
    whose = "held-out" if measured.held_out else "training"
    rows = [("This generator", measured.made), *((f"Baseline: {NAMES[name]}", likeness) for name, likeness in measured.baselines.items())]
    note = "" if measured.held_out else "No pairs are held out (review.holdout), so training has seen these: the numbers flatter."
    return Content(
        numbers=(
            Number("L1 to the target, of 255", f"{measured.made.l1:.1f}", f"best baseline {best.l1:.1f}"),
            Number("PSNR", f"{measured.made.psnr:.1f} dB", f"best baseline {max(b.psnr for b in measured.baselines.values()):.1f} dB"),
            Number("SSIM", f"{measured.made.ssim:.3f}", f"best baseline {max(b.ssim for b in measured.baselines.values()):.3f}"),
        ),
        note=note,
        figures=(Figure("samples", samples, f"Given, made, and what it should be: the first {whose} pairs, not selected"),),
        header=("", "L1", "PSNR, dB", "SSIM", "pairs"),
        rows=[(label, *_cells(likeness), str(measured.count)) for label, likeness in rows],
        remark="Means over the pairs, in RGB over the whole picture. A blurred picture has a good L1 and PSNR: look at the pictures, too.",
        over_time="The same inputs over the run",
        weights="",
    )


def _cells(likeness: Likeness) -> tuple[str, str, str]:
    return f"{likeness.l1:.2f}", f"{likeness.psnr:.2f}", f"{likeness.ssim:.4f}"


def _numbers(measured: Measured, few: bool) -> list[Number]:
    floor, train = measured.floor, measured.train
    beside = f"± {train.kid_sd * 1000:.1f}" + (f", noise floor {floor.kid_mean * 1000:.1f}" if floor else "")
    kid = Number("KID × 1000, to the training images", f"{train.kid_mean * 1000:.1f}", beside)
    fid = Number("FID, to the training images", f"{train.fid:.1f}", f"noise floor {floor.fid:.1f}" if floor else "no held-out images")
    images = Number("Images", str(train.n_real), f"real, against {train.n_other} generated")
    return [kid, fid, images] if few else [fid, kid, images]


def _classes_number(classes: ClassesMeasured | None) -> list[Number]:
    if classes is None:
        return []
    beside = f"of {classes.count} held-out images; {classes.most_common}, training's commonest, for all: {classes.majority:.1%}"
    return [Number("Classes told right", f"{classes.accuracy:.1%}", beside)]


def _classes_rows(classes: ClassesMeasured | None) -> list[tuple[str, ...]]:
    """The classifier's row, under a header of its own."""
    if classes is None:
        return []
    return [("Classes of held-out images", "told right", f"always {classes.most_common}", "", "images"),
            ("The classifier", f"{classes.accuracy:.1%}", f"{classes.majority:.1%}", "", str(classes.count))]
