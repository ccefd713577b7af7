"""Nothing on loopback, a private network or a cloud's metadata address is ever connected to, however it is spelt.

The hostile addresses run through a real aiohttp session; canaries listen where they lead, and every socket that
aiohttp would open is recorded. `test_the_canary_would_sing` holds the same machinery without the guard: there they arrive.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urljoin

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from pipeline.collect.guard import Forbidden, ForbiddenAddress, Guard, PinnedResolver, is_public, system_lookup

# Where names lead in these tests; every other name is asked of this machine only if it cannot leave it.
NAMES = {
    "rebound.example": ["127.0.0.1"],
    "nothing-public.example": ["10.0.0.7", "127.0.0.1", "::1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "translated.example": ["64:ff9b::7f00:1"],
    "zone.example": ["fe80::1%1"],
    "metadata.google.internal": ["169.254.169.254"],
    "none.example": [],
}
SPELT_BY_NUMBERS = {"0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "2130706433", "127.1", "127.0.1", "0"}

ARRIVING = [  # without a guard, a byte comes to the canary from every one of these
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://0.0.0.0:{port}/",
    "http://0x7f.1:{port}/", "http://0x7f000001:{port}/", "http://１２７.0.0.1:{port}/", "http://127。0。0。1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/", "http://ⓛocalhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://user@127.0.0.1:{port}/", "http://example.org@127.0.0.1:{port}/", "http://example.org:80@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/", "http://127.0.0.1:{port}#@example.org/", "http://127.0.0.1:{port}?@example.org/",
    "\thttp://127.0.0.1:{port}/", "ht\ntp://127.0.0.1:{port}/", "http://127.0.0.1:{port}\r\n/", "http://127.0.0.1:+{port}/",
    "HTTP://127.0.0.1:{port}/", "http://rebound.example:{port}/", "http://mapped.example:{port}/",
    "http://nothing-public.example:{port}/",
]
HOSTILE = [
    *ARRIVING,
    "http://127.0.0.2:{port}/", "http://127.1:{port}/", "http://127.0.1:{port}/", "http://2130706433:{port}/", "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/", "http://0:{port}/", "http://127.0.0.1.:{port}/", "http://localhost.:{port}/",
    "http://127.0.0.1..:{port}/", "http://%31%32%37.0.0.1:{port}/", "http://127.0.0.1%00.example.org:{port}/",
    "http://127.0.0.1%2f@example.org:{port}/", "http://١٢٧.0.0.1:{port}/",
    "http://[::1]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[::]:{port}/", "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/", "http://[64:ff9b::127.0.0.1]:{port}/", "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[64:ff9b:1:7f00:0:1::]:{port}/", "http://[2002:7f00:1::]:{port}/", "http://[2001:0:808:808::80ff:fffe]:{port}/",
    "http://[2001:0:7f00:1::f7f7:f7f7]:{port}/", "http://[2606:4700::5efe:7f00:1]:{port}/", "http://[::1%25lo]:{port}/",
    "http://[fe80::1%25lo]:{port}/", "http://[fe80::1]:{port}/", "http://[fec0::1]:{port}/", "http://[fd00:ec2::254]/",
    "http://[ff02::1]:{port}/", "http://[2001:db8::1]:{port}/", "http://[127.0.0.1]:{port}/", "http://[v1.127.0.0.1]:{port}/",
    "http://[::1:{port}/", "http://::1:{port}/", "http://[::1]127.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/metadata", "http://100.100.100.200/latest/meta-data/",
    "http://192.0.0.192/opc/v1/", "http://metadata.google.internal/computeMetadata/v1/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://198.18.0.1/", "http://100.64.0.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://192.88.99.1/", "http://203.0.113.9/",
    "http://six.example:{port}/", "http://translated.example:{port}/", "http://zone.example:{port}/", "http://none.example:{port}/",
    "http://127.0.0.1:{port}\\@example.org/", "http://example.org\\@127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}\\",
    "http:127.0.0.1:{port}/", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "//127.0.0.1:{port}/", "127.0.0.1:{port}",
    "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://127.0.0.1:{port}:80/", "http://127.0.0.1 :{port}/",
    "file:///etc/passwd", "file://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_GET",
    "data:image/png;base64,aGk=", "javascript:alert(1)", "ws://127.0.0.1:{port}/", "jar:http://127.0.0.1:{port}/!/",
    "unix:///run/docker.sock", "",
    "http://a..b/", "http://" + "a" * 64 + ".example/", "http://127.0.0.1:{port}/" + "a" * 9000,
]
REFUSALS = (Forbidden, aiohttp.ClientError, OSError, ValueError)


async def lookup(host: str, port: int, family: socket.AddressFamily) -> Sequence[str]:
    if host in NAMES:
        return NAMES[host]
    if host in SPELT_BY_NUMBERS or host == "localhost":
        return await system_lookup(host, port, family)
    raise socket.gaierror(socket.EAI_NONAME, f"the tests know no {host!r}")


@dataclass
class Canary:
    """A server on loopback that nobody is to reach, and the addresses that somebody wanted a socket for."""

    port: int = 0
    arrived: list[bytes] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(self.arrived)
        self.arrived.append(b"")  # a connection alone is one too many
        self.arrived[place] = await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    def socket_for(self, address: tuple) -> socket.socket:
        family, kind, protocol, _, place = address
        self.wanted.append(place[0])
        if not place[0].startswith(("127.", "0.0.0.0", "::1", "::ffff:7f00:", "::ffff:127.")):
            raise OSError("the tests connect to loopback only")
        return socket.socket(family, kind, protocol)


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    bird = Canary()
    servers = [await asyncio.start_server(bird.hear, "127.0.0.1", 0)]
    bird.port = servers[0].sockets[0].getsockname()[1]
    for address in ("127.0.0.2", "::1"):
        try:
            servers.append(await asyncio.start_server(bird.hear, address, bird.port))
        except OSError:
            continue  # a machine without IPv6, or with one loopback address only
    try:
        yield bird
    finally:
        for server in servers:
            server.close()


def guarded(bird: Canary, guard: Guard) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(resolver=PinnedResolver(guard, lookup), socket_factory=bird.socket_for)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(5))


async def reach(session: aiohttp.ClientSession, guard: Guard, place: str) -> None:
    """Ask for `place` and for whatever it redirects to."""
    for _ in range(4):
        guard.check_url(place)
        async with session.get(place, allow_redirects=False) as answer:
            place = urljoin(place, answer.headers["Location"])
    raise OSError("redirected in a circle")


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: ascii(url[:60]))
def test_nothing_arrives_from_a_hostile_address(url: str) -> None:
    async def scene() -> None:
        async with canary() as bird, guarded(bird, Guard()) as session:
            with pytest.raises(REFUSALS):
                await reach(session, Guard(), url.format(port=bird.port))
            assert (bird.arrived, bird.wanted) == ([], [])

    assert len(HOSTILE) >= 100
    asyncio.run(scene())


@pytest.mark.parametrize("url", ARRIVING, ids=lambda url: ascii(url[:60]))
def test_the_canary_would_sing(url: str) -> None:
    class Naive(PinnedResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):  # type: ignore[no-untyped-def]
            return await PinnedResolver(Guard(frozenset({host})), lookup).resolve(host, port, family)

    async def scene() -> None:
        async with canary() as bird:
            connector = aiohttp.TCPConnector(resolver=Naive(Guard()), socket_factory=bird.socket_for)
            async with aiohttp.ClientSession(connector=connector) as session:
                await session.get(url.format(port=bird.port))
            assert bird.arrived and bird.arrived[0].startswith(b"GET /")

    asyncio.run(scene())


@asynccontextmanager
async def lure(locations: list[str]) -> AsyncIterator[str]:
    """A server that redirects /<number> to that location, and all else to itself; its host:port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        location = locations[int(path[1:])] if path[1:].isdigit() else path
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + location.encode() + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def test_nothing_arrives_from_a_redirect() -> None:
    async def scene() -> None:
        async with canary() as bird:
            locations = [url.format(port=bird.port) for url in HOSTILE if not {"\r", "\n"} & set(url)]
            async with lure(locations) as host:
                guard = Guard(frozenset({host}))
                async with guarded(bird, guard) as session:
                    for number, location in enumerate(locations):
                        bird.wanted.clear()
                        with pytest.raises(REFUSALS):
                            await reach(session, guard, f"http://{host}/{number}")
                        assert bird.arrived == [], location
                        assert set(bird.wanted) == {"127.0.0.1"} and len(bird.wanted) <= 4, location  # the lure's own, and no other

    asyncio.run(scene())


@pytest.mark.parametrize("host", sorted(SPELT_BY_NUMBERS | {"localhost"}))
def test_numbers_in_odd_spellings_are_refused_after_they_are_resolved(host: str) -> None:
    # glibc reads all of these as 127.0.0.1 (or 0.0.0.0), as inet_aton(3) says; the check of the URL is not in play here
    with pytest.raises(ForbiddenAddress) as refused:
        asyncio.run(PinnedResolver(Guard()).resolve(host, 80, socket.AF_UNSPEC))
    assert isinstance(refused.value.forbidden, Forbidden)
    assert "not a public address" in str(refused.value)


def test_aiohttp_hands_the_refusal_on() -> None:
    async def scene() -> None:
        async with canary() as bird, guarded(bird, Guard()) as session:
            with pytest.raises(aiohttp.ClientConnectorDNSError) as refused:
                await session.get(f"http://rebound.example:{bird.port}/")
        assert isinstance(refused.value.os_error, ForbiddenAddress)
        assert refused.value.os_error.__cause__ is refused.value.os_error.forbidden
        assert "rebound.example leads to 127.0.0.1" in str(refused.value.os_error.forbidden)

    asyncio.run(scene())


def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]]

    async def changing(host: str, port: int, family: socket.AddressFamily) -> list[str]:
        return answers.pop(0)

    async def scene() -> None:
        async with canary() as bird:
            connector = aiohttp.TCPConnector(resolver=PinnedResolver(Guard(), changing), socket_factory=bird.socket_for)
            async with aiohttp.ClientSession(connector=connector) as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get("http://changing.example/")
            assert (bird.wanted, bird.arrived, len(answers)) == (["93.184.215.14"], [], 2)

    asyncio.run(scene())


def test_forbidden_addresses_are_dropped_and_public_ones_kept() -> None:
    async def mixed(host: str, port: int, family: socket.AddressFamily) -> list[str]:
        return ["10.0.0.1", "93.184.215.14", "::1", "2606:4700::1111", "169.254.169.254"]

    found = asyncio.run(PinnedResolver(Guard(), mixed).resolve("mixed.example", 8080, socket.AF_UNSPEC))
    assert [(each["host"], each["port"], each["family"]) for each in found] == [
        ("93.184.215.14", 8080, socket.AF_INET), ("2606:4700::1111", 8080, socket.AF_INET6),
    ]


@pytest.mark.parametrize("host", ["a..b", ".", "a" * 64 + ".example"])
def test_what_python_cannot_encode_is_a_name_not_found(host: str) -> None:
    with pytest.raises(socket.gaierror):
        asyncio.run(PinnedResolver(Guard()).resolve(host, 80))


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


def test_an_allowed_server_is_reached() -> None:
    async def scene() -> None:
        async with canary() as bird, guarded(bird, Guard(frozenset({f"rebound.example:{bird.port}"}))) as session:
            async with session.get(f"http://rebound.example:{bird.port}/") as answer:
                assert answer.status == 200
            assert len(bird.arrived) == 1

    asyncio.run(scene())


@pytest.mark.parametrize("url", [
    "http://example.org/", "https://example.org", "HTTPS://Example.ORG:8443/a%20b?c=d&e=http://x/@y#f", "http://8.8.8.8/", "http://[2606:4700::1111]/",
    "https://bücher.example/straße.jpg?größe=1", "http://xn--bcher-kva.example./", "https://my_bucket.s3.example.com/x@2x.jpg", "http://0xcafe.example/",
    "http://[64:ff9b::808:808]/", "http://123.example:65535/", "https://example.org/" + "a" * 8000,
])
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
