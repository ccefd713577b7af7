"""Downloads by HTTP: kept connections, limits on time and size, a few tries for what can pass."""

import time
from dataclasses import dataclass, field

import requests

__all__ = ["FetchError", "Fetcher"]

MAX_BYTES = 64 * 2**20  # larger files than any photograph for a training set
TOTAL_SECONDS = 60
TRIES = 3
WORTH_A_RETRY = frozenset({429, 500, 502, 503, 504})


class FetchError(OSError):
    """This address gave no usable answer; the message says why."""


@dataclass
class Fetcher:
    """One session of downloads."""

    session: requests.Session = field(default_factory=requests.Session)

    def get(self, url: str) -> bytes:
        """The body at `url`, at most MAX_BYTES, within TOTAL_SECONDS. Raises FetchError."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._once(url)
            except _PassingError as error:
                if attempt == TRIES:
                    raise FetchError(f"{url}: {error} ({TRIES} tries)") from None
                time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    def _once(self, url: str) -> bytes:
        deadline = time.monotonic() + TOTAL_SECONDS
        try:
            with self.session.get(url, timeout=(10, 20), stream=True) as answer:
                if answer.status_code in WORTH_A_RETRY:
                    raise _PassingError(f"status {answer.status_code}")
                if answer.status_code != 200:
                    raise FetchError(f"{url}: status {answer.status_code}")
                return self._body(url, answer, deadline)
        except requests.exceptions.InvalidSchema:
            raise FetchError(f"{url}: only http and https addresses are fetched") from None
        except requests.RequestException as error:
            raise _PassingError(type(error).__name__) from None

    def _body(self, url: str, answer: requests.Response, deadline: float) -> bytes:
        parts, size = [], 0
        for part in answer.iter_content(65536):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise FetchError(f"{url}: more than {MAX_BYTES // 2**20} MiB")
            if time.monotonic() > deadline:
                raise FetchError(f"{url}: not finished after {TOTAL_SECONDS} s")
        return b"".join(parts)


class _PassingError(Exception):
    """A failure that may not happen again."""
