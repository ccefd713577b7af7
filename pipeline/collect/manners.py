"""What sites ask of machines that visit: robots.txt, and the opt-outs from training in headers and in tdmrep.json.

Decisions only; nothing here fetches. The three ways are RFC 9309 (robots.txt), the X-Robots-Tag header as Google, Bing,
DeviantArt and Mojeek describe it, and the W3C community group's TDM Reservation Protocol (TDMRep, May 2024).
"""

import functools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from protego import Protego

__all__ = ["AGENT", "Robots", "opt_out", "tdm_reserved"]

AGENT = "Darkroom"
LIMIT = 500 * 1024  # bytes of a robots.txt that are read; RFC 9309, 2.5, asks for at least these
LONGEST_DELAY = 30.0  # seconds; sites that ask for more would hold a run up for days
OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "noml", "none"})
# Directives with a value: what stands before their colon is no agent's name, and max-image-preview: none is no opt-out.
VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
NAMED = re.compile(r"\s*([a-z*][\w.*/-]*)\s*:", re.IGNORECASE)
AGENT_LINE = re.compile(r"^([ \t]*user-?agent[ \t]*:)[ \t]*([a-z_-]+)[^\n]*", re.IGNORECASE | re.MULTILINE)
NOTHING_ALLOWED = "User-agent: *\nDisallow: /"


def opt_out(headers: Iterable[tuple[str, str]], agent: str) -> str:
    """The directive by which an answer's headers forbid its use for training, "" where none does.

    `headers` are (name, value) pairs, so that a header sent twice counts twice; `agent` is the product token.

    >>> opt_out([("X-Robots-Tag", "otherbot: noindex"), ("X-Robots-Tag", "nofollow, NoAI")], "Darkroom")
    'noai'
    """
    for name, value in headers:
        if name.lower() == "x-robots-tag" and (directive := _forbidding(value, agent.lower())):
            return directive
        if name.lower() == "tdm-reservation" and "1" in re.split(r"[\s,;]+", value):
            return "tdm-reservation"
    return ""


def _forbidding(value: str, agent: str) -> str:
    ours = True
    for part in value.split(","):
        named = NAMED.match(part)
        if named and named[1].lower() not in VALUED:  # "agent: directive, directive": up to the next agent of this header
            ours = named[1].lower().partition("/")[0] in ("*", agent)
            part = part[named.end():]
            named = NAMED.match(part)
        if ours and not named:
            for word in re.split(r"[\s;]+", part.lower()):
                if word in OPT_OUTS:
                    return word
    return ""


@dataclass(frozen=True)
class Robots:
    """What one origin's robots.txt says to Darkroom."""

    rules: Protego

    @classmethod
    def of(cls, status: int, body: bytes) -> "Robots":
        """From the answer for /robots.txt; 0 is the status of a server that cannot be reached (RFC 9309, 2.3.1)."""
        if 200 <= status < 300:
            return cls(Protego.parse(_normal(body)))
        return cls(Protego.parse("" if 300 <= status < 500 else NOTHING_ALLOWED))

    def allows(self, url: str) -> bool:
        """Whether `url`, of this origin, may be fetched."""
        return self.rules.can_fetch(url, AGENT)

    def delay(self) -> float:
        """Seconds to leave between two requests (Crawl-delay), 0 to 30."""
        return min(self.rules.crawl_delay(AGENT) or 0.0, LONGEST_DELAY)


def _normal(body: bytes) -> str:
    """The text that counts, with whole product tokens: protego takes "dark" for us, and "Darkroom/1.0" for somebody else."""
    if len(body) > LIMIT:  # not the half line at the end: "Disallow: /" may be what is left of a longer path
        body = re.split(rb"[\r\n][^\r\n]*\Z", body[:LIMIT])[0]
    text = re.sub(r"\r\n?", "\n", body.decode("utf-8-sig", "replace"))
    return AGENT_LINE.sub(lambda line: f"{line[1]} {AGENT if line[2].lower() == AGENT.lower() else 'another'}", text)


def tdm_reserved(document: bytes, path: str) -> bool:
    """Whether a site's /.well-known/tdmrep.json reserves text and data mining of `path` (with its query, if any).

    The first rule whose location matches decides. What is no list of rules reserves nothing.
    """
    for location, reserved in _tdm_rules(document):
        if not location.can_fetch(f"https://host{path}", AGENT):
            return reserved
    return False


@functools.lru_cache(maxsize=64)
def _tdm_rules(document: bytes) -> tuple[tuple[Protego, bool], ...]:
    """Locations are matched as paths of a robots.txt are, says the specification: so each is made the rule of one."""
    try:
        rules = json.loads(document)
    except (ValueError, RecursionError):
        return ()
    found = []
    for rule in [rules] if isinstance(rules, dict) else rules if isinstance(rules, list) else []:
        location = rule.get("location") if isinstance(rule, dict) else None
        if isinstance(location, str) and location.splitlines() == [location] and "tdm-reservation" in rule:
            found.append((Protego.parse(f"User-agent: *\nDisallow: {location}"), rule["tdm-reservation"] in (1, "1")))
    return tuple(found)
