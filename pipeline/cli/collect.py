"""darkroom scrape, sources, photosite: collecting by hand, without DVC."""

import argparse
import os
import re
import shutil
import textwrap
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline import params, refusal
from pipeline.cli.places import LEDGER, Commands, positive
from pipeline.errors import UserError

__all__ = ["add"]

DOCS = Path("docs/sources.md")


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_scrape(commands)
    _add_sources(commands)
    _add_photosite(commands)


def _add_scrape(commands: Commands) -> None:
    parser = commands.add_parser(
        "scrape", help="collect images for a term into a folder, without DVC and params.yaml",
        description="In a project, `dvc repro` collects every class of params.yaml.",
    )
    parser.add_argument("terms", nargs="*", metavar="TERM", help="what to type into the search box")
    parser.add_argument("--num-images", type=positive, default=100, metavar="N", help="how many (default 100)")
    parser.add_argument("--source", action="append", default=[], metavar="NAME", help="where from (default commons), in turn")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to: the images, index.csv, rejected.csv")
    parser.add_argument("--contact", default=os.environ.get("DARKROOM_CONTACT", ""), metavar="ADDRESS",
                        help="your e-mail or web page, for the sites that are asked (default: the variable DARKROOM_CONTACT)")
    parser.add_argument("--min-side", type=positive, default=64, metavar="PIXELS", help="smaller images are refused (default 64)")
    parser.add_argument("--license", action="append", default=[], metavar="NAME", help="only this licence, such as cc-by; again for more")
    parser.add_argument("--endpoint", action="append", default=[], metavar="SOURCE=URL", help="another base URL for a source")
    parser.add_argument("--allow-host", action="append", default=[], metavar="HOST", help="a host that may be reached though not public")
    parser.add_argument("--per-host", type=positive, default=4, metavar="N", help="downloads at a time from one host (default 4)")
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed for good; without TERM, in this project")
    parser.set_defaults(run=_scrape)


def _add_sources(commands: Commands) -> None:
    parser = commands.add_parser("sources", help="where images can come from: what each needs and allows, and when it last worked")
    parser.add_argument("--live", action="store_true", help="ask each one on the public web for one page, and write the result down")
    parser.add_argument("--contact", default=os.environ.get("DARKROOM_CONTACT", ""), metavar="ADDRESS", help="your e-mail or web page")
    parser.set_defaults(run=_sources)


def _add_photosite(commands: Commands) -> None:
    parser = commands.add_parser("photosite", help="serve a folder of images as a small image-search site, on this machine")
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="the images (default: the demo's emoji)")
    parser.add_argument("--port", type=int, default=8000, help="of 127.0.0.1 (default 8000)")
    parser.set_defaults(run=_photosite)


def _scrape(given: argparse.Namespace) -> None:
    from pipeline.collect.ledger import Ledger
    from pipeline.collect.scrape import scrape
    from pipeline.collect.tally import shown

    if given.retry_failed and not given.terms:
        with Ledger.opened(LEDGER) as ledger:
            count = ledger.retry_failed()
        print(f"{count} failed downloads are forgotten; `dvc repro -f scrape@CLASS` tries them again")
        return
    if not given.terms or given.out is None:
        raise UserError('darkroom scrape: give a term and a folder, such as: darkroom scrape "houses vancouver" --out pics')
    name = _class_name(given.out)
    wanted = _checked(params.Class, terms=given.terms, count=given.num_images, sources=given.source or ["commons"])
    settings = _checked(
        params.Scrape, contact=given.contact, min_side=given.min_side, licenses=given.license or "any",
        endpoints=dict(_pair(text) for text in given.endpoint), allow_hosts=given.allow_host,
    )
    folder = given.out / ".darkroom"
    if given.retry_failed:
        with Ledger.opened(folder) as ledger:
            ledger.retry_failed()
    try:
        with shown(f"scrape {given.out}", wanted.count) as on_change:
            report = scrape(name, wanted, settings, given.out, folder, params.Run(per_host=given.per_host), on_change=on_change)
    except UserError as error:  # there is no params.yaml here
        told = str(error).replace(f"params.yaml: classes.{name}: ", "").replace(f"classes.{name}: ", "")
        raise UserError(told.replace("params.yaml: scrape.contact is empty", "--contact is empty")) from None
    print(str(report).replace(f"classes.{name}: ", ""))
    print(f"in {given.out}; index.csv tells where each came from and its licence, rejected.csv what was refused")


def _class_name(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-")
    return name if params.CLASS_NAME.fullmatch(name) else f"c-{name}"


def _checked(model: type[Any], **values: Any) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        raise UserError(f"darkroom scrape: {where}: {refusal.of_value(first)}") from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, url = text.partition("=")
    if not sign:
        raise UserError(f"darkroom scrape: --endpoint {text!r} is not SOURCE=URL, such as bing=http://127.0.0.1:8080")
    return name, url


def _sources(given: argparse.Namespace) -> None:
    from pipeline.collect import health

    if given.live:
        _live(given.contact)
    width = shutil.get_terminal_size((100, 24)).columns
    for name, needs, allows, when in health.table(health.read_seen()):
        print(f"{name}  ({when})")
        for label, text in (("needs", needs), ("allows", allows)):
            print(textwrap.fill(f"{label}: {text or 'nothing'}", width, initial_indent="    ", subsequent_indent="        "))


def _live(contact: str) -> None:
    from pipeline.collect import health

    settings = _checked(params.Scrape, contact=contact)
    day = datetime.now(UTC).date().isoformat()
    found = health.check(health.searchable(), settings, LEDGER, day)
    for one in found:
        print(f"{one.source:12} {one.state:12} {textwrap.shorten(one.detail, 110, placeholder=' …')}")
    if health.no_network(found):
        raise UserError("no network: none of the sources could be reached from here; nothing was written down")
    health.write_seen(Path(health.__file__).with_name(health.SEEN), [one for one in found if one.state != "not set up"])
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text(health.page(health.read_seen()), encoding="utf-8")
    print(f"written to {DOCS}")


def _photosite(given: argparse.Namespace) -> None:
    from pipeline.collect.photosite import catalogue, server

    photos = catalogue.of_folder(given.folder) if given.folder else catalogue.emoji()
    with server.served(photos, given.port) as base, suppress(KeyboardInterrupt):
        print(f"{len(photos)} images on {base} (Ctrl-C ends it)", flush=True)
        while True:
            time.sleep(3600)


