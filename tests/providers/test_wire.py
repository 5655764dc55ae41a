"""The provider files over a real connection, against fakes that keep state: live, changed, dead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from revoker.config import NetworkSettings, Settings
from revoker.egress.http import open_pool, writer
from revoker.errors import ActionFailed
from revoker.lab.fakes import Fake, FakeKey, fakes
from revoker.lab.samples import make
from revoker.model import Bound, Credential, Receipt, Secret, Unbound, Verdict
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import run
from tests.providers.samples import value_of

pytestmark = pytest.mark.slow
NAMES = ("groq", "openai", "anthropic", "huggingface", "google", "slack", "stripe", "docker_hub")
OURS = "made-up-authority"
WORDS = {"project": "acme", "client_id": "1.2", "organization": "acme", "preview_version": "v"}


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Fake]]:
    with fakes(NAMES, lags={}, limits={}) as started:
        for fake in started.values():
            fake.book.add(FakeKey("authority", OURS, "authority"))
        yield started


class Wire:
    """One provider behind its fake."""

    def __init__(self, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake = fake
        monkeypatch.setenv("MADE_UP_AUTHORITY", OURS)
        provider = next(provider for provider, _ in OWNERS.values() if provider.id == fake.provider)
        named = {name: WORDS.get(name, "env:MADE_UP_AUTHORITY") for name in provider.authority if name != "ip_allow_list"}
        hosts = dict.fromkeys(provider.hosts, fake.url)
        self.settings = Settings(
            network=NetworkSettings(allow=(ip_network("127.0.0.0/8"),)),
            endpoints={provider.id: hosts},
            authority={provider.id: named},
        )

    def plant(self, kind: str, value: str = "", **more: str) -> Credential:
        """A key that the fake knows, and the credential that leaked."""
        value = value or make(kind)
        self.fake.book.add(FakeKey(more.pop("id", "key-1"), value, kind, "acme", extra=more))
        return Credential(kind, "fp_1", Secret(value), {"username": "acme"})

    def verify(self, cred: Credential) -> Verdict:
        async def work() -> Verdict:
            async with open_pool(self.settings, clock=lambda: datetime.now(UTC)) as pool:
                provider, kind = OWNERS[cred.kind]
                return await kind.verify(cred, pool.reader(provider, credential=cred))

        return run(work())

    def bind(self, cred: Credential, id: str) -> Bound | Unbound:
        async def work() -> Bound | Unbound:
            async with open_pool(self.settings, clock=lambda: datetime.now(UTC)) as pool:
                provider, kind = OWNERS[cred.kind]
                action = next(action for action in kind.actions if action.id == id)
                return await action.bind(cred, pool.reader(provider, credential=cred))

        return run(work())

    def act(self, cred: Credential, id: str) -> Receipt:
        bound = self.bind(cred, id)
        assert isinstance(bound, Bound), bound

        async def work() -> Receipt:
            async with open_pool(self.settings, clock=lambda: datetime.now(UTC)) as pool:
                provider, kind = OWNERS[cred.kind]
                action = next(action for action in kind.actions if action.id == id)
                return await action.run(bound, writer(pool, provider, bound, mark="revoker-run-1", allow=lambda: None))

        return run(work())


@pytest.mark.parametrize("kind", ["huggingface_token", "slack_bot_token"])
def test_a_token_that_revokes_itself_is_dead_afterwards(
    kind: str, running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(running[OWNERS[kind][0].id], monkeypatch)
    cred, other = wire.plant(kind), wire.plant(kind, id="key-2")
    assert wire.verify(cred).validity == "live"
    assert not wire.act(cred, "revoke").already
    assert wire.verify(cred).validity == "dead"
    assert wire.verify(other).validity == "live"


@pytest.mark.parametrize("kind", ["google_api_key", "docker_hub_pat"])
def test_a_key_found_by_its_value_or_its_login_is_deleted_and_no_other(
    kind: str, running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(running[OWNERS[kind][0].id], monkeypatch)
    other, cred = wire.plant(kind, id="key-0"), wire.plant(kind)
    assert wire.verify(cred).validity == "live"
    assert "key-1" in wire.act(cred, "revoke").target
    assert wire.verify(cred).validity == "dead"
    assert wire.verify(other).validity == "live"
    assert "key-0" not in {seen.key for seen in wire.fake.log.changes()}


def test_a_docker_token_is_switched_off_and_on(running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(running["docker_hub"], monkeypatch)
    cred = wire.plant("docker_hub_pat", id="key-9")
    wire.act(cred, "suspend")
    assert wire.verify(cred).validity == "dead"


def test_an_openai_key_is_named_for_a_person_and_replaced_in_its_project(
    running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(running["openai"], monkeypatch)
    cred = wire.plant("openai_project_key", project="proj_web")
    named = wire.bind(cred, "revoke")
    assert isinstance(named, Unbound)
    assert named.reason == "label_only"
    assert "key-1 in proj_web" in named.detail
    made = wire.act(cred, "issue")
    assert made.issued is not None
    new = Credential("openai_service_account_key", "fp_2", made.issued.secret)
    assert wire.verify(new).validity == "live"
    assert wire.verify(cred).validity == "live"


def test_an_anthropic_key_is_named_for_a_person(running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(running["anthropic"], monkeypatch)
    cred = wire.plant("anthropic_api_key", id="apikey_1")
    named = wire.bind(cred, "suspend")
    assert isinstance(named, Unbound)
    assert "apikey_1" in named.detail


def test_a_webhook_is_asked_without_a_message(running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(running["slack"], monkeypatch)
    cred = wire.plant("slack_webhook", value_of(OWNERS["slack_webhook"][1]), id="hook-1")
    assert wire.verify(cred).validity == "live"
    wire.fake.book.change("hook-1", "deleted")
    assert wire.verify(cred).validity == "dead"


@pytest.mark.parametrize("kind", ["groq_api_key", "stripe_secret_key"])
def test_a_kind_without_api_is_followed_until_it_is_dead(
    kind: str, running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(running[OWNERS[kind][0].id], monkeypatch)
    cred = wire.plant(kind)
    assert wire.verify(cred).validity == "live"
    wire.fake.book.change("key-1", "deleted")
    assert wire.verify(cred).validity == "dead"


def test_a_session_of_a_token_may_not_manage_tokens(running: dict[str, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(running["docker_hub"], monkeypatch)
    cred = wire.plant("docker_hub_pat", id="key-8")
    monkeypatch.setenv("MADE_UP_AUTHORITY", "of-nobody")
    with pytest.raises((ActionFailed, AssertionError)):
        wire.act(cred, "revoke")
    assert wire.verify(cred).validity == "live"
