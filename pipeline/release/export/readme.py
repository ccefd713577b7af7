"""The README.md of an exported folder: for people two lines, for Hugging Face `datasets` which files are which split."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pipeline.identity import version_of
from pipeline.prepare.dataset.front_matter import configs, yaml_lines
from pipeline.release.export.packed import Packed

__all__ = ["write_readme"]


def write_readme(packed: Packed, target: Path, patterns: Mapping[str, str]) -> None:
    """Write it, last; `patterns` has the files of each split."""
    digests = {path.relative_to(target).as_posix(): _sha256(path) for path in target.rglob("*") if path.is_file()}
    head = yaml_lines({"configs": configs(patterns, version_of(digests))})
    kind = "pairs" if packed.paired else "images"
    text = f"Exported by Darkroom: {kind} of {', '.join(packed.classes)}. Licences and creators stand beside each of the {kind}.\n"
    (target / "README.md").write_text("\n".join(head) + text, encoding="utf-8")
    credits = packed.folder / "ATTRIBUTION.csv"
    if credits.is_file():
        (target / credits.name).write_bytes(credits.read_bytes())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
