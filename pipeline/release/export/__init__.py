"""A packaged dataset in the forms that other programs read. `packed` opens it, each form is a module of its own, `target` puts what was
made in its place."""

from collections.abc import Callable
from pathlib import Path

from pipeline.errors import UserError
from pipeline.release.export import imagefolder, parquet, stylegan_zip, webdataset
from pipeline.release.export.packed import Packed
from pipeline.release.export.target import replaced
from pipeline.release.export.wish import Wish

__all__ = ["FORMS", "Wish", "default_target", "export"]

Form = Callable[[Packed, Path, Wish], str]
"""Writes the samples to a new folder or file; gives the line of Python that loads it."""

FORMS: dict[str, Form] = {
    "imagefolder": imagefolder.write, "parquet": parquet.write, "stylegan-zip": stylegan_zip.write, "webdataset": webdataset.write,
}


def default_target(dataset: Path, form: str) -> Path:
    """Where a form goes by itself: beside the dataset."""
    return dataset.with_name(f"{dataset.name}-stylegan.zip" if form == "stylegan-zip" else f"{dataset.name}-{form}")


def export(dataset: Path, form: str, target: Path, wish: Wish) -> str:
    """Write `dataset` to `target` in one of FORMS; gives what was written and how to load it.

    The same dataset gives the same bytes. `target` is there at the end, whole, or is as it was. Raises UserError where it holds what no
    export made, or where the form cannot hold the dataset.
    """
    if form not in FORMS:
        raise UserError(f"export: there is no form {form!r}; there are {', '.join(FORMS)}")
    if target.resolve().is_relative_to(dataset.resolve()):
        raise UserError(f"{target} lies in the dataset itself, which `dvc repro` makes anew; choose another with --out")
    packed = Packed.opened(dataset)
    packed.check(wish)
    with replaced(target, form) as draft:
        loading = FORMS[form](packed, draft, wish)
    count = sum(len(packed.samples(split, wish.originals_only)) for split in packed.chosen(wish))
    what = f"{count} {'pairs' if packed.paired else 'images'} ({', '.join(packed.chosen(wish))})"
    return f"{what} in {target}\nload it: {loading.replace('FOLDER', target.as_posix())}"
