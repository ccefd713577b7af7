import csv
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from pipeline.collect.answer import FetchError
from pipeline.collect.sources import pixels
from pipeline.collect.sources.source import Candidate, Page
from pipeline.errors import UserError
from pipeline.source_params import Pixels
from tests.replay.local import context, fetched, listed, page


def table(images: np.ndarray, labels: list[object] | None = None, end: str = "\n") -> str:
    """As Kaggle writes it: label,pixel0,pixel1,... and a row for each image, of shape (rows, height, width[, 3])."""
    flat = images.reshape(len(images), -1)
    header = [*(["label"] if labels else []), *(f"pixel{number}" for number in range(flat.shape[1]))]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=end)
    writer.writerow(header)
    writer.writerows([*([labels[number]] if labels else []), *row] for number, row in enumerate(flat.tolist()))
    return buffer.getvalue()


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def refused(tmp_path: Path, text: str | bytes, **options: object) -> str:
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught, pixels.opened(Pixels(path="a.csv", **options), context(tmp_path)):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_rows_are_images(tmp_path: Path) -> None:
    images = random_images(3, 28, 28)
    (tmp_path / "train.csv").write_text(table(images, [5, 0, 5]))
    with pixels.opened(Pixels(path="train.csv"), context(tmp_path)) as source:
        assert (source.name, source.takes_terms, source.local) == ("pixels", False, True)
        assert page(source) == Page([Candidate(f"row {n}", title=f"row {n}", width=28, height=28) for n in (1, 2, 3)])
        for number in (1, 2, 3):
            assert (decoded(fetched(source, f"row {number}")) == images[number - 1]).all()


def test_rows_with_a_label(tmp_path: Path) -> None:
    images = random_images(5, 4, 4)
    (tmp_path / "train.csv").write_text(table(images, [7, 1, 70, 7, "seven"]))
    for label, rows in (("7", [1, 4]), ("70", [3]), ("seven", [5])):
        with pixels.opened(Pixels(path="train.csv", label=label), context(tmp_path)) as source:
            assert [c.address for c in listed(source)] == [f"row {row}" for row in rows]
            assert (decoded(fetched(source, f"row {rows[-1]}")) == images[rows[-1] - 1]).all()


@pytest.mark.parametrize("place", range(5))
def test_the_label_may_be_in_any_column(tmp_path: Path, place: int) -> None:
    rows = [["kind", "a", "b", "c", "d"], ["cat", 1, 2, 3, 4], ["dog", 5, 6, 7, 8]]
    moved = [[*row[1 : place + 1], row[0], *row[place + 1 :]] for row in rows]
    (tmp_path / "a.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in moved))
    with pixels.opened(Pixels(path="a.csv", label="dog", column="kind"), context(tmp_path)) as source:
        assert [c.address for c in listed(source)] == ["row 2"]
        assert decoded(fetched(source, "row 2")).tolist() == [[5, 6], [7, 8]]


def test_without_a_label_column_all_rows_are_pixels(tmp_path: Path) -> None:
    images = random_images(2, 28, 28)
    (tmp_path / "test.csv").write_text(table(images))
    with pixels.opened(Pixels(path="test.csv"), context(tmp_path)) as source:
        assert [c.address for c in listed(source)] == ["row 1", "row 2"]
        assert (decoded(fetched(source, "row 2")) == images[1]).all()


@pytest.mark.parametrize(("shape", "labels"), [((2, 6, 6), [3, 4]), ((2, 6, 6), None)])
def test_without_a_header_the_count_says_whether_a_label_comes_first(tmp_path: Path, shape: tuple, labels: list | None) -> None:
    images = random_images(*shape)
    (tmp_path / "mnist_train.csv").write_text(table(images, labels).split("\n", 1)[1])
    with pixels.opened(Pixels(path="mnist_train.csv"), context(tmp_path)) as source:
        assert [c.address for c in listed(source)] == ["row 1", "row 2"]
        assert (decoded(fetched(source, "row 1")) == images[0]).all()


SHAPE = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3]))


@settings(max_examples=60, deadline=None)
@given(
    images=SHAPE.flatmap(lambda shape: arrays.arrays(np.uint8, shape)),
    labelled=st.booleans(), end=st.sampled_from(["\n", "\r\n"]), bom=st.booleans(), closed=st.booleans(),
)
def test_pixels_come_back(
    tmp_path_factory: pytest.TempPathFactory, images: np.ndarray, labelled: bool, end: str, bom: bool, closed: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.csv"
    text = table(images, ["x"] * len(images) if labelled else None, end)
    path.write_bytes(("\ufeff" * bom + (text if closed else text.removesuffix(end))).encode())
    options = Pixels(path=str(path), width=images.shape[2], channels=images.shape[3])
    with pixels.opened(options, context(path.parent)) as source:
        found = [decoded(fetched(source, candidate.address)) for candidate in listed(source)]
    assert len(found) == len(images)
    for given_image, image in zip(images, found, strict=True):
        assert image.shape == (given_image.shape if images.shape[3] == 3 else given_image.shape[:2])
        assert (image == given_image.reshape(image.shape)).all()


def test_a_headerless_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf1,2,3,4\r\n5,6,7,8\r\n")
    with pixels.opened(Pixels(path="a.csv"), context(tmp_path)) as source:
        assert [decoded(fetched(source, c.address)).tolist() for c in listed(source)] == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


def test_blank_lines_and_quotes_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"label","p0"\n"7","1"\n\n"7","2"\n\n')
    with pixels.opened(Pixels(path="a.csv", label="7"), context(tmp_path)) as source:
        assert [c.address for c in listed(source)] == ["row 1", "row 2"]
        assert decoded(fetched(source, "row 2")).tolist() == [[2]]


@pytest.mark.parametrize(("row", "says"), [
    ("1,2,3", "it has 3 cells where the first line has 4"),
    ("1,2,3,4,5", "it has 5 cells where the first line has 4"),
    ("1,2,3,256", "it has a pixel of '256'"),
    ("1,-1,3,4", "it has a pixel of '-1'"),
    ("1,,3,4", "it has a pixel of ''"),
    ("1,2,3,0.5", "it has a pixel of '0.5'"),
    ("<html>", "it has 1 cells"),
])
def test_a_bad_row_is_named_and_the_others_go_on(tmp_path: Path, row: str, says: str) -> None:
    (tmp_path / "a.csv").write_text(f"a,b,c,d\n1,2,3,4\n{row}\n255,0,7,8\n")
    with pixels.opened(Pixels(path="a.csv"), context(tmp_path)) as source:
        assert len(listed(source)) == 3
        with pytest.raises(FetchError) as caught:
            fetched(source, "row 2")
        assert caught.value.reason == "bad_row"
        assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}, row 2: {says}")
        assert decoded(fetched(source, "row 3")).tolist() == [[255, 0], [7, 8]]


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    assert "a.csv is empty" in refused(tmp_path, "")
    six = "label,a,b,c,d,e,f\n1,0,0,0,0,0,0\n"
    assert "the 6 pixel columns of a.csv with channels: 1 do not make a square" in refused(tmp_path, six)
    assert "do not make rows of 4; give another width" in refused(tmp_path, six, width=4)
    assert "with channels: 3 do not make a square" in refused(tmp_path, six, channels=3)
    assert "has no row with the label '7'; there are 1" in refused(tmp_path, "label,a\n1,0\n", label="7")
    told = refused(tmp_path, "class,a\n1,0\n", label="1")
    assert "label is '1', but a.csv has no column 'label'; its columns are class, a" in told
    with pytest.raises(UserError) as caught, pixels.opened(Pixels(path="gone.csv"), context(tmp_path)):
        pass
    assert str(caught.value) == f"params.yaml: sources: pixels: path 'gone.csv' is no file (looked for {tmp_path / 'gone.csv'})"


def test_a_header_alone_has_no_results(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,a,b,c,d\n")
    with pixels.opened(Pixels(path="a.csv", label="7"), context(tmp_path)) as source:
        assert page(source) == Page()


def test_pages_go_on_in_a_fresh_source_and_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    row = ",".join(["200"] * 784)
    (tmp_path / "train.csv").write_text("label," + ",".join(f"pixel{n}" for n in range(784)) + "\n" + f"7,{row}\n3,{row}\n" * 1501)
    options, cursor, found = Pixels(path="train.csv", label="7"), None, []
    tracemalloc.start()
    for _ in range(4):
        with pixels.opened(options, context(tmp_path)) as source:
            part = page(source, cursor)
            found.append(len(part.candidates))
            cursor = part.next
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [500, 500, 500, 1] and cursor is None
    assert peak < 2**20 < (tmp_path / "train.csv").stat().st_size / 8
