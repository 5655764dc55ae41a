"""Refuses every socket that would leave this machine, for the whole test process.

It is an audit hook, so it also sees what C code does through the socket module (asyncio, aiohttp, http.client).
libpq opens its own sockets; the egress tests look at what is given to it.
"""

import ipaddress
import os
import sys

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
AMBIENT = ("AWS_", "VAULT_", "BAO_", "GITHUB_TOKEN", "GH_TOKEN", "PGPASSWORD", "PGHOST", "PGSERVICE", "REVOKER_", "NETRC")
NAMES = ("", "localhost", "localhost.", "ip6-localhost")
refused: list[str] = []


class LeftLoopback(RuntimeError):
    """A test tried to reach something that is not on the loopback interface."""


def is_loopback(host: object) -> bool:
    """True for loopback literals, the names of this machine, and sockets in the file system."""
    if host is None:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in NAMES:
        return True
    try:
        return ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


def is_literal(host: object) -> bool:
    """True for an address that needs no look-up."""
    try:
        ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return True


def watch(event: str, args: tuple[object, ...]) -> None:
    """The audit hook: raise before the system call is made."""
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        outside = isinstance(address, tuple) and not is_loopback(address[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        outside = not (is_loopback(args[0]) or is_literal(args[0]))
        address = args[0]
    else:
        return
    if outside:
        refused.append(f"{event} {address!r}")
        raise LeftLoopback(f"{event} to {address!r}: tests stay on the loopback interface")


def clean_environment() -> None:
    """Take ambient proxies and credentials away from us and from every process that we start."""
    for name in list(os.environ):
        if name.lower() in PROXIES or name.upper().startswith(AMBIENT):
            del os.environ[name]


def install() -> None:
    """Start watching; an audit hook cannot be taken away again."""
    clean_environment()
    sys.addaudithook(watch)
