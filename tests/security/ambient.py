"""Goes every way out of this process once, and prints what it dialled, looked up and opened. Run by test_ambient.py.

It runs in a process of its own, so that its environment is there before the first library is imported.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from revoker.cli.hardening import harden
from revoker.config import (
    ConsumerSettings,
    KeySettings,
    NetworkSettings,
    OwnershipSettings,
    Settings,
    VaultSettings,
    VerifySettings,
)
from revoker.errors import RevokerError
from revoker.model import Bound, Credential, Proof, Secret
from tests import loopback_guard

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
FIRST_WORDS = {  # what each kind of server says first, so that its driver goes as far as to a password
    "postgresql": b"NR\x00\x00\x00\x08\x00\x00\x00\x03",  # no TLS; give me the password as it is
    "redis": b"-NOAUTH\r\n",
}
LEAKED, OURS = "leaked-word-4711", "ours-word-4712"
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8yVmtvpAPbnXeEnZjMdKoUdIqEYHdsNmCJTbLVNt2D"


@dataclass
class Server:
    """A server that says one thing to everybody and keeps what it hears."""

    says: bytes
    port: int = 0
    heard: bytes = b""
    connections: int = 0
    at: str = field(init=False, default="")


@contextmanager
def serving(says: bytes) -> Iterator[Server]:
    """Open a server for as long as the block runs."""
    server, listener = Server(says), socket.create_server(("127.0.0.1", 0))
    server.port = int(listener.getsockname()[1])
    server.at = f"127.0.0.1:{server.port}"

    def talk(sock: socket.socket) -> None:
        with suppress(OSError), sock:
            sock.settimeout(0.2)
            server.connections += 1
            server.heard += sock.recv(65_536)
            sock.sendall(server.says)
            while got := sock.recv(65_536):
                server.heard += got

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()


class Watch:
    """What the process dials, looks up and opens while it is on."""

    def __init__(self) -> None:
        self.on, self.dialled, self.opened, self.asked = False, set[str](), set[str](), set[str]()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "socket.connect":
            address = args[1]
            self.dialled.add(f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address))
        elif event == "socket.getaddrinfo":
            self.asked.add(str(args[0]))
        elif event == "open" and isinstance(args[0], str | bytes):
            self.opened.add(args[0].decode() if isinstance(args[0], bytes) else args[0])


def settings(server: Server, **more: Any) -> Settings:
    """Settings that know this server alone."""
    return Settings(
        network=NetworkSettings(allow=(ip_network("127.0.0.0/8"),)),
        verify=VerifySettings(timeout=timedelta(seconds=1)),
        ownership=OwnershipSettings(hosts=(server.at,)),
        endpoints=dict.fromkeys(("aws", "github", "openai"), f"http://{server.at}") | {"vault": f"http://{server.at}"},
        authority={
            "aws": {"access_key_id": "env:OUR_WORD", "secret_access_key": "env:OUR_WORD"},
            "vault": {"token": "env:OUR_WORD"},
            "postgresql": {"user": "ours", "password": "env:OUR_WORD"},
        },
        **more,
    )


def pooled(server: Server, work: Callable[[Any], Any]) -> Any:
    """Run one piece of async work with a pool."""
    from revoker.egress.http import open_pool

    async def main() -> Any:
        async with open_pool(settings(server), clock=lambda: NOW) as pool:
            return await work(pool)

    return asyncio.run(main())


def bound(kind: str, **parts: str) -> Bound:
    return Bound(Credential(kind, "fp_x", Secret(LEAKED), parts), "t", Proof.EMBEDDED, "lab")


def http_ways() -> dict[str, Callable[[Server], Any]]:
    """HTTP: reading, changing, and what stands on it."""
    from revoker import catalog
    from revoker.egress import kubernetes, timestamp, webhook
    from revoker.egress.http import writer
    from revoker.egress.vault import open_vault
    from revoker.sdk import bearer

    of = catalog.providers()

    def write(pool: Any, provider: str, kind: str, **parts: str) -> Any:
        return writer(pool, of[provider], bound(kind, **parts), mark="m", allow=lambda: None)

    vault = VaultSettings(addr="http://x", token="env:OUR_WORD")
    consumer = ConsumerSettings(name="c", kubernetes="http://x", deployment="d", token="env:OUR_WORD")
    aws = bound("aws_access_key", key_id="AKIA" + "Z" * 16).credential

    def replaced(value: Any, name: str, server: Server) -> Any:
        return replace(value, **{name: f"http://{server.at}"})

    return {
        "http reading": lambda s: pooled(s, lambda p: p.reader(of["openai"]).get("/v1/me", auth=bearer(Secret(LEAKED)))),
        "http changing": lambda s: pooled(s, lambda p: write(p, "openai", "openai_project_key").send("DELETE", "/v1/x")),
        "aws reading": lambda s: pooled(s, lambda p: p.reader(of["aws"]).aws_read("sts", "GetCallerIdentity", as_=aws)),
        "aws reading as the authority": lambda s: pooled(s, lambda p: p.reader(of["aws"]).aws_read("iam", "ListUsers")),
        "boto3": lambda s: pooled(s, lambda p: write(p, "aws", "aws_access_key").aws_write("iam", "CreateUser", UserName="u")),
        "PyGithub": lambda s: pooled(s, lambda p: write(p, "github", "github_pat").github_write("POST", "/x", json={})),
        "hvac": lambda s: pooled(s, lambda p: write(p, "vault", "vault_token").vault_write("POST", "/v1/x", json={})),
        "Vault as a store": lambda s: open_vault(settings(s, vault=replaced(vault, "addr", s))).read("secret/a"),
        "webhook": lambda s: webhook.post(settings(s), Secret(f"http://{s.at}/hook"), b"{}", {}),
        "time-stamp": lambda s: timestamp.stamped(settings(s), f"http://{s.at}/tsa", b"x"),
        "kubernetes": lambda s: kubernetes.restart(settings(s), replaced(consumer, "kubernetes", s), Secret(OURS), NOW),
    }


def database_ways() -> dict[str, Callable[[Server], Any]]:
    """Every engine: a login of the leaked URI; a command as the authority where there is one."""
    from revoker import catalog
    from revoker.egress.databases import ENGINES
    from revoker.egress.http import writer

    def login(engine: str) -> Callable[[Server], Any]:
        scheme = next(iter(ENGINES[engine].schemes))
        provider = catalog.provider_of(f"{engine}_uri")

        def go(server: Server) -> Any:
            parts = {"user": "app", "host": "127.0.0.1", "port": str(server.port)}
            uri = Secret(f"{scheme}://app:{LEAKED}@{server.at}/db")
            cred = Credential(f"{engine}_uri", "fp_x", uri, parts)
            return pooled(server, lambda pool: pool.reader(provider, credential=cred).login(engine, cred))

        return go

    def command(server: Server) -> Any:
        uri = Secret(f"postgresql://app:{LEAKED}@{server.at}/db")
        cred = Credential("postgresql_uri", "fp_x", uri, {"user": "app", "host": "127.0.0.1", "port": str(server.port)})
        target = Bound(cred, "app", Proof.EMBEDDED, "lab")
        of = catalog.providers()["postgresql"]
        return pooled(server, lambda p: writer(p, of, target, mark="m", allow=lambda: None).command("postgresql", "SELECT 1"))

    return {**{engine: login(engine) for engine in ENGINES}, "postgresql as the authority": command}


def key_ways() -> dict[str, Callable[[Server], Any]]:
    """The places of [keys]: an SSH account, a TLS server."""
    from revoker.egress import places
    from revoker.egress.limits import tls_context
    from revoker.egress.line import Line
    from revoker.sdk import PublicHalf

    half = PublicHalf(ssh=SSH_KEY, spki="")

    def ask(server: Server, place: str) -> Any:
        known = Path(sys.argv[1]) / "known_hosts"
        config = settings(server, keys=KeySettings(ssh_hosts=(f"u@{server.at}",), tls_hosts=(server.at,), known_hosts=known))
        return asyncio.run(places.ask(place, half, config, Line(tls_context(None), config.network.allow), NOW))

    return {"ssh": lambda s: ask(s, f"ssh u@{s.at}"), "tls": lambda s: ask(s, f"tls {s.at}")}


def main() -> None:
    """Go each way against a server of its own, and tell what happened. What the server says is no good answer of most of them."""
    harden()  # as the command line does
    sys.addaudithook(loopback_guard.watch)  # not install(): the traps must stay in the environment
    watch, told = Watch(), {}
    sys.addaudithook(watch)
    for name, go in {**http_ways(), **database_ways(), **key_ways()}.items():
        with serving(FIRST_WORDS.get(name.split()[0], HTTP if name in http_ways() else b"")) as server:
            watch.on = True
            with suppress(RevokerError):
                go(server)
            watch.on = False
        mine = {one for one in watch.dialled if one == server.at}
        told[name] = {"reached": server.connections, "elsewhere": sorted(watch.dialled - mine), "heard": server.heard.hex()}
        watch.dialled.clear()
    sys.stdout.write(json.dumps({"ways": told, "opened": sorted(watch.opened), "asked": sorted(watch.asked)}))


if __name__ == "__main__":
    main()
