"""What one request may cost, and what comes of it: an answer, or an error with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["MAX_BYTES", "REDIRECTS", "Answer", "FetchError", "Limits"]

MAX_BYTES = 64 * 2**20  # larger files than any photograph for a training set
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({
    "connect", "dns", "timeout", "reset", "bad_http", "length", "too_slow", "host_down", "host_busy", "robots_unreachable",
})


class FetchError(OSError):
    """This address gave no usable answer.

    `reason` is the short word that is recorded and counted, such as "http_404" or "timeout"; `status` is the
    HTTP status where there was one, 0 otherwise, and `body` the start of what came with it.
    """

    def __init__(self, reason: str, detail: str, status: int = 0, body: bytes = b"", wait: float | None = None) -> None:
        super().__init__(detail)
        self.reason, self.status, self.body = reason, status, body
        self.wait = wait  # seconds that the server asks for (Retry-After)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (408, 425, 429) or self.status >= 500 or self.reason in PASSING


@dataclass(frozen=True)
class Limits:
    """Of one download: seconds, bytes, redirects; and bytes per second, over the last `grace` seconds (whole ones)."""

    connect: float = 10
    total: float = 60
    grace: float = 10
    rate: int = 4096
    bytes: int = MAX_BYTES
    redirects: int = 5


@dataclass(frozen=True)
class Answer:
    """What came back: the URL that answered, headers by name in any case, the body."""

    status: int
    url: str
    headers: Mapping[str, str]
    data: bytes
