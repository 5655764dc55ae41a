"""RabbitMQ, as Debian packages it: a node of its own with its own epmd, folder and cookie, on loopback only."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from revoker.lab.servers import free_port, quiet_environment, running, scratch, wait_until
from tests.servers.certificates import Certificates, certificates

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the wrapper in /usr/sbin changes to the user of the package


@dataclass(frozen=True, slots=True)
class RabbitMQ:
    """A running node: AMQP in the clear and in TLS, and the management API."""

    port: int
    tls_port: int
    url: str  # of the management API
    user: str
    password: str = field(repr=False)
    ca: Path
    log: Path

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call of the management API as the administrator."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        told = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/api/{path}", sent, {"Authorization": f"Basic {told}"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else None
        finally:
            connection.close()

    def add_user(self, name: str, password: str, tags: str = "", *, vhost: str | None = "/") -> None:
        """A user, with all rights in one virtual host."""
        status, _ = self.api("PUT", f"users/{quote(name, safe='')}", {"password": password, "tags": tags})
        assert status in (201, 204)
        if vhost is not None:
            rights = {"configure": ".*", "write": ".*", "read": ".*"}
            assert self.api("PUT", f"permissions/{quote(vhost, safe='')}/{quote(name, safe='')}", rights)[0] in (201, 204)


@contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """Start RabbitMQ; skip, with the reason, where it is not installed."""
    epmd = shutil.which("epmd")
    if not SERVER.exists() or epmd is None:
        pytest.skip("RabbitMQ is not installed (Debian's rabbitmq-server)")
    ports = {name: free_port() for name in ("amqp", "amqps", "http", "epmd", "dist")}
    with scratch("revoker-rabbit-") as folder:
        made = certificates(folder)
        server = RabbitMQ(
            ports["amqp"],
            ports["amqps"],
            f"http://127.0.0.1:{ports['http']}",
            "admin",
            secrets.token_hex(16),
            made.ca,
            folder / "log",
        )
        environment = _configured(folder, ports, server, made)
        with (folder / "epmd.log").open("wb") as noise, server.log.open("wb") as out:
            watch = [epmd, "-address", "127.0.0.1", "-port", str(ports["epmd"])]
            with running(watch, environment, noise), running([SERVER], environment, out) as process:
                wait_until(lambda: server.api("GET", "whoami")[0] == 200, process, "RabbitMQ", server.log)
                yield server


def _configured(folder: Path, ports: dict[str, int], server: RabbitMQ, made: Certificates) -> dict[str, str]:
    lines = {
        "listeners.tcp.1": f"127.0.0.1:{ports['amqp']}",
        "listeners.ssl.1": f"127.0.0.1:{ports['amqps']}",
        "ssl_options.cacertfile": made.ca,
        "ssl_options.certfile": made.chain,
        "ssl_options.keyfile": made.key,
        "ssl_options.verify": "verify_none",
        "management.tcp.ip": "127.0.0.1",
        "management.tcp.port": ports["http"],
        "default_user": server.user,
        "default_pass": server.password,
        "log.console": "true",
        "log.console.level": "info",
        "management.rates_mode": "none",
        "collect_statistics_interval": 1000,
    }
    (folder / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
    (folder / "plugins").write_text("[rabbitmq_management].\n")
    (folder / "env").write_text("")
    return quiet_environment(
        HOME=str(folder),
        RABBITMQ_NODENAME=f"revoker{ports['amqp']}@localhost",
        RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
        RABBITMQ_CONF_ENV_FILE=str(folder / "env"),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
        RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
        RABBITMQ_LOG_BASE=str(folder),
        RABBITMQ_DIST_PORT=str(ports["dist"]),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
        ERL_EPMD_PORT=str(ports["epmd"]),
        ERL_EPMD_ADDRESS="127.0.0.1",
    )
