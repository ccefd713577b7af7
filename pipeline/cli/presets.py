"""darkroom presets: complete settings for systems that are known, to start from."""

import argparse
import json
import re
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import params
from pipeline.cli.places import Commands
from pipeline.errors import UserError
from pipeline.files import put

__all__ = ["PRESETS", "Preset", "add", "contact_in", "listed", "read", "shipped", "use"]

PRESETS = Path("presets")
PARAMS = Path("params.yaml")
EMPTY_CONTACT = re.compile(r'^  contact: "" *', re.MULTILINE)
COMMENTS = 29  # the column at which comments begin in a preset
HEADINGS = ("PRESET", "MAKES", "RECIPE", "SIZE", "IMAGES", "NEEDS")


@dataclass(frozen=True)
class Preset:
    """One file of presets/. `about` is the comment at its head, without the signs; its first line is "Name: what it makes"."""

    name: str
    text: str
    about: str
    settings: params.Params

    @property
    def makes(self) -> str:
        return self.about.splitlines()[0].partition(": ")[2]

    @property
    def needs(self) -> str:
        """What it needs, in a few words: the rest of the line that says so."""
        found = re.search(r"^Needs: (.+?)\.?$", self.about, re.MULTILINE)
        return found.group(1) if found else ""

    @property
    def needs_in_full(self) -> str:
        """The same and what is told below it, without the indentation."""
        found = re.search(r"^Needs: (.*?)(?=^\w+: |\Z)", self.about, re.MULTILINE | re.DOTALL)
        return " ".join(found.group(1).split()) if found else ""

    @property
    def size(self) -> str:
        """The size of its images; of an upscaler also the size that is given."""
        width, height = self.settings.resize.width_height
        scale = self.settings.pair.scale if self.settings.pair.derive == "low_resolution" else 1
        large = f"{width}×{height}"
        return large if scale == 1 else f"{width // scale}×{height // scale} → {large}"

    @property
    def images(self) -> int:
        return sum(each.count for each in self.settings.classes.values())

    @property
    def row(self) -> tuple[str, ...]:
        return (self.name, self.makes, self.settings.train.recipe, self.size, f"{self.images:,}", self.needs)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "presets", help="complete settings for known systems: logos, digits, maps, faces …",
        description="Without a name: the list. With one: what it is, what it needs and how to use it.",
    )
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="one of the list")
    parser.add_argument("--use", action="store_true", help="make it params.yaml; the old one is kept as params.yaml.bak")
    parser.add_argument("used", nargs="?", default="", help=argparse.SUPPRESS)  # `presets use NAME`, as some say it
    parser.set_defaults(run=_presets)


def _presets(given: argparse.Namespace) -> None:
    if given.used:
        if given.name != "use":
            raise UserError(f"darkroom presets: one name at a time, such as `darkroom presets --use {given.name}`")
        given.name, given.use = given.used, True
    if not given.name:
        if given.use:
            raise UserError("darkroom presets: --use wants the name of a preset; `darkroom presets` lists them")
        print(listed(shipped(), shutil.get_terminal_size((100, 24)).columns))
    elif given.use:
        print(use(given.name))
    else:
        preset = _by_name(given.name)
        print(f"{preset.about}\n")
        print(f"$ darkroom presets --use {preset.name}        # or: cp {PRESETS}/{preset.name}.yaml {PARAMS}\n$ dvc repro")


def shipped(folder: Path = PRESETS) -> list[Preset]:
    """All presets, by name. Raises UserError where there are none, or one cannot be read."""
    return [read(path) for path in _files(folder)]


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.yaml"), key=lambda path: path.stem)
    if not found:
        raise UserError(f"{folder} has no presets; run this in the project's top folder, or `git checkout {folder}`")
    return found


def read(path: Path) -> Preset:
    """One preset. Raises UserError for a file that could not be params.yaml."""
    settings = params.load(path)
    text = path.read_text(encoding="utf-8")
    head: list[str] = []
    for line in text.splitlines()[1:]:  # the first is for editors
        if not line.startswith("#"):
            break
        head.append(line.removeprefix("#").removeprefix(" "))
    return Preset(path.stem, text, "\n".join(head).strip(), settings)


def listed(presets: list[Preset], columns: int) -> str:
    """The presets as an aligned table; where the terminal is too narrow for it, what each needs has a line of its own."""
    rows = [HEADINGS, *(preset.row for preset in presets)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    if sum(widths) + 2 * (len(widths) - 1) <= columns:
        return "\n".join(_line(row, widths) for row in rows)
    lines = [_line(HEADINGS[:-1], widths)]
    for row in rows[1:]:
        lines += [_line(row[:-1], widths), f"{'':{widths[0]}}  needs {row[-1]}"]
    return "\n".join(lines)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Cells side by side, numbers to the right."""
    aligned = (cell.rjust(width) if place == HEADINGS.index("IMAGES") else cell.ljust(width)
               for place, (cell, width) in enumerate(zip(cells, widths, strict=False)))
    return "  ".join(aligned).rstrip()


def use(name: str) -> str:
    """Make a preset params.yaml, with the contact that the old one had, and say what to do next.

    The old one becomes params.yaml.bak, unless it is a preset that nobody has changed. Raises UserError where that would
    overwrite another one.
    """
    preset = _by_name(name)
    old = PARAMS.read_text(encoding="utf-8") if PARAMS.exists() else ""
    contact = contact_in(old)
    new = _with_contact(preset.text, contact)
    told = f"{PARAMS} is now the preset {name}"
    if old and old != new and not _is_preset(old, contact):
        backup = PARAMS.with_name(f"{PARAMS.name}.bak")
        if backup.exists() and backup.read_text(encoding="utf-8") != old:
            raise UserError(f"{backup} holds other settings, which would be lost; rename or delete it, then run this again")
        put(backup, old.encode())
        told += f"; the one that was there is {backup}"
    put(PARAMS, new.encode())
    asks = "" if contact or "scrape.contact" not in preset.about else "write your e-mail or web page into scrape.contact, "
    needs = textwrap.fill(f"it needs {preset.needs_in_full}", 100)
    return f"{told}\n{needs}\nnext: {asks}`darkroom check`, then `dvc repro`"


def _is_preset(text: str, contact: str) -> bool:
    """Whether this is one of them as it is shipped, but for the contact."""
    return any(text == _with_contact(path.read_text(encoding="utf-8"), contact) for path in _files(PRESETS))


def contact_in(text: str) -> str:
    """scrape.contact of a params.yaml, "" where it has none or cannot be read."""
    try:
        tree = YAML(typ="safe").load(text)
    except YAMLError:
        return ""
    scrape = tree.get("scrape") if isinstance(tree, dict) else None
    contact = scrape.get("contact") if isinstance(scrape, dict) else None
    return contact if isinstance(contact, str) else ""


def _with_contact(text: str, contact: str) -> str:
    if not contact:
        return text
    line = f"  contact: {json.dumps(contact, ensure_ascii=False)}"
    return EMPTY_CONTACT.sub(lambda found: f"{line:{COMMENTS}}" if len(line) < COMMENTS else f"{line}  ", text, count=1)


def _by_name(name: str) -> Preset:
    names = [path.stem for path in _files(PRESETS)]
    if name not in names:
        raise UserError(f"there is no preset {name!r}; there are {', '.join(names)}")
    return read(PRESETS / f"{name}.yaml")
