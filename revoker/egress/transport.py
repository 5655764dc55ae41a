"""Reading over aiohttp, which keeps 200 requests under way on one core.

Exact address on the wire, no cookies, no redirects, no headers of its own, nothing from the environment. It says
"not sent" only when nothing was sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from revoker.egress.limits import BODY, HEADER_LINE, HEADERS, Garbled, TooLarge, decoded
from revoker.egress.line import Answer, Line, Lost, NotSent, is_tls
from revoker.egress.names import pin
from revoker.egress.policy import Origin, check_origin
from revoker.egress.requests import Request
from revoker.errors import EgressRefused

AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")  # aiohttp adds none of them
NO_LIMIT = aiohttp.ClientTimeout(total=None)  # the one limit of a request is set in send()


class PinnedResolver(AbstractResolver):
    """Gives aiohttp the addresses that the policy checked; the proxy's own name is the operator's word."""

    def __init__(self, line: Line, origin: Origin) -> None:
        self._line, self._clear = line, origin.scheme == "http"
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
            found = await pin(host, port, self._line.allow, self._line.resolver, clear=self._clear)
        return [_resolved(host, port, address) for address in found]

    async def close(self) -> None:
        """Nothing is held."""


def _resolved(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


class Connections:
    """One origin's connections. The number of requests under way is limited outside."""

    def __init__(self, line: Line, origin: Origin) -> None:
        check_origin(origin, line.allow)  # a literal never comes to the resolver
        self._line, self._origin = line, origin
        self._proxy = line.proxy_to(origin.scheme, origin.host)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request, limit: float) -> Answer:
        """Send one request and read its whole answer within `limit` seconds. Raises NotSent, Lost, EgressRefused."""
        session = self._session or self._open()
        try:
            async with (
                asyncio.timeout(limit),
                session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    headers=CIMultiDict(request.headers),
                    data=request.body or None,
                    allow_redirects=False,
                    proxy=self._proxy,
                    timeout=NO_LIMIT,
                ) as answer,
            ):
                return await _read(answer)
        except TimeoutError as error:
            raise Lost("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _named(error) from error
        except ValueError as error:
            raise EgressRefused("A request that cannot be written was refused.", safe="nothing was sent") from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(self._line, self._origin),
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


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    """The whole answer. What is too much is not read to its end: the connection is closed."""
    chunks, size = [], sum(len(k) + len(v) + 4 for k, v in answer.raw_headers)
    if size > HEADERS:
        answer.close()
        raise Lost("too_large", answer.status)
    size = 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > BODY:
            answer.close()
            raise Lost("too_large", answer.status)
        chunks.append(chunk)
    try:
        body = decoded(b"".join(chunks), answer.headers.get("Content-Encoding", ""))
    except TooLarge:
        raise Lost("too_large", answer.status) from None
    except Garbled:
        raise Lost("wrong_type", answer.status) from None
    return Answer(answer.status, tuple(answer.headers.items()), body)


def _named(error: Exception) -> NotSent | Lost:
    """Aiohttp's error as what it means. Its connector errors, TLS and names included, come before the first byte of a request."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return NotSent("tls" if is_tls(error) else "connect")
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return NotSent("refused_by_policy")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Lost("truncated")
    return Lost("tls" if is_tls(error) else "disconnected")
