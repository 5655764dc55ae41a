"""Sweeps over real connections: one request each, freshness, the outage freeze, and what is due again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revoker.config import KeySettings, NetworkSettings, OwnershipSettings, Settings, StoreSettings, VerifySettings
from revoker.lab import samples
from revoker.lab.fakes import Fake, FakeKey, fakes
from revoker.model import Credential, Effect, Finding, Location, Secret, Status, Validity
from revoker.recheck import recheck
from revoker.sdk import public_half
from revoker.secrets import fingerprint
from revoker.store import credentials, incidents
from revoker.store.database import Store, open_store
from revoker.verify import VerifySummary, verify

if TYPE_CHECKING:
    from tests.conftest import Clock

GROQ = "groq_api_key"


@pytest.fixture
def groq() -> Iterator[Fake]:
    with fakes(["groq"], lags={}, limits={}) as running:
        yield running["groq"]


@pytest.fixture
def settings(tmp_path: Path, groq: Fake) -> Settings:
    tmp_path.chmod(0o700)
    return replace(
        Settings(),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/revoker.db", key=f"file:{tmp_path}/revoker.key"),
        network=NetworkSettings(None, None, (ip_network("127.0.0.1/32"),), None),
        endpoints={"groq": groq.url},
        ownership=OwnershipSettings(assume=True),
        verify=VerifySettings(propagation=timedelta(minutes=10)),
    )


@pytest.fixture
def store(settings: Settings, clock: Clock) -> Store:
    opened = open_store(settings, create=True)
    incidents.open_incident(opened, "the leak", clock())
    return opened


def ingest(store: Store, groq: Fake, clock: Clock, states: list[str]) -> list[str]:
    """Plant keys of these states at the fake and in the store; their fingerprints."""
    batch, found = [], []
    for number, state in enumerate(states):
        value = samples.make(GROQ)
        if state != "never":
            groq.book.add(FakeKey(f"k{number}", value, GROQ, state=state))
        cred = Credential(GROQ, fingerprint(store.keys, GROQ, Secret(value)), Secret(value))
        batch.append((Finding("groq", Location("gitleaks", file=".env", line=number), cred.secret), cred))
        found.append(cred.fingerprint)
    incident = incidents.list_incidents(store)[0].id
    credentials.add_findings(store, batch, incident, clock())
    return found


def sweep(store: Store, settings: Settings, clock: Clock, *, force: bool = False) -> VerifySummary:
    return verify(store, credentials.select(store), settings=settings, clock=clock, force=force)


def statuses(store: Store) -> dict[str, Status]:
    return {row.fingerprint: row.status for row in credentials.select(store)}


def test_one_request_each_and_none_while_fresh(store: Store, settings: Settings, groq: Fake, clock: Clock) -> None:
    found = ingest(store, groq, clock, ["live", "live", "never"])
    done = sweep(store, settings, clock)
    assert (done.asked, len(groq.log.all())) == (3, 3)
    assert done.answered == {Validity.LIVE: 2, Validity.DEAD: 1}
    assert statuses(store) == dict(zip(found, [Status.LIVE, Status.LIVE, Status.DEAD], strict=True))
    again = sweep(store, settings, clock)
    assert (again.asked, again.fresh, len(groq.log.all())) == (0, 3, 3)
    clock.advance(timedelta(hours=2))
    assert sweep(store, settings, clock).asked == 3


def test_the_gate_lets_no_request_out(store: Store, settings: Settings, groq: Fake, clock: Clock) -> None:
    (one,) = ingest(store, groq, clock, ["live"])
    strict = replace(settings, ownership=OwnershipSettings())
    assert sweep(store, strict, clock).answered == {Validity.SKIPPED: 1}
    assert statuses(store) == {one: Status.SKIPPED}
    assert groq.log.all() == []
    incidents.attest(store, incidents.list_incidents(store)[0].id, "alice", "INC-42", clock() + timedelta(days=1), clock())
    assert sweep(store, strict, clock).answered == {Validity.LIVE: 1}
    assert statuses(store) == {one: Status.LIVE}


def proven_dead(store: Store, settings: Settings, groq: Fake, clock: Clock) -> str:
    """An attested key that was seen live, died, and was proven dead."""
    (one,) = ingest(store, groq, clock, ["live"])
    incidents.attest(store, incidents.list_incidents(store)[0].id, "alice", "INC-42", clock() + timedelta(days=30), clock())
    sweep(store, settings, clock)
    groq.book.change("k0", "disabled")
    credentials.record_change(store, one, Effect.REVOKE, clock())
    recheck(store, settings=settings, clock=clock)
    clock.advance(timedelta(minutes=10))
    recheck(store, settings=settings, clock=clock)
    assert statuses(store) == {one: Status.DEAD}
    return one


def test_a_second_report_without_a_word_takes_no_attestation_back(
    store: Store, settings: Settings, groq: Fake, clock: Clock
) -> None:
    strict = replace(settings, ownership=OwnershipSettings())
    one = proven_dead(store, strict, groq, clock)
    cred = credentials.unseal_credential(store, one)
    later = incidents.open_incident(store, "the same report again", clock())
    finding = Finding("groq", Location("gitleaks", file=".env", line=7), cred.secret)
    credentials.add_findings(store, [(finding, cred)], later.id, clock())
    groq.book.change("k0", "live")
    clock.advance(timedelta(hours=2))
    back = recheck(store, settings=strict, clock=clock)
    assert [t.fingerprint for t in back.resurrected] == [one]


def test_a_dead_one_that_nobody_vouches_for_any_more_is_said_each_day(
    store: Store, settings: Settings, groq: Fake, clock: Clock
) -> None:
    strict = replace(settings, ownership=OwnershipSettings())
    one = proven_dead(store, strict, groq, clock)
    groq.book.change("k0", "live")
    clock.advance(timedelta(days=31))
    for _ in range(3):
        done = recheck(store, settings=strict, clock=clock)
        assert (done.verified.lapsed, done.resurrected) == ((one,), ())
        clock.advance(timedelta(days=1))
    incidents.attest(store, incidents.list_incidents(store)[0].id, "alice", "still ours", clock() + timedelta(days=9), clock())
    assert [t.fingerprint for t in recheck(store, settings=strict, clock=clock).resurrected] == [one]


@pytest.mark.row("F16")
def test_a_wave_of_refusals_is_not_believed(store: Store, settings: Settings, groq: Fake, clock: Clock) -> None:
    ingest(store, groq, clock, ["live"] * 8)
    sweep(store, settings, clock)
    for number in range(8):
        groq.book.change(f"k{number}", "disabled")
    clock.advance(timedelta(hours=2))
    done = sweep(store, settings, clock)
    assert done.frozen == ("groq",)
    assert done.answered == {Validity.UNKNOWN: 8}
    assert set(statuses(store).values()) == {Status.LIVE}
    assert {row.reason for row in credentials.select(store)} == {"outage_suspected"}


@pytest.mark.row("F16")
def test_a_hundred_live_ones_refused_at_once_are_not_dead(store: Store, settings: Settings, groq: Fake, clock: Clock) -> None:
    ingest(store, groq, clock, ["live"] * 100)
    sweep(store, settings, clock)
    for number in range(100):
        groq.book.change(f"k{number}", "disabled")
    clock.advance(timedelta(hours=2))
    done = sweep(store, settings, clock)
    assert done.frozen == ("groq",)
    assert credentials.counts(store) == {Status.LIVE: 100}


@pytest.mark.row("F16")
def test_a_few_refusals_among_many_are_believed(store: Store, settings: Settings, groq: Fake, clock: Clock) -> None:
    found = ingest(store, groq, clock, ["live"] * 8)
    sweep(store, settings, clock)
    groq.book.change("k0", "deleted")
    clock.advance(timedelta(hours=2))
    assert sweep(store, settings, clock).frozen == ()
    assert statuses(store)[found[0]] is Status.DYING


def test_a_revoked_key_is_proven_dead_and_its_return_is_noticed(
    store: Store, settings: Settings, groq: Fake, clock: Clock
) -> None:
    (one,) = ingest(store, groq, clock, ["live"])
    sweep(store, settings, clock)
    groq.book.change("k0", "disabled")
    credentials.record_change(store, one, Effect.REVOKE, clock())
    assert recheck(store, settings=settings, clock=clock).due == 1
    assert statuses(store) == {one: Status.DYING}
    assert recheck(store, settings=settings, clock=clock).due == 0  # too early for a refusal that counts
    clock.advance(timedelta(minutes=10))
    assert [t.fingerprint for t in recheck(store, settings=settings, clock=clock).proven] == [one]
    incidents.close(store, incidents.list_incidents(store)[0].id, clock())
    groq.book.change("k0", "live")
    clock.advance(timedelta(hours=2))
    assert [t.fingerprint for t in recheck(store, settings=settings, clock=clock).resurrected] == [one]
    assert incidents.list_incidents(store)[0].closed_at is None


def test_a_refusal_by_our_instance_kills_nothing_of_another_one(
    store: Store, settings: Settings, groq: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from revoker import catalog

    hosted = {**catalog.kinds(), GROQ: replace(catalog.kinds()[GROQ], host_from="host")}
    monkeypatch.setattr(catalog, "kinds", lambda: hosted)
    known, stranger = ingest(store, groq, clock, ["live", "never"])
    sweep(store, settings, clock)
    assert statuses(store) == {known: Status.LIVE, stranger: Status.UNKNOWN}
    groq.book.change("k0", "deleted")  # this instance accepted it once: its refusal counts
    clock.advance(timedelta(hours=2))
    sweep(store, settings, clock)
    assert statuses(store) == {known: Status.DYING, stranger: Status.UNKNOWN}


@pytest.mark.row("F16")
def test_a_provider_that_is_down_makes_nothing_dead(store: Store, settings: Settings, groq: Fake, clock: Clock) -> None:
    ingest(store, groq, clock, ["live", "never"])
    down = replace(settings, endpoints={"groq": "http://127.0.0.1:9"})
    done = sweep(store, down, clock)
    assert done.answered == {Validity.UNKNOWN: 2}
    assert {row.reason for row in credentials.select(store)} == {"connect"}


def test_five_hundred_are_each_asked_once(
    store: Store, settings: Settings, groq: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from revoker import catalog
    from revoker.sdk import Budget

    quick = {**catalog.kinds(), GROQ: replace(catalog.kinds()[GROQ], budget=Budget(0, 64))}
    provider = replace(catalog.provider_of(GROQ), kinds=(quick[GROQ],))
    monkeypatch.setattr(catalog, "kinds", lambda: quick)
    monkeypatch.setattr(catalog, "provider_of", lambda _: provider)
    ingest(store, groq, clock, ["live", "never"] * 250)
    patient = replace(settings, verify=replace(settings.verify, timeout=timedelta(minutes=1)))  # the fake is one slow process
    done = sweep(store, patient, clock)
    assert {row.reason for row in credentials.select(store)} == {"authenticated", "refused"}
    assert done.answered == {Validity.LIVE: 250, Validity.DEAD: 250}
    assert len(groq.log.all()) == 500


def test_a_key_that_no_named_place_knows_may_open_another_one(
    store: Store, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    """Only a place that took it before, or the operator's word that there are no others, makes a key dead."""
    from tests.providers.catalogue import OWNERS
    from tests.providers.samples import value_of

    inventory, found = tmp_path / "authorized_keys", []
    for seed in range(2):
        secret = Secret(value_of(OWNERS["ssh_private_key"][1], seed))
        cred = Credential(
            "ssh_private_key", fingerprint(store.keys, "ssh_private_key", secret), secret, public_parts("ssh_private_key", secret)
        )
        place = Location("gitleaks", file="id_ed25519", line=seed)
        credentials.add_findings(
            store, [(Finding("private-key", place, secret), cred)], incidents.list_incidents(store)[0].id, clock()
        )
        found.append(cred)
    half = public_half(found[0].secret)
    assert half is not None
    inventory.write_text(half.ssh)
    named = replace(settings, keys=KeySettings(authorized_keys=(str(inventory),)))
    known, stranger = (cred.fingerprint for cred in found)
    sweep(store, named, clock)
    assert statuses(store) == {known: Status.LIVE, stranger: Status.UNKNOWN}
    assert {row.reason for row in credentials.select(store)} == {"listed_in_inventory", "perhaps_another_host"}
    inventory.write_text("")
    clock.advance(timedelta(hours=2))
    sweep(store, named, clock)
    assert statuses(store) == {known: Status.DYING, stranger: Status.UNKNOWN}
    sweep(store, replace(named, keys=replace(named.keys, complete=True)), clock)
    assert statuses(store)[stranger] is Status.DEAD


def public_parts(kind: str, secret: Secret) -> dict[str, str]:
    from revoker import catalog

    return catalog.public_parts(catalog.kinds()[kind], secret.reveal())
