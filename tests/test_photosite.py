from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pipeline.collect.answer import FetchError
from pipeline.collect.photosite import catalogue, server
from pipeline.collect.sources.photosite import parse_photo
from pipeline.errors import UserError
from tests.conftest import encoded, picture


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with server.served(catalogue.emoji()) as address:
        yield address


def test_every_emoji_of_the_package_with_a_name_is_there() -> None:
    photos = catalogue.emoji()
    assert len(photos) == 4008  # 4009 files, one of which (a private code point) has no name
    assert all(photo.file.is_file() for photo in photos)


def test_any_word_matches_and_the_best_match_comes_first() -> None:
    photos = catalogue.emoji()
    found = [photo.title for photo in catalogue.find(photos, "cat face")]
    assert found[0] == "Cat face"
    both = [{"cat", "face"} <= set(title.lower().split()) for title in found]
    assert sorted(both, reverse=True) == both
    assert "Cat" in found and "Dog face" in found
    assert catalogue.find(photos, "zeppelin") == []


def test_results_come_in_batches_that_do_not_overlap(base: str) -> None:
    first = requests.get(f"{base}/results", params={"q": "face", "after": 0}, timeout=10).json()
    second = requests.get(f"{base}/results", params={"q": "face", "after": server.BATCH}, timeout=10).json()
    slugs = [tile["slug"] for answer in (first, second) for tile in answer["tiles"]]
    assert len(set(slugs)) == 2 * server.BATCH and not first["end"]


def test_a_detail_page_tells_rights_and_the_full_file(base: str) -> None:
    address = f"{base}/photo/1f638"
    found = parse_photo(requests.get(address, timeout=10).content, address)
    assert found.title == "Grinning cat face with smiling eyes"
    assert (found.license, found.license_url) == ("cc-by", "https://creativecommons.org/licenses/by/4.0/")
    assert found.creator.startswith("Twitter") and found.published == "2026-01-10"
    assert found.image_url == f"{base}/files/1f638.png"
    assert requests.get(found.image_url, timeout=10).content == next(p for p in catalogue.emoji() if p.slug == "1f638").file.read_bytes()


def test_a_page_of_another_shape_is_an_error_with_its_address() -> None:
    with pytest.raises(FetchError, match="http://x/y: the page has no full-size picture"):
        parse_photo(b"<html><h1>Maintenance</h1></html>", "http://x/y")


def test_what_is_not_there_is_404_and_titles_are_escaped(base: str) -> None:
    assert requests.get(f"{base}/photo/nothing", timeout=10).status_code == 404
    page = requests.get(f"{base}/search", params={"q": "<script>alert(1)</script>"}, timeout=10).text
    assert "<script>alert(1)" not in page


def test_any_folder_can_be_served(tmp_path: Path) -> None:
    (tmp_path / "red barns").mkdir()
    (tmp_path / "red barns" / "old_barn-1.JPG").write_bytes(encoded(picture(1), "JPEG"))
    (tmp_path / "broken barn.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no image")
    photos = catalogue.of_folder(tmp_path)
    assert [photo.title for photo in catalogue.find(photos, "red barn")] == ["red barns old barn 1", "broken barn"]
    with server.served(photos) as address:
        page = f"{address}/photo/{photos[1].slug}"
        found = parse_photo(requests.get(page, timeout=10).content, page)
        assert (found.title, found.license, found.creator, found.published) == ("red barns old barn 1", "unknown", "", "")
        answer = requests.get(found.image_url, timeout=10)
        assert (answer.content, answer.headers["content-type"]) == (encoded(picture(1), "JPEG"), "image/jpeg")
        assert "Twemoji" not in requests.get(address, timeout=10).text
        assert requests.get(f"{address}/photo/{photos[0].slug}", timeout=10).status_code == 200
        assert requests.get(f"{address}/files/..%2f..%2fetc%2fpasswd", timeout=10).status_code == 404


def test_a_folder_without_images_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no image files"):
        catalogue.of_folder(tmp_path)
    with pytest.raises(UserError, match="is no folder; name one"):
        catalogue.of_folder(tmp_path / "nowhere")
