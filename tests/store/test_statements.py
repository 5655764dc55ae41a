"""Signed attestations and overrides count by their signature, each time: what was edited in the store vouches for nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import sshsig
from revoker.config import ApproverSettings
from revoker.statements import ATTESTATION, NAMESPACE, OVERRIDE, Statement
from revoker.store import canaries, credentials, incidents, schema
from revoker.store.database import Store, writing
from tests.store.conftest import NOW, Reported

HOUR = timedelta(hours=1)
ALICE, MALLORY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SAID = Statement(ATTESTATION, "a store", "INC-1", "alice", "our\nlaptop", NOW, NOW + HOUR)


@pytest.fixture
def strict(store: Store) -> Iterator[Store]:
    """A store whose configuration wants signed words, of Alice alone."""
    before = (store.settings.ownership.attest, store.settings.approvers)
    object.__setattr__(store.settings.ownership, "attest", "signed")
    object.__setattr__(store.settings, "approvers", (ApproverSettings("alice", sshsig.public_line(ALICE)),))
    yield store
    object.__setattr__(store.settings.ownership, "attest", before[0])
    object.__setattr__(store.settings, "approvers", before[1])


def test_only_the_named_person_over_exactly_these_words(strict: Store) -> None:
    settings, signature = strict.settings, SAID.sign(ALICE)
    assert SAID.is_signed(signature, settings)
    others: dict[str, Any] = {
        "says": OVERRIDE,
        "store": "another store",
        "about": "INC-2",
        "who": "bob",
        "why": "our laptop",
        "at": NOW - HOUR,
        "until": NOW + 2 * HOUR,
    }
    for name, value in others.items():
        assert not replace(SAID, **{name: value}).is_signed(signature, settings), name
    assert not SAID.is_signed(SAID.sign(MALLORY), settings)
    assert not SAID.is_signed(sshsig.sign(ALICE, SAID.text()), settings)  # an approval's signature is for another purpose
    assert not SAID.is_signed(sshsig.sign(ALICE, SAID.text(), b"git"), settings)
    assert not SAID.is_signed(None, settings)
    assert not SAID.is_signed("no signature", settings)
    assert not SAID.is_signed(signature, replace(settings, approvers=()))
    swapped = (ApproverSettings("alice", sshsig.public_line(MALLORY)),)
    assert not SAID.is_signed(signature, replace(settings, approvers=swapped))


def test_what_is_signed_is_fixed_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the clock of the machine stands; else no signature would fit a later revoker, or another machine."""
    east = timezone(2 * HOUR)
    said = replace(
        SAID, why="ours, in \N{LATIN SMALL LETTER U WITH DIAERESIS}", at=NOW.astimezone(east), until=SAID.until.astimezone(east)
    )
    with monkeypatch.context() as moved:
        moved.setenv("TZ", "Etc/GMT+5")
        time.tzset()
        text = said.text()
    time.tzset()
    assert text == (
        b'{"about": "INC-1", "at": "2026-11-24T02:00:00+00:00", "revoker": "statement, version 1", "says": "attestation", '
        b'"store": "a store", "until": "2026-11-24T03:00:00+00:00", "who": "alice", "why": "ours, in \\u00fc"}'
    )


def test_a_statement_is_no_approval() -> None:
    from revoker.errors import ApprovalRefused

    sshsig.verify(SAID.sign(ALICE), SAID.text(), sshsig.public_line(ALICE), NAMESPACE)
    with pytest.raises(ApprovalRefused, match="another purpose"):
        sshsig.verify(SAID.sign(ALICE), SAID.text(), sshsig.public_line(ALICE))


EDITS: dict[str, Callable[[sa.Table], dict[str, Any]]] = {
    "who": lambda table: {"who": "bob", "signed_by": "bob"},
    "why": lambda table: {"why": "something else"},
    "until": lambda table: {"until": table.c.until + 1},
    "at": lambda table: {"at": table.c.at - 1},
    "no signature": lambda table: {"signature": None},
}


@pytest.mark.row("W-7")
@pytest.mark.parametrize("edit", EDITS)
def test_an_attestation_that_was_edited_in_the_store_vouches_for_nothing(
    strict: Store, report: Callable[..., Reported], edit: str
) -> None:
    incident = incidents.open_incident(strict, "a leak", NOW).id
    mark = _kept(strict, report("a"), incident)
    incidents.attest(strict, incident, "alice", "our laptop", NOW + HOUR, NOW)
    assert not incidents.is_attested(strict, incident, NOW)  # not signed
    said = incidents.Attestation(incident, "alice", "our laptop", NOW + HOUR, NOW).statement(strict.id)
    incidents.attest(strict, incident, "alice", "our laptop", NOW + HOUR, NOW, signature=said.sign(ALICE))
    assert incidents.is_attested(strict, incident, NOW)
    assert incidents.attested_members(strict, [mark], NOW) == {mark}
    assert incidents.attested_members(strict, [mark], NOW + HOUR) == frozenset()
    table = schema.attestations
    with writing(strict) as connection:
        connection.execute(sa.update(table).where(table.c.signature.is_not(None)).values(**EDITS[edit](table)))
    assert not incidents.is_attested(strict, incident, NOW)
    assert incidents.attested_members(strict, [mark], NOW) == frozenset()


def test_a_signature_is_for_one_incident(strict: Store) -> None:
    first, other = (incidents.open_incident(strict, title, NOW).id for title in ("first", "other"))
    said = incidents.Attestation(first, "alice", "ours", NOW + HOUR, NOW).statement(strict.id)
    incidents.attest(strict, other, "alice", "ours", NOW + HOUR, NOW, signature=said.sign(ALICE))
    assert not incidents.is_attested(strict, other, NOW)


@pytest.mark.row("N-12")
@pytest.mark.parametrize("edit", EDITS)
def test_an_override_that_was_edited_in_the_store_lets_no_canary_be_asked(
    strict: Store, report: Callable[..., Reported], edit: str
) -> None:
    mark = _kept(strict, report("a"), incidents.open_incident(strict, "bait", NOW).id)
    word = canaries.Override(mark, "alice", "a drill", None, None, NOW, NOW + HOUR, None)
    canaries.allow(strict, mark, "alice", "a drill", NOW + HOUR, NOW, signature=word.statement(strict.id).sign(ALICE))
    assert canaries.allowed(strict, [mark], NOW)[mark].signed_by == "alice"
    table = schema.canary_overrides
    with writing(strict) as connection:
        connection.execute(sa.update(table).values(**EDITS[edit](table)))
    assert canaries.allowed(strict, [mark], NOW) == {}


def _kept(store: Store, reported: Reported, incident: str) -> str:
    """The fingerprint of a credential of an incident."""
    credentials.add_findings(store, [reported], incident, NOW)
    return reported[1].fingerprint
