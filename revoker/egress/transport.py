"""Reading: httpx's transport interface over aiohttp, which keeps 200 requests under way on one core.

Exact address on the wire, no cookies, no redirects, no headers of its own, nothing from the environment. Errors say
"connect" only when nothing was sent.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from revoker.egress.limits import BODY, HEADER_LINE, HEADERS, TooLarge, decoded
from revoker.egress.names import Resolver, pin, system_resolver
from revoker.egress.policy import Network, address_allowed, literal
from revoker.errors import EgressRefused

AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")  # aiohttp adds none of them


@dataclass(frozen=True, slots=True)
class Line:
    """How this machine reaches the outside."""

    tls: ssl.SSLContext
    allow: tuple[Network, ...] = ()
    proxy: str | None = None
    resolver: Resolver = system_resolver

    def proxy_to(self, scheme: str, host: str) -> str | None:
        """The proxy, by CONNECT; what is in the clear or at an address of the operator's own is dialled directly."""
        address = literal(host)
        ours = address is not None and any(net.version == address.version and address in net for net in self.allow)
        return None if scheme != "https" or ours else self.proxy


class PinnedResolver(AbstractResolver):
    """Gives aiohttp the addresses that the policy checked; the proxy's own name is the operator's word."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._proxy = URL(line.proxy).host if line.proxy else None

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        if host == self._proxy:
            found: Iterable[str] = await self._line.resolver(host, port)
        else:
            found = await pin(host, port, self._line.allow, self._line.resolver)
        return [_resolved(host, port, address) for address in found]

    async def close(self) -> None:
        """Nothing is held."""


def _resolved(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


class AioTransport(httpx.AsyncBaseTransport):
    """One origin's connections. The number of requests under way is limited outside."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._session: aiohttp.ClientSession | None = None
        self._passed: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read its whole answer within the limits. Raises httpx's errors, TooLarge, Garbled, EgressRefused."""
        self._check(request.url)
        body = await request.aread()
        limit = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=limit.get("connect"), sock_read=limit.get("read"))
        session = self._session or self._open()
        try:
            async with session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=CIMultiDict((k.decode("ascii"), v.decode("latin-1")) for k, v in request.headers.raw),
                data=body or None,
                allow_redirects=False,
                proxy=self._line.proxy_to(request.url.scheme, request.url.host),
                timeout=timeout,
            ) as answer:
                return await _read(answer)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _mapped(error, request) from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _check(self, url: httpx.URL) -> None:
        """A literal never comes to the resolver, so it is looked at here, one time for each host."""
        if url.host in self._passed:
            return
        address = literal(url.host)
        if address is not None and not address_allowed(address, self._line.allow):
            raise EgressRefused("An address that may not be dialled was refused.", safe="nothing was sent")
        self._passed.add(url.host)

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(self._line),
            use_dns_cache=False,  # a name is looked up, and checked, again for each connection
            ssl=self._line.tls,
            limit=0,
            keepalive_timeout=15,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=AUTOMATIC,
            max_line_size=HEADER_LINE,
            max_field_size=HEADER_LINE,
            read_bufsize=64 * 1024,
        )
        self._session._retry_connection = False  # every request that leaves is ours to count
        return self._session


async def _read(answer: aiohttp.ClientResponse) -> httpx.Response:
    """The whole answer. What is too much is not read to its end: the connection is closed."""
    raw: list[tuple[bytes, bytes]] = [(k, v) for k, v in answer.raw_headers if k.lower() != b"content-encoding"]
    if sum(len(k) + len(v) + 4 for k, v in answer.raw_headers) > HEADERS:
        answer.close()
        raise TooLarge
    chunks, size = [], 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > BODY:
            answer.close()
            raise TooLarge
        chunks.append(chunk)
    content = decoded(b"".join(chunks), answer.headers.get("Content-Encoding", ""))
    return httpx.Response(answer.status, headers=raw, content=content)


def _mapped(error: Exception, request: httpx.Request) -> Exception:
    """Aiohttp's error in httpx's words: connect errors are those where nothing was sent."""
    for kinds, mapped in _ERRORS:
        if isinstance(error, kinds):
            return mapped(type(error).__name__, request=request)
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        return EgressRefused("A request that cannot be written was refused.", safe="nothing was sent")
    return httpx.ReadError(type(error).__name__, request=request)


_ERRORS: tuple[tuple[Any, type[httpx.RequestError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    ((aiohttp.ServerTimeoutError, asyncio.TimeoutError), httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),  # also TLS and names: before the first byte of a request
    (aiohttp.ClientProxyConnectionError, httpx.ConnectError),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientOSError, httpx.ReadError),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), httpx.UnsupportedProtocol),
)
