"""ClickHouse, as Debian packages it (18.16): one server on loopback, its HTTP interface only."""

from __future__ import annotations

import http.client
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from revoker.lab.servers import free_port, quiet_environment, running, scratch, wait_until


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """A running server with the users `app` (a password) and `open` (none)."""

    port: int
    password: str = field(repr=False)

    def alive(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        finally:
            connection.close()


@contextmanager
def clickhouse() -> Iterator[ClickHouse]:
    """Start ClickHouse; skip, with the reason, where it is not installed."""
    binary = shutil.which("clickhouse-server")
    if binary is None:
        pytest.skip("ClickHouse is not installed (Debian's clickhouse-server)")
    server = ClickHouse(free_port(), secrets.token_hex(16))
    digest = sha256(server.password.encode()).hexdigest()
    with scratch("revoker-clickhouse-") as folder:
        (folder / "config.xml").write_text(
            f"""<yandex><listen_host>127.0.0.1</listen_host><http_port>{server.port}</http_port><tcp_port>{free_port()}</tcp_port>
            <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><users_config>{folder}/users.xml</users_config>
            <default_profile>default</default_profile><default_database>default</default_database>
            <mark_cache_size>5368709</mark_cache_size><logger><level>warning</level><console>1</console></logger></yandex>"""
        )
        users = "".join(
            f"<{name}>{word}<networks><ip>{net}</ip></networks><profile>default</profile><quota>default</quota></{name}>"
            for name, word, net in (
                ("app", f"<password_sha256_hex>{digest}</password_sha256_hex>", "127.0.0.0/8"),
                ("open", "<password></password>", "127.0.0.0/8"),
                ("default", "<password></password>", "127.0.0.0/8"),
            )
        )
        (folder / "users.xml").write_text(
            f"<yandex><profiles><default/></profiles><users>{users}</users><quotas><default/></quotas></yandex>"
        )
        log = folder / "log"
        argv = [binary, f"--config-file={folder}/config.xml"]
        with log.open("wb") as out, running(argv, quiet_environment(HOME=str(folder)), out) as process:
            wait_until(server.alive, process, "ClickHouse", log)
            yield server
