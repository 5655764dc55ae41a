"""Changing: one request, sent once, over a connection of its own, through plain httpx.

It says apart what was certainly not sent, and what may have been acted upon although its answer is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from revoker.egress.limits import BODY, HEADERS, Garbled, TooLarge, decoded
from revoker.egress.line import Answer, Line, Lost, NotSent, is_tls
from revoker.egress.names import pin_sync
from revoker.egress.policy import Origin, check_origin
from revoker.egress.requests import Request
from revoker.errors import EgressRefused


def send_once(line: Line, request: Request, limit: float) -> Answer:
    """Send one request and read its whole answer within `limit` seconds. Raises NotSent, Lost, EgressRefused."""
    origin = request.endpoint.origin
    check_origin(origin, line.allow)
    wire = httpx.Request(request.method, request.url, headers=request.headers, content=request.body or None)
    wire.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), limit)
    with _transport(line, origin, time.monotonic() + limit) as transport:
        try:
            answer = transport.handle_request(wire)
        except EgressRefused:
            raise
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.ProxyError,
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
        ) as e:
            raise NotSent(_slug(e)) from e
        except httpx.RequestError as e:
            raise Lost(_slug(e)) from e
        return _whole(answer)


def _whole(answer: httpx.Response) -> Answer:
    if sum(len(k) + len(v) + 4 for k, v in answer.headers.raw) > HEADERS:
        raise Lost("too_large", answer.status_code)
    try:
        body = decoded(_limited(answer), answer.headers.get("content-encoding", ""))
    except httpx.RequestError as error:
        raise Lost(_slug(error), answer.status_code) from error
    except TooLarge:
        raise Lost("too_large", answer.status_code) from None
    except Garbled:
        raise Lost("wrong_type", answer.status_code) from None
    finally:
        answer.close()
    headers = tuple((k, v) for k, v in answer.headers.multi_items() if k.lower() != "content-encoding")
    return Answer(answer.status_code, headers, body)


def _limited(answer: httpx.Response) -> bytes:
    chunks, size = [], 0
    for chunk in answer.iter_raw():
        size += len(chunk)
        if size > BODY:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _slug(error: Exception) -> str:
    """The trouble of a request that got no answer."""
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if is_tls(error):
        return "tls"
    return "connect" if isinstance(error, httpx.ConnectError | httpx.ProxyError) else "disconnected"


def _transport(line: Line, origin: Origin, end: float) -> httpx.HTTPTransport:
    """A transport of one connection whose every dial is checked. httpx has no public place for a network backend."""
    transport = httpx.HTTPTransport(verify=line.tls, trust_env=False, retries=0)
    backend = CheckedBackend(line, end, clear=origin.scheme == "http")
    few: dict[str, Any] = {
        "max_connections": 1,
        "max_keepalive_connections": 0,
        "network_backend": backend,
        "ssl_context": line.tls,
    }
    proxy = line.proxy_to(origin.scheme, origin.host)
    if proxy is not None:
        transport._pool = httpcore.HTTPProxy(proxy_url=proxy, **few)
    else:
        transport._pool = httpcore.ConnectionPool(**few)
    return transport


class CheckedBackend(httpcore.NetworkBackend):
    """Dials only addresses that the policy allows. The operator's proxy is the operator's word."""

    def __init__(self, line: Line, end: float, *, clear: bool) -> None:
        self._line, self._end, self._clear = line, end, clear
        self._proxy = urlsplit(line.proxy).hostname if line.proxy else None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = (
                (host,) if host == self._proxy else pin_sync(host, port, self._line.allow, self._line.resolver, clear=self._clear)
            )
        except OSError as error:
            raise httpcore.ConnectError(type(error).__name__) from error
        last: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            left = min(timeout or 0.0, self._end - time.monotonic())
            if left <= 0:
                raise httpcore.ConnectTimeout("time is up")
            try:
                stream = httpcore.SyncBackend().connect_tcp(address, port, left, local_address, socket_options)
                return TimedStream(stream, self._end, self._line.still)
            except httpcore.ConnectError as error:
                last = error
        raise last


class TimedStream(httpcore.NetworkStream):
    """A connection with one end for everything, so that a drip of bytes does not hold us."""

    def __init__(self, inner: httpcore.NetworkStream, end: float, still: Callable[[], None] | None = None) -> None:
        self._inner, self._end, self._still = inner, end, still

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._still is not None:
            self._still()
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, left), self._end, self._still)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None, late: type[Exception]) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise late("time is up")
        return left if timeout is None else min(timeout, left)
