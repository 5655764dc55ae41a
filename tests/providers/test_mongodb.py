"""MongoDB against a server that checks the proof: which database, which mechanism, and what is never dialled."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from revoker.ingest.nosql import normal
from revoker.model import Credential, Secret
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.servers.mongodb import Mongo, mongo

KIND = OWNERS["mongodb_uri"][1]


@pytest.fixture
def server() -> Iterator[Mongo]:
    with mongo() as running:
        yield running


def credential(text: str) -> Credential:
    value = (normal(text) or (text, {}))[0]
    found = re.fullmatch(KIND.pattern, value)
    assert found is not None, value
    return Credential("mongodb_uri", "fp_test", Secret(value), {name: part for name, part in found.groupdict().items() if part})


def verdict(server: Mongo, login: str, tail: str = "") -> tuple[str, str]:
    known = real.settings("mongodb", None, {}, f"127.0.0.1:{server.port}")
    found = real.verify(known, credential(f"mongodb://{login}@127.0.0.1:{server.port}{tail}"))
    return found.validity.value, found.reason


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_a_proof_is_made_and_the_server_s_is_checked(server: Mongo, mechanism: str) -> None:
    server.add("admin", "app", "right", mechanism)
    assert verdict(server, "app:right") == ("live", "authenticated")
    assert server.attempts == [("admin", "app", mechanism)]
    assert verdict(server, "app:wrong") == ("dead", "refused")
    assert len(server.attempts) == 2, "one attempt where one database is possible"


def test_both_databases_are_tried_before_a_refusal_counts(server: Mongo) -> None:
    server.add("billing", "app", "right")
    server.add("admin", "root", "right")
    assert verdict(server, "app:right", "/billing") == ("live", "authenticated")
    assert verdict(server, "root:right", "/billing") == ("live", "authenticated")
    server.attempts.clear()
    assert verdict(server, "app:wrong", "/billing?retryWrites=true") == ("dead", "refused")
    assert [source for source, _, _ in server.attempts] == ["billing", "admin"]


def test_the_option_that_names_the_database_of_the_user_is_heard(server: Mongo) -> None:
    server.add("auth", "app", "right")
    options = "authSource=auth&tlsInsecure=true&replicaSet=rs0&proxyHost=evil.example&tlsCAFile=/etc/passwd"
    assert verdict(server, "app:right", f"/billing?{options}") == ("live", "authenticated")
    value = credential(f"mongodb://app:right@127.0.0.1:{server.port}/billing?{options}").secret.reveal()
    assert value == f"mongodb://app:right@127.0.0.1:{server.port}/auth"


def test_an_old_server_and_a_lying_one(server: Mongo) -> None:
    server.add("admin", "app", "right")
    server.old = True
    assert verdict(server, "app:right") == ("live", "authenticated")
    server.lies = True
    assert verdict(server, "app:wrong") == ("unknown", "server_unproven"), "a server that takes any proof shows none of its own"


def test_the_identity_tells_user_database_and_roles(server: Mongo) -> None:
    server.add("billing", "a,b=c", "right")
    known = real.settings("mongodb", None, {}, f"127.0.0.1:{server.port}")
    who = real.verify(known, credential(f"mongodb://a%2Cb%3Dc:right@127.0.0.1:{server.port}/billing")).identity
    assert who is not None
    assert (who.principal, who.scopes) == ("a,b=c@billing", ("readWrite@billing",))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("mongodb+srv://app:{}@cluster.example/x", "srv_not_resolved"),
        ("mongodb://app:{}@one.example:27017,two.example:27017/x?replicaSet=rs0", "several_hosts"),
        ("mongodb://app:{}@one.example/x?authMechanism=MONGODB-AWS", "no_password_login"),
        ("mongodb://app:{}@one.example/x?authMechanism=GSSAPI&authSource=$external", "no_password_login"),
        ("mongodb://app:{}@one.example/x", "refused_by_policy"),
    ],
)
def test_what_is_not_dialled(address: str, reason: str) -> None:
    cred = credential(address.format("word"))
    found = real.verify(real.settings("mongodb", None, {}, "elsewhere.example"), cred)
    assert (found.validity.value, found.reason) == ("unknown", reason)
