import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collect.manners import Robots, opt_out, tdm_reserved

HOST = "https://www.example.com"
RFC_SIMPLE = """\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot

EOF
"""


def robots(text: str) -> Robots:
    return Robots.of(200, text.encode())


def forbidden(pattern: str, path: str) -> bool:
    return not robots(f"User-agent: *\nDisallow: {pattern}").allows(HOST + path)


@pytest.mark.parametrize(
    ("bot", "allowed", "not_allowed"),
    [
        ("nobody", ["/", "/publications/", "/publications/a.gif", "/x.gif?size=1"], ["/x.gif", "/a/x.gif", "/example/", "/example/page"]),
        ("foobot", ["/example/page.html", "/example/allowed.gif"], ["/", "/example/", "/example/x.gif", "/publications/"]),
        ("barbot", ["/", "/example/", "/x.gif"], ["/example/page.html"]),
        ("bazbot", ["/", "/example/", "/x.gif"], ["/example/page.html"]),
        ("quxbot", ["/", "/example/page.html", "/x.gif"], []),
    ],
)
def test_the_simple_example_of_rfc_9309_5_1(bot: str, allowed: list[str], not_allowed: list[str]) -> None:
    rules = robots(RFC_SIMPLE.replace(bot, "Darkroom"))
    assert [path for path in allowed if not rules.allows(HOST + path)] == []
    assert [path for path in not_allowed if rules.allows(HOST + path)] == []


def test_the_longest_match_of_rfc_9309_5_2() -> None:
    rules = robots("User-Agent: darkroom\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n")
    assert not rules.allows(f"{HOST}/example/page/disallowed.gif")
    assert rules.allows(f"{HOST}/example/page/other.gif")
    # 2.2.2: "If an 'allow' rule and a 'disallow' rule are equivalent, then the 'allow' rule SHOULD be used."
    assert robots("User-agent: *\nDisallow: /same\nAllow: /same").allows(f"{HOST}/same")


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [  # the tables of RFC 9309, 2.2.2 and 2.2.3, and what each must not match
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", True), ("/foo/bar?baz=quz", "/foo/bar", False),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar", True),
        ("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", True),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84", True), ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", True),
        ("/foo/bar/%e3%83%84", "/foo/bar/ツ", True), ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", True),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-x.html", False),
        ("/path/foo-%24", "/path/foo-$", True), ("/path/foo-%24", "/path/foo-", False),
        ("/this/path/exactly$", "/this/path/exactly", True), ("/this/path/exactly$", "/this/path/exactly/not", False),
        ("/this/*/exactly", "/this/a/b/exactly", True), ("/this/*/exactly", "/this/exactly", False),
        ("/ # comment", "/x", True), ("/A", "/a", False), ("", "/", False),
    ],
)
def test_paths_of_rfc_9309(pattern: str, path: str, expected: bool) -> None:
    assert forbidden(pattern, path) is expected


def test_groups_of_rfc_9309_2_2_1() -> None:
    merged = robots("User-agent: Darkroom\nDisallow: /foo\n\nUser-agent: *\nDisallow: /bar\n\nuser-agent: DARKROOM\ndisallow: /baz\n")
    assert [merged.allows(f"{HOST}/{place}") for place in ("foo", "bar", "baz")] == [False, True, False]
    # 2.2.4: "a Sitemaps record MUST NOT terminate a group"
    assert not robots("User-agent: Darkroom\nSitemap: https://www.example.com/s.xml\nDisallow: /").allows(f"{HOST}/x")
    assert robots("Disallow: /").allows(f"{HOST}/x")  # a rule of no group


@pytest.mark.parametrize(
    ("token", "applies"),
    [
        ("Darkroom", True), ("dArKrOoM", True), ("Darkroom/0.1", True), ("Darkroom # that scraper", True), ("*", True),
        ("Dark", False), ("room", False), ("Darkroom-Images", False), ("MyDarkroom", False), ("D", False), ("Googlebot", False),
    ],
)
def test_only_the_whole_product_token_means_us(token: str, applies: bool) -> None:
    assert robots(f"User-agent: {token}\nDisallow: /").allows(f"{HOST}/x") is not applies


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        (200, False), (204, False), (301, True), (401, True), (403, True), (404, True), (410, True), (429, True),
        (500, False), (503, False), (0, False),
    ],
)
def test_status_codes_of_rfc_9309_2_3_1(status: int, allowed: bool) -> None:
    body = b"User-agent: *\nDisallow: /x" if status < 300 else b""
    assert Robots.of(status, body).allows(f"{HOST}/x") is allowed
    assert Robots.of(status, b"").allows(f"{HOST}/y") is (0 < status < 500)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark(end: str) -> None:
    rules = Robots.of(200, b"\xef\xbb\xbf" + f"User-agent: Darkroom{end}Disallow: /{end}User-agent: other{end}Allow: /".encode())
    assert not rules.allows(f"{HOST}/x")


def test_only_the_first_500_kib_are_read_and_no_half_line() -> None:
    size, half = 500 * 1024, b"\nDisallow: /"
    start = b"User-agent: *\nDisallow: /early\n#"
    cut = start + b"#" * (size - len(start) - len(half)) + half + b"private-place\nDisallow: /late\n"
    assert cut[:size].endswith(half)
    rules = Robots.of(200, cut)
    assert [rules.allows(f"{HOST}/{place}") for place in ("early", "late", "anything")] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("User-agent: *\nCrawl-delay: 2.5", 2.5), ("User-agent: *\nCrawl-delay: 9\nUser-agent: Darkroom\nCrawl-delay: 1", 1),
        ("User-agent: *\nCrawl-delay: 86400", 30), ("User-agent: *\nCrawl-delay: -1", 0), ("User-agent: *\nCrawl-delay: nan", 0),
        ("User-agent: *\nCrawl-delay: inf", 0), ("User-agent: *\nCrawl-delay: soon", 0), ("User-agent: other\nCrawl-delay: 9", 0), ("", 0),
    ],
)
def test_delay(text: str, seconds: float) -> None:
    assert robots(text).delay() == seconds


@given(st.binary(max_size=300), st.sampled_from([200, 404, 503]), st.text(max_size=40).filter(lambda text: not {"[", "]"} & set(text)))
def test_any_robots_txt_gives_an_answer(body: bytes, status: int, path: str) -> None:
    rules = Robots.of(status, body)
    assert rules.allows(f"{HOST}/{path}") in (True, False)
    assert 0 <= rules.delay() <= 30


@pytest.mark.parametrize(
    ("values", "directive"),
    [
        (["noai"], "noai"), (["NoImageAI"], "noimageai"), (["nofollow, noindex"], "noindex"), (["noimageindex"], "noimageindex"),
        (["noml"], "noml"), (["none"], "none"), (["all", "noarchive", "noai"], "noai"), ([" noai "], "noai"), (["noai,noimageai"], "noai"),
        (["noarchive noai"], "noai"), (["noarchive; noai"], "noai"),
        ([], ""), ([""], ""), (["all"], ""), (["nofollow, noarchive, nosnippet"], ""), (["noairplanes, anoai"], ""),
        # Google's "X-Robots-Tag: googlebot: nofollow" and "otherbot: noindex, nofollow" (Robots meta tag specifications)
        (["googlebot: nofollow", "otherbot: noindex, nofollow"], ""), (["darkroom: noindex"], "noindex"), (["DARKROOM : noai"], "noai"),
        (["Darkroom/1.0: noai"], "noai"), (["*: noai"], "noai"), (["otherbot: noindex", "noai"], "noai"),
        (["noai, otherbot: noindex"], "noai"),
        (["otherbot: noindex, darkroom: noai"], "noai"), (["darkroom: nofollow, otherbot: noindex, noai"], ""),
        (["darkroom: nofollow, noai"], "noai"), (["darkroom-images: noai"], ""),
        # a date has colons and commas of its own, and is neither an agent nor an opt-out
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], ""), (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], "noai"),
        (["unavailable_after: Wednesday, 25-Jun-10 15:00:00 GMT, noindex"], "noindex"),
        (["unavailable_after: 2030-01-01T00:00:00+00:00, noml"], "noml"),
        (["otherbot: unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], ""),
        (["darkroom: unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], "noai"),
        (["max-image-preview: none"], ""), (["darkroom: max-image-preview: none"], ""),
        (["max-snippet: -1, max-image-preview:large, noai"], "noai"),
    ],
)
def test_x_robots_tag(values: list[str], directive: str) -> None:
    assert opt_out([("Content-Type", "image/jpeg"), *(("x-rObOtS-tag", value) for value in values)], "Darkroom") == directive


@pytest.mark.parametrize(
    ("value", "directive"),
    [("1", "tdm-reservation"), (" 1 ", "tdm-reservation"), ("0, 1", "tdm-reservation"), ("0", ""), ("", ""), ("10", ""), ("yes", "")],
)
def test_the_header_of_tdmrep(value: str, directive: str) -> None:
    assert opt_out([("TDM-Reservation", value), ("tdm-policy", "https://provider.com/policies/policy.json")], "Darkroom") == directive


@given(st.lists(st.tuples(st.sampled_from(["X-Robots-Tag", "tdm-reservation", "Robots"]), st.text(max_size=60))))
def test_any_headers_give_an_answer(headers: list[tuple[str, str]]) -> None:
    assert opt_out(headers, "Darkroom") in ("", "noai", "noimageai", "noindex", "noimageindex", "noml", "none", "tdm-reservation")


# The second example of "TDM File on the Origin Server" in the TDM Reservation Protocol.
TDMREP = json.dumps([
    {"location": "/directory-a/", "tdm-reservation": 1},
    {"location": "/directory-b/html/", "tdm-reservation": 1, "tdm-policy": "https://provider.com/policies/policy.json"},
    {"location": "/directory-b/images/*.jpg", "tdm-reservation": 0},
])


@pytest.mark.parametrize(
    ("path", "reserved"),
    [
        ("/directory-a/", True), ("/directory-a/paper.pdf", True), ("/directory-a", False), ("/directory-b/html/x/y.html?z=1", True),
        ("/directory-b/images/x.jpg", False), ("/directory-b/", False), ("/Directory-A/x", False), ("/", False),
        ("//host/directory-a/x", False),
    ],
)
def test_the_example_of_tdmrep(path: str, reserved: bool) -> None:
    assert tdm_reserved(TDMREP.encode(), path) is reserved


def test_everything_is_reserved_by_the_first_example_of_tdmrep() -> None:
    for path in ("/", "/x.jpg", "/a/b?c=d", "/robots.txt.jpg"):
        assert tdm_reserved(b'[{"location": "/", "tdm-reservation": 1}]', path)


@pytest.mark.parametrize(
    ("location", "path", "matches"),
    [
        ("/this/path/exactly$", "/this/path/exactly", True), ("/this/path/exactly$", "/this/path/exactly.jpg", False),
        ("/this/*/then", "/this/and/then", True), ("/*.jpg$", "/a/b.jpg", True), ("/*.jpg$", "/a/b.jpg?x=1", False), ("/*", "/x", True),
        ("/path/foo-%24", "/path/foo-$", True), ("/caf%C3%A9", "/café/x", True), ("", "/", False), ("/a\nDisallow: /", "/x", False),
        ("/" + "a*" * 50 + "b", "/" + "a" * 5000, False),
    ],
)
def test_locations_of_tdmrep(location: str, path: str, matches: bool) -> None:
    assert tdm_reserved(json.dumps([{"location": location, "tdm-reservation": 1}]).encode(), path) is matches


def test_the_first_matching_rule_of_tdmrep_decides() -> None:
    # "The most specific match found MUST be used. The most specific match is the first in sequence."
    rules = [{"location": "/open/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]
    assert not tdm_reserved(json.dumps(rules).encode(), "/open/x.jpg")
    assert tdm_reserved(json.dumps(rules).encode(), "/x.jpg")
    assert tdm_reserved(json.dumps(rules[::-1]).encode(), "/open/x.jpg")


@pytest.mark.parametrize(
    ("document", "reserved"),
    [
        (b"", False), (b"not json", False), (b"<!doctype html>", False), (b"\xff\xfe\x00", False), (b"[" * 100_000, False),
        (b"null", False), (b"1", False), (b"[]", False), (b'[1, null, "x", []]', False), (b'[{"location": "/"}]', False),
        (b'[{"tdm-reservation": 1}]', False),
        (b'[{"location": 3, "tdm-reservation": 1}]', False), (b'[{"location": "/", "tdm-reservation": 2}]', False),
        (b'[{"location": "/", "tdm-reservation": [1]}]', False),
        (b'[7, {"location": "/", "tdm-reservation": "1"}]', True), (b'\xef\xbb\xbf[{"location": "/", "tdm-reservation": 1}]', True),
        (b'{"location": "/", "tdm-reservation": 1}', True),  # without the brackets, as some sites have it
    ],
    ids=lambda value: repr(value)[:40],
)
def test_odd_documents_of_tdmrep(document: bytes, reserved: bool) -> None:
    assert tdm_reserved(document, "/x.jpg") is reserved


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.fixed_dictionaries(
    {"location": inner, "tdm-reservation": inner})), st.text(alphabet="/ab.*$%?#2", max_size=20))
def test_any_document_gives_an_answer(document: object, path: str) -> None:
    assert tdm_reserved(json.dumps(document).encode(), f"/{path}") in (True, False)
