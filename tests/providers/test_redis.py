"""Redis against a real Valkey: its refusals, the trap of nopass, and what a rotation leaves open."""

from __future__ import annotations

import dataclasses
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from revoker.config import Settings
from revoker.errors import ActionFailed
from revoker.model import Credential, Proof, Secret, Unbound
from revoker.providers.redis import login, users
from tests.providers import real
from tests.providers.catalogue import OWNERS

if TYPE_CHECKING:
    from tests.servers.valkey import Valkey

KIND = OWNERS["redis_uri"][1]


def uri(port: int, user: str, word: str, scheme: str = "redis", host: str = "127.0.0.1", tail: str = "") -> Credential:
    text = f"{scheme}://{user}:{word}@{host}:{port}{tail}"
    found = re.fullmatch(KIND.pattern, text)
    assert found is not None
    return Credential("redis_uri", "fp_test", Secret(text), {name: part for name, part in found.groupdict().items() if part})


def fresh(server: Valkey, *rules: str) -> Credential:
    """A user of its own, and its URI."""
    name, word = "app_" + secrets.token_hex(4), secrets.token_hex(12)
    server.do("ACL", "SETUSER", name, "on", f">{word}", *(rules or ("~*", "+@all")))
    return uri(server.port, name, word)


def settings(server: Valkey, user: str = "rotator") -> Settings:
    """A rotator with the rights that the actions name, and no more."""
    word = secrets.token_hex(12)
    rights = ("+acl", "+config|get", "+config|set", "+config|rewrite", "+client|kill")
    server.do("ACL", "SETUSER", user, "on", "resetpass", f">{word}", "-@all", *rights)
    return real.settings("redis", None, {"user": user, "password": word}, f"127.0.0.1:{server.port}")


@pytest.fixture(scope="module")
def known(valkey: Valkey) -> Settings:
    return settings(valkey)


def verdict(known: Settings, cred: Credential) -> tuple[str, str]:
    found = real.verify(known, cred)
    return found.validity.value, found.reason


def test_the_pattern_reads_the_public_parts() -> None:
    found = re.fullmatch(KIND.pattern, "rediss://:" + "pw" + "@[::1]:6390/3?ssl_cert_reqs=none")
    assert found is not None
    assert found.groupdict() == {"user": None, "host": "::1", "port": "6390"}
    assert re.fullmatch(KIND.pattern, "redis://cache.example:6379/0") is None, "without a password it is no credential"


@pytest.mark.slow
def test_the_answers_of_a_real_server(valkey: Valkey, known: Settings) -> None:
    good = fresh(valkey)
    user, word = good.parts["user"], login.password_of(good.secret).reveal()
    assert verdict(known, good) == ("live", "authenticated")
    assert real.verify(known, good).identity.principal == user  # type: ignore[union-attr]
    assert verdict(known, uri(valkey.port, user, "wrong")) == ("dead", "refused")
    assert verdict(known, uri(valkey.port, "nobody_here", word)) == ("dead", "refused")
    assert verdict(known, fresh(valkey, "-@all")) == ("live", "restricted")
    assert verdict(known, uri(valkey.port, "", valkey.password)) == ("live", "authenticated")
    assert verdict(known, uri(valkey.port, "", "wrong")) == ("dead", "refused")
    assert verdict(known, uri(valkey.port, user, word, tail="/7?ssl_cert_reqs=none&username=default")) == (
        "live",
        "authenticated",
    )
    valkey.do("ACL", "SETUSER", user, "off")
    assert verdict(known, good) == ("dead", "refused"), "a user that is off is refused in the same words"
    assert verdict(real.settings("redis", None, {}, "127.0.0.1:1"), good) == ("unknown", "refused_by_policy")


@pytest.mark.slow
def test_one_check_is_one_connection_with_two_logins(valkey: Valkey, known: Settings) -> None:
    cred = uri(valkey.port, "nobody_" + secrets.token_hex(4), "wrong")
    before = int(valkey.client().info("stats")["total_connections_received"])
    assert verdict(known, cred) == ("dead", "refused")
    assert int(valkey.client().info("stats")["total_connections_received"]) - before == 2, "ours, and that of this question"
    failed = [row for row in valkey.client().acl_log() if row["username"] == cred.parts["user"]]
    assert sum(int(row["count"]) for row in failed) == 2


@pytest.mark.slow
def test_a_server_that_asks_for_no_password_proves_nothing(valkey: Valkey, known: Settings) -> None:
    from tests.servers.valkey import valkey as start

    valkey.do("ACL", "SETUSER", "open", "on", "nopass", "+@all")
    assert verdict(known, uri(valkey.port, "open", "anything")) == ("unknown", "no_password_needed")
    with start(password="") as bare:
        somewhere = real.settings("redis", None, {}, f"127.0.0.1:{bare.port}")
        assert verdict(somewhere, uri(bare.port, "", "anything")) == ("unknown", "no_password_needed")
        assert verdict(somewhere, uri(bare.port, "default", "anything")) == ("unknown", "no_password_needed")


@pytest.mark.slow
def test_a_rotation_and_its_sessions(valkey: Valkey, known: Settings) -> None:
    cred = fresh(valkey)
    application = valkey.client(cred.parts["user"], login.password_of(cred.secret).reveal())
    assert application.ping()
    to = real.bound(known, cred, "change_password")
    assert (to.target, to.proof) == (cred.parts["user"], Proof.UNIQUE_HASH)
    chosen = users.choose(to)
    new = Credential(cred.kind, "fp_new", chosen.secret, cred.parts)
    assert real.observe(known, to, "change_password") is False
    made = real.change(known, to, "change_password", chosen)
    assert made.detail == "kept by ACL SAVE"
    assert real.observe(known, to, "change_password") is True
    assert verdict(known, cred) == ("dead", "refused")
    assert verdict(known, new) == ("live", "authenticated")
    assert application.ping(), "an open connection goes on after the change"
    told = real.change(known, real.bound(known, cred, "end_sessions"), "end_sessions")
    assert told.detail == "1 connections were closed"
    with pytest.raises(redis.RedisError):
        application.ping()
    text = (valkey.folder / "users.acl").read_text()
    assert login.password_of(new.secret).reveal() not in text
    assert cred.parts["user"] in text


@pytest.mark.slow
def test_a_user_is_shut_and_opened_again_and_loses_its_password(valkey: Valkey, known: Settings) -> None:
    cred = fresh(valkey)
    assert isinstance(real.bind(known, cred, "restore"), Unbound)
    to = real.bound(known, cred, "suspend")
    real.change(known, to, "suspend")
    assert real.observe(known, to, "suspend") is True
    assert verdict(known, cred) == ("dead", "refused")
    stranger = uri(valkey.port, cred.parts["user"], "made-up")
    assert isinstance(real.bind(known, stranger, "restore"), Unbound), "a made-up URI opens nobody's user"
    real.change(known, real.bound(known, cred, "restore"), "restore")
    assert verdict(known, cred) == ("live", "authenticated")
    valkey.do("ACL", "SETUSER", cred.parts["user"], ">second")
    real.change(known, real.bound(known, cred, "forget_password"), "forget_password")
    assert verdict(known, cred) == ("dead", "refused")
    assert verdict(known, uri(valkey.port, cred.parts["user"], "second")) == ("live", "authenticated")


@pytest.mark.slow
def test_requirepass_is_changed_where_it_stands(tmp_path: Path) -> None:
    from tests.servers.valkey import valkey as start

    with start() as server:
        known = settings(server)
        cred = uri(server.port, "", server.password)
        application = server.client()
        assert application.ping()
        to = real.bound(known, cred, "change_password")
        assert to.target == "default"
        chosen = users.choose(to)
        assert real.change(known, to, "change_password", chosen).detail == "kept by CONFIG REWRITE"
        text = (server.folder / "valkey.conf").read_text()
        assert server.password not in text, "the leaked password is not left in the configuration"
        assert verdict(known, cred) == ("dead", "refused")
        assert verdict(known, Credential("redis_uri", "fp_new", chosen.secret, cred.parts)) == ("live", "authenticated")
        assert application.ping(), "an open connection goes on after the change"
        real.change(known, real.bound(known, cred, "end_sessions"), "end_sessions")
        with pytest.raises(redis.RedisError):
            application.ping()


@pytest.mark.slow
def test_a_change_that_no_file_keeps_is_reported() -> None:
    from tests.servers.valkey import valkey as start

    with start(read_only=True) as server:
        known = settings(server)
        cred = fresh(server)
        made = real.change(known, real.bound(known, cred, "suspend"), "suspend")
        assert "NOT kept" in made.detail


@pytest.mark.slow
def test_made_up_addresses_and_missing_rights(valkey: Valkey, known: Settings) -> None:
    cred = fresh(valkey)
    for user in (cred.parts["user"], "nobody_here", "rotator"):
        for action in ("change_password", "forget_password", "suspend", "restore"):
            assert isinstance(real.bind(known, uri(valkey.port, user, "made-up"), action), Unbound)
    to = real.bound(known, cred, "suspend")
    valkey.do("ACL", "SETUSER", "weak", "on", ">weak", "-@all", "+acl|getuser")
    weak = real.settings("redis", None, {"user": "weak", "password": "weak"}, f"127.0.0.1:{valkey.port}")
    with pytest.raises(ActionFailed) as raised:
        real.change(weak, to, "suspend")
    assert "NOPERM" in raised.value.message
    assert "+acl" in raised.value.next
    assert verdict(known, cred) == ("live", "authenticated")


@pytest.mark.slow
def test_tls_is_checked_by_name_and_authority(valkey: Valkey, tmp_path: Path) -> None:
    from tests.servers.certificates import certificates
    from tests.servers.tls import in_tls

    (tmp_path / "other").mkdir()
    made, other = certificates(tmp_path), certificates(tmp_path / "other", "elsewhere.example")
    with in_tls(valkey.port, made) as port:
        word = fresh(valkey)
        user, secret = word.parts["user"], login.password_of(word.secret).reveal()
        known = real.settings("redis", None, {}, f"127.0.0.1:{port}", f"127.0.0.1:{valkey.port}")
        secure = uri(port, user, secret, "rediss")
        assert verdict(known, secure) == ("unknown", "tls"), "an authority that nobody named is not trusted"
        trusting = dataclasses.replace(known, network=dataclasses.replace(known.network, ca_bundle=made.ca))
        assert verdict(trusting, secure) == ("live", "authenticated")
        assert verdict(trusting, uri(port, user, "wrong", "rediss")) == ("dead", "refused")
        assert verdict(trusting, uri(port, user, secret, "redis")) == ("live", "authenticated"), (
            "redis:// goes to TLS where there is TLS"
        )
        assert verdict(trusting, uri(valkey.port, user, secret, "rediss"))[0] == "unknown", "rediss never goes on in the clear"
    with in_tls(valkey.port, other) as port:
        known = real.settings("redis", None, {}, f"127.0.0.1:{port}")
        foreign = dataclasses.replace(known, network=dataclasses.replace(known.network, ca_bundle=other.ca))
        assert verdict(foreign, uri(port, user, secret, "rediss")) == ("unknown", "tls"), "the name in the certificate is another"
