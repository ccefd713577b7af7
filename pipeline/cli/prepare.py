"""darkroom crop, resize, rgb, augment: each step of the preparation alone on a folder of images."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline import params, refusal
from pipeline.cli import alone
from pipeline.cli.places import Commands, given_path, positive
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.folder import Work

__all__ = ["add"]

COLORS = {"black": (0, 0, 0), "white": (255, 255, 255)}
CODES = "fliph, flipv, noise_V, rot_A, trans_X_Y, zoom_X1_Y1_X2_Y2, blur_S"
Section = TypeVar("Section", bound=BaseModel)


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_crop(commands)
    _add_resize(commands)
    _add_rgb(commands)
    _add_augment(commands)


def _add_crop(commands: Commands) -> None:
    settings = params.Crop()
    parser = commands.add_parser("crop", help="cut every image of a folder")
    parser.add_argument("folder", type=given_path, metavar="DIR", help="a folder of image files, and of folders of them")
    parser.add_argument("--mode", choices=("none", "center", "smart", "faces"), default=settings.mode,
                        help="which part; smart: what stands out; faces: the largest face, else as smart; default %(default)s")
    parser.add_argument("--aspect", type=float, default=settings.aspect, metavar="W/H", help="width / height; default %(default)s")
    parser.add_argument("--trim", action="store_true", help="take uniform bars and borders off first")
    parser.add_argument("--tolerance", type=int, default=settings.tolerance, metavar="LEVELS",
                        help="8-bit levels by which a bar may differ from its own colour; default %(default)s")
    _add_shared(parser, "cropped")
    parser.set_defaults(run=_crop)


def _add_resize(commands: Commands) -> None:
    settings = params.Resize()
    parser = commands.add_parser("resize", help="bring every image of a folder to one size")
    parser.add_argument("folder", type=given_path, metavar="DIR", help="a folder of image files, and of folders of them")
    parser.add_argument("size", type=_size, metavar="SIZE", help="pixels of a square, such as 256, or WIDTHxHEIGHT, such as 320x240")
    parser.add_argument("--fit", choices=("fill", "fit", "pad", "stretch"), default=settings.fit,
                        help="an image of another shape: fill cuts what hangs over, pad adds what is missing, stretch distorts, "
                             "fit keeps it whole, so that one side comes out shorter; default %(default)s")
    parser.add_argument("--pad", type=_pad, default=settings.pad, metavar="COLOR",
                        help="what --fit pad adds: transparent, white, black, or R,G,B; default %(default)s")
    parser.add_argument("--filter", choices=("lanczos", "bicubic", "area"), default=settings.filter, help="default %(default)s")
    _add_shared(parser, "resized")
    parser.set_defaults(run=_resize)


def _add_rgb(commands: Commands) -> None:
    settings = params.Rgb()
    parser = commands.add_parser("rgb", help="put every image of a folder on a plain background")
    parser.add_argument("folder", type=given_path, metavar="DIR", help="a folder of image files, and of folders of them")
    parser.add_argument("--background", type=_background, default=settings.background, metavar="WHAT",
                        help="white, black, R,G,B, checker, border (the picture's own border colour), random; default %(default)s")
    parser.add_argument("--mode", choices=("RGB", "L"), default=settings.mode, help="colour, or L for grey; default %(default)s")
    parser.add_argument("--seed", type=int, default=settings.seed, metavar="N", help="of the random backgrounds; default %(default)s")
    _add_shared(parser, "rgb")
    parser.set_defaults(run=_rgb)


def _add_augment(commands: Commands) -> None:
    settings = params.Augment()
    parser = commands.add_parser("augment", help="make changed copies of every image of a folder")
    parser.add_argument("folder", type=given_path, metavar="DIR", help="a folder of image files, and of folders of them")
    parser.add_argument("ops", nargs="+", metavar="OP",
                        help=f"one more copy of each image; {CODES}; a transform of Albumentations, such as GaussNoise or "
                             "'{HueSaturationValue: {hue_shift_limit: 10}}'; commas join steps in order")
    parser.add_argument("--fill", type=_fill, default=COLORS["black"], metavar="WHAT",
                        help="what rot, trans and zoom show from beyond the picture: black, white, R,G,B (see-through in pictures with "
                             "transparency), reflect, edge; default black")
    parser.add_argument("--copies", type=positive, default=settings.copies, metavar="N", help="of each OP that is random; default 1")
    parser.add_argument("--seed", type=int, default=settings.seed, metavar="N", help="of what is random; default %(default)s")
    _add_shared(parser, "augmented")
    parser.set_defaults(run=_augment)


def _add_shared(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--out", type=Path, metavar="OUT",
                        help=f"the folder for the results, new or made by this command before; default: DIR-{name} beside DIR")
    parser.add_argument("--workers", type=positive, default=0, metavar="N", help="processes; default: all cores")
    parser.set_defaults(name=name)


def _crop(given: argparse.Namespace) -> None:
    from pipeline.prepare.cut import cutting

    settings = _checked(params.Crop, mode=given.mode, aspect=given.aspect, trim=given.trim, tolerance=given.tolerance)
    work = cutting(settings)
    _done("crop", given, lambda source: work)


def _resize(given: argparse.Namespace) -> None:
    from pipeline.prepare.resize import Resize

    settings = _checked(params.Resize, size=given.size, fit=given.fit, pad=given.pad, filter=given.filter)

    def whole(source: alone.Source) -> Resize:
        box = (0, 0, max(1, source.item.width), max(1, source.item.height))
        return Resize(settings.width_height, settings.filter, box, fit=settings.fit, pad=settings.pad)

    _done("resize", given, whole)


def _rgb(given: argparse.Namespace) -> None:
    from pipeline.prepare.rgb import flatten

    settings = _checked(params.Rgb, background=given.background, mode=given.mode, seed=given.seed)
    work = flatten(settings, sheet=False)
    _done("rgb", given, lambda source: work)


def _augment(given: argparse.Namespace) -> None:
    from pipeline.prepare.augmentation.copies import copies_of
    from pipeline.prepare.augmentation.entries import entry_of, problems, told

    out = _out(given)
    found, closed = alone.sources(given.folder, out)
    ops, wrong = _ops(given.ops)
    settings = _checked(params.Augment, seed=given.seed, copies=given.copies, fill=given.fill)
    entries = [entry_of(op) for op in ops]
    size = next(((source.item.width, source.item.height) for source in found if source.item.width), (64, 64))
    wrong += problems(entries, size, same_size=False)
    if wrong:
        raise UserError(told("augment", wrong))
    works = copies_of(entries, settings.seed, settings.copies, settings.fill, same_size=False)
    outputs = [
        alone.Output(source, f"__{suffix}", work, (("augmentation", work.entry.text),)) for source in found for suffix, work in works
    ]
    print(alone.run("augment", given.folder, out, outputs, closed, given.workers))


def _done(command: str, given: argparse.Namespace, work: Callable[[alone.Source], "Work"]) -> None:
    out = _out(given)
    found, closed = alone.sources(given.folder, out)
    outputs = [alone.Output(source, "", work(source)) for source in found]
    print(alone.run(command, given.folder, out, outputs, closed, given.workers))


def _out(given: argparse.Namespace) -> Path:
    if given.out:
        return Path(given.out)
    folder: Path = given.folder if given.folder.name not in ("", "..") else given.folder.resolve()
    if not folder.name:
        raise UserError(f"there is no place beside {folder}; say with --out where the results go")
    return folder.with_name(f"{folder.name}-{given.name}")


def _ops(texts: list[str]) -> tuple[list[Any], list[str]]:
    """(what params.yaml would hold, what is wrong), each argument by itself."""
    from pydantic import TypeAdapter

    ops, wrong = [], []
    for text in texts:
        try:
            op = _written(text)
            ops.append(TypeAdapter(_kind(op)).validate_python(op))
        except ValidationError as error:
            first = error.errors()[0]
            ours = first["type"] == "value_error"
            wrong.append(first["msg"].removeprefix("Value error, ") if ours else f"{text}: a list holds codes and transforms, and not none")
        except UserError as error:
            wrong.append(f"{text}: {error}")
    return ops, wrong


def _kind(op: Any) -> Any:
    from pipeline.prepare_params import Code, Steps, Transform

    return Code if isinstance(op, str) else Transform if isinstance(op, dict) else Steps


def _written(text: str) -> Any:
    """An argument as params.yaml would have it: {…} and […] are YAML; a capital begins a transform without arguments."""
    if text.lstrip().startswith(("{", "[")):
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            return YAML(typ="safe").load(text)
        except YAMLError:
            raise UserError("this is not YAML, such as {HueSaturationValue: {hue_shift_limit: 10}}") from None
    parts = [part.strip() for part in text.split(",")]
    if not any(part[:1].isupper() for part in parts):
        return text
    return [{part: {}} if part[:1].isupper() else part for part in parts] if len(parts) > 1 else {text.strip(): {}}


def _checked(section: type[Section], **values: Any) -> Section:
    """The section of params.yaml that these options amount to. Raises UserError that names the option."""
    try:
        return section(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UserError(f"--{name} {refusal.of_value(first, f'{values[name]} is not allowed')}") from None


def _size(text: str) -> int | tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})(?:[x,](\d{1,5}))?", text)
    sides = [int(side) for side in found.groups() if side] if found else []
    if not sides or not all(4 <= side <= 4096 for side in sides):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; a number from 4 to 4096 is, or two as WIDTHxHEIGHT, such as 320x240")
    return (sides[0], sides[1]) if len(sides) == 2 else sides[0]


def _color(text: str, others: tuple[str, ...]) -> Any:
    """One of `others`, or a colour as three 8-bit levels."""
    if text in others:
        return text
    if text in COLORS:
        return COLORS[text]
    levels = re.fullmatch(r"\[?(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})\]?", text)
    if not levels or max(int(level) for level in levels.groups()) > 255:
        named = ", ".join(dict.fromkeys((*others, *COLORS)))
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; {named}, or R,G,B from 0 to 255, such as 200,200,255, is")
    return tuple(int(level) for level in levels.groups())


def _fill(text: str) -> Any:
    return _color(text, ("reflect", "edge"))


def _pad(text: str) -> Any:
    return _color(text, ("transparent",))


def _background(text: str) -> Any:
    return _color(text, ("white", "black", "checker", "border", "random"))
