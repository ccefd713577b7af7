"""A server that misbehaves in every way that HTTP allows, and in some that it does not; a path for each.

    /ok.jpg         a picture                             /same/<n>.jpg      one picture under any number of URLs
    /silent         takes the request, never answers      /hangup            takes it and closes the connection
    /stall          headers, 1000 bytes, then nothing     /reset             half the body, then a TCP reset
    /drip           a byte of the body each `pause`       /slow-headers      a byte of the headers each `pause`
    /endless        a body without length or end          /empty             200 and no byte
    /length/short   Content-Length half of what comes     /length/long       1000 bytes more than what comes
    /bad-chunk      a chunk, then what is none (/late:    /http09            bytes that are no HTTP at all
                    0.1 s after it, when the chunk has been taken)
    /huge-headers   1 MiB of header lines                 /gzip-bomb         4 MiB of gzip that inflate to 4 GiB
    /html.jpg       a web page as image/jpeg              /login             the same as text/html
    /truncated.jpg  half a picture, whole by its length   /bomb.png          a PNG of 40000x40000 in 10 kB
    /noai.jpg       a picture with X-Robots-Tag           /tdm.jpg           a picture with tdm-reservation: 1
    /noai-lf.jpg    the same, its lines ended by LF alone
    /loop           redirects to itself                   /hops/<n>          n redirects, then the picture
    /to?url=<any>   redirects there (&status=307)         /cookie-wall.jpg   to itself until its cookie comes back
    /429/date       429 once, Retry-After a date 1 s on   /429               always 429
    /429/<n> /500/<n> /503/<n>  this status n times, or always, with Retry-After: 1 (?after= says another); then the picture

/robots.txt and /.well-known/tdmrep.json answer as `robots` and `tdmrep` say. Every other path is 404.
"""

import functools
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from time import time

from tests.replay import wire
from tests.replay.serving import jpeg
from tests.replay.wire import Client, Faults
from tests.test_image import bomb

__all__ = ["Faults", "served"]

CRC_OF_4_GIB = 0xD202EF8D  # zlib.crc32 of 2**32 zero bytes, taken once
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>please log in</body></html>"
ROUTES = wire.Routes()
at = ROUTES.at


@contextmanager
def served() -> Iterator[Faults]:
    """Serve on a free port of 127.0.0.1 for the length of the block, whatever state its clients are in at the end."""
    with wire.served(ROUTES) as faults:
        yield faults


@at(r"/ok\.jpg")
async def ok(client: Client) -> bool:
    return await client.answer(200, jpeg(1))


@at(r"/same/\d+\.jpg")
async def same(client: Client) -> bool:
    return await client.answer(200, jpeg(0))


@at(r"/429")
async def too_many(client: Client) -> bool:
    return await failing(client, "429", "always")


@at(r"/(429|500|503)/(\d+|always)")
async def failing(client: Client, status: str, times: str) -> bool:
    if times != "always" and client.faults.hits[client.path] > int(times):
        return await ok(client)
    return await client.answer(int(status), b"not now", "text/plain", f"Retry-After: {client.query.get('after', ['1'])[0]}")


@at(r"/429/date")
async def too_many_until(client: Client) -> bool:
    if client.faults.hits[client.path] > 1:
        return await ok(client)
    return await client.answer(429, b"not now", "text/plain", f"Retry-After: {formatdate(time() + 1, usegmt=True)}")


@at("/silent")
async def silent(client: Client) -> None:
    await client.rest()


@at("/hangup")
async def hangup(client: Client) -> None:
    """Nothing: the connection is closed."""


@at("/stall")
async def stall(client: Client) -> None:
    client.start(200, f"Content-Length: {len(jpeg(1))}", "Content-Type: image/jpeg")
    await client.send(jpeg(1)[:1000])
    await client.rest()


@at("/reset")
async def reset(client: Client) -> None:
    client.start(200, f"Content-Length: {len(jpeg(1))}", "Content-Type: image/jpeg")
    await client.send(jpeg(1)[: len(jpeg(1)) // 2])
    linger = struct.pack("ii", 1, 0)  # on, for 0 seconds: closing then sends RST instead of FIN
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.writer.transport.abort()


@at("/drip")
async def drip(client: Client) -> None:
    client.start(200, f"Content-Length: {len(jpeg(1))}", "Content-Type: image/jpeg")
    await client.drip(jpeg(1))


@at("/slow-headers")
async def slow_headers(client: Client) -> None:
    await client.drip(f"HTTP/1.1 200 OK\r\nContent-Length: {len(jpeg(1))}\r\n\r\n".encode() + jpeg(1))


@at("/endless")
async def endless(client: Client) -> None:
    client.start(200, "Content-Type: image/jpeg", "Connection: close")
    await client.send(jpeg(1))
    while True:
        await client.send(bytes(65536))


@at("/empty")
async def empty(client: Client) -> bool:
    return await client.answer(200)


@at("/length/(short|long)")
async def wrong_length(client: Client, which: str) -> None:
    length = len(jpeg(1)) // 2 if which == "short" else len(jpeg(1)) + 1000
    client.start(200, f"Content-Length: {length}", "Content-Type: image/jpeg")
    await client.send(jpeg(1))


@at("/bad-chunk(/late)?")
async def bad_chunk(client: Client, late: str | None) -> None:
    client.start(200, "Transfer-Encoding: chunked", "Content-Type: image/jpeg")
    good, bad = b"3e8\r\n" + jpeg(1)[:1000] + b"\r\n", b"this is no length\r\n" + jpeg(1)[1000:]
    if late:
        await client.send(good)
        await client.rest(0.1)
        good = b""
    await client.send(good + bad)


@at("/http09")
async def http09(client: Client) -> None:
    await client.send(b"\x00\x01\x02\xff" * 50 + b"\r\n" + PAGE)


@at("/huge-headers")
async def huge_headers(client: Client) -> bool:
    return await client.answer(200, jpeg(1), "image/jpeg", *(f"X-Filler-{number}: {'x' * 4000}" for number in range(262)))


@functools.cache
def _zeros() -> bytes:
    """Deflated 16 MiB of zeros that can be repeated within a stream, as a full flush forgets what went before."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)


@at("/gzip-bomb")
async def gzip_bomb(client: Client) -> bool:
    # RFC 1952: header, 256 x 16 MiB, an empty last block, CRC-32, the length modulo 2**32
    data = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + _zeros() * 256 + b"\x03\x00" + struct.pack("<II", CRC_OF_4_GIB, 0)
    return await client.answer(200, data, "image/jpeg", "Content-Encoding: gzip")


@at(r"/html\.jpg")
async def html(client: Client) -> bool:
    return await client.answer(200, PAGE)


@at("/login")
async def login(client: Client) -> bool:
    return await client.answer(200, PAGE, "text/html; charset=utf-8")


@at(r"/truncated\.jpg")
async def truncated(client: Client) -> bool:
    return await client.answer(200, jpeg(1)[: len(jpeg(1)) // 2])


@at(r"/bomb\.png")
async def png_bomb(client: Client) -> bool:
    return await client.answer(200, bomb(40_000, 40_000), "image/png")


@at(r"/noai\.jpg")
async def noai(client: Client) -> bool:
    return await client.answer(200, jpeg(1), "image/jpeg", "X-Robots-Tag: otherbot: all", "X-Robots-Tag: noai, noimageai")


@at(r"/noai-lf\.jpg")
async def noai_by_line_feeds(client: Client) -> None:
    await client.send(b"HTTP/1.1 200 OK\nContent-Length: %d\nX-Robots-Tag: noai\n\n" % len(jpeg(1)) + jpeg(1))


@at(r"/tdm\.jpg")
async def tdm(client: Client) -> bool:
    return await client.answer(200, jpeg(1), "image/jpeg", "tdm-reservation: 1")


@at("/loop")
async def loop(client: Client) -> bool:
    return await client.redirect("/loop")


@at(r"/hops/(\d+)")
async def hops(client: Client, left: str) -> bool:
    return await client.redirect(f"/hops/{int(left) - 1}" if int(left) > 1 else "/ok.jpg")


@at("/to")
async def to(client: Client) -> bool:
    return await client.redirect(client.query["url"][0], int(client.query.get("status", ["302"])[0]))


@at(r"/cookie-wall\.jpg")
async def cookie_wall(client: Client) -> bool:
    if "seen=yes" in client.headers.get("cookie", ""):
        return await ok(client)
    return await client.redirect("/cookie-wall.jpg", 302, "Set-Cookie: seen=yes; Path=/; HttpOnly", 'Set-Cookie: odd="ö"')


@at(r"/robots\.txt")
async def robots(client: Client) -> bool:
    return await client.answer(*client.faults.robots, "text/plain")


@at(r"/\.well-known/tdmrep\.json")
async def tdmrep(client: Client) -> bool:
    return await client.answer(*client.faults.tdmrep, "application/json")


@at(".*")
async def missing(client: Client) -> bool:
    return await client.answer(404, b"not here", "text/plain")
