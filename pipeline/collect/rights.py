"""Licences under one spelling, from the many that sites use."""

import re

__all__ = ["LICENSES", "license_of"]

# As in params.yaml. "other" is a stated licence that is none of these; "unknown" is one that nobody stated.
LICENSES = (
    "cc0", "pdm", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa", "cc-by-nd", "cc-by-nc-nd", "all-rights-reserved", "other", "unknown",
)
URL = re.compile(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)", re.IGNORECASE)
# "certification" and "publicdomain" are two retired tools that said "this is in the public domain".
PUBLIC_DOMAIN_TOOLS = {"zero": "cc0", "mark": "pdm", "certification": "pdm", "publicdomain": "pdm"}
LONG_NAMES = (
    ("creative-commons", "cc"), ("attribution", "by"), ("non-?commercial", "nc"), ("share-?alike", "sa"),
    ("no-?deriv(?:ative)?s?", "nd"),
)
CC0 = re.compile(r"(?<![a-z0-9])cc-?(?:0|zero)(?![a-z0-9])")
CC_BY = re.compile(r"(?<![a-z0-9])cc-?by(?![a-z])")  # "by" alone is in every second credit line
BARE_CODE = re.compile(r"by(?:-(?:nc|sa|nd))*(?:-v?\d[\d.]*)?")
RESTRICTION = re.compile(r"(?<![a-z])(nc|sa|nd)(?![a-z])")
PUBLIC_DOMAIN = re.compile(r"(?<!not-in-the-)(?<!not-)(?<!non-)public-domain|no-known-copyright")
PUBLIC_DOMAIN_CODE = re.compile(r"pdm?(?: \d[\d.]*|-\S+)?")
ORDER = ("nc", "sa", "nd")


def license_of(text: str) -> str:
    """One of LICENSES for a licence's URL, code or name; never guessed from anything else.

    Restrictions count wherever they stand in a name, so that none is lost: what is read is never freer than what is written.

    >>> license_of("https://creativecommons.org/licenses/by-sa/4.0/"), license_of("CC BY 2.0"), license_of("")
    ('cc-by-sa', 'cc-by', 'unknown')
    """
    text = text.strip()
    if not text or text.lower() in ("unknown", "none"):
        return "unknown"
    if found := URL.search(text):
        kind, name = found.group(1).lower(), found.group(2).lower()
        return PUBLIC_DOMAIN_TOOLS.get(name) or ("other" if kind == "publicdomain" else _by(name.split("-")))
    words = re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-")
    if "all-rights-reserved" in words:
        return "all-rights-reserved"
    short = words
    for long_name, code in LONG_NAMES:
        short = re.sub(long_name, code, short)
    if CC0.search(short):
        return "cc0"
    if CC_BY.search(short) or BARE_CODE.fullmatch(words):
        return _by(["by", *RESTRICTION.findall(short)])
    return "pdm" if PUBLIC_DOMAIN.search(words) or PUBLIC_DOMAIN_CODE.fullmatch(text.lower()) else "other"


def _by(parts: list[str]) -> str:
    if parts[0] != "by" or not set(parts[1:]) <= set(ORDER):
        return "other"
    wanted = "-".join(["cc-by", *(part for part in ORDER if part in parts[1:])])
    return wanted if wanted in LICENSES else "other"
