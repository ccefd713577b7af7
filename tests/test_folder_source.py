import os
from pathlib import Path

import pytest

from pipeline.collect.answer import MAX_BYTES, FetchError
from pipeline.collect.sources import folder
from pipeline.collect.sources.source import Candidate
from pipeline.errors import UserError
from pipeline.source_params import Folder
from tests.replay.local import context, fetched, listed, page


def put(place: Path, *names: str) -> None:
    """A file for each name, holding its name."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)


def addresses(base: Path, glob: str = "**/*", path: str = "photos") -> list[str]:
    with folder.opened(Folder(path=path, glob=glob), context(base)) as source:
        return [candidate.address for candidate in listed(source)]


def test_files_come_sorted_by_relative_path_whatever_they_are_called(tmp_path: Path) -> None:
    put(tmp_path / "photos", "b.png", "a/2.jpg", "a/10.jpg", "a-b.jpg", "Ü.jpg", "with space,and\nline.gif")
    assert addresses(tmp_path) == ["a-b.jpg", "a/10.jpg", "a/2.jpg", "b.png", "with space,and\nline.gif", "Ü.jpg"]
    assert addresses(tmp_path, "*.jpg") == ["a-b.jpg", "Ü.jpg"]
    assert addresses(tmp_path, path=str(tmp_path / "photos/a")) == ["10.jpg", "2.jpg"]


def test_a_candidate_has_its_name_as_title_and_its_bytes(tmp_path: Path) -> None:
    put(tmp_path / "photos", "a/1.jpg")
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        assert listed(source) == [Candidate("a/1.jpg", title="a/1.jpg")]
        assert fetched(source, "a/1.jpg") == b"a/1.jpg"
        assert (source.name, source.takes_terms, source.local) == ("folder", False, True)


@pytest.mark.parametrize(("address", "split"), [
    ("train/1.jpg", "train"), ("Training/cats/1.jpg", "train"), ("x/TEST/1.jpg", "holdout"), ("valid/1.jpg", "holdout"),
    ("val/1.jpg", "holdout"), ("testing/1.jpg", "holdout"), ("test/train/1.jpg", "holdout"),
    ("1.jpg", ""), ("train", ""), ("trains/1.jpg", ""), ("a/train.jpg", ""),
])
def test_a_folder_named_for_a_split_is_that_split(tmp_path: Path, address: str, split: str) -> None:
    put(tmp_path / "photos", address)
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        assert [(c.address, c.split) for c in listed(source)] == [(address, split)]


def test_pages_of_500_go_on_in_a_fresh_source_though_files_came(tmp_path: Path) -> None:
    put(tmp_path / "photos", *(f"{number:04}.jpg" for number in range(1001)))
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        first = page(source)
        assert len(first.candidates) == 500 and first.next is not None
    put(tmp_path / "photos", "0000a.jpg")
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        second = page(source, first.next)
        third = page(source, second.next)
    assert [len(p.candidates) for p in (second, third)] == [500, 1]
    assert [c.address for c in first.candidates + second.candidates + third.candidates] == [f"{n:04}.jpg" for n in range(1001)]
    assert third.next is None


def test_exactly_one_page_has_no_next(tmp_path: Path) -> None:
    put(tmp_path / "photos", *(f"{number:03}.jpg" for number in range(500)))
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        assert page(source).next is None


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "secret/1.jpg", "photos/a.jpg")
    place = tmp_path / "photos"
    (place / "inside.jpg").symlink_to("a.jpg")
    (place / "outside.jpg").symlink_to(tmp_path / "secret/1.jpg")
    (place / "door").symlink_to(tmp_path / "secret")
    (place / "circle.jpg").symlink_to("circle.jpg")
    assert addresses(tmp_path) == ["a.jpg", "inside.jpg", "outside.jpg"]
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        assert fetched(source, "inside.jpg") == b"photos/a.jpg"
        for address in ("outside.jpg", "door/1.jpg", "../secret/1.jpg"):
            with pytest.raises(FetchError, match="leads out of the folder and is not followed") as caught:
                fetched(source, address)
            assert caught.value.reason == "outside"
        with pytest.raises(FetchError) as caught:
            fetched(source, "circle.jpg")
        assert caught.value.reason == "read_error"


def test_a_folder_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "1.jpg")
    (tmp_path / "photos").symlink_to(tmp_path / "elsewhere")
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        assert fetched(source, listed(source)[0].address) == b"1.jpg"


def test_a_file_that_is_huge_or_gone_is_a_reason(tmp_path: Path) -> None:
    put(tmp_path / "photos", "huge.jpg", "gone.jpg")
    os.truncate(tmp_path / "photos/huge.jpg", MAX_BYTES + 1)
    with folder.opened(Folder(path="photos"), context(tmp_path)) as source:
        (tmp_path / "photos/gone.jpg").unlink()
        with pytest.raises(FetchError, match="more than 64 MiB") as caught:
            fetched(source, "huge.jpg")
        assert caught.value.reason == "too_large"
        with pytest.raises(FetchError, match="No such file") as caught:
            fetched(source, "gone.jpg")
        assert caught.value.reason == "read_error"


def test_a_name_that_is_no_text_can_still_be_written_down(tmp_path: Path) -> None:
    put(tmp_path / "photos", "a.jpg")
    (tmp_path / "photos" / os.fsdecode(b"\xff.jpg")).write_bytes(b"")
    assert [address.encode() for address in addresses(tmp_path)] == [b"\\udcff.jpg", b"a.jpg"]


@pytest.mark.parametrize("glob", ["../*.jpg", "a/../../*", "/etc/*", ""])
def test_a_pattern_stays_in_the_folder(tmp_path: Path, glob: str) -> None:
    put(tmp_path, "photos/a/1.jpg", "1.jpg")
    with pytest.raises(UserError, match=r"params\.yaml: sources: folder: glob .* is no pattern"):
        addresses(tmp_path, glob)


def test_no_folder_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        addresses(tmp_path)
    assert str(caught.value) == f"params.yaml: sources: folder: path 'photos' is no folder (looked for {tmp_path / 'photos'})"


def test_nothing_that_matches_is_an_empty_page(tmp_path: Path) -> None:
    put(tmp_path / "photos", "a.png")
    assert addresses(tmp_path, "*.jpg") == []
