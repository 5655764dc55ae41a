from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from revoker.errors import UsageError
from revoker.model import Effect, Evidence, Identity, Status, Validity, Verdict
from revoker.sdk.shapes import Propagation
from revoker.store import Store, events, incidents
from revoker.store import credentials as creds
from tests.store.conftest import KIND, NOW, Reported

HOUR = timedelta(hours=1)
WINDOWS = {KIND: Propagation(HOUR)}
SEEN = Evidence("api.groq.com", 200, None, NOW)
WHO = Identity("acme", "bot", ("models",), expires_at=NOW + 24 * HOUR)
LIVE = Verdict(Validity.LIVE, "authenticated", SEEN, WHO)
DEAD = Verdict(Validity.DEAD, "refused", Evidence("api.groq.com", 401, "invalid_api_key", NOW))
UNKNOWN = Verdict(Validity.UNKNOWN, "timeout")


@pytest.fixture
def fingerprint(store: Store, report: Callable[..., Reported]) -> str:
    incident = incidents.open_incident(store, "a leak", NOW).id
    creds.add_findings(store, [report("a")], incident, NOW)
    return creds.select(store)[0].fingerprint


def told(store: Store) -> list[str]:
    return [event.kind for event in events.undelivered(store)]


@pytest.mark.row("F14", "F13")
def test_from_live_through_a_change_to_the_proof_of_death(store: Store, fingerprint: str) -> None:
    moves = creds.record_verdicts(store, [(fingerprint, LIVE)], NOW, WINDOWS)
    assert [(move.before, move.after) for move in moves] == [(Status.NEW, Status.LIVE)]
    creds.record_change(store, fingerprint, Effect.REVOKE, NOW, residual=12 * HOUR)
    (row,) = creds.select(store)
    assert (row.status, row.acked_at, row.residual_until) == (Status.DYING, NOW, NOW + 12 * HOUR)
    assert creds.record_verdicts(store, [(fingerprint, DEAD)], NOW, WINDOWS) == []
    assert creds.record_verdicts(store, [(fingerprint, DEAD)], NOW + HOUR / 2, WINDOWS) == []
    (move,) = creds.record_verdicts(store, [(fingerprint, DEAD)], NOW + HOUR, WINDOWS)
    assert (move.after, move.verdict) == (Status.DEAD, DEAD)
    (row,) = creds.select(store)
    assert (row.identity, row.live_at, row.dead_at, row.refusals) == (WHO, NOW, NOW + HOUR, 2)
    assert told(store) == ["credential.live", "credential.dead"]


def test_every_verdict_is_kept(store: Store, fingerprint: str) -> None:
    for n, verdict in enumerate((LIVE, UNKNOWN, LIVE)):
        creds.record_verdicts(store, [(fingerprint, verdict)], NOW + n * HOUR, WINDOWS)
    history = creds.history(store, fingerprint)
    assert [(row.at, row.validity, row.evidence, row.identity) for row in history] == [
        (NOW, Validity.LIVE, SEEN, WHO),
        (NOW + HOUR, Validity.UNKNOWN, None, None),
        (NOW + 2 * HOUR, Validity.LIVE, SEEN, WHO),
    ]
    assert told(store) == ["credential.live"], "only the first time"


def test_what_was_never_live_dies_without_news(store: Store, fingerprint: str) -> None:
    creds.record_verdicts(store, [(fingerprint, DEAD), ("fp_of_nobody", DEAD)], NOW, WINDOWS)
    assert creds.counts(store) == {Status.DEAD: 1}
    assert told(store) == []


@pytest.mark.row("F25")
def test_a_resurrection_opens_the_incident_again(store: Store, fingerprint: str) -> None:
    creds.record_verdicts(store, [(fingerprint, DEAD)], NOW, WINDOWS)
    (incident,) = incidents.list_incidents(store)
    incidents.close(store, incident.id, NOW)
    assert incidents.list_incidents(store, only_open=True) == []
    (move,) = creds.record_verdicts(store, [(fingerprint, LIVE)], NOW + HOUR, WINDOWS)
    assert (move.before, move.after) == (Status.DEAD, Status.LIVE)
    assert incidents.list_incidents(store, only_open=True) == [incident]
    assert told(store) == ["incident.closed", "credential.live", "credential.resurrected", "incident.reopened"]


def test_acceptance_needs_a_name_and_a_reason(store: Store, fingerprint: str) -> None:
    for who, why in (("", "why"), ("alice", " ")):
        with pytest.raises(UsageError):
            creds.accept(store, fingerprint, who, why, NOW)
    with pytest.raises(UsageError, match="no credential"):
        creds.accept(store, "fp_of_nobody", "alice", "why", NOW)
    creds.accept(store, fingerprint, "alice", "a test key", NOW)
    (row,) = creds.select(store)
    assert (row.status, row.accepted_by, row.accepted_why) == (Status.ACCEPTED, "alice", "a test key")


def test_an_incident_ends_only_when_all_are_dead_or_accepted(
    store: Store, fingerprint: str, report: Callable[..., Reported]
) -> None:
    (incident,) = incidents.list_incidents(store)
    creds.add_findings(store, [report("b")], incident.id, NOW)
    other = creds.select(store)[1].fingerprint
    for verdict in (Verdict(Validity.SKIPPED, "not_owned"), UNKNOWN, LIVE):
        creds.record_verdicts(store, [(fingerprint, verdict), (other, DEAD)], NOW, WINDOWS)
        with pytest.raises(UsageError, match="1 "):
            incidents.close(store, incident.id, NOW)
    creds.accept(store, fingerprint, "alice", "why", NOW)
    incidents.close(store, incident.id, NOW)
    found = incidents.find(store, incident.title)
    assert found is not None
    assert found.closed_at == NOW


def test_incidents_are_numbered_by_day(store: Store) -> None:
    ids = [incidents.open_incident(store, "", NOW).id for _ in range(11)]
    assert ids[-1] == "INC-20261124-11"
    assert incidents.open_incident(store, "next", NOW + 24 * HOUR).id == "INC-20261125-1"
    assert incidents.find(store, "nothing") is None


def test_attestations_end(store: Store) -> None:
    incident = incidents.open_incident(store, "a leak", NOW).id
    incidents.attest(store, incident, "alice", "our repositories", NOW + HOUR, NOW)
    assert incidents.is_attested(store, incident, NOW)
    assert not incidents.is_attested(store, incident, NOW + HOUR)
    with pytest.raises(UsageError):
        incidents.attest(store, incident, "alice", "why", NOW, NOW)


def test_events_are_delivered_once_they_are_marked(store: Store) -> None:
    for n in range(3):
        events.emit(store, "x", {"n": n}, NOW)
    first, *_ = events.undelivered(store)
    events.mark_delivered(store, [first.id], NOW)
    left = events.undelivered(store)
    events.mark_failed(store, [left[0].id])
    assert [(event.payload["n"], event.attempts) for event in events.undelivered(store)] == [(1, 1), (2, 0)]
