"""The dataset's card: what is in it, where it came from, what was refused, under which licences."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.item import Item, read_rejections, read_table
from pipeline.params import Params

__all__ = ["text"]


def text(settings: Params, items: Sequence[Item], curated: Path) -> str:
    """The card as Markdown; `items` are all images with their augmented copies, `curated` the folder that the review stage wrote."""
    originals = [item for item in items if not item.more.get("augmentation")]
    width, height = settings.resize.width_height
    return "\n".join([
        f"# {settings.package.name}", "",
        f"{len(originals)} images of {width}x{height} pixels, {settings.rgb.mode}, "
        f"and {len(items) - len(originals)} augmented copies.", "",
        "## Classes", "",
        *_table(("class", "terms", "train", "holdout", "augmented"), _class_rows(settings, items)), "",
        "## Licences", "",
        *_table(("licence", "images"), Counter(item.license for item in originals).most_common()), "",
        "Who made each image, and where it is from: ATTRIBUTION.csv.", "",
        "## Sources", "",
        *_table(("source", "images"), Counter(item.source for item in originals).most_common()), "",
        "## Refused", "",
        *_table(("rule", "images"), Counter(r.rule for r in read_rejections(curated / "rejected.csv")).most_common()), "",
        *_judged(settings, originals, curated / "agreement.csv"),
        "## Made with", "",
        f"- crop: {settings.crop.mode}, aspect {settings.crop.aspect:g}, trim {'on' if settings.crop.trim else 'off'}",
        f"- resize: {width}x{height}, {settings.resize.filter}, antialiased, alpha premultiplied",
        f"- background: {', '.join(map(str, settings.rgb.background))}",
        f"- augmentation: {'; '.join(settings.augment.ops) or 'none'} (training split only), seed {settings.augment.seed}",
        f"- holdout: {settings.review.holdout:.0%} of groups of near-duplicates, by the hash of their ids", "",
        "## Reading it", "",
        "Tar shards in the WebDataset layout, `train-*.tar` and `holdout-*.tar`: `<key>.png`, `<key>.cls.txt` (class), "
        "`<key>.json` (provenance).", "",
    ])


def _class_rows(settings: Params, items: Iterable[Item]) -> list[tuple[object, ...]]:
    counts = Counter((i.class_, "augmented" if i.more.get("augmentation") else i.split) for i in items)
    return [
        (name, ", ".join(wanted.terms), counts[name, "train"], counts[name, "holdout"], counts[name, "augmented"])
        for name, wanted in settings.classes.items()
    ]


def _judged(settings: Params, originals: Sequence[Item], agreement: Path) -> list[str]:
    """How people judged, how far they agree, and what is flagged. Not how many they judged: one more glance makes no new dataset."""
    passing = "what nobody rejected is in" if settings.review.pending == "keep" else "a person kept every image"
    lines = ["## Judged", "", f"review.pending is {settings.review.pending}: {passing}.", ""]
    rows = read_table(agreement) if agreement.exists() else []
    if rows:
        named = [(f"{row['reviewer']} and {row['other']}" if row["other"] else f"{row['reviewer']}, asked again",
                  row["images"], row["agree"], row["kappa"] or "not defined") for row in rows]
        lines += [*_table(("reviewers", "images both judged", "agree", "Cohen's kappa"), named), ""]
    flags = Counter(flag for item in originals for flag in item.more.get("flags", "").split())
    if flags:
        lines += ["Flags, by measuring, beside what people said:", "", *_table(("flag", "images"), flags.most_common()), ""]
    return lines


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in ([*head], ["---"] * len(head), *body)]
