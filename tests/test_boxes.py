import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prepare.boxes.geometry import (
    Target,
    around,
    box_text,
    centered,
    enlargement,
    from_shares,
    grown,
    left_half,
    parse_box,
    scaled,
    within,
)

numbers = st.integers(1, 300)
places = st.integers(0, 299)


def inside(box: tuple[int, int, int, int], room: tuple[int, int, int, int]) -> bool:
    return (room[0] <= box[0] and room[1] <= box[1] and box[2] >= 1 and box[3] >= 1
            and box[0] + box[2] <= room[0] + room[2] and box[1] + box[3] <= room[1] + room[3])


@given(width=numbers, height=numbers, x=places, y=places, w=numbers, h=numbers, aspect=st.floats(0.1, 10))
def test_a_box_lies_in_its_room_and_has_an_area(width: int, height: int, x: int, y: int, w: int, h: int, aspect: float) -> None:
    x, y = x % width, y % height
    content = (x, y, max(1, min(w, width - x)), max(1, min(h, height - y)))
    assert inside(centered(content, (0, 0, width, height), aspect), (0, 0, width, height))


@pytest.mark.parametrize(("content", "room", "aspect", "box"), [
    ((0, 0, 100, 60), (0, 0, 100, 60), 1.0, (20, 0, 60, 60)),  # no room: the longer side is cut
    ((0, 0, 100, 60), (0, 0, 100, 60), 2.0, (0, 5, 100, 50)),
    ((50, 80, 100, 40), (0, 0, 200, 200), 1.0, (50, 50, 100, 100)),  # room above and below: nothing is cut
    ((0, 80, 100, 40), (0, 60, 200, 80), 1.0, (10, 60, 80, 80)),  # some of it
])
def test_a_centered_box_grows_where_it_can(content, room, aspect, box) -> None:
    assert centered(content, room, aspect) == box


@given(x=st.integers(-50, 350), y=st.integers(-50, 350), w=numbers, h=numbers, room_w=numbers, room_h=numbers)
def test_within_moves_before_it_cuts(x: int, y: int, w: int, h: int, room_w: int, room_h: int) -> None:
    box = within((x, y, w, h), (7, 9, room_w, room_h))
    assert inside(box, (7, 9, room_w, room_h))
    assert box[2:] == (min(w, room_w), min(h, room_h))


def test_around_a_point_near_the_edge() -> None:
    assert around((50, 50), (20, 10), (0, 0, 100, 100)) == (40, 45, 20, 10)
    assert around((2, 99), (20, 10), (0, 0, 100, 100)) == (0, 90, 20, 10)


def test_a_box_found_in_a_small_picture_is_enlarged() -> None:
    assert scaled((10, 20, 30, 40), 8.0, (0, 0, 1000, 1000)) == (80, 160, 240, 320)
    assert scaled((0, 0, 26, 13), 7.9, (0, 0, 200, 100)) == (0, 0, 200, 100)  # rounding never leaves the picture


@given(st.tuples(places, places, numbers, numbers))
def test_the_column_reads_back(box: tuple[int, int, int, int]) -> None:
    assert parse_box(box_text(box)) == box


shares = st.floats(0, 1)


@given(x=shares, y=shares, w=shares, h=shares, width=numbers, height=numbers, sheet=st.booleans())
def test_a_person_s_box_lies_in_the_picture_or_in_half_a(
    x: float, y: float, w: float, h: float, width: int, height: int, sheet: bool
) -> None:
    box = from_shares(f"{x},{y},{w},{h}", (width, height), sheet)
    assert inside(box, left_half((width, height)) if sheet else (0, 0, width, height))


def test_a_person_s_box_in_half_b_is_given_in_half_a() -> None:
    assert from_shares("0.1,0.5,0.2,0.5", (100, 60)) == (10, 30, 20, 30)
    assert from_shares("0.1,0.5,0.2,0.5", (100, 60), sheet=True) == (10, 30, 20, 30)
    assert from_shares("0.6,0.5,0.2,0.5", (100, 60), sheet=True) == (10, 30, 20, 30)
    assert from_shares("0,0,1,1", (101, 60), sheet=True) == (0, 0, 50, 60)  # over both: the whole half, without the odd column


@pytest.mark.parametrize(("fit", "times"), [("fill", 4.0), ("stretch", 4.0), ("fit", 2.0), ("pad", 2.0)])
def test_how_much_a_part_is_enlarged(fit: str, times: float) -> None:
    assert enlargement((16, 32), Target((64, 64), fit, 1)) == times


def test_the_least_box_is_just_not_enlarged_too_much() -> None:
    target = Target((100, 50), "fill", 3)
    assert target.least() == (34, 17)
    assert enlargement((34, 17), target) <= 3 < enlargement((33, 17), target)


def test_a_box_grows_to_the_least_size_where_there_is_room() -> None:
    assert grown((40, 40, 20, 10), (40, 10), (0, 0, 100, 100)) == (30, 35, 40, 20)
    assert grown((0, 0, 20, 10), (40, 10), (0, 0, 100, 100)) == (0, 0, 40, 20)  # moved, to stay inside
    assert grown((40, 40, 20, 10), (40, 10), (30, 40, 30, 100)) == (30, 40, 30, 15)  # as far as it goes
    assert grown((40, 40, 20, 10), (20, 5), (0, 0, 100, 100)) == (40, 40, 20, 10)


@given(x=places, y=places, w=numbers, h=numbers, least=st.tuples(numbers, numbers))
def test_a_grown_box_is_large_enough_or_fills_the_room(x: int, y: int, w: int, h: int, least: tuple[int, int]) -> None:
    room = (0, 0, 600, 600)
    box = grown((x, y, w, h), least, room)
    assert inside(box, room)
    assert (box[2] >= least[0] and box[3] >= least[1]) or 600 in box[2:]
