"""Which addresses may be reached: public ones only, however a URL, a redirect or the DNS spells another.

It takes both halves: `Guard.check_url` before every request (also before those that a redirect asks for), since libcurl
reads many odd spellings, and `Guard.allows` in libcurl's socket callback, since a URL does not tell where its name leads.
The address that is checked there is the address that is connected to, so DNS that changes its answer gains nothing.
Through a proxy neither is of use, since the proxy resolves names itself.
"""

import functools
import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from yarl import URL

__all__ = ["Forbidden", "Guard", "is_public"]

MAX_URL = 8192  # characters; the longest that common servers accept
UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\s\\]")
SCHEME = re.compile(r"https?://", re.IGNORECASE)
# Neither "@" (credentials) nor "%" (zones, hidden bytes) has a place in the part that names the server.
AUTHORITY = re.compile(r"https?://(\[[0-9a-f:.]+\]|[^\[\]:@%/?#]+)(:[0-9]{1,5})?(?=[/?#]|\Z)", re.IGNORECASE)
NAME = re.compile(r"(?=.{1,254}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?\Z")
# A name whose last label is a number is an IPv4 address to every resolver (WHATWG URL, "ends in a number"): 127.1, 0x7f.1.
NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?\Z")

# IANA's IPv4 Special-Purpose Address Registry, spelt out because Python's own list grew between versions.
REFUSED_4 = tuple(map(IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "168.63.129.16/32",  # a public number, but inside Azure the machine's own metadata and DNS
)))
GLOBAL_6 = IPv6Network("2000::/3")  # all that IANA has given out as global unicast
REFUSED_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))

# Networks whose addresses carry an IPv4 address that a gateway unpacks: how far from the right, and XORed with what.
CARRIERS = (
    (IPv6Network("::ffff:0:0/96"), 0, 0),  # IPv4-mapped, RFC 4291
    (IPv6Network("::/96"), 0, 0),  # IPv4-compatible, RFC 4291; "::" and "::1" are 0.0.0.0 and 0.0.0.1 here
    (IPv6Network("64:ff9b::/96"), 0, 0),  # NAT64, RFC 6052
    (IPv6Network("64:ff9b:1::/96"), 0, 0),  # NAT64 of the local network, RFC 8215; other prefixes of its /48 are not global
    (IPv6Network("2002::/16"), 80, 0),  # 6to4, RFC 3056
    (IPv6Network("2001::/32"), 64, 0),  # Teredo's server, RFC 4380
    (IPv6Network("2001::/32"), 0, 0xFFFFFFFF),  # Teredo's client
)
ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: these 32 bits before the last 32, in any network


class Forbidden(Exception):
    """This address may not be reached; the message says why."""


@dataclass(frozen=True)
class Guard:
    """`allow_hosts` are "host" or "host:port", in any case, IPv6 in brackets; what is named there is always allowed."""

    allow_hosts: frozenset[str] = frozenset()

    def check_url(self, url: str) -> URL:
        """The URL, whose `str` libcurl gets. Raises Forbidden unless it is http or https, of a name or of an IP address that `allows`."""
        if len(url) > MAX_URL:
            raise Forbidden(f"longer than {MAX_URL} characters")
        if UNSAFE.search(url):
            raise Forbidden("white space, a control character or a backslash in the URL")
        if not SCHEME.match(url):
            raise Forbidden("only http:// and https:// are fetched")
        if not AUTHORITY.match(url):
            raise Forbidden("the part between // and / is not host or host:port")
        try:
            parsed = URL(url)
        except ValueError:
            raise Forbidden("the URL cannot be read") from None
        host, port = parsed.raw_host or "", parsed.port or 0  # as libcurl reads it: international names made ASCII
        if not 1 <= port <= 65535:
            raise Forbidden(f"{port} is no port")
        if _is_literal(host) and not self.allows(host, host, port):
            raise Forbidden(f"{host} is not a public address")
        return parsed

    def allows(self, address: str, host: str, port: int) -> bool:
        """Whether `host`, which leads to the IP address `address`, may be connected to there."""
        return self._names(host, port) or is_public(address)

    def is_named(self, url: str) -> bool:
        """Whether the URL's host is one of `allow_hosts`."""
        try:
            parsed = URL(url)
            return self._names(parsed.raw_host or "", parsed.port or 0)
        except ValueError:
            return False

    def _names(self, host: str, port: int) -> bool:
        name = _name(host)
        return not {name, f"{name}:{port}"}.isdisjoint(map(_entry, self.allow_hosts))


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is one that anybody on the internet can reach; False where it is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return ip.is_global and not any(ip in network for network in REFUSED_4)
    if ip.scope_id is not None:  # a zone, "%eth0", has meaning on this machine only
        return False
    bits = int(ip)
    if carried := [IPv4Address((bits >> shift & 0xFFFFFFFF) ^ mask) for network, shift, mask in CARRIERS if ip in network]:
        return all(is_public(str(inner)) for inner in carried)
    if bits >> 32 & 0xFFFFFFFF in ISATAP and not is_public(str(IPv4Address(bits & 0xFFFFFFFF))):
        return False
    return ip in GLOBAL_6 and ip.is_global and not any(ip in network for network in REFUSED_6)


@functools.lru_cache(4096)
def _is_literal(host: str) -> bool:
    """Whether the host is an IP address, in its one usual spelling. Raises Forbidden where it is neither that nor a name."""
    if ":" not in host and not NUMERIC.match(host):
        if not NAME.match(host):
            raise Forbidden(f"{host!r} is no host name")
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise Forbidden(f"{host} is an odd spelling of an address") from None
    return True


@functools.lru_cache(1024)
def _entry(text: str) -> str:
    """An entry of allow_hosts as `_name` writes it, with its port."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    return ":".join(filter(None, (_name(host), port.removeprefix(":"))))


@functools.lru_cache(4096)
def _name(host: str) -> str:
    host = host.strip("[]").rstrip(".").lower()
    try:
        return f"[{IPv6Address(host).compressed}]"
    except ValueError:
        return host
