"""Nothing on loopback, a private network or a cloud's metadata address is ever connected to, however it is spelt.

The hostile addresses run through a real Fetcher; canaries listen where they lead, and every socket that libcurl asks
for is recorded. `test_the_canary_would_sing` holds the same machinery without the guard: there they arrive.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import pycurl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from pipeline.collect.answer import Answer, FetchError, Limits
from pipeline.collect.fetch import Fetcher, checked
from pipeline.collect.guard import Forbidden, Guard
from pipeline.collect.transfer import Judge
from tests.test_guard import ORDINARY

PUBLIC = "93.184.215.14"
# Where names lead in these tests. libcurl itself knows localhost, and that nothing is behind .onion (RFC 7686).
NAMES = {
    "rebound.example": ["127.0.0.1"],
    "nothing-public.example": ["10.0.0.7", "127.0.0.1", "::1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "translated.example": ["64:ff9b::7f00:1"],
    "zone.example": ["fe80::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "none.example": ["0.0.0.0"],  # as resolvers say that block a name
    "mixed.example": ["10.0.0.1", PUBLIC, "::1", "2606:4700::1111", "169.254.169.254"],
}
KNOWN_TO_LIBCURL = {"localhost", "localhost.", "nowhere.onion"}
# libcurl and glibc read all of these as 127.0.0.1 (or 0.0.0.0), as inet_aton(3) says.
SPELT_BY_NUMBERS = {
    "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "2130706433", "127.1", "127.0.1", "0", "127.0.0.1.", "%31%32%37.0.0.1",
}

NAMES_ARRIVING = [  # without a guard, a byte comes to the canary from every one of these
    "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://ⓛocalhost:{port}/", "http://localhost.:{port}/",
    "http://rebound.example:{port}/", "http://mapped.example:{port}/", "http://nothing-public.example:{port}/",
    "http://none.example:{port}/",
]
ARRIVING = [
    *NAMES_ARRIVING,
    "http://127.0.0.1:{port}/", "http://0.0.0.0:{port}/", *(f"http://{host}:{{port}}/" for host in sorted(SPELT_BY_NUMBERS)),
    "http://１２７.0.0.1:{port}/", "http://127。0。0。1:{port}/", "http://①②⑦.⓪.⓪.①:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://user@127.0.0.1:{port}/", "http://example.org@127.0.0.1:{port}/", "http://example.org:80@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/", "http://127.0.0.1:{port}#@example.org/", "http://127.0.0.1:{port}?@example.org/",
    "\thttp://127.0.0.1:{port}/", "ht\ntp://127.0.0.1:{port}/", "http://127.0.0.1:{port}\r\n/", "http://127.0.0.1:+{port}/",
    "HTTP://127.0.0.1:{port}/", "http:127.0.0.1:{port}/", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "127.0.0.1:{port}",
]
NAMES_HOSTILE = [  # which the check of the URL lets pass, as it cannot know where they lead
    *NAMES_ARRIVING,
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://six.example:{port}/", "http://translated.example:{port}/", "http://zone.example:{port}/",
]
HOSTILE = [
    *NAMES_HOSTILE, *(url for url in ARRIVING if url not in NAMES_ARRIVING),
    "http://127.0.0.2:{port}/", "http://127.0.0.1..:{port}/", "http://127.0.0.1%00.example.org:{port}/",
    "http://127.0.0.1%2f@example.org:{port}/", "http://١٢٧.0.0.1:{port}/",
    "http://[::1]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[::]:{port}/", "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/", "http://[64:ff9b::127.0.0.1]:{port}/", "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[64:ff9b:1:7f00:0:1::]:{port}/", "http://[2002:7f00:1::]:{port}/", "http://[2001:0:808:808::80ff:fffe]:{port}/",
    "http://[2001:0:7f00:1::f7f7:f7f7]:{port}/", "http://[2606:4700::5efe:7f00:1]:{port}/", "http://[::1%25lo]:{port}/",
    "http://[fe80::1%25lo]:{port}/", "http://[fe80::1]:{port}/", "http://[fec0::1]:{port}/", "http://[fd00:ec2::254]/",
    "http://[ff02::1]:{port}/", "http://[2001:db8::1]:{port}/", "http://[127.0.0.1]:{port}/", "http://[v1.127.0.0.1]:{port}/",
    "http://[::1:{port}/", "http://::1:{port}/", "http://[::1]127.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/metadata", "http://100.100.100.200/latest/meta-data/",
    "http://192.0.0.192/opc/v1/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://198.18.0.1/", "http://100.64.0.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://192.88.99.1/", "http://203.0.113.9/", "http://nowhere.onion:{port}/",
    "http://127.0.0.1:{port}\\@example.org/", "http://example.org\\@127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}\\",
    "//127.0.0.1:{port}/",
    "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://127.0.0.1:{port}:80/", "http://127.0.0.1 :{port}/",
    "file:///etc/passwd", "file://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_GET",
    "data:image/png;base64,aGk=", "javascript:alert(1)", "ws://127.0.0.1:{port}/", "jar:http://127.0.0.1:{port}/!/",
    "unix:///run/docker.sock", "",
    "http://a..b/", "http://" + "a" * 64 + ".example/", "http://127.0.0.1:{port}/" + "a" * 9000,
]


@dataclass
class Canary:
    """A server on loopback that nobody is to reach, and the addresses that libcurl wanted a socket for, and those it was let."""

    port: int = 0
    arrived: list[bytes] = field(default_factory=list)  # all that came, by connection
    wanted: list[str] = field(default_factory=list)
    let: list[str] = field(default_factory=list)
    heard: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard[asyncio.create_task(self.hear(reader, writer))] = writer

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(self.arrived)
        self.arrived.append(b"")  # a connection alone is one too many
        while part := await reader.read(1000):
            self.arrived[place] += part
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    bird = Canary()
    servers = [await asyncio.start_server(bird.connected, "127.0.0.1", 0)]
    bird.port = servers[0].sockets[0].getsockname()[1]
    for address in ("127.0.0.2", "::1"):
        try:
            servers.append(await asyncio.start_server(bird.connected, address, bird.port))
        except OSError:
            continue  # a machine without IPv6, or with one loopback address only
    try:
        yield bird
    finally:
        for server in servers:
            server.close()
        for writer in bird.heard.values():
            writer.transport.abort()
        await asyncio.gather(*bird.heard)


class Watched(Fetcher):
    """The real thing, but names lead where the tests say, and beyond loopback nothing is connected to, allowed or not."""

    def __init__(self, bird: Canary, guard: Guard, names: Mapping[str, list[str]] = NAMES) -> None:
        super().__init__("tests", guard, 8, Limits(connect=2, total=5))
        self.bird, self.names, self.handles = bird, dict(names), list[Any]()

    def lead(self, name: str, *addresses: str) -> None:
        """From now on."""
        self.names[name] = [*addresses]
        for handle in self.handles:
            handle.setopt(pycurl.RESOLVE, self.answers())

    def answers(self) -> list[str]:
        ports = {80, 443, self.bird.port}
        return [f"+{name}:{port}:{','.join(addresses)}" for name, addresses in self.names.items() for port in ports]

    async def request(self, url: URL, limits: Limits, headers: Mapping[str, str], judge: Judge | None = None) -> Answer:
        host = url.raw_host or ""
        assert host in self.names or host in KNOWN_TO_LIBCURL or not re.search("[g-wyz]", host), f"the DNS would be asked for {host}"
        return await super().request(url, limits, headers, judge)

    def _handle(self) -> Any:
        handle = super()._handle()
        handle.setopt(pycurl.RESOLVE, self.answers())
        self.handles.append(handle)
        return handle

    def _connected(self, transfer: Any, address: Any) -> Any:
        place = address.addr[0]
        self.bird.wanted.append(place)
        answer = super()._connected(transfer, address)
        if answer == pycurl.SOCKET_BAD:
            return answer
        self.bird.let.append(place)
        if place.startswith(("127.", "0.0.0.0", "::1", "::ffff:127.")):
            return answer
        answer.close()
        return pycurl.SOCKET_BAD


class Open(Guard):
    """No guard at all."""

    def check_url(self, url: str) -> URL:
        return URL(url)

    def allows(self, address: str, host: str, port: int) -> bool:
        return True


class Home(Guard):
    """As if 127.0.0.1 were on the internet."""

    def allows(self, address: str, host: str, port: int) -> bool:
        return address == "127.0.0.1" or super().allows(address, host, port)


async def ask(fetcher: Fetcher, place: str) -> Answer:
    return await fetcher.request(checked(place, fetcher.guard), Limits(total=5), {})


async def reach(fetcher: Fetcher, place: str) -> None:
    """Ask for `place` and for whatever it redirects to."""
    for _ in range(4):
        answer = await ask(fetcher, place)
        try:
            place = urljoin(place, answer.headers["Location"])
        except ValueError:
            raise FetchError("bad_url", "urljoin cannot read it") from None
    raise FetchError("redirects", "in a circle")


async def reason_of(fetcher: Fetcher, place: str) -> str:
    try:
        return str((await ask(fetcher, place)).status)
    except FetchError as error:
        return error.reason


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: ascii(url[:60]))
def test_nothing_arrives_from_a_hostile_address(url: str) -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Guard()) as fetcher:
            with pytest.raises(FetchError) as refused:
                await reach(fetcher, url.format(port=bird.port))
            assert refused.value.reason == ("dns" if "onion" in url else "forbidden_address")
            assert (bird.arrived, bird.let) == ([], [])
            assert bool(bird.wanted) == (url in NAMES_HOSTILE)  # all others are refused before libcurl hears of them

    assert len(HOSTILE) >= 100
    asyncio.run(scene())


@pytest.mark.parametrize("url", ARRIVING, ids=lambda url: ascii(url[:60]))
def test_the_canary_would_sing(url: str) -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Open()) as fetcher:
            assert (await ask(fetcher, url.format(port=bird.port))).status == 200
            assert bird.arrived and bird.arrived[0].startswith(b"GET /")

    asyncio.run(scene())


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "ws", "dict", "telnet"])
def test_libcurl_itself_is_held_to_http(scheme: str) -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Open()) as fetcher:
            with pytest.raises(FetchError, match=r"[Pp]rotocol"):
                await ask(fetcher, f"{scheme}:///etc/passwd" if scheme == "file" else f"{scheme}://127.0.0.1:{bird.port}/")
            assert bird.wanted == []

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
            async with lure(locations) as host, Watched(bird, Guard(frozenset({host}))) as fetcher:
                for number, location in enumerate(locations):
                    bird.let.clear()
                    with pytest.raises(FetchError):
                        await reach(fetcher, f"http://{host}/{number}")
                    assert bird.arrived == [], location
                    assert set(bird.let) == {"127.0.0.1"} and len(bird.let) <= 4, location  # the lure's own, and no other

    asyncio.run(scene())


@pytest.mark.parametrize("host", sorted(SPELT_BY_NUMBERS | {"localhost"}))
def test_numbers_in_odd_spellings_are_refused_after_they_are_resolved(host: str) -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Guard()) as fetcher:
            with pytest.raises(FetchError, match="not a public address") as refused:
                await fetcher.request(URL(f"http://{host}:{bird.port}/"), Limits(), {})  # the check of the URL is not in play here
            assert refused.value.reason == "forbidden_address" and not refused.value.may_pass
            assert bird.wanted and (bird.let, bird.arrived) == ([], [])

    asyncio.run(scene())


def test_a_refusal_says_where_the_name_leads() -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Guard()) as fetcher:
            with pytest.raises(FetchError, match=r"rebound\.example leads to 127\.0\.0\.1, which is not a public address"):
                await ask(fetcher, f"http://rebound.example:{bird.port}/")

    asyncio.run(scene())


def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Guard(), {"changing.example": [PUBLIC]}) as fetcher:
            place = f"http://changing.example:{bird.port}/"
            assert await reason_of(fetcher, place) == "connect"
            assert bird.let == [PUBLIC]
            for address in ("127.0.0.1", "::1", "169.254.169.254"):
                bird.wanted.clear()
                fetcher.lead("changing.example", address)
                assert await reason_of(fetcher, place) == "forbidden_address"
                assert bird.wanted == [address]
            assert (bird.let, bird.arrived) == ([PUBLIC], [])

    asyncio.run(scene())


def test_the_address_that_was_let_through_is_the_one_that_is_connected_to() -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Home(), {"home.example": ["127.0.0.2", "127.0.0.1"]}) as fetcher:
            assert await reason_of(fetcher, f"http://home.example:{bird.port}/") == "200"
            assert bird.wanted == ["127.0.0.2", "127.0.0.1"] and bird.let == ["127.0.0.1"]
            assert fetcher.handles[0].getinfo(pycurl.PRIMARY_IP) == "127.0.0.1"

    asyncio.run(scene())


def test_of_several_addresses_only_the_public_ones_are_connected_to() -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Guard()) as fetcher:
            reason = await reason_of(fetcher, f"http://mixed.example:{bird.port}/")
            assert sorted(bird.wanted) == sorted(NAMES["mixed.example"])
            assert sorted(bird.let) == sorted([PUBLIC, "2606:4700::1111"])
            assert reason == "connect"  # and not "forbidden_address", although forbidden ones were tried last: these two may answer later

    asyncio.run(scene())


@pytest.mark.parametrize("forbidden", [["10.0.0.1"], ["::1", "10.0.0.1", "169.254.169.254"], ["::ffff:7f00:1", "127.0.0.2"]])
def test_forbidden_addresses_of_a_name_are_passed_over(forbidden: list[str]) -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Home(), {"home.example": [*forbidden, "127.0.0.1", *forbidden]}) as fetcher:
            assert await reason_of(fetcher, f"http://home.example:{bird.port}/") == "200"
            assert bird.let == ["127.0.0.1"] and len(bird.arrived) == 1 and len(bird.wanted) > 1

    asyncio.run(scene())


def test_a_connection_that_is_kept_serves_nobody_else() -> None:
    async def scene() -> None:
        async with canary() as bird:
            allowed = f"http://rebound.example:{bird.port}/"
            async with Watched(bird, Guard(frozenset({f"rebound.example:{bird.port}"}))) as fetcher:
                assert [await reason_of(fetcher, allowed) for _ in range(2)] == ["200", "200"]
                assert bird.let == ["127.0.0.1"] and len(bird.arrived) == 1 and bird.arrived[0].count(b"GET / ") == 2  # it is kept
                fetcher.lead("other.example", "127.0.0.1")
                for place in ("other.example", "localhost", "127.0.0.1", "nothing-public.example", "mapped.example"):
                    assert await reason_of(fetcher, f"http://{place}:{bird.port}/") == "forbidden_address", place
                assert await reason_of(fetcher, "http://rebound.example/") == "forbidden_address"  # port 80 was not named
                fetcher.lead("rebound.example", "10.0.0.1")
                assert await reason_of(fetcher, allowed) == "200"
                assert bird.let == ["127.0.0.1"] and len(bird.arrived) == 1 and bird.arrived[0].count(b"GET / ") == 3

    asyncio.run(scene())


def test_a_name_cannot_change_where_it_leads_under_a_connection_that_is_kept() -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Home(), {"home.example": ["127.0.0.1"]}) as fetcher:
            place = f"http://home.example:{bird.port}/"
            assert await reason_of(fetcher, place) == "200"
            fetcher.lead("home.example", "127.0.0.2")
            assert await reason_of(fetcher, place) == "200"
            assert bird.let == ["127.0.0.1"] and len(bird.arrived) == 1
            for handle in fetcher.handles:
                handle.setopt(pycurl.FRESH_CONNECT, 1)
            assert await reason_of(fetcher, place) == "forbidden_address"
            assert bird.let == ["127.0.0.1"] and len(bird.arrived) == 1

    asyncio.run(scene())


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_is_not_obeyed(variable: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Obedient(Watched):
        def _handle(self) -> Any:
            handle = super()._handle()
            handle.unsetopt(pycurl.PROXY)
            return handle

    async def scene() -> None:
        async with canary() as bird:
            monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:{bird.port}")
            names = {"public.example": [PUBLIC]}
            async with Watched(bird, Open(), names) as fetcher:
                assert await reason_of(fetcher, "http://public.example/") == "connect"
                assert (bird.wanted, bird.arrived) == ([PUBLIC], [])
            async with Obedient(bird, Open(), names) as fetcher:
                await reason_of(fetcher, "http://public.example/")
                assert bird.wanted == [PUBLIC, "127.0.0.1"] and bird.arrived[0]

    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asyncio.run(scene())


async def read_by_libcurl(parsed: URL) -> list[str]:
    """Where libcurl wants to go: [PUBLIC] if it reads the same host and port from the URL as yarl does."""
    bird, host = Canary(parsed.port or 0), parsed.raw_host or ""
    names = {f"[{host}]" if ":" in host else host: [PUBLIC], "*": ["192.0.2.1"]}
    async with Watched(bird, Open(), names) as fetcher:
        with pytest.raises(FetchError):
            await fetcher.request(parsed, Limits(), {})
    return bird.wanted


@pytest.mark.parametrize("url", ORDINARY, ids=lambda url: ascii(url[:60]))
def test_libcurl_reads_a_checked_url_as_the_guard_does(url: str) -> None:
    assert asyncio.run(read_by_libcurl(Guard().check_url(url))) == [PUBLIC]


AUTHORITIES = r"([a-zA-Z0-9_.ßé。１ⓛ／＠-]{1,20}|[0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9a-f:.]{2,30}\])(:[0-9]{1,5})?"


@settings(deadline=None)
@given(st.from_regex(r"https?://" + AUTHORITIES + r"([/?#][!-~é１。／＠]{0,20})?", fullmatch=True))
def test_no_url_that_is_let_through_means_something_else_to_libcurl(url: str) -> None:
    try:
        parsed = Guard().check_url(url)
    except Forbidden:
        return
    assert asyncio.run(read_by_libcurl(parsed)) == [PUBLIC]


def test_an_allowed_server_is_reached() -> None:
    async def scene() -> None:
        async with canary() as bird, Watched(bird, Guard(frozenset({f"rebound.example:{bird.port}"}))) as fetcher:
            assert (await ask(fetcher, f"http://rebound.example:{bird.port}/")).status == 200
            assert len(bird.arrived) == 1

    asyncio.run(scene())
