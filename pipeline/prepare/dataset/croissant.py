"""croissant.json: the dataset described for machines, after the Croissant format of MLCommons, version 1.0, with some of its
Responsible AI vocabulary. https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html

The version of a dataset is the digest of its content, which has no order; Croissant wants semantic versions. So it stands in the
part that these have for it, the build: 1.0.0+ and the first 16 digits.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.item import COLUMNS
from pipeline.prepare.dataset.card import bibtex
from pipeline.prepare.dataset.summary import Summary
from pipeline.prepare.dataset.tables import NUMERIC

__all__ = ["croissant"]

CONFORMS = "http://mlcommons.org/croissant/1.0"
RAI = "http://mlcommons.org/croissant/RAI/1.0"
CONTEXT: dict[str, Any] = {  # the context that the specification gives, word for word as JSON-LD needs it
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source",
    "subField": "cr:subField", "transform": "cr:transform",
}
TABLES = {"index.csv": "text/csv", "index.parquet": "application/x-parquet", "ATTRIBUTION.csv": "text/csv"}
FILES = "pictures"
KINDS = {"split": "splits/name", "class": "classes/name"}
SPLITS = {"train": "cr:TrainingSplit", "test": "cr:TestSplit", "holdout": "cr:TestSplit", "validation": "cr:ValidationSplit",
          "val": "cr:ValidationSplit"}


def croissant(summary: Summary, out: Path) -> bytes:
    """The description of the dataset whose shards and tables lie in `out`."""
    package = summary.settings.package
    tree: dict[str, Any] = {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": [CONFORMS, RAI],
        "name": package.name, "alternateName": summary.title, "description": summary.description,
        "license": [url or name for name, url, _ in summary.licenses], "version": f"1.0.0+{summary.version[:16]}",
        "isLiveDataset": False, "citeAs": bibtex(summary), "keywords": list(summary.settings.classes),
        "distribution": _distribution(summary, out), "recordSet": _record_sets(summary),
        **_responsible(summary),
    }
    if package.creator:
        tree["creator"] = {"@type": "sc:Person", "name": package.creator}
    if package.url:
        tree["url"] = package.url
    if summary.newest:
        tree["datePublished"] = summary.newest
    return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode()


def _distribution(summary: Summary, out: Path) -> list[dict[str, Any]]:
    files = [
        *((name, "application/x-tar", digest) for name, digest in summary.shards.items()),
        *((name, kind, hashlib.sha256((out / name).read_bytes()).hexdigest()) for name, kind in TABLES.items()),
    ]
    objects = [
        {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "contentSize": f"{(out / name).stat().st_size} B",
         "encodingFormat": kind, "sha256": digest}
        for name, kind, digest in files
    ]
    pictures = {"@type": "cr:FileSet", "@id": FILES, "name": FILES, "containedIn": [{"@id": name} for name in summary.shards],
                "encodingFormat": "image/png", "includes": "*.png"}
    return [*objects, pictures]


def _record_sets(summary: Summary) -> list[dict[str, Any]]:
    paired = summary.settings.pair.paired
    key = [{"@id": "images/sample"}, {"@id": "images/role"}] if paired else {"@id": "images/filename"}
    splits = [{"splits/name": name, "splits/url": SPLITS.get(name, "cr:Split")} for name in summary.splits]
    titles = [{"classes/name": name, "classes/title": summary.settings.title(name)} for name in summary.settings.classes]
    return [
        {"@type": "cr:RecordSet", "@id": "splits", "name": "splits", "dataType": "cr:Split", "key": {"@id": "splits/name"},
         "field": [_inline("splits/name", "sc:Text"), _inline("splits/url", "sc:Text")], "data": splits},
        {"@type": "cr:RecordSet", "@id": "classes", "name": "classes", "dataType": "sc:Enumeration", "key": {"@id": "classes/name"},
         "field": [_inline("classes/name", "sc:Text"), _inline("classes/title", "sc:Text")], "data": titles},
        {"@type": "cr:RecordSet", "@id": "images", "name": "images", "key": key,
         "description": "One record for each picture, with its provenance.", "field": _fields(paired)},
    ]


def _fields(paired: bool) -> list[dict[str, Any]]:
    """The picture and its row of the index. Of a pair each picture is a record: readers cannot take two sets of files from an archive."""
    row, files = {"fileObject": {"@id": "index.parquet"}}, {"fileSet": {"@id": FILES}}
    named = _field("filename", "sc:Text", {**files, "extract": {"fileProperty": "filename"}})
    named["references"] = {**row, "extract": {"column": "path"}}
    first = [named, _field("image", "sc:ImageObject", {**files, "extract": {"fileProperty": "content"}})]
    if paired:
        named["source"]["transform"] = {"regex": r"([^.]+)\..*"}
        named["references"] = {**row, "extract": {"column": "sample"}}
        role = {**files, "extract": {"fileProperty": "fullpath"}, "transform": {"regex": r".*\.(input|target)\.png"}}
        first = [{**named, "@id": "images/sample", "name": "sample"}, *first[1:], _field("role", "sc:Text", role)]
    columns = [_field(name, "sc:Integer" if name in NUMERIC else "sc:Text", {**row, "extract": {"column": name}})
               for name in (*COLUMNS, "augmentation")]
    for field in columns:
        if field["name"] in KINDS:
            field["references"] = {"field": {"@id": KINDS[field["name"]]}}
    return [*first, *columns]


def _field(name: str, kind: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"images/{name}", "name": name, "dataType": kind, "source": source}


def _inline(name: str, kind: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": name, "name": name.split("/")[1], "dataType": kind}


def _responsible(summary: Summary) -> dict[str, Any]:
    """The Responsible AI part: how the images were found, judged and made."""
    sources = ", ".join(sorted({item.source for item in summary.originals if item.source})) or "files at hand"
    terms = [term for wanted in summary.settings.classes.values() for term in wanted.terms]
    searched = f" by the terms {', '.join(terms)}" if terms else ""
    return {
        "rai:dataCollection": f"Images collected from {sources}{searched}.",
        "rai:dataPreprocessingProtocol": summary.steps,
        "rai:dataAnnotationProtocol": "The class of an image is the one whose search found it. People could reject images and draw crop "
                                      f"boxes; images nobody judged: {summary.settings.review.pending}.",
    }
