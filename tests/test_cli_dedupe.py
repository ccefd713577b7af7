"""darkroom dedupe, on folders as people have them."""

import csv
import os
from pathlib import Path

import pytest
from PIL import Image

from pipeline.cli import main
from pipeline.curate.quality.measure import FLAGS
from pipeline.item import read_table
from tests.conftest import encoded
from tests.copying import cut, face, photo, scaled

COLUMNS = ["path", "group", "kept", "kind", "distance"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder beside which the command is given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "photos").mkdir()
    return Path("photos")


def put(path: Path, made: Image.Image | bytes, format: str = "PNG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made if isinstance(made, bytes) else encoded(made, format))


def some(folder: Path) -> None:
    put(folder / "whole.png", photo(1))
    put(folder / "sub/deeper/part.jpg", cut(photo(1), 0.1, 0.1, 0.1, 0.1), "JPEG")
    put(folder / "sub/half.jpg", scaled(photo(1), 0.5), "JPEG")
    put(folder / "sub/again.png", photo(1))
    put(folder / "other.webp", photo(2), "WEBP")
    put(folder / "face.gif", face(), "GIF")


def ran(*arguments: object) -> dict[str, dict[str, str]]:
    """The rows of groups.csv by their path."""
    main(["dedupe", *map(str, arguments), "--workers", "1"])
    return {row["path"]: row for row in read_table(Path("groups.csv"))}


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["dedupe", *map(str, arguments)])
    assert ended.value.code in (1, 2)
    return capsys.readouterr().err


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_every_file_has_a_row_and_nothing_in_the_folder_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some(folder)
    before = content(folder)
    rows = ran(folder, "--out", "groups.csv")
    assert content(folder) == before
    assert Path("groups.csv").read_text().splitlines()[0].split(",") == COLUMNS
    assert set(rows) == {"whole.png", "sub/deeper/part.jpg", "sub/half.jpg", "sub/again.png", "other.webp", "face.gif"}
    found = {path: (row["kept"], row["kind"]) for path, row in rows.items()}
    same = {found.pop("whole.png"), found.pop("sub/again.png")}
    assert same == {("yes", ""), ("no", "exact")}
    copies = {"sub/deeper/part.jpg": ("no", "crop"), "sub/half.jpg": ("no", "near")}
    assert found == {**copies, "other.webp": ("yes", ""), "face.gif": ("yes", "")}
    assert len({row["group"] for row in rows.values()}) == 3
    assert len({row["group"] for path, row in rows.items() if path.startswith(("sub", "whole"))}) == 1
    assert "kept 3, rejected 3: 1 duplicate-crop, 1 duplicate-exact, 1 duplicate-near" in capsys.readouterr().out


def test_what_cannot_be_read_is_told_beside_it_with_the_reason(folder: Path) -> None:
    put(folder / "good.png", photo(1))
    put(folder / "broken.jpg", encoded(photo(2), "JPEG")[:4000])
    put(folder / "notes.txt", b"pictures of the garden")
    put(folder / "page.jpg", b"<!DOCTYPE html><html>not found</html>")
    put(folder / "empty.png", b"")
    assert set(ran(folder)) == {"good.png"}
    told = {row["path"]: (row["rule"], row["detail"]) for row in read_table(Path("rejected.csv"), ("path", "rule", "detail"))}
    assert set(told) == {"broken.jpg", "notes.txt", "page.jpg", "empty.png"}
    assert {rule for rule, _ in told.values()} == {"unreadable"}
    assert "damaged" in told["broken.jpg"][1] and "no known image format" in told["notes.txt"][1]
    assert told["empty.png"][1] == "it is empty" and "web page" in told["page.jpg"][1]


def test_tables_in_the_folder_itself_are_not_read_as_images(folder: Path) -> None:
    some(folder)
    contents = []
    for _ in range(2):
        main(["dedupe", str(folder), "--out", str(folder / "groups.csv"), "--quality", str(folder / "quality.csv"), "--workers", "1"])
        contents.append(content(folder))
        assert read_table(folder / "rejected.csv") == []
    assert {name: data for name, (data, _) in contents[0].items()} == {name: data for name, (data, _) in contents[1].items()}


def test_the_same_folder_gives_the_same_bytes_with_and_without_memory(folder: Path) -> None:
    some(folder)
    ran(folder)
    first = Path("groups.csv").read_bytes()
    ran(folder)
    assert Path("groups.csv").read_bytes() == first
    ran(folder, "--cache", "elsewhere/new.sqlite")
    assert Path("groups.csv").read_bytes() == first and Path("elsewhere/new.sqlite").exists()


@pytest.mark.parametrize(
    "name", ["with space.png", "quote\"d.png", "a,b;c.png", "line\nbreak.png", "=1+2.png", "+x.png", "-x.png", "@x.png", "'=x.png",
             "ünï.png", "tab\t.png"]
)
def test_a_name_with_odd_characters_comes_through(folder: Path, name: str) -> None:
    put(folder / name, photo(1))
    put(folder / "copy.png", scaled(photo(1), 0.5))
    put(folder / f"{name}.txt", b"no image")
    rows = ran(folder)
    assert rows[name]["kept"] == "yes" and rows["copy.png"]["kind"] == "near" and len(rows) == 2
    assert [row["path"] for row in read_table(Path("rejected.csv"))] == [f"{name}.txt"]


def test_a_name_that_a_spreadsheet_would_calculate_is_shielded_in_the_file(folder: Path) -> None:
    put(folder / "=HYPERLINK(1).png", photo(1))
    ran(folder)
    with Path("groups.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["path", "'=HYPERLINK(1).png"]


def test_a_name_that_is_no_text_stops_nothing(folder: Path) -> None:
    try:
        Path(os.fsdecode(b"photos/caf\xe9.png")).write_bytes(encoded(photo(1)))
    except (OSError, UnicodeError):
        pytest.skip("this file system has only names that are text")
    put(folder / "copy.png", scaled(photo(1), 0.5))
    Path(os.fsdecode(b"photos/\xff.txt")).write_bytes(b"no image")
    rows = ran(folder)
    assert len(rows) == 2 and rows["copy.png"]["kind"] == "near"
    assert "caf\\xe9.png" in rows
    assert [row["path"] for row in read_table(Path("rejected.csv"))] == ["\\xff.txt"]


def test_only_the_same_bytes_and_pixels_are_found_with_exact(folder: Path) -> None:
    some(folder)
    put(folder / "photo.bmp", photo(3), "BMP")
    put(folder / "photo.png", photo(3))
    kinds = {path: row["kind"] for path, row in ran(folder, "--exact").items() if row["kind"]}
    assert kinds in ({"whole.png": "exact", "photo.png": "pixels"}, {"sub/again.png": "exact", "photo.png": "pixels"})


def test_quality_is_a_table_of_its_own(folder: Path) -> None:
    some(folder)
    ran(folder, "--quality", "scores.csv")
    rows = read_table(Path("scores.csv"), ("path", "flags", *FLAGS))
    assert sorted(row["path"] for row in rows) == sorted(row["path"] for row in read_table(Path("groups.csv")))
    assert all(0 <= float(row[flag]) <= 1 for row in rows for flag in FLAGS)


def test_quality_of_nothing_readable_has_its_header(folder: Path) -> None:
    put(folder / "notes.txt", b"no image")
    assert ran(folder, "--quality", "scores.csv") == {}
    assert Path("scores.csv").read_text().startswith("id,path,flags,")


@pytest.mark.parametrize("distance", ["999", "64", "-1"])
def test_a_distance_that_means_nothing_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], distance: str) -> None:
    put(folder / "a.png", photo(1))
    told = refused(capsys, folder, f"--distance={distance}")
    assert told == f"darkroom: --distance {distance} is not allowed; 0 to 63 bits are\n"
    assert not Path("groups.csv").exists()


def test_a_folder_that_is_not_there_or_empty_or_a_file_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "nowhere") == "darkroom: nowhere is no folder; give one that holds image files\n"
    assert refused(capsys, folder) == "darkroom: photos holds no files; give a folder that holds image files\n"
    put(Path("one.png"), photo(1))
    assert "one.png is no folder" in refused(capsys, "one.png")


def test_a_cache_that_is_another_file_is_one_sentence_and_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder / "a.png", photo(1))
    Path("letter.txt").write_text("dear photographer " * 200)
    told = refused(capsys, folder, "--cache", "letter.txt")
    assert told.startswith("darkroom: letter.txt cannot keep what was seen") and told.count("\n") == 1
    assert Path("letter.txt").read_text().startswith("dear")


def test_hidden_files_and_broken_links_are_passed_over(folder: Path) -> None:
    put(folder / "a.png", photo(1))
    put(folder / ".DS_Store", b"\0" * 30)
    (folder / "gone.png").symlink_to("nowhere.png")
    assert set(ran(folder)) == {"a.png"} and read_table(Path("rejected.csv")) == []


def test_what_is_not_asked_for_is_not_written(folder: Path) -> None:
    some(folder)
    ran(folder)
    assert sorted(path.name for path in Path().iterdir()) == ["groups.csv", "home", "photos", "rejected.csv"]
