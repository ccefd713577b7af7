import asyncio
import csv
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pipeline.collect.answer import FetchError
from pipeline.collect.sources import urls
from pipeline.collect.sources.source import Candidate, Page, Source
from pipeline.errors import UserError
from pipeline.source_params import Urls
from tests.replay.local import context, listed, page
from tests.replay.serving import jpeg, opened_web, served, with_pictures

COLUMNS = ("url", "title", "creator", "license", "license_url", "page_url", "width", "height", "split", "class")
ROWS = [
    ("https://a.example/1.jpg", "Cat, asleep", "Ann", "CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/",
     "https://a.example/cat", "640", "480", "val", "cats"),
    ("https://a.example/2.jpg", "", "", "", "", "", "", "", "", "dogs"),
    ("http://b.example/3.jpg?x=1&y=2", 'Say "cheese"', "", "", "https://creativecommons.org/publicdomain/zero/1.0/",
     "javascript:alert(1)", "640.0", "-1", "elsewhere", "cats"),
]
FIRST = Candidate(
    "https://a.example/1.jpg", "https://a.example/1.jpg", "https://a.example/cat", "Cat, asleep", "Ann", "cc-by-sa",
    "https://creativecommons.org/licenses/by-sa/4.0/", 640, 480, "holdout",
)
SECOND = Candidate("https://a.example/2.jpg", "https://a.example/2.jpg")
THIRD = Candidate(
    "http://b.example/3.jpg?x=1&y=2", "http://b.example/3.jpg?x=1&y=2", title='Say "cheese"', license="cc0",
    license_url="https://creativecommons.org/publicdomain/zero/1.0/", width=640,
)


def written(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    """A table of the kind that the name's ending says."""
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.table({name: [row[n] or None for row in rows] for n, name in enumerate(columns)}), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
    else:
        path.write_text("".join("\t".join(row) + "\n" for row in [columns, *rows]), encoding="utf-8")
    return path


@contextmanager
def opened(path: Path, class_name: str = "cats", **options: str) -> Iterator[Source]:
    with urls.opened(Urls(path=path.name, **options), context(path.parent, class_name)) as source:
        yield source


def candidates(path: Path, class_name: str = "cats", **options: str) -> list[Candidate]:
    with opened(path, class_name, **options) as source:
        return listed(source)


def refused(path: Path, class_name: str = "cats", **options: str) -> str:
    with pytest.raises(UserError) as caught:
        candidates(path, class_name, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".CSV"])
def test_a_table_s_rows_of_this_class_with_what_they_say(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"list{ending.lower()}", COLUMNS, ROWS).rename(tmp_path / f"list{ending}")
    assert candidates(path) == [FIRST, THIRD]
    assert candidates(path, "dogs") == [SECOND]
    assert candidates(path, "house", label="dogs") == [SECOND]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_without_classes_all_rows_count_and_the_column_may_have_another_name(tmp_path: Path, ending: str) -> None:
    rows = [("https://a.example/1.jpg", "One"), ("https://a.example/2.jpg", "")]
    path = written(tmp_path / f"list{ending}", ("image_link", "title"), rows)
    assert candidates(path, url="image_link") == [Candidate(rows[0][0], rows[0][0], title="One"), SECOND]


def test_numbers_in_parquet_are_numbers(tmp_path: Path) -> None:
    columns = {"url": ["https://a.example/1.jpg"] * 3, "width": [640.0, None, float("inf")], "height": [480, None, 3]}
    parquet.write_table(pyarrow.table({**columns, "image": [b"\xff"] * 3}), tmp_path / "a.parquet")
    assert [(c.width, c.height) for c in candidates(tmp_path / "a.parquet")] == [(640, 480), (0, 0), (0, 3)]


def test_a_text_file_has_one_address_a_line(tmp_path: Path) -> None:
    text = "\ufeff# my list\r\nhttps://a.example/1.jpg\r\n\r\n  # more\n  HTTPS://A.example/2.jpg  \nftp://a.example/3.jpg\nno address\nhttps://a.example/a#b"
    (tmp_path / "list.txt").write_bytes(text.encode())
    assert [c.image_url for c in candidates(tmp_path / "list.txt")] == [
        "https://a.example/1.jpg", "HTTPS://A.example/2.jpg", "https://a.example/a#b",
    ]


def test_byte_order_mark_line_ends_short_rows_and_quoted_lines(tmp_path: Path) -> None:
    text = '\ufefftitle, url,creator\r\n"two\r\nlines",https://a.example/1.jpg,Ann\r\n\r\nshort\r\n,https://a.example/2.jpg\r\n'
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert [(c.image_url, c.title, c.creator) for c in candidates(tmp_path / "a.csv")] == [
        ("https://a.example/1.jpg", "two\r\nlines", "Ann"), ("https://a.example/2.jpg", "", ""),
    ]


def test_a_quote_in_a_tsv_is_a_quote(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('title\turl\n"The cat\thttps://a.example/1.jpg\n5" screen\thttps://a.example/2.jpg\n')
    assert [c.title for c in candidates(tmp_path / "a.tsv")] == ['"The cat', '5" screen']


def test_what_is_no_web_address_is_passed_over_unless_nothing_else_is_there(tmp_path: Path) -> None:
    bad = ["", "a.jpg", "file:///etc/passwd", "data:image/png;base64,AA", "http://", "http://[::1", "//a.example/1.jpg"]
    path = written(tmp_path / "a.csv", ("url", "title"), [(url, "x") for url in [*bad, "https://a.example/1.jpg"]])
    assert [c.image_url for c in candidates(path)] == ["https://a.example/1.jpg"]
    path = written(tmp_path / "a.csv", ("url", "title"), [(url, "x") for url in bad[1:]])
    assert f"{path} has no address that starts with http:// or https://, only such as 'a.jpg'" in refused(path)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".txt"])
def test_pages_go_on_in_a_fresh_source(tmp_path: Path, ending: str) -> None:
    addresses = [f"https://a.example/{number}.jpg" for number in range(1203)]
    path = tmp_path / f"a{ending}"
    if ending == ".txt":
        path.write_text("\n".join(["# all", *addresses]))
    else:
        written(path, ("url", "title"), [(url, "") for url in addresses])
    with opened(path) as source:
        first = page(source)
        again = page(source, first.next)
    with opened(path) as source:
        second = page(source, first.next)
        assert page(source, first.next) == second == again
        third = page(source, second.next)
    pages = (first, second, third)
    assert [len(p.candidates) for p in pages] == [100, 100, 100]
    assert [c.image_url for p in pages for c in p.candidates] == addresses[:300]
    assert (first.next, third.next) == ("100", "300")


def test_the_cursor_is_the_row_s_number_also_where_rows_are_passed_over(tmp_path: Path) -> None:
    rows = [(f"https://a.example/{number}.jpg", "cats" if number % 3 == 0 else "dogs") for number in range(350)]
    path = written(tmp_path / "a.csv", ("url", "class"), rows)
    with opened(path) as source:
        first = page(source)
    with opened(path) as source:
        second = page(source, first.next)
    assert first.next == str(3 * 99 + 1) and second.next is None
    assert [c.image_url for c in first.candidates + second.candidates] == [url for url, name in rows if name == "cats"]


def peak_of(path: Path, rows: int) -> int:
    """The most memory, in bytes, that listing a table of so many rows takes."""
    written(path, ("url", "title"), [(f"https://a.example/{number}.jpg", f"{number}" * 40) for number in range(rows)])
    with opened(path) as source:
        tracemalloc.start()
        count, cursor = 0, None
        while cursor is not None or count == 0:
            part = page(source, cursor)
            count, cursor = count + len(part.candidates), part.next
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == rows
    return peak


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_memory_does_not_grow_with_the_table(tmp_path: Path, ending: str) -> None:
    peak_of(tmp_path / f"a{ending}", 1000)  # what is imported on the way counts once
    assert peak_of(tmp_path / f"a{ending}", 5000) < 1.3 * peak_of(tmp_path / f"a{ending}", 1200)


def test_a_long_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.csv", ("url", "title"), [(f"https://a.example/{number}.jpg", "") for number in range(4000)])
    starts, reader = [], csv.reader
    monkeypatch.setattr(csv, "reader", lambda *args, **options: starts.append(1) or reader(*args, **options))
    assert len(candidates(path)) == 4000
    assert len(starts) == 2  # the header, the rows


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ("link", "title"), [("https://a.example/1.jpg", "")])
    assert "a.csv has no column 'url'; its columns are link, title" in refused(path)
    assert "a.csv has no column 'class'; its columns are link, title" in refused(path, url="link", label="cats")
    path = written(tmp_path / "b.csv", COLUMNS, ROWS)
    assert f"{path} has no row of the class 'birds'; there are cats, dogs" in refused(path, "birds")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    assert "is of no known kind; allowed are .csv, .tsv, .parquet, .txt" in refused(tmp_path / "a.xlsx")
    assert refused(tmp_path / "gone.csv") == (
        f"params.yaml: sources: urls: path 'gone.csv' is no file (looked for {tmp_path / 'gone.csv'})"
    )


@pytest.mark.parametrize(("name", "data"), [
    ("a.csv", "url\nhttps://a.example/é.jpg\n".encode("latin-1")),
    ("a.csv", "url\nhttps://a.example/1.jpg\n".encode("utf-16")),
    ("a.txt", b"https://a.example/1.jpg\n\xff\n"),
    ("a.parquet", b"url\nhttps://a.example/1.jpg\n"),
    ("a.parquet", b""),
])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert f"{tmp_path / name} cannot be read (" in refused(tmp_path / name)


def test_an_empty_list_has_no_results(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# nothing yet\n")
    (tmp_path / "a.csv").write_text("url,title\n")
    for name in ("a.txt", "a.csv"):
        with opened(tmp_path / name) as source:
            assert page(source) == Page()
    (tmp_path / "b.csv").write_text("")
    assert "has no column 'url'" in refused(tmp_path / "b.csv")


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), bom=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_any_text_in_a_csv_stays_in_its_row(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple], bom: bool, end: str) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["title", "url", "width", "creator"])
    writer.writerows([title, f"https://a.example/{number}.jpg", width, creator] for number, (title, width, creator) in enumerate(rows))
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(("\ufeff" * bom + buffer.getvalue()).encode())
    found = candidates(path)
    assert [(c.image_url, c.title, c.creator) for c in found] == [
        (f"https://a.example/{number}.jpg", title.strip(), creator.strip()) for number, (title, _, creator) in enumerate(rows)
    ]


def test_images_come_from_the_web(tmp_path: Path) -> None:
    async def both(site: str, host: str) -> tuple[bytes, str]:
        (tmp_path / "a.txt").write_text(f"{site}/full/7.jpg\n{site}/full/none.jpg\n")
        async with opened_web(host) as web:
            with urls.opened(Urls(path="a.txt"), replace(context(tmp_path), web=web)) as source:
                assert (source.name, source.takes_terms, source.local) == ("urls", False, False)
                good, gone = (await source.search("", None)).candidates
                with pytest.raises(FetchError) as caught:
                    await source.fetch(gone)
                return (await source.fetch(good)).data, caught.value.reason

    with served(with_pictures(FastAPI())) as site:
        data, reason = asyncio.run(both(site.base, site.host))
    assert data == jpeg(7)
    assert reason == "http_422"  # what FastAPI answers where a number is none
