"""Text of strangers in Markdown: what they wrote is shown as they wrote it, and nothing of it is markup."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

__all__ = ["link", "plain", "table"]

MARKUP = re.compile(r"([\\`*_\[\]<>|~&$#!])")
UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")  # also what reverses the direction of text
ADDRESS = re.compile(r"(?i)(\bwww(?=\.)|\b[a-z]+(?=://)|(?<=\w)(?=@))")  # what GitHub would make a link of
START = re.compile(r"^([-+=]|\d+(?=[.)]))")


def plain(text: str) -> str:
    """One line of Markdown that shows `text`. Fit for a paragraph, a heading, a list and a cell."""
    line = UNSEEN.sub(" ", text).strip()
    line = MARKUP.sub(r"\\\1", line)
    line = ADDRESS.sub(lambda found: found.group() + "\\", line)  # the punctuation behind it is escaped: no address any more
    return START.sub(lambda found: f"\\{found.group()}" if not found.group()[0].isdigit() else f"{found.group()}\\", line)


def link(text: str, url: str) -> str:
    """`text` that leads to `url`, where that is an address of the web; else only the text."""
    if not re.match(r"https?://", url):
        return plain(text)
    return f"[{plain(text)}](<{quote(url, safe=':/?#@!$&*+,;=%~.-_')}>)"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table whose cells are Markdown already."""
    body = [[str(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in ([*head], ["---"] * len(head), *body)]
