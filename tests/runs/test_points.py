"""A database password with a real PostgreSQL and a real OpenBao, stopped at every point and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from revoker import audit, catalog, secrets
from revoker.lab.servers import OpenBao, PostgreSQL, bao_call, run_sql
from revoker.model import Credential, Finding, Location, Secret, Status
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import credentials as rows_of
from revoker.store import incidents, orphans, runs
from revoker.store.credentials import Selection
from revoker.verify import verify
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.points import Points, may_be_missed, places
from tests.runs.test_steps import go

pytestmark = pytest.mark.slow


class Stopped(BaseException):
    """Stands for the death of the process: nothing of ours catches it."""


def stop() -> None:
    raise Stopped


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Points:
    return Points(monkeypatch)


@pytest.fixture
def database(
    build: Build, bao: OpenBao, postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], tuple[Site, str, str]]:
    monkeypatch.setenv("FAKERY_VAULT", bao.token)
    monkeypatch.setenv("PG_ADMIN", postgresql.password)

    def make(number: int) -> tuple[Site, str, str]:
        """A site with one leaked login that stands in Vault, and an applied plan: the site, the old URI, the run."""
        role, password = f"app_{number}", f"old{number:012d}"
        run_sql(postgresql, f"DROP ROLE IF EXISTS {role}")
        run_sql(postgresql, f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        uri = f"postgresql://{role}:{password}@{postgresql.host}:{postgresql.port}/postgres"
        path = f"db-{number}"
        bao_call(bao, "DELETE", f"secret/metadata/{path}")
        assert bao_call(bao, "POST", f"secret/data/{path}", {"data": {"DATABASE_URL": uri}})[0] == 200
        site = build(
            config(bao, postgresql, path), own=f'hosts = ["{postgresql.host}:{postgresql.port}"]', folder=tmp_path / path
        )
        fingerprint = ingest(site, uri)
        assert site.row(fingerprint).status is Status.LIVE
        plan = make_plan(site.store, site.settings, Selection(), requester="dave", now=utc_now())
        assert plan.entries[0]["playbook"] == "database-password"
        site.approved(plan.digest)
        (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
        return site, uri, run_id

    return make


def config(bao: OpenBao, postgresql: PostgreSQL, path: str) -> str:
    return f"""
[authority.postgresql]
user = "{postgresql.user}"
password = "env:PG_ADMIN"
[verify]
propagation = "1s"
[vault]
addr = "{bao.url}"
token = "env:FAKERY_VAULT"
[[destination]]
kind = "postgresql_uri"
path = "secret/{path}"
fields = {{ secret = "DATABASE_URL" }}
"""


def ingest(site: Site, uri: str) -> str:
    kind, secret = catalog.kinds()["postgresql_uri"], Secret(uri)
    fingerprint = secrets.fingerprint(site.store.keys, kind.id, secret)
    cred = Credential(kind.id, fingerprint, secret, catalog.public_parts(kind, uri))
    incident = incidents.open_incident(site.store, "leak", utc_now())
    rows_of.add_findings(site.store, [(Finding("r", Location("list"), secret), cred)], incident.id, utc_now())
    verify(site.store, rows_of.select(site.store), settings=site.settings, clock=utc_now)
    return fingerprint


def logs_in(uri: str) -> bool:
    import psycopg

    try:
        psycopg.connect(uri, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def check_end(site: Site, bao: OpenBao, old: str, run_id: str, path: str) -> None:
    assert (runs.get_run(site.store, run_id).state, runs.get_run(site.store, run_id).message) == ("done", "all steps are done")
    stored = bao_call(bao, "GET", f"secret/data/{path}")[1]["data"]
    new = stored["data"]["DATABASE_URL"]
    assert new != old
    assert logs_in(new)
    assert not logs_in(old)
    assert rows_of.select(site.store)[0].status is Status.DEAD
    assert bao_call(bao, "GET", f"secret/data/{path}?version=1")[0] == 404
    assert orphans.list_orphans(site.store) == []
    assert audit.check(site.store).ok
    password = new.split(":")[2].split("@")[0].encode()
    assert not any(password in file.read_bytes() for file in site.folder.rglob("*") if file.is_file())


def never_without(bao: OpenBao, old: str, path: str) -> None:
    """At any moment, what Vault holds or held last works: nobody is locked out for good."""
    versions = bao_call(bao, "GET", f"secret/metadata/{path}")[1]["data"]["versions"]
    known = [bao_call(bao, "GET", f"secret/data/{path}?version={number}") for number in versions]
    assert any(logs_in(body["data"]["data"]["DATABASE_URL"]) for status, body in known if status == 200)


def test_a_password_is_changed(database: Callable[[int], tuple[Site, str, str]], bao: OpenBao, postgresql: PostgreSQL) -> None:
    site, old, run_id = database(0)
    import psycopg

    with psycopg.connect(old, autocommit=True) as session:
        assert go(site, run_id).state == "done"
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    check_end(site, bao, old, run_id, "db-0")


@pytest.mark.row("F1")
def test_stopped_at_every_point(
    database: Callable[[int], tuple[Site, str, str]], bao: OpenBao, points: Points, tmp_path: Path
) -> None:
    site, old, run_id = database(1)
    go(site, run_id)
    check_end(site, bao, old, run_id, "db-1")
    names = list(points.names)
    assert len(names) > 15
    for number, at in enumerate(places(names), 2):
        points.arm(0, stop)
        site, old, run_id = database(number)
        points.arm(at, stop)
        try:
            go(site, run_id)
        except Stopped:
            pass
        else:
            assert may_be_missed(at), f"{at} was not reached"
        never_without(bao, old, f"db-{number}")
        points.arm(0, stop)
        go(site, run_id)
        check_end(site, bao, old, run_id, f"db-{number}")
        site.store.engine.dispose()


def test_a_refused_password_gives_vault_back_what_stood_there(
    database: Callable[[int], tuple[Site, str, str]], bao: OpenBao, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, old, run_id = database(99)
    run_sql(postgresql, "DROP ROLE IF EXISTS weak")
    run_sql(postgresql, "CREATE ROLE weak LOGIN PASSWORD 'weakweakweak'")
    monkeypatch.setenv("PG_ADMIN", "weakweakweak")
    site.config.write_text(site.config.read_text().replace(f'user = "{postgresql.user}"', 'user = "weak"'))
    from revoker.config import load_settings

    site.settings = load_settings(site.config)
    row = go(site, run_id)
    assert row.state == "failed"
    assert "42501" in row.message
    assert bao_call(bao, "GET", "secret/data/db-99")[1]["data"]["data"] == {"DATABASE_URL": old}
    assert logs_in(old)
