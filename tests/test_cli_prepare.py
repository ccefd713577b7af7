"""darkroom crop, resize, rgb, augment on folders as people have them; nothing of theirs is ever touched."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.cli import main
from pipeline.item import read_index, read_table
from tests.conftest import encoded, picture


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images of several kinds, and the command is given beside it."""
    monkeypatch.chdir(tmp_path)
    put("photos/my__photo.jpg", picture(1, (40, 30)), "JPEG")
    put("photos/sub/logo.PNG", picture(2, (30, 30), "RGBA"))
    return Path("photos")


def put(path: str, made: Image.Image | bytes, format: str = "PNG") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(made if isinstance(made, bytes) else encoded(made, format))


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    main([*map(str, arguments), "--workers", "1"])
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), *([] if "--workers" in arguments else ["--workers", "1"])])
    assert ended.value.code in (1, 2)
    return capsys.readouterr().err


def content(folder: Path | str) -> dict[str, bytes]:
    """What a person sees in a folder, but for the tables."""
    paths = (path for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.suffix != ".csv"}


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_augment_makes_one_more_of_each_image_for_each_argument(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(photos)
    told = ran(capsys, "augment", photos, "fliph", "rot_90,fliph", "noise_0.01", "--copies", 2)
    suffixes = ("fliph", "rot90__fliph", "noise0p01", "noise0p01__copy2")
    assert set(content("photos-augmented")) == {f"{stem}__{suffix}.png" for stem in ("my__photo", "sub/logo") for suffix in suffixes}
    assert told == "made 8, kept 0, removed 0, in photos-augmented\n"
    assert content(photos) == before
    logo = np.asarray(picture(2, (30, 30), "RGBA"))
    assert np.array_equal(pixels("photos-augmented/sub/logo__rot90__fliph.png"), np.rot90(logo, -1)[:, ::-1])
    assert {row["original"] for row in read_table(Path("photos-augmented/index.csv"))} == {"my__photo.jpg", "sub/logo.PNG"}


def test_what_changed_is_made_again_and_nothing_else(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran(capsys, "augment", photos, "fliph", "rot_90")
    assert ran(capsys, "augment", photos, "fliph", "rot_90").startswith("made 0, kept 4, removed 0")
    put("photos/sub/logo.PNG", picture(3, (20, 20)))
    assert ran(capsys, "augment", photos, "fliph", "rot_90").startswith("made 2, kept 2, removed 0")
    assert np.array_equal(pixels("photos-augmented/sub/logo__fliph.png"), np.asarray(picture(3, (20, 20)))[:, ::-1])
    (photos / "sub/logo.PNG").unlink()
    assert ran(capsys, "augment", photos, "fliph", "rot_180").startswith("made 1, kept 1, removed 3")
    assert set(content("photos-augmented")) == {"my__photo__fliph.png", "my__photo__rot180.png"}


def test_files_that_are_not_ours_are_left_alone(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("taken/mine.png", b"a person's file")
    assert "holds files that this command did not make" in refused(capsys, "augment", photos, "fliph", "--out", "taken")
    ran(capsys, "augment", photos, "fliph")
    put("photos-augmented/notes/mine.png", b"put there by hand")
    assert ran(capsys, "augment", photos, "rot_90").startswith("made 2, kept 0, removed 2")
    assert (content("photos-augmented")["notes/mine.png"], content("taken")) == (b"put there by hand", {"mine.png": b"a person's file"})
    put("photos-augmented/sub/logo__flipv.png", b"in the way")
    assert "sub/logo__flipv.png was not made by this command" in refused(capsys, "augment", photos, "flipv")
    (Path("photos-augmented") / "sub/logo__flipv.png").unlink()
    put("photos-augmented/sub/logo__rot90.png", b"painted over")
    for ops in (["rot_90"], ["fliph"]):
        assert "sub/logo__rot90.png was changed since it was made" in refused(capsys, "augment", photos, *ops)
    assert content("photos-augmented")["sub/logo__rot90.png"] == b"painted over"


def test_a_folder_belongs_to_one_command_and_one_source(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran(capsys, "augment", photos, "fliph", "--out", "out")
    made = content("out")
    put("others/a.png", picture(5, (20, 20)))
    assert "holds what `darkroom augment` made of photos;" in refused(capsys, "augment", "others", "fliph", "--out", "out")
    assert "holds what `darkroom augment` made of photos;" in refused(capsys, "rgb", photos, "--out", "out")
    for out in (photos, "."):
        assert "which holds the images themselves" in refused(capsys, "augment", photos, "fliph", "--out", out)
    assert content("out") == made


def test_outputs_are_no_sources_the_next_time(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert ", in photos/more" in ran(capsys, "augment", photos, "fliph", "--out", photos / "more")
    ran(capsys, "augment", photos, "rot_90", "--out", "elsewhere")
    assert set(content("elsewhere")) == {"my__photo__rot90.png", "sub/logo__rot90.png"}
    assert ran(capsys, "rgb", "elsewhere").startswith("made 2"), "unless a person says so"


def test_names_are_never_the_same(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("photos/a.png", picture(4, (20, 20)))
    put("photos/a.jpg", picture(5, (20, 20)), "JPEG")
    put("photos/b.png", picture(6, (20, 20)))
    put("photos/b__fliph.png", picture(7, (20, 20)))
    ran(capsys, "augment", photos, "fliph,flipv", "flipv")
    made = content("photos-augmented")
    assert {"a-png__flipv.png", "a-jpg__flipv.png", "b__fliph__flipv.png", "b__fliph__flipv-2.png"} < set(made) and len(made) == 12
    assert np.array_equal(pixels("photos-augmented/b__fliph__flipv.png"), np.asarray(picture(6, (20, 20)))[::-1, ::-1])
    assert np.array_equal(pixels("photos-augmented/b__fliph__flipv-2.png"), np.asarray(picture(7, (20, 20)))[::-1])


@pytest.mark.parametrize(
    "name", ["new\nline", "return\r", "separator\u2028", "-dash", "=cmd", "it's, \"so\"", "\u202ertl", "x" * 251, "é" * 125])
def test_any_name_will_do(photos: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    put(f"photos/{name}.png", picture(4, (20, 20)))
    assert ran(capsys, "augment", photos, "fliph", f"flipv{',fliph' * 60}").startswith("made 6, kept 0")
    assert ran(capsys, "augment", photos, "fliph", f"flipv{',fliph' * 60}").startswith("made 0, kept 6")
    made = {item.more["original"]: item.path for item in read_index(Path("photos-augmented/index.csv"))}
    assert made[f"{name}.png"] in content("photos-augmented") and made[f"{name}.png"].startswith(name[:100])


def test_a_name_that_is_no_text_is_written_as_text(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        Path(os.fsdecode(b"photos/caf\xe9.png")).write_bytes(encoded(picture(4, (20, 20))))
    except OSError:
        pytest.skip("this file system takes names of text alone")
    Path(os.fsdecode(b"photos-\xe9")).mkdir()
    put(os.fsdecode(b"photos-\xe9/a.png"), picture(5, (20, 20)))
    assert ran(capsys, "rgb", photos).startswith("made 3")
    assert ran(capsys, "rgb", photos).startswith("made 0, kept 3")
    assert "caf\\xe9.png" in content("photos-rgb")
    assert ran(capsys, "rgb", os.fsdecode(b"photos-\xe9")) == "made 1, kept 0, removed 0, in photos-\\xe9-rgb\n"


def test_equal_bad_files_are_all_told(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        put(f"photos/{name}.png", b"")
    for command in (["rgb", "photos"], ["resize", "photos", "8"]):
        assert ran(capsys, *command).splitlines()[2:] == ["  photos/one.png: it is empty", "  photos/two.png: it is empty"]


@pytest.mark.parametrize("folder", ["photos/sub/..", "photos/../photos/.", "linked"])
def test_outputs_go_beside_the_folder_however_it_is_named(photos: Path, capsys: pytest.CaptureFixture[str], folder: str) -> None:
    Path("linked").symlink_to("photos")
    name = "linked-rgb" if folder == "linked" else "photos-rgb"
    assert ran(capsys, "rgb", folder).startswith("made 2") and len(content(name)) == 2
    assert not list(photos.rglob("*rgb"))


def test_nothing_is_written_through_what_others_put_in_its_place(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran(capsys, "rgb", photos)
    put("theirs/logo.png", picture(5, (20, 20)))
    before = Path("theirs/logo.png").read_bytes()
    shutil.rmtree("photos-rgb/sub")
    Path("photos-rgb/sub").symlink_to("../theirs")
    assert "photos-rgb/sub was not made by this command" in refused(capsys, "rgb", photos)
    assert Path("theirs/logo.png").read_bytes() == before
    Path("photos-rgb/sub").unlink()
    Path("photos-rgb/my__photo.png").unlink()
    Path("photos-rgb/my__photo.png").mkdir()
    assert "photos-rgb/my__photo.png was not made by this command" in refused(capsys, "rgb", photos)


def test_one_bad_file_does_not_hide_the_others(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("photos/bad.jpg", b"<html>")
    put("photos/notes.txt", b"no image at all")
    put("photos/.hidden/a.png", picture(1, (20, 20)))
    told = ran(capsys, "augment", photos, "fliph", "flipv").splitlines()
    assert told == ["made 4, kept 0, removed 0, in photos-augmented", "not done:",
                    "  photos/bad.jpg: it is a text or web page, not an image"]
    assert [row["detail"] for row in read_table(Path("photos-augmented/rejected.csv"))] == [told[2].strip()]
    for path in ("photos/my__photo.jpg", "photos/sub/logo.PNG"):
        Path(path).unlink()
    assert "nothing could be made of photos" in refused(capsys, "augment", photos, "fliph", "--out", "other")


def test_a_file_that_may_not_be_read_is_told(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def guarded(path: Path) -> bytes:  # not chmod: root may read everything
        if path.name == "my__photo.jpg":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    told = ran(capsys, "rgb", photos)
    assert told.startswith("made 1") and "photos/my__photo.jpg: Permission denied" in told
    assert len(read_table(Path("photos-rgb/rejected.csv"))) == 1


def test_every_bad_argument_is_told_at_once(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "augment", photos, "fliph", "rot_90abc", "GausNoise", "{HueSaturationValue: {hue_limit: 1}}", "{a", "blur_999")
    assert told.splitlines()[0] == "darkroom: augment: 5 entries cannot be used"
    reasons = ("'rot_90abc' is no augmentation code", "did you mean GaussNoise?", "did you mean hue_shift_limit?", "not YAML", "blur_999")
    assert all(said in told for said in reasons)
    assert not Path("photos-augmented").exists()


@pytest.mark.parametrize(("arguments", "said"), [
    (["augment", "photos", "fliph", "--fill", "blue"], "--fill: 'blue' is not allowed; reflect, edge, black, white, or R,G,B"),
    (["augment", "photos", "fliph", "--copies", "0"], "at least 1 is"), (["augment", "photos", "fliph", "--copies", "999"], "--copies 999"),
    (["augment", "nowhere", "fliph"], "nowhere is no folder"), (["augment", "empty", "fliph"], "empty holds no image files"),
    (["rgb", "photos", "--background", "1,2,256"], "'1,2,256' is not allowed; white, black, checker, border, random, or R,G,B"),
    (["crop", "photos", "--aspect", "0"], "--aspect 0.0 is not allowed"), (["crop", "photos", "--tolerance", "300"], "--tolerance 300"),
    (["resize", "photos", "3"], "3 is not allowed; a number from 4 to 4096"), (["resize", "photos", "20x"], "20x is not allowed"),
    (["augment", "photos", "[]"], "[]: a list holds codes and transforms"), (["augment", "photos", "[[fliph]]"], "[[fliph]]: a list holds"),
    (["augment", "photos", "trans_99999999999999999999_0"], "trans with a number over 1,000,000"),
    (["augment", "photos", f"rot_{'9' * 400}"], "rot with a number over"), (["rgb", "photos", "--workers", "-3"], "-3 is not allowed"),
    (["rgb", "/"], "no place beside /"),
    (["resize", "photos", "20", "--pad", "pink"], "'pink' is not allowed; transparent, black, white, or R,G,B"),
])
def test_wrong_options_say_what_is_allowed(photos: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    Path("empty").mkdir()
    assert said in refused(capsys, *arguments).splitlines()[-1]


def test_what_lies_beyond_the_picture_is_black_unless_said_otherwise(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fill, color in (("black", 0), ("255,255,255", 255)):
        ran(capsys, "augment", photos, "trans_5_0", "--fill", fill)
        assert (pixels("photos-augmented/my__photo__trans5_0.png")[:, :5] == color).all()
    ran(capsys, "augment", photos, "trans_5_0")
    assert (pixels("photos-augmented/my__photo__trans5_0.png")[:, :5] == 0).all()


def test_transforms_by_name(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran(capsys, "augment", photos, "fliph,InvertImg", "{Rotate: {limit: [90, 90]}}", "{RandomCrop: {height: 9, width: 8}}")
    made = content("photos-augmented")
    assert len(made) == 6 and "my__photo__fliph__InvertImg.png" in made
    logo = np.asarray(picture(2, (30, 30), "RGBA"))[:, ::-1]
    assert np.array_equal(pixels("photos-augmented/sub/logo__fliph__InvertImg.png"), np.dstack([255 - logo[:, :, :3], logo[:, :, 3]]))
    (cropped,) = (name for name in made if "my__photo__RandomCrop" in name)
    assert pixels(f"photos-augmented/{cropped}").shape == (9, 8, 3), "a folder of files may have any sizes"


def test_rgb_flattens_onto_the_background(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("photos/clear.png", Image.new("LA", (10, 10), (0, 0)))
    ran(capsys, "rgb", photos, "--background", "1,2,3")
    assert set(content("photos-rgb")) == {"my__photo.png", "sub/logo.png", "clear.png"}
    assert (pixels("photos-rgb/clear.png") == (1, 2, 3)).all()
    ran(capsys, "rgb", photos, "--mode", "L", "--background", "black")
    assert pixels("photos-rgb/clear.png").tolist() == [[0] * 10] * 10


def test_crop_writes_the_part_as_a_file(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = picture(8, (40, 30))
    barred = Image.new("RGB", (40, 50), (0, 0, 0))
    barred.paste(inner, (0, 10))
    put("photos/barred.png", barred)
    ran(capsys, "crop", photos, "--mode", "none", "--trim", "--out", "parts")
    assert np.array_equal(pixels("parts/barred.png"), np.asarray(inner))
    ran(capsys, "crop", photos, "--aspect", "2", "--out", "parts")
    assert pixels("parts/barred.png").shape == (20, 40, 3) and pixels("parts/sub/logo.png").shape == (15, 30, 4)


def test_resize_brings_all_to_one_size(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "resize", photos, 16).startswith("made 2")
    assert pixels("photos-resized/my__photo.png").shape == (16, 16, 3)
    ran(capsys, "resize", photos, "20x10", "--fit", "pad", "--pad", "255,0,0")
    padded = pixels("photos-resized/sub/logo.png")
    assert padded.shape[:2] == (10, 20) and (padded[:, 0, :3] == (255, 0, 0)).all()


def test_a_run_that_was_cut_off_is_taken_up(photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import folder

    def cut_off(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder, "_remove_others", cut_off)  # the images are there, the index is not
        with pytest.raises(SystemExit):
            main(["augment", "photos", "fliph", "--workers", "1"])
        assert len(content("photos-augmented")) == 2 and not Path("photos-augmented/index.csv").exists()
        with pytest.raises(SystemExit):
            main(["augment", "photos", "rot_90", "--workers", "1"])
    assert len(content("photos-augmented")) == 4, "of the first run too"
    capsys.readouterr()
    assert ran(capsys, "augment", photos, "flipv").startswith("made 2")
    assert set(content("photos-augmented")) == {"my__photo__flipv.png", "sub/logo__flipv.png"}
    assert len(read_index(Path("photos-augmented/index.csv"))) == 2
