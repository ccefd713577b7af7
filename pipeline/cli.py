"""`darkroom …`: what a person does by hand beside DVC."""

import argparse
import getpass
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline import image, params
from pipeline.errors import UserError, reported

__all__ = ["main"]

DEDUPED, RAW, REVIEW, MODEL = Path("data/deduped"), Path("data/raw"), Path("data/review"), Path("data/model")
DATASET = Path("data/dataset")
SHEETS = Path("data/.cache/review")
SHEET_IMAGES = 120


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="darkroom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_repro(commands)
    _add_train(commands)
    _add_check(commands)
    _add_review(commands)
    _add_generate(commands)
    given = parser.parse_args(arguments)
    with reported():
        given.run(given)


def _add_repro(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("repro", help="check params.yaml, then run `dvc repro --keep-going`")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed to dvc repro")
    parser.set_defaults(run=_repro)


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("train", help="pull what the remote has, then train and evaluate; never searches")
    parser.set_defaults(run=_train)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("check", help="check params.yaml and the review files, and run nothing")
    parser.set_defaults(run=_check)


def _add_review(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("review", help="show the images that wait for a decision, or record decisions")
    parser.add_argument("class_name", nargs="?", metavar="CLASS", help="only this class")
    parser.add_argument("--keep", nargs="+", default=[], metavar="ID", help="these images are good (the first digits will do)")
    parser.add_argument("--reject", nargs="+", default=[], metavar="ID", help="these images are not")
    parser.add_argument("--reason", default="", help="why: offtopic, watermark, blurry, text, drawing, people, duplicate, other, …")
    parser.add_argument("--keep-rest", action="store_true", help="everything in CLASS that waits still is good")
    parser.add_argument("--reviewer", default="", help="your name; the login name where absent")
    parser.add_argument("--tidy", action="store_true", help="sort and normalise the review files")
    parser.set_defaults(run=_review)


def _add_generate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("generate", help="make images with the trained generator")
    parser.add_argument("--num-examples", type=_positive, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--save-path", type=Path, default=Path("out"), metavar="FOLDER", help="where to (default out)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other images (default 0)")
    parser.add_argument("--model", type=Path, default=MODEL, metavar="FOLDER", help="the model (default data/model)")
    parser.set_defaults(run=_generate)


def _repro(given: argparse.Namespace) -> None:
    _check(given)
    rest = given.rest[1:] if given.rest[:1] == ["--"] else given.rest
    if _dvc("repro", "--keep-going", *rest):
        raise UserError("not everything could be made: the lines that begin with `darkroom:` above say why; what was made is kept")


def _train(given: argparse.Namespace) -> None:
    _check(given)
    remote = subprocess.run([_beside() / "dvc", "config", "core.remote"], capture_output=True, text=True, check=False)
    if remote.stdout.strip():
        if _dvc("pull"):
            name = remote.stdout.strip()
            raise UserError(f"the remote {name!r} does not have everything (see above); where the data is, run `dvc push`")
    elif not DATASET.exists():
        raise UserError(
            f"{DATASET} is not here and no remote is set; run `dvc remote add --default store PLACE`, or `make repro` to collect it"
        )
    if _dvc("repro", "--downstream", "train"):
        raise UserError("training did not finish: the lines above say why")


def _dvc(*arguments: str) -> int:
    """Run DVC with this environment's programs first on the PATH, so that stages run on this Python too."""
    path = f"{_beside()}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run([_beside() / "dvc", *arguments], env={**os.environ, "PATH": path}, check=False).returncode


def _beside() -> Path:
    return Path(sys.executable).parent


def _check(given: argparse.Namespace) -> None:
    from pipeline.curate.decisions import read_decisions, read_forgotten

    params.load()
    read_decisions(REVIEW)
    read_forgotten(REVIEW)


def _review(given: argparse.Namespace) -> None:
    from pipeline.curate.pending import tidy

    if given.class_name is not None and given.class_name not in params.load().classes:
        raise UserError(f"params.yaml has no class {given.class_name!r}; it has {', '.join(params.load().classes)}")
    if given.tidy:
        print(f"{tidy(REVIEW)} files sorted")
    elif given.keep or given.reject or given.keep_rest:
        _record(given)
    else:
        _show_pending(given.class_name)


def _record(given: argparse.Namespace) -> None:
    from pipeline.curate import pending
    from pipeline.item import read_index

    if given.keep_rest and not given.class_name:
        raise UserError("--keep-rest needs the class: darkroom review CLASS --keep-rest")
    items = [i for i in read_index(DEDUPED / "index.csv") if given.class_name in (None, i.class_)]
    rejected, kept = pending.matching(items, given.reject), pending.matching(items, given.keep)
    both = {i.id for i in rejected} & {i.id for i in kept}
    if both:
        raise UserError(f"{', '.join(sorted(both))} cannot be kept and rejected at once")
    reviewer, now = given.reviewer or getpass.getuser(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pending.decide(REVIEW, rejected, "reject", given.reason, reviewer, now)
    if given.keep_rest:
        kept = kept + pending.waiting(DEDUPED, REVIEW, given.class_name)
    pending.decide(REVIEW, kept, "keep", "", reviewer, now)
    print(f"kept {len(kept)}, rejected {len(rejected)}; written to {REVIEW}/, which belongs in git; `dvc repro` applies it")


def _show_pending(class_name: str | None) -> None:
    from pipeline.curate import pending

    waiting = pending.waiting(DEDUPED, REVIEW, class_name)
    if not waiting:
        print("every image has been decided")
    for name, count in sorted(Counter(item.class_ for item in waiting).items()):
        of_class = [item for item in waiting if item.class_ == name]
        SHEETS.mkdir(parents=True, exist_ok=True)
        pages = range(0, count, SHEET_IMAGES)
        for page, start in enumerate(pages, start=1):
            path = SHEETS / (f"{name}-{page}.png" if len(pages) > 1 else f"{name}.png")
            pending.pending_sheet(of_class[start : start + SHEET_IMAGES], RAW, start + 1).save(path)
            print(f"{count} of {name} await a decision: {path}" if page == 1 else f"    … {path}")
    if waiting:
        print("look at them, then for example: darkroom review CLASS --reject ID ID … --reason offtopic --keep-rest")


def _generate(given: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    from pipeline.sheet import grid
    from pipeline.train.sample import generate, load_generator

    generator, latent = load_generator(given.model)
    given.save_path.mkdir(parents=True, exist_ok=True)
    made = [pixels for batch in generate(generator, latent, given.num_examples, given.seed) for pixels in batch]
    for number, pixels in enumerate(made):
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        (given.save_path / f"{number:05d}.png").write_bytes(image.encode_png(picture))
    scale = max(1, round(64 / made[0].shape[0]))
    grid(np.stack(made[:100]), min(10, len(made)), scale).save(given.save_path / "grid.png")
    print(f"{len(made)} images in {given.save_path}, grid.png shows them together")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not allowed; at least 1 is")
    return number


if __name__ == "__main__":
    main()
