"""TLS in front of a server that speaks none, as stunnel does it: the server behind stays the real one."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers.certificates import Certificates

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@contextmanager
def in_tls(port: int, made: Certificates) -> Iterator[int]:
    """A port in TLS that leads to a port of this machine in the clear.

    In one thread with an event loop: two threads that read and write one TLS socket at once break it now and then.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    loop = asyncio.new_event_loop()

    async def carry(outer: Reader, back: Writer) -> None:
        with suppress(OSError):
            inner, on = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(outer, on), _copy(inner, back))

    server = loop.run_until_complete(asyncio.start_server(carry, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.run_until_complete(_end(server))
        loop.close()


async def _copy(source: Reader, target: Writer) -> None:
    with suppress(OSError):
        while got := await source.read(4096):
            target.write(got)
            await target.drain()
    target.close()


async def _end(server: asyncio.Server) -> None:
    """Take no more connections, and let go of those that are still there."""
    server.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
