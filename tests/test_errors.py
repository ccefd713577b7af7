"""What a person reads when something is wrong."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import UserError, reported


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    with pytest.raises(SystemExit) as stopped, reported():
        raise error
    return stopped.value.code, capsys.readouterr().err


def test_a_mistake_of_the_user_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(UserError("resize.size: 3 is not allowed"), capsys) == (1, "darkroom: resize.size: 3 is not allowed\n")


@pytest.mark.parametrize(("number", "words"), [
    (errno.ENOSPC, "the disk is full"), (errno.EROFS, "this disk can only be read"), (errno.EACCES, "you may not"),
])
def test_what_the_system_refuses_says_where_and_what_to_do(number: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = told(OSError(number, os.strerror(number), "data/rgb/index.csv"), capsys)
    assert code == 1 and line.startswith(f"darkroom: data/rgb/index.csv: {words}") and line.count("\n") == 1


def test_a_folder_below_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit), reported():
        (tmp_path / "file" / "folder").mkdir()
    assert "a file stands where a folder is needed" in capsys.readouterr().err


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "none", "x"), BrokenPipeError(errno.EPIPE, "pipe"), KeyError("x")])
def test_what_may_be_a_fault_of_ours_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), reported():
        raise error
