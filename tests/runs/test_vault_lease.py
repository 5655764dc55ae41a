"""From a leaked login of Vault's database engine to its proven death: plan, approval, run, on a real OpenBao and PostgreSQL."""

from __future__ import annotations

import os
import secrets as random
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from revoker import audit, catalog, secrets
from revoker.config import load_settings
from revoker.lab.servers import bao_call, run_sql
from revoker.model import Credential, Finding, Location, Secret, Status
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import credentials as rows_of
from revoker.store import incidents
from revoker.store.credentials import Selection
from revoker.verify import verify
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_points import logs_in
from tests.runs.test_steps import go

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao, PostgreSQL

pytestmark = pytest.mark.slow
MAKE = ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"]
MOUNT = "database-runs"


@pytest.fixture
def engine(openbao: OpenBao, postgresql: PostgreSQL) -> Iterator[Any]:
    """The database engine, mounted where no other test looks."""
    login, word = f"vault_{random.token_hex(3)}", random.token_hex(8)
    run_sql(postgresql, f"CREATE ROLE {login} LOGIN CREATEROLE PASSWORD '{word}'")

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        status, answer = bao_call(openbao, method, path, body)
        assert status < 300, (status, answer)
        return answer

    call("POST", f"sys/mounts/{MOUNT}", {"type": "database"})
    url = f"postgresql://{{{{username}}}}:{{{{password}}}}@{postgresql.host}:{postgresql.port}/postgres?sslmode=disable"
    own = {"username": login, "password": word, "password_authentication": "scram-sha-256"}
    known = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url}
    call("POST", f"{MOUNT}/config/main", {**known, **own})
    call("POST", f"{MOUNT}/roles/billing", {"db_name": "main", "creation_statements": MAKE, "default_ttl": "1h"})
    call.login = login  # type: ignore[attr-defined]
    yield call
    call("POST", f"sys/leases/revoke-prefix/{MOUNT}", {"sync": True})
    bao_call(openbao, "DELETE", f"sys/mounts/{MOUNT}")


@pytest.fixture
def site(build: Build, openbao: OpenBao, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("PG_ADMIN", postgresql.password)
    monkeypatch.setenv("KILLER", openbao.token)
    more = f"""
[authority.postgresql]
user = "{postgresql.user}"
password = "env:PG_ADMIN"
vault_token = "env:KILLER"
vault_mount = "{MOUNT}"
[verify]
propagation = "1s"
"""
    made = build(more, own=f'hosts = ["{postgresql.host}:{postgresql.port}"]')
    text = made.config.read_text().replace("[endpoints]", f'[endpoints]\nvault = "{openbao.url}"')
    made.config.write_text(text)
    return replace(made, settings=load_settings(made.config, dict(os.environ)))


def ingest(site: Site, uri: str, kind_id: str) -> str:
    kind, secret = catalog.kinds()[kind_id], Secret(uri)
    fingerprint = secrets.fingerprint(site.store.keys, kind.id, secret)
    cred = Credential(kind.id, fingerprint, secret, catalog.public_parts(kind, uri))
    incident = incidents.open_incident(site.store, "leak", utc_now())
    rows_of.add_findings(site.store, [(Finding("r", Location("list"), secret), cred)], incident.id, utc_now())
    verify(site.store, rows_of.select(site.store), settings=site.settings, clock=utc_now)
    return fingerprint


def planned(site: Site, playbook: str | None = None) -> Any:
    return make_plan(site.store, site.settings, Selection(), playbook=playbook, requester="dave", now=utc_now())


def uri_of(server: PostgreSQL, user: str, word: str) -> str:
    return f"postgresql://{user}:{word}@{server.host}:{server.port}/postgres"


def test_a_leaked_dynamic_login_ends_with_its_session(site: Site, engine: Any, postgresql: PostgreSQL) -> None:
    import psycopg

    made = engine("GET", f"{MOUNT}/creds/billing")
    uri = uri_of(postgresql, made["data"]["username"], made["data"]["password"])
    fingerprint = ingest(site, uri, "postgresql_dynamic_uri")
    assert site.row(fingerprint).status is Status.LIVE
    plan = planned(site)
    assert plan.entries[0]["playbook"] == "vault-lease"
    assert plan.entries[0]["steps"][0]["target"] == made["lease_id"]
    site.approved(plan.digest)
    with psycopg.connect(uri, connect_timeout=5, autocommit=True) as held:
        (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
        row = go(site, run_id)
        assert (row.state, row.message) == ("done", "all steps are done")
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    assert not logs_in(uri)
    assert site.row(fingerprint).status is Status.DEAD
    assert bao_call_status(engine, made["lease_id"]) == "gone"
    assert audit.check(site.store).ok


def bao_call_status(engine: Any, lease: str) -> str:
    try:
        engine("POST", "sys/leases/lookup", {"lease_id": lease})
    except AssertionError:
        return "gone"
    return "there"


def test_the_prefix_is_shown_and_needs_two_people(site: Site, engine: Any, postgresql: PostgreSQL) -> None:
    made = [engine("GET", f"{MOUNT}/creds/billing")["data"] for _ in range(3)]
    uris = [uri_of(postgresql, one["username"], one["password"]) for one in made]
    ingest(site, uris[0], "postgresql_dynamic_uri")
    assert planned(site).entries[0]["playbook"] not in ("vault-lease", "vault-lease-prefix"), (
        "three of one second: none is guessed"
    )
    plan = planned(site, "vault-lease-prefix")
    step = plan.entries[0]["steps"][0]
    assert step["target"] == f"{MOUNT}/creds/billing"
    assert "3 leases below" in step["how"]
    assert "every other lease" in step["loses"]
    assert plan.approvals == 2
    site.approved(plan.digest, "alice", "bob")
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    assert go(site, run_id).state == "done"
    assert not any(logs_in(uri) for uri in uris)


def test_a_static_role_s_leaked_password(site: Site, engine: Any, postgresql: PostgreSQL) -> None:
    name = f"app_{random.token_hex(3)}"
    run_sql(postgresql, f"CREATE ROLE {name} LOGIN PASSWORD '{random.token_hex(8)}'")
    run_sql(postgresql, f"GRANT {name} TO {engine.login} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    engine("POST", f"{MOUNT}/static-roles/{name}", {"db_name": "main", "username": name, "rotation_period": "24h"})
    word = engine("GET", f"{MOUNT}/static-creds/{name}")["data"]["password"]
    fingerprint = ingest(site, uri_of(postgresql, name, word), "postgresql_uri")
    plan = planned(site)
    assert plan.entries[0]["playbook"] == "vault-static-role"
    site.approved(plan.digest)
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    assert go(site, run_id).state == "done"
    assert site.row(fingerprint).status is Status.DEAD
    new = engine("GET", f"{MOUNT}/static-creds/{name}")["data"]["password"]
    assert logs_in(uri_of(postgresql, name, new))


def test_the_plan_says_that_taking_a_login_over_rotates_it_at_once(site: Site, engine: Any, postgresql: PostgreSQL) -> None:
    name, word = f"app_{random.token_hex(3)}", random.token_hex(8)
    run_sql(postgresql, f"CREATE ROLE {name} LOGIN PASSWORD '{word}'")
    run_sql(postgresql, f"GRANT {name} TO {engine.login} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    ingest(site, uri_of(postgresql, name, word), "postgresql_uri")
    plan = planned(site, "vault-take-over")
    step = plan.entries[0]["steps"][0]
    assert "at once" in step["how"]
    assert "at once" in step["loses"]
    assert plan.approvals == 2
    assert logs_in(uri_of(postgresql, name, word)), "planning changes nothing"
