"""The YAML in front of the card, by which the folder is a dataset repository for Hugging Face `datasets`."""

import io
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from pipeline.prepare.dataset.shards import FOLDER
from pipeline.prepare.dataset.summary import Summary

__all__ = ["configs", "front_matter", "yaml_lines"]

# Hugging Face's identifiers of licences, as far as it has those of params.yaml: plain ones, and the versions of the others
LICENSES = {"cc0": "cc0-1.0", "unknown": "unknown"}
VERSIONS = {
    "cc-by": ("2.0", "2.5", "3.0", "4.0"), "cc-by-sa": ("3.0", "4.0"), "cc-by-nc": ("2.0", "3.0", "4.0"), "cc-by-nd": ("4.0",),
    "cc-by-nc-sa": ("2.0", "3.0", "4.0"), "cc-by-nc-nd": ("3.0", "4.0"),
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def front_matter(summary: Summary) -> list[str]:
    """The lines of YAML, between their fences: name, licences, size, and which shards are which split."""
    size = next((name for most, name in SIZES if len(summary.items) < most), "1M<n<10M")
    paired = summary.settings.pair.paired
    tree: dict[str, Any] = {
        "pretty_name": " ".join(summary.title.split()),
        "license": sorted({_license(name, url) for name, url, _ in summary.licenses}),
        "task_categories": ["image-to-image" if paired else "unconditional-image-generation"],
        "size_categories": [size],
        "tags": ["webdataset", "croissant"],
        "configs": configs({split: f"{FOLDER}/{split}-*.tar" for split in summary.splits}, summary.version),
    }
    return yaml_lines(tree)


def configs(patterns: Mapping[str, str], version: str) -> list[dict[str, Any]]:
    """Which files are which split. The version is in it because `datasets` knows its cached copy by this text, not by the files."""
    files = [{"split": split, "path": pattern} for split, pattern in patterns.items()]
    return [{"config_name": "default", "description": f"version {version[:16]}", "data_files": files}]


def yaml_lines(tree: dict[str, Any]) -> list[str]:
    """A mapping as YAML between the fences that Markdown has it in, whatever its strings hold."""
    yaml, sink = YAML(typ="safe", pure=True), io.StringIO()
    settings = {"allow_unicode": True, "width": 10_000, "default_flow_style": False, "sort_base_mapping_type_on_output": False}
    for name, value in settings.items():  # by name: its types say that all of them are None
        setattr(yaml, name, value)
    yaml.dump(tree, sink)
    return ["---", *sink.getvalue().rstrip("\n").split("\n"), "---", ""]


def _license(name: str, url: str) -> str:
    found = re.search(r"/(\d\.\d)\b", url)
    if found and found.group(1) in VERSIONS.get(name, ()):
        return f"{name}-{found.group(1)}"
    return LICENSES.get(name, "other")
