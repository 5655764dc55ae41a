"""The playbook database-password on a real MariaDB and a real OpenBao, from the leak to the proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest

from revoker import audit, catalog, secrets
from revoker.ingest.addresses import normal
from revoker.lab.mariadb import run_sql
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Credential, Finding, Location, Secret, Status
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import credentials as rows_of
from revoker.store import incidents, orphans, runs
from revoker.store.credentials import Selection
from revoker.verify import verify
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_steps import go

if TYPE_CHECKING:
    from revoker.lab.mariadb import MariaDB

pytestmark = pytest.mark.slow
OLD = "old-made-up-word"
PLACE = "secret/data/shop-mysql"


def config(bao: OpenBao, maria: MariaDB) -> str:
    return f"""
[authority.mysql]
user = "{maria.user}"
password = "env:MY_ADMIN"
[verify]
propagation = "1s"
[vault]
addr = "{bao.url}"
token = "env:FAKERY_VAULT"
[[destination]]
kind = "mysql_uri"
path = "secret/shop-mysql"
fields = {{ secret = "DATABASE_URL" }}
"""


def leaked(site: Site, found: str) -> str:
    """Ingest an address as a scanner saw it, and see that it is live. Gives the fingerprint."""
    address = normal(found)
    assert address is not None
    kind, secret = catalog.kinds()["mysql_uri"], Secret(address[0])
    fingerprint = secrets.fingerprint(site.store.keys, kind.id, secret)
    cred = Credential(kind.id, fingerprint, secret, {**catalog.public_parts(kind, address[0]), **address[1]})
    incident = incidents.open_incident(site.store, "leak", utc_now())
    rows_of.add_findings(site.store, [(Finding("r", Location("list"), secret), cred)], incident.id, utc_now())
    verify(site.store, rows_of.select(site.store), settings=site.settings, clock=utc_now)
    return fingerprint


def connect(maria: MariaDB, uri: str) -> pymysql.connections.Connection[pymysql.cursors.Cursor]:
    user, _, rest = uri.partition("://")[2].partition(":")
    return pymysql.connect(host=maria.host, port=maria.port, user=user, password=rest.partition("@")[0], connect_timeout=5)


def logs_in(maria: MariaDB, uri: str) -> bool:
    try:
        connect(maria, uri).close()
    except pymysql.err.OperationalError:
        return False
    return True


def test_a_leaked_login_is_rotated_its_sessions_ended_and_the_old_one_proven_dead(
    build: Build, bao: OpenBao, maria: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKERY_VAULT", bao.token)
    monkeypatch.setenv("MY_ADMIN", maria.password)
    for host in ("%", "127.0.0.1"):
        run_sql(maria, f"CREATE OR REPLACE USER `shop`@`{host}` IDENTIFIED BY '{OLD}'")
    run_sql(maria, "CREATE DATABASE IF NOT EXISTS shop")
    old = f"mysql://shop:{OLD}@{maria.host}:{maria.port}/shop"
    assert bao_call(bao, "POST", PLACE, {"data": {"DATABASE_URL": old, "note": "kept"}})[0] == 200
    site = build(config(bao, maria), own=f'hosts = ["{maria.host}:{maria.port}"]', folder=tmp_path / "site")
    fingerprint = leaked(
        site, f"jdbc:mariadb://{maria.host}:{maria.port}/shop?user=shop&password={OLD}&allowLoadLocalInfile=true"
    )
    assert site.row(fingerprint).status is Status.LIVE
    plan = make_plan(site.store, site.settings, Selection(), requester="dave", now=utc_now())
    assert plan.entries[0]["playbook"] == "database-password"
    site.approved(plan.digest)
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    logged = maria.log.read_text().count(OLD)
    with connect(maria, old) as application, application.cursor() as cursor:
        assert go(site, run_id).state == "done"
        with pytest.raises(pymysql.err.Error):
            cursor.execute("SELECT 1")
        application._force_close()  # type: ignore[attr-defined]
    assert (runs.get_run(site.store, run_id).state, runs.get_run(site.store, run_id).message) == ("done", "all steps are done")
    stored = bao_call(bao, "GET", PLACE)[1]["data"]["data"]
    new = stored["DATABASE_URL"]
    assert stored["note"] == "kept"
    assert (logs_in(maria, new), logs_in(maria, old)) == (True, False)
    assert site.row(fingerprint).status is Status.DEAD
    assert bao_call(bao, "GET", f"{PLACE}?version=1")[0] == 404
    assert orphans.list_orphans(site.store) == []
    assert audit.check(site.store).ok
    password = new.split(":")[2].split("@")[0]
    assert not any(password.encode() in file.read_bytes() for file in site.folder.rglob("*") if file.is_file())
    assert password not in maria.log.read_text()
    assert maria.log.read_text().count(OLD) == logged
