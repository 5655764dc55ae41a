"""Host names to addresses: looked up once, every answer checked, and pinned to what was checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

from revoker.egress.policy import Network, check_addresses, literal

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """All addresses that the system knows for a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def pin(
    host: str, port: int, allow: Iterable[Network], resolver: Resolver = system_resolver, *, clear: bool = False
) -> tuple[str, ...]:
    """The addresses of a host that may be dialled. Raises EgressRefused when one of the answers may not, OSError when there is none."""
    address = literal(host)
    found = [str(address)] if address is not None else await resolver(host, port)
    if not found:
        raise OSError("the name has no address")
    return check_addresses(found, allow, clear=clear)


def pin_sync(
    host: str, port: int, allow: Iterable[Network], resolver: Resolver = system_resolver, *, clear: bool = False
) -> tuple[str, ...]:
    """The same, for the callers that run in threads."""
    if literal(host) is not None or resolver is not system_resolver:
        return asyncio.run(pin(host, port, allow, resolver, clear=clear))
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    return check_addresses(found, allow, clear=clear)
