"""Work that does what its input says: a decoder at its worst."""

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Do:
    """A number is squared, bytes are reversed, words are done."""

    def __call__(self, given: str | bytes | int) -> object:
        if isinstance(given, bytes | int):
            return given[::-1] if isinstance(given, bytes) else given * given
        name, _, rest = given.partition(" ")
        return getattr(self, name)(rest)

    def sleep(self, seconds: str) -> str:
        time.sleep(float(seconds))
        return "slept"

    def spin(self, _: str) -> None:
        while True:
            pass

    def fill(self, gigabytes: str) -> int:
        return len(bytearray(int(float(gigabytes) * GIGABYTE)))

    def crash(self, _: str) -> None:
        ctypes.string_at(0)

    def leave(self, code: str) -> None:
        os._exit(int(code))

    def kill(self, number: str) -> None:
        os.kill(os.getpid(), int(number))

    def fail(self, words: str) -> None:
        raise ValueError(words)

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def large(self, size: str) -> bytes:
        return b"x" * int(size)

    def once(self, path: str) -> str:
        """Crashes in the first process that does it."""
        if not Path(path).exists():
            Path(path).touch()
            ctypes.string_at(0)
        return "done at last"

    def mark(self, path: str) -> None:
        Path(path).write_text(str(os.getpid()))
        self.spin("")

    def odd(self, _: str) -> Callable[[], int]:
        return lambda: 1  # what cannot travel
