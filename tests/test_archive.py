import asyncio
import io
import os
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.collect.answer import MAX_BYTES, FetchError
from pipeline.collect.sources import archive
from pipeline.collect.sources.source import Candidate, Source
from pipeline.errors import UserError
from pipeline.source_params import Archive
from tests.conftest import encoded, picture
from tests.replay.local import context, fetched, listed, page

MODES = {".zip": "", ".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
FILES = {
    "train/cats/2.png": encoded(picture(2)), "train/cats/10.png": encoded(picture(10)), "test/cats/1.png": encoded(picture(1)),
    "readme.txt": b"Pictures of cats.", "a.jpg": encoded(picture(3), "JPEG"),
}


def packed(path: Path, files: dict[str, bytes]) -> None:
    """A zip or tar, by its ending, with the files in this order."""
    mode = MODES["".join(path.suffixes)]
    if not mode:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in files.items():
                file.writestr(name, data)
        return
    with tarfile.open(path, mode) as file:
        for name, data in files.items():
            file.addfile(member(name, size=len(data)), io.BytesIO(data))


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


@contextmanager
def opened(base: Path, name: str, glob: str = "**") -> Iterator[Source]:
    with archive.opened(Archive(path=name, glob=glob), context(base)) as source:
        yield source


def addresses(base: Path, name: str, glob: str = "**") -> list[str]:
    with opened(base, name, glob) as source:
        return [candidate.address for candidate in listed(source)]


def refused(base: Path, name: str) -> str:
    with pytest.raises(UserError) as caught, opened(base, name):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", MODES)
def test_every_kind_gives_its_files_by_name_with_their_bytes(tmp_path: Path, ending: str) -> None:
    packed(tmp_path / f"photos{ending}", FILES)
    with opened(tmp_path, f"photos{ending}") as source:
        assert (source.name, source.takes_terms, source.local) == ("archive", False, True)
        assert [c.address for c in listed(source)] == ["a.jpg", "readme.txt", "test/cats/1.png", "train/cats/10.png", "train/cats/2.png"]
        assert {c.address: c.split for c in listed(source) if c.split} == {
            "test/cats/1.png": "holdout", "train/cats/10.png": "train", "train/cats/2.png": "train",
        }
        assert listed(source)[0] == Candidate("a.jpg", title="a.jpg")
        assert {name: fetched(source, name) for name in FILES} == FILES


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz"])
def test_many_threads_read_at_once(tmp_path: Path, ending: str) -> None:
    files = {f"{number:03}": os.urandom(3000) * 20 for number in range(100)}
    packed(tmp_path / f"a{ending}", files)

    async def all_at_once(source: Source) -> dict[str, bytes]:
        found = await asyncio.gather(*(source.fetch(Candidate(name)) for name in files))
        return {f.candidate.address: f.data for f in found}

    interval = sys.getswitchinterval()
    with opened(tmp_path, f"a{ending}") as source:
        try:
            sys.setswitchinterval(1e-6)  # threads take turns as often as they can
            assert asyncio.run(all_at_once(source)) == files
        finally:
            sys.setswitchinterval(interval)


def test_the_kind_is_in_the_bytes_not_in_the_name(tmp_path: Path) -> None:
    packed(tmp_path / "a.tar.xz", FILES)
    (tmp_path / "a.tar.xz").rename(tmp_path / "a.zip")
    assert addresses(tmp_path, "a.zip", "*.jpg") == ["a.jpg"]


def test_pages_go_on_after_a_name(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", {f"{number:04}.png": b"" for number in range(1200)})
    with opened(tmp_path, "a.zip") as source:
        first = page(source)
    with opened(tmp_path, "a.zip") as source:
        second = page(source, first.next)
        last = page(source, second.next)
    pages = (first, second, last)
    assert [c.address for p in pages for c in p.candidates] == [f"{number:04}.png" for number in range(1200)]
    assert [len(p.candidates) for p in pages] == [500, 500, 200] and last.next is None


@pytest.mark.parametrize(("glob", "expected"), [
    ("*.jpg", {"a.jpg"}),
    ("**/*.png", {"test/cats/1.png", "train/cats/2.png", "train/cats/10.png"}),
    ("train/**", {"train/cats/2.png", "train/cats/10.png"}),
    ("**/cats/?.png", {"test/cats/1.png", "train/cats/2.png"}),
    ("t*/cats/[!12].png", set()),
    ("**", set(FILES)),
    ("train", set()),
])
def test_a_pattern_chooses(tmp_path: Path, glob: str, expected: set[str]) -> None:
    packed(tmp_path / "a.zip", FILES)
    assert set(addresses(tmp_path, "a.zip", glob)) == expected


TREE = ("a", "b.jpg", "ab.png", "a1/a", "a1/b.jpg", "a1/b/c.jpg", "b/a1/b/c.jpg", "b/a1/b.jpg", "b/.a", "c/d/e/f.png")
USUAL = st.sampled_from(["**", "*", "*.jpg", "a*", "?", "[ab]", "[!a]*", "b", "*.*", "a1"])
ODD = st.text("ab1.*?[]!", min_size=1, max_size=4).filter(lambda part: part.strip(".") and "**" not in part)
PART = st.one_of(USUAL, ODD)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(PART, min_size=1, max_size=5))
def test_patterns_mean_what_they_mean_in_a_folder(tree: Path, parts: list[str]) -> None:
    if parts[-1] == "**":
        parts = [*parts, "*"]  # pathlib's last ** is for folders alone, up to Python 3.12
    in_folder = {path.relative_to(tree).as_posix() for path in tree.glob("/".join(parts)) if path.is_file()}
    assert {name for name in TREE if archive.matches(name.split("/"), parts)} == in_folder


def test_of_files_with_one_name_the_last_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("1.png", b"old")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("1.png", b"new")
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for data in (b"old", b"new"):
            file.addfile(member("./1.png", size=3), io.BytesIO(data))
    for name in ("a.zip", "a.tar"):
        with opened(tmp_path, name) as source:
            assert [c.address for c in listed(source)] == ["1.png"]
            assert fetched(source, "1.png") == b"new"


def test_hostile_members_of_a_tar_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name in (str(tmp_path / "written.png"), "../up.png", "a/../../up.png", "./fine.png"):
            file.addfile(member(name, size=4), io.BytesIO(b"data"))
        file.addfile(member("symlink.png", tarfile.SYMTYPE, str(tmp_path / "secret.png")))
        file.addfile(member("hardlink.png", tarfile.LNKTYPE, "../secret.png"))
        file.addfile(member("device.png", tarfile.CHRTYPE))
        file.addfile(member("pipe.png", tarfile.FIFOTYPE))
        file.addfile(member("folder.png", tarfile.DIRTYPE))
    before = sorted(tmp_path.rglob("*"))
    with opened(tmp_path, "a.tar") as source:
        assert [c.address for c in listed(source)] == ["fine.png"]
        assert fetched(source, "fine.png") == b"data"
        with pytest.raises(FetchError, match="no such file in the archive"):
            fetched(source, "../up.png")
    assert sorted(tmp_path.rglob("*")) == before


def test_hostile_members_of_a_zip_are_passed_over(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("/abs.png", "../up.png", "a/../../up.png", "C:\\windows.png", "\\\\server\\a.png", "__MACOSX/._a.png", "folder/"):
            file.writestr(name, b"data")
        file.writestr(link, b"/etc/passwd")
        file.writestr("old\\windows\\fine.png", b"data")
        file.writestr("10:30.png", b"data")
    with opened(tmp_path, "a.zip", "**/*.png") as source:
        assert [c.address for c in listed(source)] == ["10:30.png", "old/windows/fine.png"]
        assert fetched(source, "old/windows/fine.png") == b"data"


def peak_of(source: Source, address: str) -> tuple[FetchError, int]:
    """The refusal, and the most memory that it took, in bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(FetchError) as caught:
            fetched(source, address)
        return caught.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_huge_member_is_refused_before_it_is_read(tmp_path: Path, ending: str) -> None:
    packed(tmp_path / f"a{ending}", {"huge.png": bytes(MAX_BYTES + 1), "1.png": b"1"})
    with opened(tmp_path, f"a{ending}") as source:
        error, peak = peak_of(source, "huge.png")
        assert (error.reason, "huge.png: more than 64 MiB" in str(error)) == ("too_large", True)
        assert peak < 2**20
        assert fetched(source, "1.png") == b"1"


def test_a_member_that_is_more_than_it_says_is_stopped_while_reading(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", {"bomb.png": bytes(32 * 2**20)})
    data = (tmp_path / "a.zip").read_bytes()
    assert data.count(struct.pack("<I", 32 * 2**20)) == 2  # in its own header and in the archive's list
    (tmp_path / "a.zip").write_bytes(data.replace(struct.pack("<I", 32 * 2**20), struct.pack("<I", 1000)))
    with opened(tmp_path, "a.zip") as source:
        error, peak = peak_of(source, "bomb.png")
    assert error.reason == "damaged" and peak < 4 * 2**20


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_expand_without_bounds_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        file.writestr("1.png", bytes(10**7))
    with opened(tmp_path, "a.zip") as source:
        error, peak = peak_of(source, "1.png")
    assert error.reason == "unsupported" and "use the source folder" in str(error) and peak < 2**20


def test_a_compressed_tar_that_is_a_bomb_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(tmp_path / "a.tar.gz", {f"{number}.png": bytes(10**6) for number in range(8)})
    monkeypatch.setattr(archive, "SMALL", 10**6)
    assert "grows to more than" in refused(tmp_path, "a.tar.gz")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_compressed_tar_is_unpacked_once(tmp_path: Path) -> None:
    packed(tmp_path / "a.tar.gz", FILES)
    expected = f"{sha256((tmp_path / 'a.tar.gz').read_bytes()).hexdigest()}.tar"
    stamps = []
    for glob in ("**", "*.jpg"):
        assert addresses(tmp_path, "a.tar.gz", glob)
        [plain] = (tmp_path / "cache").iterdir()
        stamps.append((plain.name, plain.stat().st_ino, plain.stat().st_mtime_ns))
    assert stamps[0] == stamps[1] and stamps[0][0] == expected


def locked(path: Path, *names: str) -> None:
    """Set the bit that says "encrypted" for these members of a zip, in both places."""
    data = bytearray(path.read_bytes())
    for name in names:
        for signature, flags, name_at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
            start = data.find(signature)
            while data[start + name_at : start + name_at + len(name)] != name.encode():
                start = data.index(signature, start + 1)
            data[start + flags] |= 1
    path.write_bytes(data)


def test_an_encrypted_archive_is_one_sentence(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", {"1.png": b"1", "2.png": b"2"})
    locked(tmp_path / "a.zip", "1.png")
    with opened(tmp_path, "a.zip") as source:
        with pytest.raises(FetchError, match=r"1\.png: it is encrypted") as caught:
            fetched(source, "1.png")
        assert caught.value.reason == "encrypted"
        assert fetched(source, "2.png") == b"2"
    locked(tmp_path / "a.zip", "2.png")
    assert "a.zip is encrypted; unpack the archive and use the source folder" in refused(tmp_path, "a.zip")


def test_one_damaged_member_is_one_refusal(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", {"1.png": os.urandom(5000), "2.png": os.urandom(5000)})
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data[:1000] + bytes(100) + data[1100:])
    with opened(tmp_path, "a.zip") as source:
        with pytest.raises(FetchError, match=r"1\.png") as caught:
            fetched(source, "1.png")
        assert len(fetched(source, "2.png")) == 5000
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_tar_that_breaks_off_is_an_error(tmp_path: Path, ending: str) -> None:
    size = 2**20 if ending == ".tar.bz2" else 2**17  # bzip2 gives nothing before a whole block of 900,000 bytes
    packed(tmp_path / f"a{ending}", {"1.png": os.urandom(size), "2.png": os.urandom(size)})
    os.truncate(tmp_path / f"a{ending}", (tmp_path / f"a{ending}").stat().st_size // 2)
    assert "cannot be read" in refused(tmp_path, f"a{ending}")
    assert not list(tmp_path.glob("cache/*"))


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_text("<!doctype html><p>Not found")
    (tmp_path / "empty.tar").write_bytes(b"")
    packed(tmp_path / "a.zip", FILES)
    os.truncate(tmp_path / "a.zip", 300)
    for name in ("page.zip", "empty.tar", "a.zip"):
        assert f"{name} is no archive; allowed are .zip, .tar, .tar.gz" in refused(tmp_path, name)
    assert refused(tmp_path, "gone.zip") == (
        f"params.yaml: sources: archive: path 'gone.zip' is no file (looked for {tmp_path / 'gone.zip'})"
    )


def test_an_empty_archive_has_no_results(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", {})
    packed(tmp_path / "a.tar", {})
    assert addresses(tmp_path, "a.zip") == addresses(tmp_path, "a.tar") == []


def test_the_plain_tar_that_starts_like_another_format(tmp_path: Path) -> None:
    packed(tmp_path / "a.tar", {"BZh91AY.png": b"1"})
    with opened(tmp_path, "a.tar") as source:
        assert fetched(source, "BZh91AY.png") == b"1"
