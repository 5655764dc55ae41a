"""Logins and statements against a real PostgreSQL, and what a URI cannot make us do."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import OwnershipSettings
from revoker.egress.http import Pool, writer
from revoker.model import Bound, Credential, Proof, Secret
from revoker.providers.postgresql import PROVIDER
from revoker.sdk import Reply
from tests.egress.conftest import settings, with_pool

if TYPE_CHECKING:
    from revoker.lab.servers import PostgreSQL


def uri(server: Any, user: str, password: str, tail: str = "/postgres") -> Credential:
    where = f"{server.host}:{server.port}"
    parts = {"user": user, "host": server.host, "port": str(server.port)}
    return Credential("postgresql_uri", "fp_test", Secret(f"postgresql://{user}:{password}@{where}{tail}"), parts)


def config(server: Any, **more: Any) -> Any:
    return settings(ownership=OwnershipSettings(hosts=(f"{server.host}:{server.port}",)), timeout=5, **more)


def login(server: Any, cred: Credential, **more: Any) -> Reply:
    return with_pool(config(server, **more), lambda pool: pool.reader(PROVIDER, credential=cred).login("postgresql", cred))


@pytest.mark.slow
def test_login_tells_who_and_refusals_have_codes(postgresql: PostgreSQL) -> None:
    good = login(postgresql, uri(postgresql, postgresql.user, postgresql.password))
    assert (good.trouble, good.code) == (None, None)
    assert good.json["user"] == postgresql.user
    assert good.json["superuser"] is True
    assert good.json["used_password"] is True
    wrong = login(postgresql, uri(postgresql, postgresql.user, "wrong"))
    assert (wrong.code, wrong.trouble) == ("28P01", None)
    nobody = login(postgresql, uri(postgresql, "nobody_here", "x"))
    assert nobody.code == "28P01"
    missing = login(postgresql, uri(postgresql, postgresql.user, postgresql.password, "/missing"))
    assert missing.code == "3D000"


@pytest.mark.slow
def test_statements_and_disabled_logins(postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PG", postgresql.password)
    authority = {"postgresql": {"user": postgresql.user, "password": "env:LAB_PG"}}
    cred = uri(postgresql, "leaky", "old")
    bound = Bound(cred, "leaky", Proof.EMBEDDED, "lab")

    async def work(pool: Pool) -> list[Reply]:
        api = writer(pool, PROVIDER, bound, mark="m", allow=lambda: None)
        replies = [
            await api.command("postgresql", "CREATE ROLE leaky LOGIN PASSWORD 'old' VALID UNTIL '2031-01-01'"),
            await api.login("postgresql", cred),
            await api.command("postgresql", "ALTER ROLE leaky NOLOGIN"),
            await api.login("postgresql", cred),
            await api.command("postgresql", "SELECT rolname FROM pg_roles WHERE rolname = %s", ["leaky"]),
            await api.command("postgresql", "SELECT nonsense"),
        ]
        await api.command("postgresql", "DROP ROLE leaky")
        return replies

    made, live, off, shut, rows, wrong = with_pool(config(postgresql, authority=authority), work)
    assert (made.code, off.code) == (None, None)
    assert live.json["user"] == "leaky"
    assert live.json["valid_until"].startswith("2031-01-01")
    assert shut.code == "28000"
    assert "not permitted to log in" in shut.text
    assert rows.json == [{"rolname": "leaky"}]
    assert wrong.code == "42703"


@pytest.mark.row("N-7")
@pytest.mark.slow
def test_the_check_is_read_only_and_ambient_settings_are_not_read(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "pgpass").write_text(f"*:*:*:*:{postgresql.password}\n")
    (tmp_path / "pgpass").chmod(0o600)
    (tmp_path / "service").write_text(f"[s]\npassword={postgresql.password}\n")
    for name, value in {
        "PGPASSFILE": str(tmp_path / "pgpass"),
        "PGPASSWORD": postgresql.password,
        "PGSERVICEFILE": str(tmp_path / "service"),
        "PGSERVICE": "s",
        "PGHOST": "elsewhere.invalid",
        "PGOPTIONS": "-c statement_timeout=1",
    }.items():
        monkeypatch.setenv(name, value)
    tail = f"/postgres?passfile={tmp_path}/pgpass&service=s&host=/tmp&sslmode=disable"
    assert login(postgresql, uri(postgresql, postgresql.user, "wrong", tail)).code == "28P01"


class _Here:
    host = "127.0.0.1"
    port = 1


@pytest.mark.row("N-7")
@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:p@evil.invalid:5432/db",
        "postgresql://u:p@127.0.0.1:1,evil.invalid:5432/db",
        "postgresql://u:p@%2Ftmp/db",
        "postgresql://u:p@/db?host=127.0.0.1",
        "postgresql://u:p@127.0.0.1:2/db",
        "mysql://u:p@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db",
    ],
)
def test_a_uri_leads_nowhere_else(text: str) -> None:
    reply = login(_Here, Credential("postgresql_uri", "fp_test", Secret(text), {}))
    assert reply.trouble == "refused_by_policy"


def test_refused_connections_and_servers_without_tls() -> None:
    assert login(_Here, uri(_Here, "u", "p")).trouble == "connect"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_say_no, args=(listener,), daemon=True).start()
        here = type("Here", (), {"host": "localhost", "port": listener.getsockname()[1]})
        reply = login(here, uri(here, "u", "p"), allow=None)
        assert reply.trouble == "refused_by_policy"


def _say_no(listener: socket.socket) -> None:
    try:
        sock, _ = listener.accept()
        sock.recv(8)
        sock.sendall(b"N")
        sock.close()
    except OSError:
        pass
