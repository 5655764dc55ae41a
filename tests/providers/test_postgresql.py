"""PostgreSQL against a real server: its codes, the verifier, and what a rotation leaves open."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings
from revoker.errors import ActionFailed
from revoker.model import Bound, Credential, Issued, Proof, Secret, Unbound, Validity
from revoker.providers.postgresql import login, roles
from revoker.sdk import Reply
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, always, run

if TYPE_CHECKING:
    from revoker.lab.servers import PostgreSQL

KIND = OWNERS["postgresql_uri"][1]


def password() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))


def uri(host: str, port: int, user: str, word: str, database: str) -> Credential:
    text = f"postgresql://{user}:{word}@{host}:{port}/{database}"
    found = re.fullmatch(KIND.pattern, text)
    assert found is not None
    return Credential("postgresql_uri", "fp_test", Secret(text), found.groupdict())


def sql(server: PostgreSQL, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    from revoker.lab.servers import run_sql

    return run_sql(server, statement, values)


def role(server: PostgreSQL, options: str = "LOGIN", database: str = "postgres", name: str = "") -> Credential:
    """A fresh role that the rotator may change, and its URI."""
    name, word = name or "app_" + secrets.token_hex(4), password()
    sql(server, f"CREATE ROLE {roles.quoted(name)} {options} PASSWORD '{word}'")
    sql(server, f"GRANT {roles.quoted(name)} TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    return uri(server.host, server.port, name.replace("@", "%40").replace('"', "%22"), word, database)


@contextmanager
def session(server: PostgreSQL, cred: Credential) -> Iterator[Any]:
    """A connection that the application holds."""
    import psycopg

    connection = psycopg.connect(cred.secret.reveal(), connect_timeout=5, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture(scope="module")
def known(postgresql: PostgreSQL) -> Settings:
    """A rotator with the two rights that the actions name."""
    word = password()
    sql(postgresql, f"CREATE ROLE rotator LOGIN CREATEROLE PASSWORD '{word}'")
    sql(postgresql, "GRANT pg_signal_backend TO rotator")
    own = {"user": "rotator", "password": word, "database": "postgres"}
    return real.settings("postgresql", None, own, f"{postgresql.host}:{postgresql.port}")


def verdict(known: Settings, cred: Credential) -> tuple[str, str]:
    found = real.verify(known, cred)
    return found.validity.value, found.reason


def test_the_pattern_reads_the_public_parts() -> None:
    found = re.fullmatch(KIND.pattern, "postgres://app:" + "pw" + "@[::1]:6432/billing?sslmode=require")
    assert found is not None
    assert found.groupdict() == {"user": "app", "host": "::1", "port": "6432", "database": "billing"}
    assert re.fullmatch(KIND.pattern, "postgres://app@db.example/billing") is None, "without a password it is no credential"


def test_names_are_quoted() -> None:
    assert roles.quoted('a"b') == '"a""b"'


def test_the_verifier_never_holds_the_password() -> None:
    word = password()
    assert word not in roles.verifier(word, b"0" * 16)


def test_a_role_that_we_act_with_is_not_bound() -> None:
    cred = uri("db.example", 5432, "rotator", password(), "app")
    reader = FakeReader(
        OWNERS["postgresql_uri"][0], always(Reply("")), authority={"password": "made-up"}, settings={"user": "rotator"}
    )
    found = run(login.bind(cred, reader))
    assert isinstance(found, Unbound)
    assert found.reason == "own_authority"


@pytest.mark.slow
def test_the_codes_of_a_real_server(postgresql: PostgreSQL, known: Settings) -> None:
    sql(postgresql, "CREATE DATABASE closed")
    sql(postgresql, "REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    sql(postgresql, "CREATE DATABASE shut ALLOW_CONNECTIONS false")
    good = role(postgresql)
    host, port, user = postgresql.host, postgresql.port, good.parts["user"]
    word = roles.password_in(good.secret)
    assert verdict(known, good) == ("live", "authenticated")
    assert verdict(known, uri(host, port, user, password(), "postgres")) == ("dead", "refused")
    assert verdict(known, uri(host, port, "nobody_here", word, "postgres")) == ("dead", "refused")
    assert verdict(known, uri(host, port, user, word, "missing")) == ("live", "no_such_database")
    assert verdict(known, uri(host, port, user, password(), "missing")) == ("dead", "refused")
    assert verdict(known, uri(host, port, user, word, "closed")) == ("live", "no_connect_right")
    assert verdict(known, uri(host, port, user, word, "shut")) == ("live", "database_closed")
    assert verdict(known, role(postgresql, "NOLOGIN")) == ("dead", "login_disabled")
    assert verdict(known, role(postgresql, "LOGIN VALID UNTIL '2020-01-01'")) == ("dead", "refused")


@pytest.mark.slow
def test_the_role_s_own_limit_proves_that_the_password_is_right(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql, "LOGIN CONNECTION LIMIT 1")
    with session(postgresql, cred):
        assert verdict(known, cred) == ("live", "role_connection_limit")


@pytest.mark.slow
def test_the_identity_tells_what_the_role_may_do(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql, "LOGIN CREATEDB VALID UNTIL '2099-01-01 00:00:00+00'")
    who = real.verify(known, cred).identity
    assert who is not None
    assert who.principal == cred.parts["user"]
    assert who.scopes == ("createdb",)
    assert who.expires_at is not None
    assert who.expires_at.year in (2098, 2099)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", 'odd"name@acme'], ids=["plain", "odd"])
def test_a_rotation_and_its_sessions(postgresql: PostgreSQL, known: Settings, name: str) -> None:
    cred = role(postgresql, name=name)
    to = real.bound(known, cred, "change_password")
    assert (to.target, to.proof) == (login.role_of(cred), Proof.EMBEDDED)
    chosen = roles.choose(to)
    assert chosen.secret_parts["password"].same_as(Secret(roles.password_in(chosen.secret)))
    assert chosen.secret_parts["password"].reveal() not in chosen.parts.values()
    fresh = Credential(cred.kind, "fp_new", chosen.secret, cred.parts)
    with session(postgresql, cred) as application:
        assert real.observe(known, to, "change_password") is False
        real.change(known, to, "change_password", chosen)
        assert real.observe(known, to, "change_password") is True
        assert verdict(known, cred) == ("dead", "refused")
        assert verdict(known, fresh) == ("live", "authenticated")
        assert application.execute("SELECT 1").fetchone() == (1,), "an open session goes on after the change"
        real.change(known, real.bound(known, cred, "end_sessions"), "end_sessions")
        with pytest.raises(Exception, match="terminat"):
            application.execute("SELECT 1")


@pytest.mark.slow
def test_the_server_got_the_verifier_that_we_computed(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql)
    to = real.bound(known, cred, "change_password")
    chosen = roles.choose(to)
    real.change(known, to, "change_password", chosen)
    stored = str(sql(postgresql, "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [to.target])[0][0])
    assert re.fullmatch(r"SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+", stored)
    assert roles.password_in(chosen.secret) not in stored


@pytest.mark.slow
def test_a_role_is_shut_and_opened_again(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql)
    to = real.bound(known, cred, "suspend")
    assert real.observe(known, to, "suspend") is False
    real.change(known, to, "suspend")
    assert real.observe(known, to, "suspend") is True
    assert verdict(known, cred) == ("dead", "login_disabled")
    back = real.bound(known, cred, "restore")
    real.change(known, back, "restore")
    assert real.observe(known, back, "restore") is True
    assert verdict(known, cred) == ("live", "authenticated")


@pytest.mark.slow
def test_a_made_up_uri_with_our_role_s_name_binds_nothing(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql)
    made_up = uri(postgresql.host, postgresql.port, cred.parts["user"], password(), "postgres")
    for action in ("change_password", "suspend", "restore"):
        found = real.bind(known, made_up, action)
        assert isinstance(found, Unbound)
        assert found.reason == "not_live"


@pytest.mark.slow
def test_a_rotator_without_admin_option_is_told_what_it_needs(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql)
    sql(postgresql, f"REVOKE {cred.parts['user']} FROM rotator")
    to = real.bound(known, cred, "suspend")
    with pytest.raises(ActionFailed) as raised:
        real.change(known, to, "suspend")
    assert "42501" in raised.value.message
    assert "ADMIN OPTION" in raised.value.next
    assert verdict(known, cred) == ("live", "authenticated")


@pytest.mark.slow
def test_a_host_that_is_not_ours_is_not_dialled(postgresql: PostgreSQL, known: Settings) -> None:
    cred = role(postgresql)
    stranger = real.settings("postgresql", None, {}, "db.example:5432")
    assert real.verify(stranger, cred).validity is Validity.UNKNOWN
    assert real.verify(stranger, cred).reason == "refused_by_policy"


def test_no_password_is_changed_without_one_that_is_stored() -> None:
    from tests.providers.fake_api import FakeWriter

    cred = uri("db.example", 5432, "app", password(), "app")
    api = FakeWriter(OWNERS["postgresql_uri"][0], always(Reply("")), authority={"password": "made-up"})
    with pytest.raises(ActionFailed):
        run(roles.change_password(Bound(cred, "app", Proof.EMBEDDED, "for this test"), api))
    assert not api.sent
    api.chosen = Issued("app", Secret("postgresql://app:" + password() + "@db.example:5432/app"))
    run(roles.change_password(Bound(cred, "app", Proof.EMBEDDED, "for this test"), api))
    assert roles.password_in(api.chosen.secret) not in api.sent[0].path
