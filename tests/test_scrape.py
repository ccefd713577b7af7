from pathlib import Path

import pytest

from pipeline import params
from pipeline.collect import sources
from pipeline.collect.scrape import Report, scrape
from pipeline.errors import UserError
from pipeline.item import read_index, read_rejections
from tests.conftest import encoded, picture
from tests.test_image import bomb


def collect(tmp_path: Path, wanted: dict, name: str = "things", **settings: object) -> Report:
    checked = params.Class.model_validate(wanted)
    return scrape(name, checked, params.Scrape.model_validate(settings), tmp_path / "raw" / name, tmp_path / "ledger")


def folder(path: Path, glob: str = "**/*") -> dict:
    return {"folder": {"path": str(path), "glob": glob}}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    place = tmp_path / "files"
    (place / "deep").mkdir(parents=True)
    for number in range(5):
        (place / f"{number}.png").write_bytes(encoded(picture(number)))
    (place / "deep" / "six.jpg").write_bytes(encoded(picture(6), "JPEG"))
    return place


def test_a_folder_s_files_come_by_name_until_the_count(files: Path, tmp_path: Path) -> None:
    report = collect(tmp_path, {"count": 3, "sources": [folder(files, "*.png")]})
    assert sorted(item.title for item in report.items) == ["0.png", "1.png", "2.png"]
    items = read_index(tmp_path / "raw/things/index.csv")
    assert {(i.license, i.source, i.fetched_at, i.width, i.height) for i in items} == {("unknown", "folder", "", 96, 80)}
    for item in items:
        assert (tmp_path / "raw" / item.path).read_bytes() == (files / item.title).read_bytes()


def test_bad_files_are_rows_with_reasons_and_the_rest_goes_on(files: Path, tmp_path: Path) -> None:
    (files / "a.jpg").write_bytes(b"<!doctype html><p>Not found")
    (files / "b.png").write_bytes(bomb(40_000, 40_000))
    (files / "c.png").write_bytes(encoded(picture(9, (20, 20))))
    (files / "d.png").write_bytes((files / "0.png").read_bytes())
    report = collect(tmp_path, {"count": 100, "sources": [folder(files)]})
    assert len(report.items) == 6
    rows = {r.detail.split(":")[0]: r for r in read_rejections(tmp_path / "raw/things/rejected.csv")}
    assert rows["a.jpg"].rule == "unreadable" and "text or web page" in rows["a.jpg"].detail
    assert rows["b.png"].rule == "unreadable" and "40000x40000" in rows["b.png"].detail
    assert rows["c.png"].rule == "min_side"
    assert rows["d.png"].rule == "exact"
    assert not report.warnings and report.notes == ["classes.things: 6 of 100 images found: all that its sources have"]


def test_the_next_source_fills_up(files: Path, tmp_path: Path) -> None:
    report = collect(tmp_path, {"count": 6, "sources": [folder(tmp_path / "nowhere"), folder(files / "deep"), folder(files, "*.png")]})
    assert len(report.items) == 6
    assert "is no folder" in report.warnings[0] and report.warnings[0].endswith("; going on with folder")


def test_a_class_without_any_image_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"classes\.things: not one image was found .*is no folder.*change its terms or sources"):
        collect(tmp_path, {"count": 6, "sources": [folder(tmp_path / "nowhere")]})


def test_a_licence_filter_refuses_what_is_unknown(files: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="6 were refused, first: .*licence unknown"):
        collect(tmp_path, {"count": 6, "sources": [folder(files)]}, licenses=["cc0"])


def test_the_index_does_not_depend_on_where_the_folder_lies(files: Path, tmp_path: Path) -> None:
    collect(tmp_path, {"count": 9, "sources": [folder(files)]})
    moved = files.rename(tmp_path / "elsewhere")
    first = (tmp_path / "raw/things/index.csv").read_bytes()
    collect(tmp_path, {"count": 9, "sources": [folder(moved)]})
    assert (tmp_path / "raw/things/index.csv").read_bytes() == first


def test_splits_that_a_source_has_are_kept(files: Path, tmp_path: Path) -> None:
    for name, number in (("train", 20), ("test", 21)):
        (files / name).mkdir()
        (files / name / "x.png").write_bytes(encoded(picture(number)))
    report = collect(tmp_path, {"count": 20, "sources": [folder(files)]})
    splits = {item.title: item.split for item in report.items}
    assert (splits["train/x.png"], splits["test/x.png"], splits["0.png"]) == ("train", "holdout", "")


PLUGIN = '''
from contextlib import contextmanager
from pathlib import Path
from pipeline.collect.sources.source import About, Candidate, Found, Page

ABOUT = About(needs="nothing", allows="one picture", public_web=False)

class Attic:
    name, takes_terms, local = "attic", True, True
    def __init__(self, path): self.path = path
    async def search(self, term, cursor): return Page([Candidate(term, title=term)])
    async def fetch(self, candidate): return Found(Path(self.path).read_bytes(), candidate)

@contextmanager
def opened(options, context):
    yield Attic(options["path"])
'''


def test_another_package_brings_a_source_by_its_entry_point(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "attic-1.dist-info").mkdir(parents=True)
    (site / "attic_source.py").write_text(PLUGIN)
    (site / "attic-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: attic\nVersion: 1\n")
    (site / "attic-1.dist-info" / "entry_points.txt").write_text("[darkroom.sources]\nattic = attic_source\n")
    with pytest.raises(ValueError, match="there is no source 'attic'"):
        params.Class.model_validate({"terms": ["x"], "count": 1, "sources": ["attic"]})
    monkeypatch.syspath_prepend(str(site))
    report = collect(tmp_path, {"terms": ["a chair"], "count": 1, "sources": [{"attic": {"path": str(files / "0.png")}}]})
    assert [(item.source, item.title, item.term) for item in report.items] == [("attic", "a chair", "a chair")]
    assert "attic" in sources.names()


def test_shapes_and_formats_that_are_not_wanted_are_refused(files: Path, tmp_path: Path) -> None:
    (files / "wide.png").write_bytes(encoded(picture(30, (300, 90))))
    report = collect(tmp_path, {"count": 20, "sources": [folder(files)]}, max_aspect=2, formats=["png"])
    assert len(report.items) == 5 and {item.format for item in report.items} == {"PNG"}
    rows = {r.detail.split(":")[0]: r.rule for r in read_rejections(tmp_path / "raw/things/rejected.csv")}
    assert rows == {"wide.png": "max_aspect", "deep/six.jpg": "formats"}


def test_what_cannot_be_read_is_a_row_without_the_place_of_the_folder(files: Path, tmp_path: Path) -> None:
    (files / "circle.png").symlink_to(files / "circle.png")
    (files / "out.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "secret.png").write_bytes(encoded(picture(9)))
    collect(tmp_path, {"count": 20, "sources": [folder(files)]})
    rows = read_rejections(tmp_path / "raw/things/rejected.csv")
    assert [r.rule for r in rows] == ["outside"] and rows[0].detail.startswith("out.png: this link leads out")
    assert str(tmp_path) not in (tmp_path / "raw/things/rejected.csv").read_text()
