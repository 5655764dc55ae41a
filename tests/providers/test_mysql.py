"""MariaDB, the real server: its codes, what a rotation sends and leaves open, and who is not touched by it."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings
from revoker.errors import ActionFailed
from revoker.lab.mariadb import installed, mariadb, run_sql
from revoker.model import Bound, Credential, Issued, Proof, Secret, Unbound
from revoker.providers.mysql import accounts, login
from revoker.sdk import Reply
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, always, run

if TYPE_CHECKING:
    from revoker.lab.mariadb import MariaDB

needs_mariadb = pytest.mark.skipif(installed() is not None, reason=str(installed()))
KIND = OWNERS["mysql_uri"][1]


def password() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))


def uri(server: Any, user: str, word: str, database: str = "") -> Credential:
    path = f"/{database}" if database else ""
    text = f"mysql://{user}:{word}@{server.host}:{server.port}{path}"
    found = re.fullmatch(KIND.pattern, text)
    assert found is not None
    return Credential("mysql_uri", "fp_test", Secret(text), {name: part for name, part in found.groupdict().items() if part})


def account(server: MariaDB, tail: str = "", host: str = "%", name: str = "", word: str = "") -> Credential:
    """A fresh account and its URI."""
    name, word = name or "app_" + secrets.token_hex(4), word or password()
    run_sql(server, f"CREATE USER {accounts.quoted(name, host)} IDENTIFIED BY '{word}' {tail}")
    return uri(server, name.replace("@", "%40").replace("`", "%60").replace("%'", "%25'"), word)


@contextmanager
def session(server: MariaDB, cred: Credential) -> Iterator[Any]:
    """A connection that the application holds."""
    import pymysql

    word = accounts.password_in(cred.secret)
    connection = pymysql.connect(host=server.host, port=server.port, user=login.user_of(cred), password=word, connect_timeout=5)
    try:
        yield connection
    finally:
        connection._force_close()  # type: ignore[attr-defined]


def asks(connection: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()


@pytest.fixture(scope="module")
def known(maria: MariaDB) -> Settings:
    """A rotator with the rights that the actions name, and no others."""
    word = password()
    run_sql(maria, f"CREATE USER rotator@'%' IDENTIFIED BY '{word}'")
    run_sql(maria, "GRANT CREATE USER, CONNECTION ADMIN ON *.* TO rotator@'%'")
    run_sql(maria, "GRANT SELECT ON mysql.global_priv TO rotator@'%'")
    return real.settings("mysql", None, {"user": "rotator", "password": word}, f"{maria.host}:{maria.port}")


def verdict(known: Settings, cred: Credential) -> tuple[str, str]:
    found = real.verify(known, cred)
    return found.validity.value, found.reason


def at(server: MariaDB) -> Settings:
    return real.settings("mysql", None, {}, f"{server.host}:{server.port}")


def test_a_user_that_we_act_with_is_not_bound() -> None:
    here = type("Here", (), {"host": "db.example", "port": 3306})
    cred = uri(here, "rotator", password())
    provider = OWNERS["mysql_uri"][0]
    reader = FakeReader(provider, always(Reply("")), authority={"password": "made-up"}, settings={"user": "rotator"})
    found = run(login.bind(cred, reader))
    assert isinstance(found, Unbound)
    assert found.reason == "own_authority"


def test_names_are_quoted_in_every_sql_mode() -> None:
    assert accounts.quoted("a`b'\\", "%") == "`a``b'\\`@`%`"


@needs_mariadb
@pytest.mark.slow
def test_the_codes_of_a_real_server(maria: MariaDB, known: Settings) -> None:
    good = account(maria)
    user, word = good.parts["user"], accounts.password_in(good.secret)
    run_sql(maria, "CREATE DATABASE IF NOT EXISTS closed")
    assert verdict(known, good) == ("live", "authenticated")
    assert verdict(known, uri(maria, user, password())) == ("dead", "refused")
    assert verdict(known, uri(maria, "nobody_here", word)) == ("dead", "refused")
    assert verdict(at(maria), uri(maria, user, password())) == ("dead", "refused_from_this_host"), "nobody looked at other hosts"
    assert verdict(known, uri(maria, user, word, "closed")) == ("live", "no_database_right")
    assert verdict(known, uri(maria, user, password(), "closed")) == ("dead", "refused")
    assert verdict(known, uri(maria, maria.user, maria.password, "missing")) == ("live", "no_such_database")
    assert verdict(known, account(maria, "ACCOUNT LOCK")) == ("dead", "login_disabled")
    assert verdict(known, account(maria, "PASSWORD EXPIRE")) == ("live", "must_change_password")


@needs_mariadb
@pytest.mark.slow
def test_a_user_that_is_not_there_meets_the_plugin_of_any_account_and_is_refused(maria: MariaDB, known: Settings) -> None:
    run_sql(maria, "CREATE USER IF NOT EXISTS by_socket@`%` IDENTIFIED VIA unix_socket")
    seen = [real.verify(known, uri(maria, f"nobody_{number}", password())).evidence for number in range(40)]
    assert {one.code for one in seen if one} == {"1045", "1698"}
    assert {verdict(known, uri(maria, f"nobody_{number}", password())) for number in range(10)} == {("dead", "refused")}


@needs_mariadb
@pytest.mark.slow
def test_a_password_that_opens_the_door_to_other_hosts_only_is_not_dead(maria: MariaDB, known: Settings) -> None:
    cred = account(maria, host="10.0.0.1")
    assert verdict(at(maria), cred) == ("dead", "refused_from_this_host")
    assert verdict(known, cred) == ("live", "open_to_other_hosts")
    who = real.verify(known, cred).identity
    assert who is not None
    assert who.principal == f"{cred.parts['user']}@10.0.0.1"
    to = real.bound(known, cred, "change_password")
    real.change(known, to, "change_password", accounts.choose(to))
    assert verdict(known, cred) == ("dead", "refused")
    assert verdict(known, account(maria, "ACCOUNT LOCK", host="10.0.0.1")) == ("dead", "login_disabled")


@needs_mariadb
@pytest.mark.slow
def test_an_account_s_own_limit_proves_that_the_password_is_right(maria: MariaDB, known: Settings) -> None:
    cred = account(maria, "WITH MAX_USER_CONNECTIONS 1")
    with session(maria, cred):
        assert verdict(known, cred) == ("live", "resource_limit")
        assert verdict(known, uri(maria, cred.parts["user"], password())) == ("dead", "refused")


@needs_mariadb
@pytest.mark.slow
def test_an_expired_password_that_shuts_the_door_was_right() -> None:
    with mariadb("--disconnect-on-expired-password=ON") as server:
        assert verdict(at(server), account(server, "PASSWORD EXPIRE")) == ("live", "password_expired")


@needs_mariadb
@pytest.mark.slow
def test_a_full_server_and_one_that_takes_no_host_say_nothing_about_a_password() -> None:
    with mariadb("--max-connections=10") as server:
        cred, root = account(server), uri(server, server.user, server.password)
        held = []
        try:
            for _ in range(10):
                one = session(server, cred)
                one.__enter__()
                held.append(one)
            assert verdict(at(server), cred) == ("unknown", "server_full")
        finally:
            for one in held:
                one.__exit__(None, None, None)
        run_sql(server, "UPDATE mysql.global_priv SET Host = '10.0.0.1' WHERE User <> 'mariadb.sys'")
        run_sql(server, "FLUSH PRIVILEGES")
        assert verdict(at(server), root) == ("unknown", "host_refused")
    assert verdict(at(server), root) == ("unknown", "connect")


@needs_mariadb
@pytest.mark.slow
def test_a_server_that_takes_any_password_proves_none() -> None:
    with mariadb("--skip-grant-tables") as server:
        assert verdict(at(server), uri(server, "anybody", password())) == ("unknown", "no_password_needed")


@needs_mariadb
@pytest.mark.slow
def test_a_login_as_nobody_proves_none(maria: MariaDB, known: Settings) -> None:
    word = password()
    run_sql(maria, f"CREATE USER ''@'%' IDENTIFIED BY '{word}'")
    try:
        assert verdict(known, uri(maria, "whoever", word)) == ("unknown", "no_password_needed")
    finally:
        run_sql(maria, "DROP USER ''@'%'")


@needs_mariadb
@pytest.mark.slow
def test_the_identity_tells_what_the_account_may_do_and_never_its_hash(maria: MariaDB, known: Settings) -> None:
    cred = account(maria)
    run_sql(maria, f"GRANT SELECT ON closed_too.* TO `{cred.parts['user']}`@`%` WITH GRANT OPTION")
    who = real.verify(known, cred).identity
    assert who is not None
    assert who.principal == f"{cred.parts['user']}@%"
    assert who.scopes[0] == f"GRANT USAGE ON *.* TO `{cred.parts['user']}`@`%`"
    assert "WITH GRANT OPTION" in who.scopes[1]
    assert "MariaDB" in who.scopes[-1]
    assert accounts.native_hash(accounts.password_in(cred.secret)) not in repr(who)


@needs_mariadb
@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "odd`name@acme"], ids=["plain", "odd"])
def test_a_rotation_and_its_sessions(maria: MariaDB, known: Settings, name: str) -> None:
    cred = account(maria, name=name)
    word = accounts.password_in(cred.secret)
    run_sql(maria, f"CREATE USER {accounts.quoted(login.user_of(cred), '127.0.0.1')} IDENTIFIED BY '{word}'")
    to = real.bound(known, cred, "change_password")
    assert (to.target, to.proof) == (login.user_of(cred), Proof.EMBEDDED)
    chosen = accounts.choose(to)
    assert chosen.secret_parts["password"].same_as(Secret(accounts.password_in(chosen.secret)))
    fresh = Credential(cred.kind, "fp_new", chosen.secret, cred.parts)
    with session(maria, cred) as application:
        assert real.observe(known, to, "change_password") is False
        real.change(known, to, "change_password", chosen)
        assert real.observe(known, to, "change_password") is True
        assert verdict(known, cred) == ("dead", "refused")
        assert verdict(known, fresh) == ("live", "authenticated")
        assert asks(application) == (1,), "an open session goes on after the change"
        real.change(known, real.bound(known, cred, "end_sessions"), "end_sessions")
        with pytest.raises(Exception, match=r"Lost connection|gone away|killed"):
            asks(application)
    stored = run_sql(maria, "SELECT Host, authentication_string FROM mysql.user WHERE User = %s", [to.target])
    new = accounts.native_hash(accounts.password_in(chosen.secret))
    assert sorted(stored) == [("%", new), ("127.0.0.1", new)], "every host's account has the new password"


@needs_mariadb
@pytest.mark.slow
def test_no_password_stands_in_the_server_s_log(maria: MariaDB, known: Settings) -> None:
    cred = account(maria)
    before = maria.log.read_text().count(accounts.password_in(cred.secret))  # the CREATE USER of this test
    to = real.bound(known, cred, "change_password")
    chosen = accounts.choose(to)
    real.change(known, to, "change_password", chosen)
    text = maria.log.read_text()
    assert accounts.native_hash(accounts.password_in(chosen.secret)) in text, "this log has the statement"
    assert accounts.password_in(chosen.secret) not in text
    assert text.count(accounts.password_in(cred.secret)) == before


@needs_mariadb
@pytest.mark.slow
def test_an_account_of_the_same_name_with_another_password_is_left_alone(maria: MariaDB, known: Settings) -> None:
    cred, other = account(maria), password()
    user = cred.parts["user"]
    run_sql(maria, f"CREATE USER `{user}`@`10.1.%` IDENTIFIED BY '{other}'")
    for action in ("suspend", "restore", "change_password"):
        to = real.bound(known, cred, action)
        real.change(known, to, action, accounts.choose(to))
    stored = dict(run_sql(maria, "SELECT Host, authentication_string FROM mysql.user WHERE User = %s", [user]))
    assert stored["10.1.%"] == accounts.native_hash(other)
    told = run_sql(
        maria, "SELECT JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv WHERE User = %s AND Host = '10.1.%%'", [user]
    )
    assert told == [(None,)], "and never locked"


@needs_mariadb
@pytest.mark.slow
def test_an_account_with_two_ways_in_goes_to_a_person(maria: MariaDB, known: Settings) -> None:
    cred = account(maria)
    word = accounts.native_hash(accounts.password_in(cred.secret))
    run_sql(maria, f"ALTER USER `{cred.parts['user']}`@`%` IDENTIFIED VIA mysql_native_password USING '{word}' OR unix_socket")
    to = real.bound(known, cred, "change_password")
    with pytest.raises(ActionFailed) as raised:
        real.change(known, to, "change_password", accounts.choose(to))
    assert "for a person" in raised.value.message
    assert verdict(known, cred) == ("live", "authenticated")


@needs_mariadb
@pytest.mark.slow
def test_an_account_is_shut_and_opened_again(maria: MariaDB, known: Settings) -> None:
    cred = account(maria)
    to = real.bound(known, cred, "suspend")
    assert real.observe(known, to, "suspend") is False
    real.change(known, to, "suspend")
    assert real.observe(known, to, "suspend") is True
    assert verdict(known, cred) == ("dead", "login_disabled")
    back = real.bound(known, cred, "restore")
    real.change(known, back, "restore")
    assert real.observe(known, back, "restore") is True
    assert verdict(known, cred) == ("live", "authenticated")


@needs_mariadb
@pytest.mark.slow
def test_a_made_up_uri_with_a_user_s_name_binds_nothing(maria: MariaDB, known: Settings) -> None:
    made_up = uri(maria, account(maria).parts["user"], password())
    for action in ("change_password", "suspend", "restore"):
        found = real.bind(known, made_up, action)
        assert isinstance(found, Unbound)
        assert found.reason == "not_live"


@needs_mariadb
@pytest.mark.slow
def test_the_changes_for_mysql_are_not_for_mariadb(maria: MariaDB, known: Settings) -> None:
    found = real.bind(known, account(maria), "change_password_on_mysql")
    assert isinstance(found, Unbound)
    assert found.reason == "other_server"


@needs_mariadb
@pytest.mark.slow
def test_a_rotator_without_rights_is_told_what_it_needs(maria: MariaDB, known: Settings) -> None:
    cred, weak = account(maria), account(maria)
    own = {"user": weak.parts["user"], "password": accounts.password_in(weak.secret)}
    poor = real.settings("mysql", None, own, f"{maria.host}:{maria.port}")
    to = real.bound(poor, cred, "suspend")
    with pytest.raises(ActionFailed) as raised:
        real.change(poor, to, "suspend")
    assert "global_priv" in raised.value.next
    run_sql(maria, f"GRANT SELECT ON mysql.global_priv TO `{weak.parts['user']}`@`%`")
    with pytest.raises(ActionFailed) as raised:
        real.change(poor, to, "suspend")
    assert "1227" in raised.value.message
    assert "CREATE USER" in raised.value.next
    with session(maria, cred) as application:
        with pytest.raises(ActionFailed) as raised:
            real.change(poor, real.bound(poor, cred, "end_sessions"), "end_sessions")
        assert "CONNECTION ADMIN" in raised.value.next
        assert asks(application) == (1,)
    assert verdict(known, cred) == ("live", "authenticated")


@needs_mariadb
@pytest.mark.slow
def test_a_server_that_takes_no_hashes_is_left_as_it_is() -> None:
    with mariadb() as server:
        cred = account(server)
        run_sql(server, "INSTALL SONAME 'simple_password_check'")
        full = real.settings("mysql", None, {"user": server.user, "password": server.password}, f"{server.host}:{server.port}")
        to = real.bound(full, cred, "change_password")
        chosen = accounts.choose(to)
        with pytest.raises(ActionFailed) as raised:
            real.change(full, to, "change_password", chosen)
        assert "by hand" in raised.value.next
        assert verdict(full, cred) == ("live", "authenticated")


@needs_mariadb
@pytest.mark.slow
def test_a_host_that_is_not_ours_is_not_dialled(maria: MariaDB, known: Settings) -> None:
    from dataclasses import replace

    from revoker.config import OwnershipSettings

    foreign = replace(known, ownership=OwnershipSettings(hosts=("db.example",)))
    before = maria.log.read_text()
    assert verdict(foreign, account(maria))[0] == "unknown"
    assert maria.log.read_text().count("Connect") == before.count("Connect") + 1, "the administrator's own"


def test_the_new_uri_keeps_the_form_of_the_leaked_one() -> None:
    here = type("Here", (), {"host": "db.example", "port": 3307})
    cred = uri(here, "app", password(), "orders")
    chosen: Issued = accounts.choose(Bound(cred, "app", Proof.EMBEDDED, "lab"))
    assert re.fullmatch(r"mysql://app:[A-Za-z0-9]{40}@db\.example:3307/orders", chosen.secret.reveal())
