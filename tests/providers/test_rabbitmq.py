"""RabbitMQ against a real broker: its refusals, the hash, and what a rotation leaves open."""

from __future__ import annotations

import dataclasses
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from revoker.config import Settings
from revoker.model import Bound, Credential, Issued, Proof, Secret, Unbound
from revoker.providers.rabbitmq import login, users
from revoker.sdk import Reply
from tests.providers import real
from tests.providers.catalogue import OWNERS

if TYPE_CHECKING:
    from tests.servers.rabbitmq import RabbitMQ

KIND = OWNERS["amqp_uri"][1]


def uri(port: int, user: str, word: str, vhost: str = "", scheme: str = "amqp", fingerprint: str = "fp_test") -> Credential:
    text = f"{scheme}://{quote(user, safe='')}:{word}@127.0.0.1:{port}" + (f"/{vhost}" if vhost else "")
    found = re.fullmatch(KIND.pattern, text)
    assert found is not None
    return Credential("amqp_uri", fingerprint, Secret(text), {name: part for name, part in found.groupdict().items() if part})


def fresh(server: RabbitMQ, tags: str = "", name: str = "", **more: Any) -> Credential:
    """A user of its own, and its URI."""
    user, word = name or "app_" + secrets.token_hex(4), secrets.token_hex(12)
    server.add_user(user, word, tags, **more)
    return uri(server.port, user, word)


@contextmanager
def session(cred: Credential) -> Iterator[Any]:
    """A connection that an application holds."""
    import pika

    options = {"connection_attempts": 1, "heartbeat": 0}
    parameters = pika.URLParameters(cred.secret.reveal() + "?" + "&".join(f"{k}={v}" for k, v in options.items()))
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


def settings(server: RabbitMQ, **more: Any) -> Settings:
    own = {"user": server.user, "password": server.password}
    hosts = (f"127.0.0.1:{server.port}", f"127.0.0.1:{server.tls_port}", f"localhost:{server.tls_port}")
    known = real.settings("rabbitmq", server.url, own, *hosts)
    return dataclasses.replace(known, **more)


@pytest.fixture(scope="module")
def known(rabbitmq: RabbitMQ) -> Settings:
    return settings(rabbitmq)


def verdict(known: Settings, cred: Credential) -> tuple[str, str]:
    found = real.verify(known, cred)
    return found.validity.value, found.reason


def test_a_stored_hash_is_recognised_and_another_is_not() -> None:
    salt = secrets.token_bytes(4)
    for name, digest in users.ALGORITHMS.items():
        reply = Reply("", 200, json={"password_hash": users.hashed("right", salt, digest), "hashing_algorithm": name})
        assert users.holds(reply, "right") is True
        assert users.holds(reply, "wrong") is False
    assert (
        users.holds(Reply("", 200, json={"password_hash": "x", "hashing_algorithm": "rabbit_password_hashing_md5"}), "x") is None
    )
    assert users.holds(Reply("", 200, json={"password_hash": "!", "hashing_algorithm": users.HASHING}), "x") is None


@pytest.mark.slow
def test_the_answers_of_a_real_broker(rabbitmq: RabbitMQ, known: Settings) -> None:
    good = fresh(rabbitmq)
    user, word = good.parts["user"], login.password_of(good)
    assert verdict(known, good) == ("live", "authenticated")
    assert verdict(known, uri(rabbitmq.port, user, "wrong")) == ("dead", "refused")
    assert verdict(known, uri(rabbitmq.port, "nobody_here", word)) == ("dead", "refused")
    assert verdict(known, uri(rabbitmq.port, user, word, "missing")) == ("live", "no_such_vhost")
    assert verdict(known, uri(rabbitmq.port, user, "wrong", "missing")) == ("dead", "refused")
    assert verdict(known, fresh(rabbitmq, vhost=None)) == ("live", "no_vhost_right")
    assert real.verify(known, fresh(rabbitmq, "monitoring")).identity.scopes == ("monitoring",)  # type: ignore[union-attr]
    port = rabbitmq.url.rpartition(":")[2]
    closed = dataclasses.replace(known, ownership=dataclasses.replace(known.ownership, hosts=(f"127.0.0.1:{port}",)))
    assert verdict(closed, good) == ("unknown", "refused_by_policy")


@pytest.mark.slow
def test_an_unreachable_port_is_told_by_the_management_api_of_the_same_machine(rabbitmq: RabbitMQ, known: Settings) -> None:
    from revoker.lab.servers import free_port

    good, port = fresh(rabbitmq), free_port()
    known = real.settings("rabbitmq", rabbitmq.url, {}, f"127.0.0.1:{port}")
    assert verdict(known, uri(port, good.parts["user"], login.password_of(good))) == ("live", "no_management_right")
    assert verdict(known, uri(port, good.parts["user"], "wrong")) == ("dead", "refused")


@pytest.mark.slow
def test_tls_is_checked_by_name_and_authority(rabbitmq: RabbitMQ, known: Settings) -> None:
    good = fresh(rabbitmq)
    secure = uri(rabbitmq.tls_port, good.parts["user"], login.password_of(good), scheme="amqps")
    assert verdict(known, secure)[1] == "no_management_right", "an authority that nobody named is not trusted: AMQP said nothing"
    trusting = dataclasses.replace(known, network=dataclasses.replace(known.network, ca_bundle=rabbitmq.ca))
    assert verdict(trusting, secure) == ("live", "authenticated")
    clear = uri(rabbitmq.port, good.parts["user"], login.password_of(good), scheme="amqps")
    assert verdict(dataclasses.replace(trusting, endpoints={}), clear)[0] == "unknown", "amqps never goes on in the clear"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "odd/na me@acme"], ids=["plain", "odd"])
def test_a_rotation_and_its_sessions(rabbitmq: RabbitMQ, known: Settings, name: str) -> None:
    cred = fresh(rabbitmq, "monitoring,revoker_test", name)
    to = real.bound(known, cred, "change_password")
    assert to.proof is Proof.UNIQUE_HASH
    chosen = users.choose(to)
    new = Credential(cred.kind, "fp_new", chosen.secret, cred.parts)
    with session(cred) as application:
        channel = application.channel()
        assert real.observe(known, to, "change_password") is False
        real.change(known, to, "change_password", chosen)
        assert real.observe(known, to, "change_password") is True
        assert verdict(known, cred) == ("dead", "refused")
        assert verdict(known, new) == ("live", "authenticated")
        channel.queue_declare("", exclusive=True)  # an open connection goes on after the change
        _ended(rabbitmq, known, cred, application)
    told = rabbitmq.api("GET", users.path_of(to.target).removeprefix("/api/"))[1]
    assert set(told["tags"]) == {"monitoring", "revoker_test"}
    assert login.password_of(new) not in rabbitmq.log.read_text(errors="replace")


def _ended(server: RabbitMQ, known: Settings, cred: Credential, application: Any) -> None:
    import pika

    path = users.path_of(login.user_of(cred), "connections/username/")
    end = time.monotonic() + 15
    while not server.api("GET", path)[1] and time.monotonic() < end:
        time.sleep(0.2)  # a new connection takes some seconds to be listed
    made = real.change(known, real.bound(known, cred, "end_sessions"), "end_sessions")
    assert "listed" in made.detail
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as raised:
        application.process_data_events(5)
    assert raised.value.reply_code == 320
    assert "revoker" in raised.value.reply_text


@pytest.mark.slow
def test_a_user_is_shut_and_opened_again_exactly(rabbitmq: RabbitMQ, known: Settings) -> None:
    cred = fresh(rabbitmq, "monitoring")
    path = f"users/{cred.parts['user']}"
    before = rabbitmq.api("GET", path)[1]["tags"], rabbitmq.api("GET", f"{path}/permissions")[1]
    to = real.bound(known, cred, "suspend")
    real.change(known, to, "suspend")
    assert real.observe(known, to, "suspend") is True
    assert verdict(known, cred) == ("dead", "refused")
    stranger = uri(rabbitmq.port, cred.parts["user"], "made-up", fingerprint="fp_other")
    assert isinstance(real.bind(known, stranger, "restore"), Unbound), "only the credential that was suspended opens it again"
    back = real.bound(known, cred, "restore")
    real.change(known, back, "restore")
    assert real.observe(known, back, "restore") is True
    assert verdict(known, cred) == ("live", "authenticated")
    assert (rabbitmq.api("GET", path)[1]["tags"], rabbitmq.api("GET", f"{path}/permissions")[1]) == before
    real.change(known, real.bound(known, cred, "clear_password"), "clear_password")
    assert verdict(known, cred) == ("dead", "refused")


@pytest.mark.slow
def test_a_made_up_uri_binds_nothing(rabbitmq: RabbitMQ, known: Settings) -> None:
    cred = fresh(rabbitmq)
    for user in (cred.parts["user"], "nobody_here", rabbitmq.user):
        for action in ("change_password", "suspend", "restore", "clear_password"):
            assert isinstance(real.bind(known, uri(rabbitmq.port, user, "made-up"), action), Unbound)
    assert not isinstance(real.bind(real.without_authority(known), cred, "suspend"), Bound)
    assert real.rights(known, "rabbitmq") == {"the tag administrator": True}
    own = {"user": cred.parts["user"], "password": login.password_of(cred)}
    assert real.rights(real.settings("rabbitmq", rabbitmq.url, own), "rabbitmq") == {"the tag administrator": False}


def test_the_new_uri_has_the_form_of_the_leaked_one() -> None:
    cred = uri(5671, "app", "old", "billing", "amqps")
    made: Issued = users.choose(Bound(cred, "app", Proof.EMBEDDED, "for this test"))
    assert re.fullmatch(r"amqps://app:[A-Za-z0-9]{40}@127\.0\.0\.1:5671/billing", made.secret.reveal())
