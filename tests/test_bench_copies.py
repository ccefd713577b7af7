import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from bench.copies.archives import Archive, ArchiveError, fetch, members
from bench.copies.flats import flats
from bench.copies.originals import Original, gather
from bench.copies.peers import group
from bench.copies.score import score
from bench.copies.variants import ORIGINAL, Labelled, build, kinds, read_labels
from pipeline import image
from pipeline.errors import UserError

HALF_RED = (255, 0, 0, 128)


def labelled(*names: str, class_: str = "photo") -> list[Labelled]:
    """`a` is the original a, `a-flip` its copy of that kind."""
    return [Labelled(name, name.split("-")[0], name.partition("-")[2] or ORIGINAL, class_) for name in names]


def test_a_right_grouping_scores_full_marks() -> None:
    found = score(labelled("a", "a-flip", "a-crop", "b"), {"a": "1", "a-flip": "1", "a-crop": "1", "b": "2"}, ["a-crop", "b"])
    assert (found.precision, found.lost, found.largest) == (1.0, [], 3)
    assert found.recall == {("photo", "flip"): 1.0, ("photo", "crop"): 1.0} and not found.false_pairs


def test_no_groups_at_all_are_precise_and_find_nothing() -> None:
    found = score(labelled("a", "a-flip", "b"), {})
    assert found.precision == 1.0 and found.recall == {("photo", "flip"): 0.0} and found.lost == []


def test_precision_is_over_pairs_and_a_wrong_file_in_a_large_group_costs_many() -> None:
    found = score(labelled("a", "a-flip", "a-crop", "b"), dict.fromkeys(("a", "a-flip", "a-crop", "b"), "1"))
    assert found.precision == pytest.approx(3 / 6)
    assert found.lost == ["b"]


def test_recall_is_over_the_copies_of_a_kind_and_asks_for_the_group_of_the_original() -> None:
    labels = labelled("a", "a-flip", "a-crop", "b", "b-flip", "b-crop")
    found = score(labels, {"a": "1", "a-flip": "1", "b-crop": "2", "a-crop": "2"})
    assert found.recall == {("photo", "flip"): 0.5, ("photo", "crop"): 0.0}


def test_false_pairs_are_counted_by_the_classes_of_their_files() -> None:
    labels = [*labelled("a", "a-flip", "b"), *labelled("c", "c-flip", "d", class_="logo")]
    found = score(labels, {label.path: "one" for label in labels})
    assert found.false_pairs == {("photo", "photo"): 2, ("logo", "logo"): 2, ("logo", "photo"): 9}


def test_an_original_is_lost_where_only_another_one_s_file_is_kept() -> None:
    labels, groups = labelled("a", "a-flip", "b", "b-flip"), {"a": "1", "b": "1", "b-flip": "2"}
    assert score(labels, groups, ["a", "a-flip", "b-flip"]).lost == []
    assert score(labels, groups, ["b", "a-flip", "b-flip"]).lost == []
    assert score(labels, {**groups, "b-flip": "1"}, ["a", "a-flip"]).lost == ["b"]


@pytest.mark.parametrize(("groups", "kept", "says"), [
    ({"z": "1"}, None, "z has no label"), ({"a": "1", "b": "1"}, ["a", "b"], "more than one"), ({"a": "1", "b": "1"}, [], "no file"),
])
def test_a_grouping_of_other_files_or_without_a_kept_one_is_refused(groups: dict[str, str], kept: list[str] | None, says: str) -> None:
    with pytest.raises(UserError, match=says):
        score(labelled("a", "b"), groups, kept)


@pytest.fixture
def originals(tmp_path: Path) -> list[Original]:
    """Photographs without a symmetry, an emoji and a logo half see-through, a flat."""
    folder = tmp_path / "originals"
    folder.mkdir()
    chance = np.random.default_rng(0)
    found = []
    for number in range(8):
        rough = Image.fromarray(chance.integers(0, 200, (6, 8, 3), dtype=np.uint8))
        rough.resize((320, 240), Image.Resampling.BICUBIC).save(folder / f"photo{number}.jpg", quality=95)
        found.append(Original(f"photo{number}", "photo", folder / f"photo{number}.jpg"))
    for name in ("emoji", "logo"):
        picture = Image.new("RGBA", (72, 60))
        picture.paste(HALF_RED, (10, 5, 50, 30))
        picture.save(folder / f"{name}.png")
        found.append(Original(name, name, folder / f"{name}.png"))
    Image.new("RGB", (64, 64), "teal").save(folder / "flat.png")
    return [*found, Original("flat", "flat", folder / "flat.png")]


def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_copies(originals: list[Original], tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        build(tmp_path / name, originals, seed)
    one, two, three = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two", "three"))
    assert one == two
    assert one["photo0.crop-20.jpg"] != three["photo0.crop-20.jpg"] or one["photo1.crop-20.jpg"] != three["photo1.crop-20.jpg"]


def test_seeds_take_different_photographs_while_there_are_enough(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    many = [Original(f"p{number:03}", "flat", tmp_path / "p.png") for number in range(90)]
    copied = [{label.original for label in build(tmp_path / str(seed), many, seed) if label.kind != ORIGINAL} for seed in (0, 1)]
    assert [len(each) for each in copied] == [40, 40] and not copied[0] & copied[1]


def test_every_file_is_labelled_and_the_table_reads_back(originals: list[Original], tmp_path: Path) -> None:
    labels = build(tmp_path / "set", originals, 0)
    assert {label.path for label in labels} | {"labels.csv"} == {path.name for path in (tmp_path / "set").iterdir()}
    assert read_labels(tmp_path / "set") == labels
    assert {label.kind for label in labels if label.original == "photo0"} == {ORIGINAL, *kinds("photo")}


def test_photographs_copies_are_what_their_kind_says(originals: list[Original], tmp_path: Path) -> None:
    labels = [label for label in build(tmp_path, originals, 0) if label.original == "photo0"]
    pictures = {label.kind: Image.open(tmp_path / label.path) for label in labels}
    first = pictures[ORIGINAL]
    sizes = {"half": (160, 120), "thumb-128": (128, 96), "up-150": (480, 360), "border-8": (358, 278), "rot-90": (240, 320)}
    assert {kind: pictures[kind].size for kind in sizes} == sizes
    weights = [(tmp_path / f"photo0.{kind}.jpg").stat().st_size for kind in ("jpeg-30", "jpeg-75", "fliph")]
    assert weights == sorted(set(weights))
    assert pictures["format"].format in ("PNG", "WEBP") and pictures["grey"].mode == "L"
    turns = {"fliph": Image.Transpose.FLIP_LEFT_RIGHT, "flipv": Image.Transpose.FLIP_TOP_BOTTOM, "rot-90": Image.Transpose.ROTATE_90,
             "rot-180": Image.Transpose.ROTATE_180, "rot-270": Image.Transpose.ROTATE_270}
    for kind, turn in turns.items():
        assert difference(pictures[kind].transpose(turn), first) > 10 or kind in ("fliph", "flipv", "rot-180")
        assert difference(pictures[kind], first.transpose(turn)) < 3
    assert difference(ImageOps.exif_transpose(pictures["exif-6"]), first) < 3 and pictures["exif-6"].size == (240, 320)
    assert np.asarray(pictures["bright-130"]).mean() == pytest.approx(1.3 * np.asarray(first).mean(), rel=0.03)
    assert 1 < difference(pictures["watermark"], first) < 20 and 2 < difference(pictures["lean-3"], first) < 60


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute, in levels; infinite for pictures of two sizes."""
    if one.size != other.size:
        return float("inf")
    return float(np.abs(np.asarray(one.convert("RGB"), int) - np.asarray(other.convert("RGB"), int)).mean())


def test_crops_take_their_share_in_three_ways(originals: list[Original], tmp_path: Path) -> None:
    seen = {}
    for seed in range(6):
        for label in build(tmp_path / str(seed), originals[:2], seed):
            if label.kind == "crop-20":
                seen.setdefault(label.detail, set()).add(Image.open(tmp_path / str(seed) / label.path).size)
    assert seen == {"centred": {(256, 192)}, "off-centre": {(256, 192)}, "one side": {(256, 240), (320, 192)}}


def test_drawings_copies_keep_or_lose_their_transparency_as_their_kind_says(originals: list[Original], tmp_path: Path) -> None:
    build(tmp_path, originals, 0)
    inside, outside = (20, 20), (60, 50)
    at = {kind: Image.open(tmp_path / f"emoji.{kind}.{end}") for kind, end in
          (("on-white", "png"), ("on-black", "png"), ("up-300", "png"), ("webp-lossless", "webp"), ("fliph", "png"), ("palette", "png"))}
    assert [at[kind].getpixel(inside) for kind in ("on-white", "on-black")] == [(255, 127, 127), (128, 0, 0)]
    assert [at[kind].getpixel(outside) for kind in ("on-white", "on-black")] == [(255, 255, 255), (0, 0, 0)]
    assert at["up-300"].size == (216, 180) and at["up-300"].getpixel((60, 60)) == HALF_RED
    assert at["webp-lossless"].getpixel(inside) == HALF_RED and at["fliph"].getpixel((71 - 20, 20)) == HALF_RED
    assert at["palette"].mode == "P" and at["palette"].convert("RGBA").getpixel(inside) == HALF_RED


def test_flats_are_forty_and_no_two_alike() -> None:
    drawn = dict(flats())
    assert len(drawn) == 40 and len({np.asarray(picture.resize((16, 16))).tobytes() for picture in drawn.values()}) == 40


def archive_in(folder: Path, files: dict[str, bytes]) -> Archive:
    """An npm archive that is already there, as after a download."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "some-pictures-1.0.0.tgz", "w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    digest = hashlib.sha256((folder / "some-pictures-1.0.0.tgz").read_bytes()).hexdigest()
    return Archive("npm", "@some/pictures", "1.0.0", digest)


def test_an_archive_gives_the_files_that_are_asked_for_and_misses_none_in_silence(tmp_path: Path) -> None:
    archive = archive_in(tmp_path, {"package/a.txt": b"a", "package/b.txt": b"b"})
    assert members(archive, tmp_path, {"package/b.txt"}) == [("package/b.txt", b"b")]
    assert members(archive, tmp_path, lambda name: "a" in name.split("/")[1]) == [("package/a.txt", b"a")]
    with pytest.raises(ArchiveError, match=r"has no package/c.txt"):
        members(archive, tmp_path, {"package/a.txt", "package/c.txt"})


def test_pictures_in_a_qt_resource_file_are_members_by_the_number_of_their_block(tmp_path: Path) -> None:
    blocks = [b"no picture", image.encode_png(Image.new("RGB", (3, 2)))]
    body = b"".join(len(block).to_bytes(4, "big") + block for block in blocks)
    header = b"qres" + b"".join(number.to_bytes(4, "big") for number in (3, 24 + len(body), 24, 24 + len(body) + 4, 0))
    archive = archive_in(tmp_path, {"package/x.rcc": header + body + bytes(8)})
    assert members(archive, tmp_path, {"package/x.rcc#1"}) == [("package/x.rcc#1", blocks[1])]
    with pytest.raises(ArchiveError, match="has no package/x.rcc#0"):
        members(archive, tmp_path, {"package/x.rcc#0"})


def test_an_archive_of_other_bytes_is_refused(tmp_path: Path) -> None:
    archive = archive_in(tmp_path, {"package/a.txt": b"a"})
    (tmp_path / archive.file_name).write_bytes(b"something else")
    with pytest.raises(ArchiveError, match="delete it"):
        fetch(archive, tmp_path)


def test_without_the_client_an_archive_is_named_as_missing_and_the_rest_is_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = gather(tmp_path, [Archive("npm", "wookmark", "2.2.0", "0" * 64)])
    assert found.missing == ["wookmark 2.2.0: there is no npm here to download it with"]
    counts = {class_: sum(each.class_ == class_ for each in found.originals) for class_ in ("photo", "emoji", "logo", "flat")}
    assert counts["emoji"] >= 400 and counts["flat"] == 40 and counts["photo"] == counts["logo"] == 0
    assert len({original.name for original in found.originals}) == len(found.originals)


def test_drawings_that_are_another_one_turned_are_left_out(tmp_path: Path) -> None:
    arrow = Image.new("RGBA", (64, 64))
    arrow.paste((0, 0, 200, 255), (4, 20, 40, 44))
    arrow.paste((200, 0, 0, 255), (40, 10, 60, 54))
    dot = Image.new("RGBA", (64, 64))
    dot.paste((0, 120, 0, 255), (20, 20, 50, 50))
    files = {name: image.encode_png(picture) for name, picture in
             (("right", arrow), ("up", arrow.rotate(90)), ("left", arrow.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), ("dot", dot))}
    archive = archive_in(tmp_path / "archives", {f"package/{name}.png": data for name, data in files.items()})
    logos = [original.name for original in gather(tmp_path, [archive]).originals if original.class_ == "logo"]
    assert logos == ["some-pictures-dot-png", "some-pictures-left-png"]


def test_a_tool_s_pairs_become_groups_and_its_failure_one_sentence(tmp_path: Path) -> None:
    """A stand-in for pdqhash, whose hash is a picture's first pixel, run as the real one is."""
    (tmp_path / "pdqhash.py").write_text(
        "import numpy as np\n"
        "def compute(pixels):\n    return np.arange(256) < (pixels[0, 0, 0] // 2), 100\n"
    )
    (tmp_path / "python").write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    (tmp_path / "python").chmod(0o755)
    for name, level in (("a", 0), ("b", 60), ("c", 120), ("d", 250)):  # 0, 30, 60 and 125 of the bits are set
        Image.new("RGB", (4, 4), (level, 0, 0)).save(tmp_path / f"{name}.png")
    (found,) = group(tmp_path / "python", tmp_path, ["a.png", "b.png", "c.png", "d.png"], ["pdqhash"])
    assert (found.tool, found.threshold) == ("pdqhash", 31) and found.rate > 0
    assert found.groups["a.png"] == found.groups["b.png"] == found.groups["c.png"] != found.groups["d.png"]
    with pytest.raises(UserError, match="pdqhash failed"):
        list(group(tmp_path / "python", tmp_path, ["absent.png"], ["pdqhash"]))


def test_hashers_start_without_our_own_package(tmp_path: Path) -> None:
    """They run in an interpreter that has only the peers."""
    script = Path(__file__).parents[1] / "bench" / "copies" / "hashers.py"
    (tmp_path / "paths.json").write_text(json.dumps([]))
    done = subprocess.run([sys.executable, "-I", script, "nothing", tmp_path, tmp_path / "paths.json", tmp_path / "out.json"],
                          capture_output=True, text=True)
    assert done.stderr.strip().splitlines()[-1] == "KeyError: 'nothing'"
