"""Which addresses and URLs are public: the rules alone, nothing is connected to."""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from pipeline.collect.guard import Forbidden, Guard, is_public

ORDINARY = [
    "http://example.org/", "https://example.org", "HTTPS://Example.ORG:8443/a%20b?c=d&e=http://x/@y#f", "http://8.8.8.8/", "http://[2606:4700::1111]/",
    "https://bücher.example/straße.jpg?größe=1", "http://xn--bcher-kva.example./", "https://my_bucket.s3.example.com/x@2x.jpg", "http://0xcafe.example/",
    "http://[64:ff9b::808:808]/", "http://123.example:65535/", "https://example.org/" + "a" * 8000,
]


@pytest.mark.parametrize(
    ("entry", "url", "allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:81/", True),
        ("127.0.0.1:81", "http://127.0.0.1:81/", True),
        ("127.0.0.1:80", "http://127.0.0.1/", True),
        ("127.0.0.1:443", "https://127.0.0.1/", True),
        ("127.0.0.1:82", "http://127.0.0.1:81/", False),
        ("127.0.0.1", "http://127.0.0.2/", False),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/", False),
        ("[::1]:81", "http://[0:0:0:0:0:0:0:1]:81/", True),
        ("[::1]", "http://[::1]:81/", True),
        ("::1", "http://[::1]:81/", True),
        ("[::1]:82", "http://[::1]:81/", False),
        ("10.1.2.3", "http://user@10.1.2.3/", False),
        ("10.1.2.3", "ftp://10.1.2.3/", False),
    ],
)
def test_allowed_addresses(entry: str, url: str, allowed: bool) -> None:
    guard = Guard(frozenset({entry}))
    if allowed:
        guard.check_url(url)
    else:
        with pytest.raises(Forbidden):
            guard.check_url(url)


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("Gallery.Home", "gallery.home", 80, True), ("gallery.home.", "GALLERY.home", 80, True),
        ("gallery.home:8080", "gallery.home.", 8080, True), ("gallery.home:8080", "gallery.home", 80, False),
        ("gallery.home", "other.home", 80, False), ("home", "gallery.home", 80, False),
    ],
)
def test_allowed_names(entry: str, host: str, port: int, allowed: bool) -> None:
    assert Guard(frozenset({entry})).allows("192.168.1.5", host, port) is allowed


def test_whether_a_url_names_an_allowed_host() -> None:
    guard = Guard(frozenset({"gallery.home:8080", "[::1]"}))
    assert guard.is_named("http://Gallery.Home:8080/x") and guard.is_named("https://[::1]/")
    assert not any(map(guard.is_named, ["http://gallery.home/", "http://example.org/", "http://[::1", "gallery.home:8080", ""]))


@pytest.mark.parametrize("url", ORDINARY)
def test_ordinary_addresses_pass(url: str) -> None:
    Guard().check_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.org/" + "a" * 8200, "longer than 8192"), ("https://example.org/a b.jpg", "white space"),
        ("https://example.org/a\u3000b.jpg", "white space"), ("https://example.org/a\x00", "white space"),
        ("https://example.org/a\\..\\b", "backslash"), ("wss://example.org/", "only http"), ("HTTP:example.org", "only http"),
        ("file:///etc/passwd", "only http"), ("http://example.org:0/", "0 is no port"), ("http://example.org:65536/", "cannot be read"),
        ("http://example.org:/", "between // and /"), ("http://a:b@example.org/", "between // and /"), ("https://", "between // and /"),
        ("http://a..b/", "no host name"), (f"http://{'a' * 64}.org/", "no host name"), ("http://a&b.example/", "no host name"),
        ("http://127.1/", "odd spelling"), ("http://example.0x7f/", "odd spelling"), ("http://[1:2]/", "odd spelling"),
        ("http://e\u200bvil.example/", "cannot be read"), ("http://169.254.169.254/", "169.254.169.254 is not a public address"),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_a_refusal_says_why(url: str, reason: str) -> None:
    with pytest.raises(Forbidden, match=reason):
        Guard().check_url(url)


FORBIDDEN_4 = [  # RFC 1122, 1918, 3927, 6598, 6890, 2544, 5737, 7526, 5771, 1112
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
]
CARRIERS = ["::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/96", "2002::/16", "2001::/32"]
forbidden_4 = st.one_of([st.ip_addresses(network=network) for network in FORBIDDEN_4])
PUBLIC_4 = IPv4Address("8.8.8.8")


def embedded(inner: IPv4Address, rest: int) -> dict[str, IPv6Address]:
    """Every form of RFC 4291, 6052, 8215, 3056, 4380 and 5214 that carries `inner`; `rest` fills what each leaves free."""
    low, free = int(inner), rest & 0xFFFFFFFF
    return {
        "mapped": IPv6Address(0xFFFF << 32 | low),
        "compatible": IPv6Address(low),
        "nat64": IPv6Address(int(IPv6Address("64:ff9b::")) | low),
        "nat64 of a local network": IPv6Address(int(IPv6Address("64:ff9b:1::")) | low),
        "6to4": IPv6Address(0x2002 << 112 | low << 80 | rest & (1 << 80) - 1),
        "teredo client": IPv6Address(0x20010000 << 96 | int(PUBLIC_4) << 64 | free << 32 | low ^ 0xFFFFFFFF),
        "teredo server": IPv6Address(0x20010000 << 96 | low << 64 | free << 32 | int(PUBLIC_4) ^ 0xFFFFFFFF),
        "isatap": IPv6Address(0x2606_4700 << 96 | 0x5EFE << 32 | low),
        "isatap, global": IPv6Address(0x2606_4700 << 96 | 0x0200_5EFE << 32 | low),
    }


@given(forbidden_4, st.integers(0, 2**128 - 1))
def test_no_embedding_hides_a_forbidden_address(inner: IPv4Address, rest: int) -> None:
    assert not is_public(str(inner))
    for name, outer in embedded(inner, rest).items():
        assert not Guard().allows(str(outer), "example.org", 80), name
        assert not Guard().allows(outer.exploded, "example.org", 80), name
        with pytest.raises(Forbidden):
            Guard().check_url(f"http://[{outer}]/")


def test_what_carries_a_public_address_is_public() -> None:
    assert {name: is_public(str(outer)) for name, outer in embedded(PUBLIC_4, 0).items()} == dict.fromkeys(embedded(PUBLIC_4, 0), True)


@given(st.ip_addresses(v=6))
def test_a_public_ipv6_address_is_one_that_iana_gave_out_or_carries_an_ipv4_address(address: IPv6Address) -> None:
    if is_public(str(address)):
        carries = any(address in ipaddress.ip_network(network) for network in CARRIERS)
        assert carries or (address.is_global and not address.is_multicast and int(address) >> 125 == 1)  # 2000::/3
    assert not is_public(f"{address}%1")


@given(st.ip_addresses(v=4))
def test_every_other_ipv4_address_is_public(address: IPv4Address) -> None:
    expected = not any(address in ipaddress.ip_network(network) for network in FORBIDDEN_4) and address != IPv4Address("168.63.129.16")
    assert is_public(str(address)) is expected


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "8.8.8.8 ", "8.8.8.8:80", "[2606:4700::1111]", "::1%lo", "2606:4700::1111%1", "fe80::1%eth0"]
)
def test_what_is_no_public_address_is_refused(text: str) -> None:
    assert not is_public(text)


@given(st.text(max_size=60) | st.from_regex(r"https?://[0-9a-fx.:\[\]@%\\/１。\t -]{1,40}", fullmatch=True))
def test_any_text_is_either_forbidden_or_leads_to_a_name_or_a_public_address(url: str) -> None:
    try:
        Guard().check_url(url)
    except Forbidden:
        return
    seen = URL(url)
    assert seen.scheme in ("http", "https") and seen.raw_host and seen.user is None and seen.password is None
    try:
        address = ipaddress.ip_address(seen.raw_host)
    except ValueError:
        with pytest.raises(OSError, match="illegal IP address"):
            socket.inet_aton(seen.raw_host)  # which reads every spelling of an IPv4 address that there is
    else:
        assert is_public(str(address))
