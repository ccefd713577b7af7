"""Whether the sources on the public web still answer in the shape their parsers know: one page of each, politely."""

import asyncio
import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pipeline import params
from pipeline.collect import sources
from pipeline.collect.answer import FetchError
from pipeline.collect.sources.source import Context, Refused, Source, Stale
from pipeline.collect.web import Web
from pipeline.errors import UserError
from pipeline.source_params import WITHOUT_OPTIONS

__all__ = ["Health", "check", "no_network", "page", "read_seen", "searchable", "table", "write_seen"]

SEEN = "seen.csv"  # beside this module: the last time each source was tried with the network there
TERM = "house"


@dataclass(frozen=True)
class Health:
    """What a source answered: `state` is works, no results, stale, refused, unreachable or not set up."""

    source: str
    state: str
    detail: str
    day: str = ""


def check(names: Sequence[str], settings: params.Scrape, cache: Path, day: str) -> list[Health]:
    """Ask each source for one page of results, one after the other."""
    return asyncio.run(_check(names, settings, cache, day))


def no_network(found: Iterable[Health]) -> bool:
    """Whether nothing at all could be reached."""
    asked = [health for health in found if health.state != "not set up"]
    return bool(asked) and all(health.state == "unreachable" for health in asked)


def searchable() -> list[str]:
    """The sources that answer a term from the public web."""
    return [name for name in sources.names() if name in WITHOUT_OPTIONS and sources.about(name).public_web]


async def _check(names: Sequence[str], settings: params.Scrape, cache: Path, day: str) -> list[Health]:
    found = []
    async with Web.opened(settings) as web:
        for name in names:
            endpoint = settings.endpoints.get(name, "").rstrip("/")
            web.check_contact(endpoint or sources.about(name).endpoint)
            try:
                with sources.opened(name, Context(web, "health", settings, endpoint, cache=cache)) as source:
                    state, detail = await _asked(source)
            except UserError as error:
                state, detail = "not set up", str(error)
            found.append(Health(name, state, detail, day))
    return found


async def _asked(source: Source) -> tuple[str, str]:
    try:
        page = await source.search(TERM, None)
    except Stale as error:
        return "stale", str(error)
    except Refused as error:
        return "refused", str(error)
    except FetchError as error:
        return "unreachable", str(error).partition(": ")[2]
    full = sum(bool(candidate.image_url) for candidate in page.candidates)
    return ("works", f"{full} results for {TERM!r}") if full else ("no results", f"none for {TERM!r}")


def read_seen() -> dict[str, Health]:
    """The last state of each source that was ever tried with the network there."""
    text = resources.files(__package__).joinpath(SEEN).read_text(encoding="utf-8")
    return {row["source"]: Health(row["source"], row["state"], row["detail"], row["day"]) for row in csv.DictReader(text.splitlines())}


def write_seen(path: Path, found: Iterable[Health]) -> None:
    """Write what was found, over what was known of these sources before."""
    known = {**read_seen(), **{health.source: health for health in found}}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("source", "state", "detail", "day"))
        writer.writerows((h.source, h.state, h.detail, h.day) for _, h in sorted(known.items()))


def table(seen: dict[str, Health]) -> list[tuple[str, str, str, str]]:
    """(source, needs, allows, last seen) for every source there is."""
    rows, asked = [], searchable()
    for name in sources.names():
        about, last = sources.about(name), seen.get(name)
        never = "not tried on the public web yet" if name in asked else "no search that could be tried"
        when = f"{last.state} on {last.day}" if last else never
        rows.append((name, about.needs, about.allows, when))
    return rows


def page(seen: dict[str, Health]) -> str:
    """The table as a page of the documentation."""
    lines = [
        "# Sources", "",
        "What each needs and allows, and when `make live` last saw it work on the public web. Every parser is also tested against a",
        "server that plays its site (`tests/replay/`).", "",
        "| source | needs | allows | last seen |", "|---|---|---|---|",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table(seen)),
    ]
    return "\n".join(lines) + "\n"
