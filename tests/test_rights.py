import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collect import rights
from pipeline.collect.rights import LICENSES, license_of

SITE = "https://creativecommons.org"
CC_BY = [name for name in LICENSES if name.startswith("cc-by")]
LONG = {"by": "Attribution", "nc": "NonCommercial", "sa": "ShareAlike", "nd": "NoDerivs"}


def test_the_examples_in_the_docstring() -> None:
    assert doctest.testmod(rights).failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{SITE}/licenses/by/4.0/", "cc-by"),
        (f"{SITE}/licenses/by-nc-nd/2.5/it/deed.en", "cc-by-nc-nd"),
        ("http://www.creativecommons.org/licenses/by-nd-nc/1.0", "cc-by-nc-nd"),  # the order of version 1.0
        ("//CreativeCommons.org/Licenses/BY-SA/3.0", "cc-by-sa"),
        (f"{SITE}/publicdomain/zero/1.0/", "cc0"),
        (f"{SITE}/publicdomain/mark/1.0/deed.de", "pdm"),
        (f"{SITE}/licenses/publicdomain/", "pdm"),
        (f"{SITE}/publicdomain/certification/1.0/us/", "pdm"),
        (f"{SITE}/publicdomain/something/", "other"),
        (f"{SITE}/licenses/nc-sampling+/1.0/", "other"),
        (f"{SITE}/licenses/nc-sa/1.0/", "other"),
        (f"{SITE}/licenses/by-sa-nd/1.0/", "other"),
        (f"{SITE}/licenses/GPL/2.0/", "other"),
        (f"{SITE}/licenses/", "other"),
        ("https://www.gnu.org/licenses/fdl-1.3.html", "other"),
        ("https://example.org/photos/by/somebody", "other"),
    ],
)
def test_urls(text: str, expected: str) -> None:
    assert license_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # as Wikimedia Commons writes them
        ("cc-by-sa-4.0", "cc-by-sa"), ("cc-by-sa-3.0-migrated", "cc-by-sa"), ("cc-by-2.5-in", "cc-by"), ("cc-zero", "cc0"),
        ("pd", "pdm"), ("PD-old-70-expired", "pdm"), ("Public domain", "pdm"), ("CC BY-SA 4.0", "cc-by-sa"), ("CC0", "cc0"),
        ("gfdl", "other"), ("Attribution", "other"), ("Copyrighted free use", "other"), ("CC-BY-SA-3.0,GFDL", "cc-by-sa"),
        ("Creative Commons Attribution-Share Alike 4.0", "cc-by-sa"), ("Creative Commons Zero, Public Domain Dedication", "cc0"),
        ("Creative Commons Attribution-Noncommercial-No Derivative Works 3.0", "cc-by-nc-nd"),
        # as Openverse does
        ("by", "cc-by"), ("by-nc-sa", "cc-by-nc-sa"), ("BY-ND 2.0", "cc-by-nd"), ("cc0", "cc0"), ("pdm", "pdm"), ("sampling+", "other"),
        # as Flickr, museums and people do
        ("No known copyright restrictions", "pdm"), ("All Rights Reserved", "all-rights-reserved"), ("PDM 1.0", "pdm"),
        ("Public Domain Mark 1.0 Universal", "pdm"), ("CC0 1.0 Universal", "cc0"), ("CC_BY_NC", "cc-by-nc"), ("cc by nc sa", "cc-by-nc-sa"),
        ("Attribution-NonCommercial 4.0 International (CC BY-NC 4.0)", "cc-by-nc"), ("GPL-3.0", "other"), ("MIT", "other"),
        ("Some rights reserved", "other"), ("", "unknown"), ("  ", "unknown"), ("Unknown", "unknown"), ("none", "unknown"),
    ],
)
def test_codes_and_names(text: str, expected: str) -> None:
    assert license_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Photo by Anna Muster", "other"),
        ("© 2020 by Anna Muster. All rights reserved.", "all-rights-reserved"),
        ("A ruby", "other"),
        ("Zero Motorcycles press kit", "other"),
        ("PD Dr. Muster", "other"),
        ("Not in the public domain", "other"),
        ("not public domain", "other"),
        ("CC BY‑NC 4.0", "cc-by-nc"),  # a hyphen that does not break
        ("CC BY–ND", "cc-by-nd"),  # a dash
        ("CC BY/NC", "cc-by-nc"),
        ("CC BY 4.0, non-commercial use only", "cc-by-nc"),
        ("CC BY-SA 4.0, no derivatives", "other"),  # there is no such licence
        ("CC-BYNC", "other"),
    ],
)
def test_what_is_read_is_never_freer_than_what_is_written(text: str, expected: str) -> None:
    assert license_of(text) == expected


@given(st.text())
def test_any_text_is_read_as_one_of_the_licences(text: str) -> None:
    assert license_of(text) in LICENSES


@given(st.sampled_from(LICENSES), st.sampled_from(["", " ", "\n"]), st.booleans())
def test_our_own_spelling_is_understood(name: str, space: str, shouted: bool) -> None:
    assert license_of(space + (name.upper() if shouted else name) + space) == name


@given(
    st.sampled_from(CC_BY), st.permutations(["nc", "sa", "nd"]), st.sampled_from("- _/"),
    st.sampled_from(["", " 1.0", "-2.5", " 3.0 DE", "/4.0", " 4.0 International"]), st.booleans(),
)
def test_every_way_to_write_a_licence_is_that_licence(name: str, order: list[str], separator: str, version: str, long: bool) -> None:
    parts = name.split("-")[1:]
    parts = ["by", *(part for part in order if part in parts)]
    written = "Creative Commons " + separator.join(LONG[part] for part in parts) if long else separator.join(["CC", *parts]).upper()
    assert license_of(written + version) == name
    assert license_of(f"{SITE}/licenses/{'-'.join(parts)}/4.0/") == name


@given(st.text(st.characters(codec="ascii")).filter(lambda text: "cc" not in text.lower() and "creative" not in text.lower()))
def test_a_licence_of_creative_commons_is_never_read_where_none_is_named(text: str) -> None:
    assert license_of(f"a photo by {text}") not in ("cc0", *CC_BY)
