"""Vault's database engine against a real OpenBao and a real PostgreSQL: leases, their logins and sessions, static roles."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings
from revoker.egress import vault_policy
from revoker.errors import ActionFailed
from revoker.lab.servers import bao_call, run_sql
from revoker.model import Credential, Secret, Unbound, Validity
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.test_postgresql import password, session

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao, PostgreSQL

pytestmark = pytest.mark.slow
MAKE = ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"]


class Site:
    """One connection of the database engine, with its own login, and a token with the generated policy of the killer."""

    def __init__(self, bao: OpenBao, server: PostgreSQL) -> None:
        self.bao, self.server = bao, server
        self.vault_login, self.word = f"vault_{secrets.token_hex(3)}", password()
        self.sql(f"CREATE ROLE {self.vault_login} LOGIN CREATEROLE PASSWORD '{self.word}'")
        bao_call(bao, "POST", "sys/mounts/database", {"type": "database"})
        url = f"postgresql://{{{{username}}}}:{{{{password}}}}@{server.host}:{server.port}/postgres?sslmode=disable"
        known = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url}
        own = {"username": self.vault_login, "password": self.word, "password_authentication": "scram-sha-256"}
        self.call("POST", "database/config/main", {**known, **own})
        self.call("POST", "database/roles/application", {"db_name": "main", "creation_statements": MAKE, "default_ttl": "1h"})
        self.call("POST", "sys/policies/acl/db-killer", {"policy": vault_policy.text("killer", Settings(), openbao=True)})
        token = self.call("POST", "auth/token/create", {"policies": ["db-killer"], "ttl": "1h"})["auth"]["client_token"]
        admin = {"user": server.user, "password": server.password, "database": "postgres", "vault_token": token}
        base = real.settings("postgresql", None, admin, f"{server.host}:{server.port}")
        self.known = Settings(
            network=base.network,
            ownership=base.ownership,
            endpoints={"vault": bao.url},
            authority={"postgresql": admin, "vault": {"token": token}},
        )

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        status, answer = bao_call(self.bao, method, path, body)
        assert status < 300, (status, answer)
        return answer

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return run_sql(self.server, statement)

    def uri(self, user: str, word: str) -> Credential:
        text = f"postgresql://{user}:{word}@{self.server.host}:{self.server.port}/postgres"
        kind = "postgresql_dynamic_uri" if user.startswith("v-") else "postgresql_uri"
        found = re.fullmatch(OWNERS[kind][1].pattern, text)
        assert found is not None, user
        return Credential(kind, "fp_test", Secret(text), found.groupdict())

    def lease(self) -> tuple[Credential, str]:
        made = self.call("GET", "database/creds/application")
        return self.uri(made["data"]["username"], made["data"]["password"]), made["lease_id"]

    def static(self) -> Credential:
        """A login that a static role keeps, as somebody leaked it."""
        name, word = f"app_{secrets.token_hex(3)}", password()
        self.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{word}'")
        self.sql(f"GRANT {name} TO {self.vault_login} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        return self.uri(name, word)

    def kept(self) -> Credential:
        cred = self.static()
        name = cred.parts["user"]
        body = {"db_name": "main", "username": name, "rotation_period": "24h", "skip_import_rotation": True}
        self.call("POST", f"database/static-roles/{name}", body)
        assert real.verify(self.known, cred).validity is Validity.DEAD, "creating a static role rotates, whatever it is told"
        return self.uri(name, self.call("GET", f"database/static-creds/{name}")["data"]["password"])

    def exists(self, cred: Credential) -> bool:
        return bool(run_sql(self.server, "SELECT 1 FROM pg_roles WHERE rolname = %s", [cred.parts["user"]]))


@pytest.fixture(scope="module")
def site(openbao: OpenBao, postgresql: PostgreSQL) -> Iterator[Site]:
    made = Site(openbao, postgresql)
    yield made
    for user in made.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'"):
        run_sql(postgresql, f'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "{user[0]}"')
    bao_call(openbao, "POST", "sys/leases/revoke-force/database")
    bao_call(openbao, "DELETE", "sys/mounts/database")


def test_a_dynamic_login_is_known_by_its_name(site: Site) -> None:
    cred, _ = site.lease()
    assert re.fullmatch(OWNERS["postgresql_uri"][1].pattern, cred.secret.reveal()) is None
    assert re.fullmatch(OWNERS["postgresql_dynamic_uri"][1].pattern, cred.secret.reveal())


@pytest.mark.row("F6", "F14")
def test_its_lease_is_told_by_role_and_second_revoked_and_its_session_ended(site: Site) -> None:
    site.call("POST", "sys/leases/revoke-prefix/database/creds/application", {"sync": True})
    cred, lease = site.lease()
    assert real.verify(site.known, cred).validity is Validity.LIVE
    to = real.bound(site.known, cred, "revoke")
    assert to.target == lease
    with session(site.server, cred) as held:
        real.change(site.known, to, "revoke")
        assert not site.exists(cred)
        assert held.execute("SELECT 1").fetchone() == (1,), "dropping the role does not end its session"
        assert real.observe(site.known, to, "revoke") is True
        assert isinstance(real.bind(site.known, cred, "revoke"), Unbound)
        receipt = real.change(site.known, real.bound(site.known, cred, "end_sessions"), "end_sessions")
        assert not receipt.already
        assert receipt.detail == "1 sessions ended"
        with pytest.raises(Exception, match=r"terminat|closed|lost"):
            held.execute("SELECT 1")
    assert real.verify(site.known, cred).validity is Validity.DEAD
    again = real.change(site.known, real.bound(site.known, cred, "end_sessions"), "end_sessions")
    assert again.already


def test_two_leases_of_one_second_are_not_guessed(site: Site) -> None:
    first, _ = site.lease()
    second, _ = site.lease()
    found = real.bind(site.known, first, "revoke")
    assert isinstance(found, Unbound)
    assert "vault-lease-prefix" in found.detail
    to = real.bound(site.known, first, "revoke_prefix")
    assert to.target == "database/creds/application"
    assert re.match(r"\d+ leases below database/creds/application now", to.how)
    real.change(site.known, to, "revoke_prefix")
    assert not site.exists(first)
    assert not site.exists(second)
    assert real.observe(site.known, to, "revoke_prefix") is True


def test_a_lease_id_is_looked_up_and_revoked(site: Site) -> None:
    cred, lease = site.lease()
    leaked = Credential("vault_lease", "fp_test", Secret(lease))
    verdict = real.verify(site.known, leaked)
    assert verdict.identity is not None
    assert verdict.identity.principal == "database/creds/application"
    to = real.bound(site.known, leaked, "revoke")
    real.change(site.known, to, "revoke")
    assert real.observe(site.known, to, "revoke") is True
    assert real.verify(site.known, leaked).reason == "unknown_lease"
    assert real.verify(site.known, cred).validity is Validity.DEAD


@pytest.mark.row("F6")
def test_a_database_that_refuses_keeps_the_lease_and_is_not_reported_as_done(site: Site) -> None:
    cred, lease = site.lease()
    user = cred.parts["user"]
    site.sql("CREATE TABLE held (i int)")
    site.sql(f'GRANT SELECT ON held TO "{user}"')
    leaked = Credential("vault_lease", "fp_test", Secret(lease))
    to = real.bound(site.known, leaked, "revoke")
    with pytest.raises(ActionFailed, match="42501"):
        real.change(site.known, to, "revoke")
    assert real.observe(site.known, to, "revoke") is False
    assert real.verify(site.known, cred).validity is Validity.LIVE
    site.call("POST", "sys/leases/revoke-force/database/creds/application")
    assert real.verify(site.known, leaked).validity is Validity.DEAD, "Vault forgot the lease"
    assert real.verify(site.known, cred).validity is Validity.LIVE, "and the login lives: the database is asked, not Vault"
    site.sql("DROP TABLE held")  # Vault revokes on every table of the schema: it would hold up the leases of other tests
    site.sql(f'DROP ROLE "{user}"')


def test_a_static_role_is_rotated_and_open_sessions_go_on_until_they_are_ended(site: Site) -> None:
    cred = site.kept()
    to = real.bound(site.known, cred, "rotate_static_role")
    with session(site.server, cred) as held:
        receipt = real.change(site.known, to, "rotate_static_role")
        assert receipt.detail == "the new password in static-creds logs in"
        assert real.observe(site.known, to, "rotate_static_role") is True
        assert held.execute("SELECT 1").fetchone() == (1,)
        real.change(site.known, real.bound(site.known, cred, "end_sessions"), "end_sessions")
        with pytest.raises(Exception, match=r"terminat|closed|lost"):
            held.execute("SELECT 1")
    assert isinstance(real.bind(site.known, cred, "create_static_role"), Unbound)


def test_a_rotation_that_fails_leaves_the_old_password_valid(site: Site) -> None:
    cred = site.kept()
    site.sql(f"REVOKE {cred.parts['user']} FROM {site.vault_login}")
    to = real.bound(site.known, cred, "rotate_static_role")
    with pytest.raises(ActionFailed, match="42501"):
        real.change(site.known, to, "rotate_static_role")
    assert real.verify(site.known, cred).validity is Validity.LIVE


def test_taking_a_login_over_rotates_at_once_and_deleting_the_role_brings_nothing_back(site: Site) -> None:
    cred = site.static()
    assert isinstance(real.bind(site.known, cred, "rotate_static_role"), Unbound)
    to = real.bound(site.known, cred, "create_static_role")
    assert "at once" in to.how
    assert "at once" in real.action_of(cred.kind, "create_static_role").wide
    real.change(site.known, to, "create_static_role")
    assert real.verify(site.known, cred).validity is Validity.DEAD
    word = site.call("GET", f"database/static-creds/{cred.parts['user']}")["data"]["password"]
    site.call("DELETE", f"database/static-roles/{cred.parts['user']}")
    assert real.verify(site.known, site.uri(cred.parts["user"], word)).validity is Validity.LIVE, "the password stays as it is"


def test_the_connection_s_own_login_is_rotated(site: Site) -> None:
    cred = site.uri(site.vault_login, site.word)
    assert isinstance(real.bind(site.known, cred, "create_static_role"), Unbound)
    to = real.bound(site.known, cred, "rotate_root")
    assert to.target == "main"
    real.change(site.known, to, "rotate_root")
    assert real.verify(site.known, cred).validity is Validity.DEAD
    made, _ = site.lease()
    assert real.verify(site.known, made).validity is Validity.LIVE, "Vault goes on with the new one"
