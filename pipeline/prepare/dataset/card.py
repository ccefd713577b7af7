"""The dataset's card, README.md: what is in it, where it came from, what was refused, under which licences, how to load and cite it.

Of how people judged it tells the rules and how far they agree, but not how many images they judged: one more glance makes no new dataset.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.item import Rejection, read_table
from pipeline.prepare.dataset.front_matter import front_matter
from pipeline.prepare.dataset.loading import loading
from pipeline.prepare.dataset.markdown import link, plain, table
from pipeline.prepare.dataset.summary import Summary

__all__ = ["bibtex", "text"]

AGREEMENT = "agreement.csv"


def text(summary: Summary, refused: Sequence[Rejection], curated: Path) -> str:
    """The card as Markdown with YAML in front; `curated` is the folder that the review stage wrote."""
    parts = [
        front_matter(summary), [f"# {plain(summary.title)}", ""], _overview(summary), _classes(summary), _rights(summary),
        _found(summary), _refused(refused), _judged(summary, curated / AGREEMENT), _made(summary), _files(summary), loading(summary),
        _citing(summary),
    ]
    return "\n".join(line for part in parts for line in part)


def bibtex(summary: Summary) -> str:
    """How to cite this version, as a BibTeX entry."""
    package = summary.settings.package
    fields = {
        "title": summary.title, "author": package.creator, "year": summary.newest[:4],
        "url": package.url, "version": summary.version[:16], "note": f"SHA-256 {summary.version}",
    }
    shown = [f"  {name} = {{{_tex(value)}}}" for name, value in fields.items() if value]
    return f"@misc{{{package.name},\n" + ",\n".join(shown) + "\n}"


def _overview(summary: Summary) -> list[str]:
    copies = len(summary.items) - len(summary.originals)
    paired = summary.settings.pair.paired
    look = "; ".join(f"{role.removesuffix('.png')} {look}" for role, look in sorted(summary.looks.items())) if paired else ", ".join(
        str(look) for look in summary.looks.values())
    lines = [
        *([plain(summary.settings.package.description), ""] if summary.settings.package.description.strip() else []),
        f"{len(summary.originals)} {'pairs: ' if paired else 'images of '}{look}, and {copies} augmented copies.", "",
    ]
    if any(len(look.sizes) > 1 for look in summary.looks.values()):
        lines += ["The pictures differ in size; a batch needs one size (`resize.fit: fill` or `pad`, or resize them on loading).", ""]
    return [*lines, "![some images of each class and split](sheet.png)", ""]


def _classes(summary: Summary) -> list[str]:
    splits = list(summary.counts)
    counts = Counter((i.class_, "augmented" if i.more.get("augmentation") else i.split) for i in summary.items)
    rows = [
        (plain(name), plain(summary.settings.title(name)), plain(", ".join(wanted.terms)),
         *(counts[name, column] for column in (*splits, "augmented")))
        for name, wanted in summary.settings.classes.items()
    ]
    return ["## Classes", "", *table(("class", "title", "terms", *splits, "augmented"), rows), ""]


def _rights(summary: Summary) -> list[str]:
    rows = [(link(name, url), count) for name, url, count in summary.licenses]
    return ["## Licences", "", *table(("licence", "images"), rows), "",
            "Who made each image, and where it is from: [ATTRIBUTION.csv](ATTRIBUTION.csv).", ""]


def _found(summary: Summary) -> list[str]:
    lines = ["## Sources", "", *_counted("source", (item.source for item in summary.originals)), ""]
    terms = [item.term for item in summary.originals if item.term]
    if terms:
        lines += ["The search terms that found them:", "", *_counted("term", terms), ""]
    notes = [re.sub(r"\d+", "N", note) for item in summary.originals for note in re.split(r"\s*;\s*", item.more.get("notes", "")) if note]
    if notes:
        lines += ["What was done to read their files:", "", *_counted("note", notes), ""]
    return lines


def _refused(refused: Iterable[Rejection]) -> list[str]:
    rules = [row.rule for row in refused]
    return ["## Refused", "", *(_counted("rule", rules) if rules else ["Nothing."]), ""]


def _judged(summary: Summary, agreement: Path) -> list[str]:
    pending = summary.settings.review.pending
    passing = "what nobody rejected is in" if pending == "keep" else "a person kept every image"
    lines = ["## Judged", "", f"review.pending is {pending}: {passing}.", ""]
    rows = read_table(agreement) if agreement.exists() else []
    if rows:
        named = [(plain(f"{row['reviewer']} and {row['other']}" if row["other"] else f"{row['reviewer']}, asked again"),
                  row["images"], row["agree"], row["kappa"] or "not defined") for row in rows]
        lines += [*table(("reviewers", "images both judged", "agree", "Cohen's kappa"), named), ""]
    flags = [flag for item in summary.originals for flag in item.more.get("flags", "").split()]
    if flags:
        lines += ["Flags, by measuring, beside what people said:", "", *_counted("flag", flags), ""]
    return lines


def _made(summary: Summary) -> list[str]:
    lines = ["## Made with", "", *(f"- {plain(step)}" for step in summary.steps), ""]
    copies = [item.more["augmentation"] for item in summary.items if item.more.get("augmentation")]
    return [*lines, *_counted("augmentation", copies, "copies"), ""] if copies else lines


def _files(summary: Summary) -> list[str]:
    tars = ", ".join(f"`shards/{split}-*.tar`" for split in summary.splits)
    pictures = "`<key>.input.png` and `<key>.target.png`" if summary.settings.pair.paired else "`<key>.png`"
    return [
        "## Files", "",
        f"- {tars}: tar shards in the WebDataset layout: {pictures}, `<key>.cls.txt` (class), `<key>.json` (provenance). "
        "The key is the image's id, and the augmentation behind it where there is one.",
        "- `index.csv` and `index.parquet`: a row for every image. In CSV, text that a spreadsheet would calculate has an apostrophe "
        "before it.",
        "- `ATTRIBUTION.csv`: titles, creators, licences and pages. `croissant.json`: all of this for machines (MLCommons Croissant).", "",
    ]


def _citing(summary: Summary) -> list[str]:
    return [
        "## Citing it", "", "```bibtex", bibtex(summary), "```", "",
        f"The version is the content's: `LC_ALL=C sha256sum shards/*.tar | sha256sum` begins with {summary.version[:16]}.", "",
    ]


def _counted(name: str, found: Iterable[str], head: str = "images") -> list[str]:
    rows = sorted(Counter(found).items(), key=lambda entry: (-entry[1], entry[0]))
    return table((name, head), [(plain(key) or "(none)", count) for key, count in rows])


def _tex(value: str) -> str:
    """Text between the braces of BibTeX, where every brace counts, escaped or not."""
    line = " ".join(value.split()).replace("{", "(").replace("}", ")").replace("\\", "/")
    return line if line.startswith(("http://", "https://")) else re.sub(r"([%&#_$])", r"\\\1", line)
