"""Raw loopback servers that behave as badly as a test wants, and settings that reach them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any, TypeVar

import pytest

from revoker.config import NetworkSettings, Settings, VerifySettings
from revoker.egress.http import Pool, open_pool
from revoker.model import Credential, Secret, Verdict
from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, Read, Reader, live, probe

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
T = TypeVar("T")
Handler = Callable[["Seen", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"id": 1}'


@dataclass
class Seen:
    """One request as it came in: the raw head and the body."""

    head: bytes
    body: bytes = b""

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        rows = (row.split(":", 1) for row in self.head.decode("latin-1").split("\r\n")[1:] if ":" in row)
        return {name.strip().lower(): value.strip() for name, value in rows}


@dataclass
class Server:
    """A server on a thread of its own."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def answering(raw: bytes) -> Handler:
    """Answer every request with these bytes."""

    async def handle(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return handle


def answer(status: int = 200, body: bytes = b'{"id": 1}', headers: Mapping[str, str] | None = None) -> bytes:
    """An HTTP answer as bytes."""
    rows = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in rows.items() if value)
    return f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode("latin-1") + body


async def _connection(server: Server, handle: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    server.connections += 1
    try:
        while True:
            seen = Seen(await reader.readuntil(b"\r\n\r\n"))
            seen.body = await reader.readexactly(int(seen.headers.get("content-length", 0)))
            server.seen.append(seen)
            await handle(seen, reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers: serve(handler, tls=None, host="127.0.0.1"); they end with the test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started: list[asyncio.Server] = []

    def start(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Server:
        server = Server(scheme="https" if tls else "http")

        async def open_it() -> asyncio.Server:
            return await asyncio.start_server(lambda r, w: _connection(server, handler, r, w), host, 0, ssl=tls)

        made = asyncio.run_coroutine_threadsafe(open_it(), loop).result(5)
        started.append(made)
        server.port = made.sockets[0].getsockname()[1]
        return server

    yield start
    asyncio.run_coroutine_threadsafe(_stop(started), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


async def _stop(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


UNLIMITED = Budget(0, 1000)


def kind(budget: Budget = UNLIMITED, **more: Any) -> Kind:
    """A kind that asks GET /check with a bearer token."""
    return Kind(
        id=more.pop("id", "lab_token"),
        title="Lab",
        pattern="x",
        verify=probe("/check", [live(200, has=["id"])]),
        docs="https://docs.invalid",
        identity="none",
        propagation=Propagation(timedelta(minutes=1)),
        manual=Manual("https://docs.invalid", ("Nothing.",)),
        budget=budget,
        **more,
    )


def provider(*kinds: Kind, **more: Any) -> Provider:
    """A provider with one declared host."""
    values: dict[str, Any] = {
        "id": "lab",
        "hosts": ("api.lab.invalid", "other.lab.invalid"),
        "reads": (Read("/query", json=("a",)),),
        **more,
    }
    return Provider(title="Lab", docs="https://docs.invalid", kinds=kinds or (kind(),), **values)


def credential(value: str = "sample", kind_id: str = "lab_token", **parts: str) -> Credential:
    return Credential(kind_id, "fp_test", Secret(value), parts)


def settings(
    server: Server | str | None = None, *, timeout: float = 2.0, allow: str | None = "127.0.0.0/8", **more: Any
) -> Settings:
    """Settings that send the provider `lab` to a server."""
    network: dict[str, Any] = more.pop("network", {})
    url = server.url if isinstance(server, Server) else server
    return Settings(
        network=NetworkSettings(allow=(ip_network(allow),) if allow else (), **network),
        endpoints=more.pop("endpoints", {"lab": url} if url else {}),
        verify=VerifySettings(timeout=timedelta(seconds=timeout)),
        **more,
    )


def with_pool(config: Settings, work: Callable[[Pool], Awaitable[T]], **more: Any) -> T:
    """Run one piece of async work with a pool."""

    async def main() -> T:
        async with open_pool(config, clock=lambda: NOW, **more) as pool:
            return await work(pool)

    return asyncio.run(main())


def ask(config: Settings, path: str = "/check", *, of: Provider | None = None, **more: Any) -> Any:
    """One GET through a reader."""
    return with_pool(config, lambda pool: pool.reader(of or provider(), credential=credential()).get(path, **more))


async def checked(reader: Reader, kind: Kind, cred: Credential) -> Verdict:
    return await kind.verify(cred, reader)
