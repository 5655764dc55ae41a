"""The playbook database-password on a real Valkey, a real RabbitMQ and a real OpenBao, from the leak to the proof."""

from __future__ import annotations

import secrets as chance
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revoker import audit, catalog, secrets
from revoker.ingest.naming import Namer
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Finding, Location, Secret, Status
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import credentials as rows_of
from revoker.store import incidents, orphans, runs
from revoker.store.credentials import Selection
from revoker.verify import verify
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_steps import go

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.rabbitmq import RabbitMQ
    from tests.servers.valkey import Valkey

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """One server, the address of a user of it as a scanner saw it, and that user's application."""

    kind: str
    provider: str
    leaked: str
    stored: str  # the same in one form
    host: str
    authority: tuple[str, str]
    endpoint: str
    application: Callable[[], AbstractContextManager[Callable[[], None]]]  # what it gives fails when the session is ended
    logs: Callable[[], str]


def of_valkey(server: Valkey) -> Case:
    word, admin = chance.token_hex(12), chance.token_hex(12)
    server.do("ACL", "SETUSER", "shop", "reset", "on", f">{word}", "~*", "+@all")
    rights = ("+acl", "+config|get", "+config|set", "+config|rewrite", "+client|kill")
    server.do("ACL", "SETUSER", "revoker", "reset", "on", f">{admin}", *rights)

    @contextmanager
    def application() -> Iterator[Callable[[], None]]:
        client = server.client("shop", word)
        client.ping()
        yield client.ping
        client.close()

    at, host = f"shop:{word}@127.0.0.1:{server.port}", f"127.0.0.1:{server.port}"
    where = (f"redis://{at}/2?ssl_cert_reqs=none", f"redis://{at}", host)
    return Case("redis_uri", "redis", *where, ("revoker", admin), "", application, (server.folder / "users.acl").read_text)


def of_rabbitmq(server: RabbitMQ) -> Case:
    word = chance.token_hex(12)
    server.add_user("shop", word, "monitoring")

    @contextmanager
    def application() -> Iterator[Callable[[], None]]:
        import pika

        login = pika.PlainCredentials("shop", word)
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", server.port, "/", login, heartbeat=0))
        end = time.monotonic() + 15
        while not server.api("GET", "connections/username/shop")[1] and time.monotonic() < end:
            time.sleep(0.2)  # a new connection takes some seconds to be listed
        yield lambda: connection.channel().queue_declare("", exclusive=True)

    at, host = f"shop:{word}@127.0.0.1:{server.port}", f"127.0.0.1:{server.port}"
    where = (f"amqp://{at}/?heartbeat=0&cacertfile=x", f"amqp://{at}", host)
    endpoint = f'rabbitmq = "{server.url}"'
    return Case(
        "amqp_uri", "rabbitmq", *where, (server.user, server.password), endpoint, application,
        lambda: server.log.read_text(errors="replace"),
    )  # fmt: skip


def config(bao: OpenBao, case: Case) -> str:
    return f"""
[authority.{case.provider}]
user = "{case.authority[0]}"
password = "env:DB_ADMIN"
[verify]
propagation = "1s"
[vault]
addr = "{bao.url}"
token = "env:FAKERY_VAULT"
[[destination]]
kind = "{case.kind}"
path = "secret/shop-{case.provider}"
fields = {{ secret = "URL", password = "PASSWORD" }}
"""


def leaked(site: Site, value: str) -> str:
    """Ingest an address as a scanner saw it, named by its shape, and see that it is live. Gives the fingerprint."""
    namer = Namer(lambda kind, secret: secrets.fingerprint(site.store.keys, kind, secret))
    finding, named = namer.name(Finding("Basic Auth Credentials", Location("detect_secrets"), Secret(value)))
    assert named.credential is not None
    incident = incidents.open_incident(site.store, "leak", utc_now())
    rows_of.add_findings(site.store, [(finding, named.credential)], incident.id, utc_now())
    verify(site.store, rows_of.select(site.store), settings=site.settings, clock=utc_now)
    return named.credential.fingerprint


@pytest.mark.parametrize("which", ["valkey", "rabbitmq"])
def test_a_leaked_login_is_rotated_its_sessions_ended_and_the_old_one_proven_dead(
    which: str, build: Build, bao: OpenBao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    server: Any = request.getfixturevalue(which)
    case = of_valkey(server) if which == "valkey" else of_rabbitmq(server)
    monkeypatch.setenv("FAKERY_VAULT", bao.token)
    monkeypatch.setenv("DB_ADMIN", case.authority[1])
    place = f"secret/data/shop-{case.provider}"
    assert bao_call(bao, "POST", place, {"data": {"URL": case.stored, "note": "kept"}})[0] == 200
    site = build(config(bao, case), own=f'hosts = ["{case.host}"]', folder=tmp_path / "site")
    if case.endpoint:
        site = with_endpoint(site, case)
    fingerprint = leaked(site, case.leaked)
    row = site.row(fingerprint)
    assert (row.kind, row.status) == (case.kind, Status.LIVE)
    plan = make_plan(site.store, site.settings, Selection(), requester="dave", now=utc_now())
    assert plan.entries[0]["playbook"] == "database-password"
    site.approved(plan.digest)
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    with case.application() as works:
        works()
        assert go(site, run_id).state == "done"
        with pytest.raises(Exception, match=r"320|closed|reset|pipe|Connection"):
            works()
    assert (runs.get_run(site.store, run_id).state, runs.get_run(site.store, run_id).message) == ("done", "all steps are done")
    stored = bao_call(bao, "GET", place)[1]["data"]["data"]
    assert stored["note"] == "kept"
    assert stored["PASSWORD"] in stored["URL"]
    assert site.row(fingerprint).status is Status.DEAD
    assert bao_call(bao, "GET", f"{place}?version=1")[0] == 404
    assert orphans.list_orphans(site.store) == []
    assert audit.check(site.store).ok
    assert not any(stored["PASSWORD"].encode() in file.read_bytes() for file in site.folder.rglob("*") if file.is_file())
    assert stored["PASSWORD"] not in case.logs()
    assert catalog.public_parts(catalog.kinds()[case.kind], stored["URL"])["user"] == "shop"


def with_endpoint(site: Site, case: Case) -> Site:
    """The same site, its [endpoints] naming the management API too."""
    from dataclasses import replace

    from revoker.config import load_settings

    text = site.config.read_text(encoding="utf-8")
    assert "[endpoints]" in text
    site.config.write_text(text.replace("[endpoints]\n", f"[endpoints]\n{case.endpoint}\n"), encoding="utf-8")
    return replace(site, settings=load_settings(site.config))
