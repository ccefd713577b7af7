"""Fill one class: its sources in order, its terms in turn, until there are `count` good images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from pipeline import image, params
from pipeline.collect import sources
from pipeline.collect.fetch import FetchError
from pipeline.collect.ledger import Ledger
from pipeline.collect.sources.source import Found, Source
from pipeline.errors import UserError
from pipeline.item import Item, Rejection, image_id, write_index, write_rejections

__all__ = ["Report", "scrape"]


@dataclass
class Report:
    """What a scrape came to; `warnings` are sentences for the user."""

    items: list[Item] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        refused = f", {len(self.rejections)} refused (see rejected.csv)" if self.rejections else ""
        lines = [f"{len(self.items)} images{refused}", *(f"warning: {warning}" for warning in self.warnings)]
        return "\n".join(lines)


def scrape(
    name: str, wanted: params.Class, settings: params.Scrape, out: Path, ledger_folder: Path,
    on_image: Callable[[float], object] = lambda count: None,
) -> Report:
    """Collect class `name` into `out`: original files named by id, index.csv, rejected.csv.

    `on_image` hears of each image. Raises UserError where a class ends up with no image at all.
    """
    out.mkdir(parents=True, exist_ok=True)
    report = Report()
    with Ledger.opened(ledger_folder) as ledger:
        filling = _Filling(name, wanted, settings, out, ledger, report, on_image)
        for entry in wanted.sources or settings.sources:
            if len(report.items) >= wanted.count:
                break
            try:
                with sources.opened(entry) as source:
                    filling.from_source(source)
            except UserError as error:
                report.warnings.append(str(error))
    write_index(out / "index.csv", report.items)
    write_rejections(out / "rejected.csv", report.rejections)
    return _judged(name, wanted, report)


def _judged(name: str, wanted: params.Class, report: Report) -> Report:
    count = len(report.items)
    if count == 0:
        why = "; ".join(report.warnings) or "no source had any"
        refused = f"; {len(report.rejections)} were refused, first: {report.rejections[0].detail}" if report.rejections else ""
        raise UserError(f"params.yaml: classes.{name}: not one image was found ({why}{refused}); change its terms or sources")
    if count < wanted.count:
        report.warnings.append(f"classes.{name}: {count} of {wanted.count} images found; add terms or sources for more")
    return report


@dataclass
class _Filling:
    name: str
    wanted: params.Class
    settings: params.Scrape
    out: Path
    ledger: Ledger
    report: Report
    on_image: Callable[[float], object]
    seen: set[str] = field(default_factory=set)

    def from_source(self, source: Source) -> None:
        terms = self.wanted.terms if source.takes_terms else [""]
        unfinished = []
        for number, term in enumerate(terms):
            share = ceil(self._missing() / (len(terms) - number))
            if not self._from_term(source, term, share):
                unfinished.append(term)
        for term in unfinished:  # others found less than their share
            if self._missing():
                self._from_term(source, term, self._missing())

    def _from_term(self, source: Source, term: str, share: int) -> bool:
        """Take up to `share` new images; whether the term has no more to give."""
        if share == 0:
            return False
        before, candidates = len(self.report.items), 0
        for found in self._found(source, term):
            candidates += 1
            if found is not None:
                self._take(found, term, source.name)
            if len(self.report.items) - before >= share:
                return False
        if candidates == 0 and not any(term == item.term for item in self.report.items):
            where = f"the term {term!r}" if term else "the pattern"
            self.report.warnings.append(f"classes.{self.name}: {source.name} has no results for {where}")
        return True

    def _found(self, source: Source, term: str) -> Iterator[Found | None]:
        """What each new candidate turns into; None for those that failed, whose reason is recorded."""
        for candidate in source.search(term):
            address = f"{source.name} {candidate.address}"
            if address in self.seen:
                continue
            self.seen.add(address)
            found = self.ledger.get(address) if source.remembers else None
            try:
                found = found or source.fetch(candidate)
            except FetchError as error:
                self._reject("", "fetch", str(error))
                yield None
                continue
            if source.remembers:
                self.ledger.put(address, found)
            yield found

    def _take(self, found: Found, term: str, source: str) -> None:
        id_ = image_id(found.data)
        label = found.title or found.image_url
        if any(item.id == id_ for item in self.report.items):
            self._reject(id_, "exact", f"{label}: the same file was already collected")
            return
        try:
            header = image.read_header(found.data)
        except image.ImageError as error:
            self._reject(id_, "unreadable", f"{label}: {error}")
            return
        if min(header.width, header.height) < self.settings.min_side:
            size = f"{header.width}x{header.height}"
            self._reject(id_, "min_side", f"{label}: {size} pixels, scrape.min_side is {self.settings.min_side}")
            return
        if self.settings.licenses != "any" and found.license not in self.settings.licenses:
            self._reject(id_, "licenses", f"{label}: licence {found.license}")
            return
        file = f"{id_}.{header.extension}"
        (self.out / file).write_bytes(found.data)
        self.report.items.append(Item(
            id=id_, class_=self.name, path=f"{self.name}/{file}", width=header.width, height=header.height,
            bytes=len(found.data), format=header.format, term=term, source=source, image_url=found.image_url,
            page_url=found.page_url, title=found.title, creator=found.creator, license=found.license,
            license_url=found.license_url, fetched_at=found.fetched_at,
        ))
        self.on_image(1)

    def _reject(self, id_: str, rule: str, detail: str) -> None:
        self.report.rejections.append(Rejection(id_, self.name, rule, detail))

    def _missing(self) -> int:
        return self.wanted.count - len(self.report.items)
