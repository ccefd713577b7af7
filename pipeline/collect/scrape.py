"""Fill one class: its sources in order, its terms in turn, until there are `count` good images."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import params
from pipeline.collect import loop, sources
from pipeline.collect.answer import FetchError
from pipeline.collect.crew import Crew, hired
from pipeline.collect.files import Files
from pipeline.collect.filling import Filling
from pipeline.collect.ledger import Ledger
from pipeline.collect.obtain import Obtained
from pipeline.collect.sources.source import Context, Refused, Stale
from pipeline.collect.tally import Tally
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.forgotten import Forgotten
from pipeline.item import Item, Rejection, write_index, write_rejections
from pipeline.source_params import OneSource, name_of, options_of

__all__ = ["Report", "scrape"]


@dataclass
class Report:
    """What a scrape came to; `warnings` and `notes` are sentences for the user."""

    items: list[Item] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def __str__(self) -> str:
        lines = [f"{len(self.items)} images: {self.tally}", *self.notes, *(f"warning: {warning}" for warning in self.warnings)]
        return "\n".join(lines)


def scrape(
    name: str, wanted: params.Class, settings: params.Scrape, out: Path, ledger_folder: Path, run: params.Run | None = None,
    forgotten: Forgotten | None = None, on_change: Callable[[Tally], object] = lambda tally: None,
) -> Report:
    """Collect class `name` into `out`: original files named by id, index.csv, rejected.csv.

    Nothing whose id or address is in `forgotten` is fetched or kept. `on_change` hears of every step. Raises
    UserError where a class ends up with no image at all, or a disk fails; what was downloaded by then is in the ledger.
    """
    report = Report()
    with _disk(out):
        out.mkdir(parents=True, exist_ok=True)
        files = Files(ledger_folder / "files")
    with _disk(out), hired(wanted.count, settings, run or params.Run(), files) as crew, Ledger.opened(ledger_folder) as ledger:
        asked = wanted.model_dump(mode="json", exclude={"count", "title"}) | settings.model_dump(mode="json", exclude={"contact"})
        ledger.begin(name, hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest(), wanted.count)
        filling = Filling(
            name, wanted, settings, ledger, forgotten or Forgotten(), _Shelf(name, out, ledger, report), report.tally, on_change
        )
        loop.run(_from_all(filling, report, crew))
        write_index(out / "index.csv", report.items)
        write_rejections(out / "rejected.csv", report.rejections)
        ledger.finish(name)  # also with no image: else the same question again would have the same answer for ever
    return _judged(name, wanted, report)


@contextmanager
def _disk(out: Path) -> Iterator[None]:
    """Tell what a disk refuses as a UserError."""
    try:
        yield
    except OSError as error:
        if not error.errno or isinstance(error, BrokenPipeError):  # the last: of a terminal, not of a disk
            raise
        raise UserError(f"{error.filename or out}: {error.strerror}; see to that, then run again: it goes on from here") from error


async def _from_all(filling: Filling, report: Report, crew: Crew) -> None:
    entries = filling.wanted.sources or filling.settings.sources
    async with Web.opened(filling.settings, crew.pace()) as web, crew.at_work():
        for number, entry in enumerate(entries):
            if not filling.missing():
                break
            try:
                await _from_one(filling, entry, web, crew)
                if terms := sources.about(name_of(entry)).terms_of_service:
                    report.notes.append(f"{name_of(entry)}: whether you may do this is between you and its terms: {terms}")
            except (UserError, Refused, Stale, FetchError) as error:
                after = f"; going on with {name_of(entries[number + 1])}" if number + 1 < len(entries) else ""
                told = str(error) if isinstance(error, UserError) else f"{name_of(entry)}: {error}"
                saved = f"; its page is in {_saved(error, filling.ledger.folder, name_of(entry))}" if isinstance(error, Stale) else ""
                report.warnings.append(f"{told}{saved}{after}")
        report.warnings.extend(filling.without_results)


async def _from_one(filling: Filling, entry: str | OneSource, web: Web, crew: Crew) -> None:
    name = name_of(entry)
    endpoint = filling.settings.endpoints.get(name, "").rstrip("/")
    about = sources.about(name)
    if endpoint or about.endpoint:
        web.check_contact(endpoint or about.endpoint)
    context = Context(web, filling.name, filling.settings, endpoint, cache=filling.ledger.folder)
    with sources.opened(entry, context) as source:
        await filling.from_source(source, crew if about.direct else None, _question(entry, endpoint, filling.settings))


def _question(entry: str | OneSource, endpoint: str, settings: params.Scrape) -> str:
    """A digest of what, beside the term, decides what a source answers."""
    asked = [options_of(entry), endpoint, settings.color, settings.licenses]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=repr).encode()).hexdigest()[:16]


def _saved(error: Stale, folder: Path, name: str) -> Path:
    path = folder / "stale" / f"{name}-{hashlib.sha256(error.page).hexdigest()[:8]}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(error.page)
    return path


def _judged(name: str, wanted: params.Class, report: Report) -> Report:
    count = len(report.items)
    if count == 0:
        why = "; ".join(report.warnings) or "no source had any"
        refused = f"; {len(report.rejections)} were refused, first: {report.rejections[0].detail}" if report.rejections else ""
        raise UserError(f"params.yaml: classes.{name}: not one image was found ({why}{refused}); change its terms or sources")
    if count < wanted.count:
        told = f"classes.{name}: {count} of {wanted.count} images found"
        if wanted.sources and all(name_of(entry) in params.TERMLESS for entry in wanted.sources) and not report.warnings:
            report.notes.append(f"{told}: all that its sources have")
        else:
            report.warnings.append(f"{told}; add terms or sources for more")
    return report


@dataclass
class _Shelf:
    """Where accepted images go: the folder and the report."""

    name: str
    out: Path
    ledger: Ledger
    report: Report

    def put(self, item: Item, found: Obtained) -> None:
        target = f"{self.out}/{item.path.rpartition('/')[2]}"
        if found.data is None:
            self.ledger.files.link(found.id, target)
        else:
            Path(target).write_bytes(found.data)
        self.report.items.append(item)

    def refuse(self, id_: str, rule: str, detail: str) -> None:
        self.report.rejections.append(Rejection(id_, self.name, rule, detail))
