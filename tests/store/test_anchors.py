"""Anchors outside, stores that were put back from a backup, extracts, and entries that were erased on record."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from revoker import audit
from revoker.audit.chain import chained
from revoker.config import AuditSettings, Settings, StoreSettings
from revoker.errors import AuditError
from revoker.model import Effect, Status, Validity, Verdict
from revoker.secrets import fingerprint
from revoker.store import Store, audit_rows, credentials, incidents, open_store, restored, runs, schema
from revoker.store.credentials import Selection
from revoker.store.database import writing
from tests.store.conftest import NOW, Reported


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def opened(place: Path) -> Store:
    """The store of a folder, with its anchors on what stands for another medium."""
    settings = Settings(
        store=StoreSettings(url=f"sqlite:///{place}/revoker.db"),
        audit=AuditSettings(place / "anchors"),
        path=place / "revoker.toml",
    )
    return open_store(settings, create=True)


def put_back(store: Store, place: Path, backup: Path) -> Store:
    """The backup in place of the store, as somebody who restores it does."""
    store.engine.dispose()
    for name in ("revoker.db", "revoker.db-wal", "revoker.db-shm"):
        (place / name).unlink(missing_ok=True)
    shutil.copy(backup, place / "revoker.db")
    (place / "revoker.db").chmod(0o600)
    return opened(place)


@pytest.fixture
def rolled_back(place: Path) -> Store:
    """A store with five entries, put back to its third."""
    store = opened(place)
    for n in range(3):
        audit.append(store, "e", {"n": n}, NOW)
    with sqlite3.connect(place / "revoker.db") as connection:
        connection.execute("VACUUM INTO ?", (str(place / "backup"),))
    for n in range(3, 5):
        audit.append(store, "e", {"n": n}, NOW)
    return put_back(store, place, place / "backup")


@pytest.mark.row("W-12", "F20", "S-8")
def test_a_store_that_was_put_back_changes_nothing_until_somebody_says_so(rolled_back: Store) -> None:
    with pytest.raises(AuditError, match="put back from a backup") as caught:
        audit.append(rolled_back, "intent", {}, NOW)
    assert "audit restored" in caught.value.diagnostics()
    assert not audit.check(rolled_back).ok
    assert audit_rows.head(rolled_back)[0] == 3, "nothing was written"


@pytest.mark.row("W-12")
def test_what_somebody_wrote_after_a_cut_does_not_hide_it(rolled_back: Store) -> None:
    for n in range(9):
        audit_rows.add(rolled_back, "forged", {"n": n}, NOW)  # with the key, as an insider could
    assert audit_rows.head(rolled_back)[0] > 5
    with pytest.raises(AuditError, match="older than its anchor"):
        audit.append(rolled_back, "intent", {}, NOW)


@pytest.mark.row("S-8", "W-12")
def test_a_restore_on_record_lets_work_go_on_and_stays_visible(rolled_back: Store) -> None:
    lost = audit.older_than_its_anchor(rolled_back)
    assert lost is not None
    said = {"from": 3, "lost": lost.count, "head": lost.head, "by": "alice", "why": "disk failure"}
    audit.append(rolled_back, audit.RESTORED, said, NOW)
    for n in range(4):
        audit.append(rolled_back, "e", {"n": n}, NOW)
    check = audit.check(rolled_back)
    assert check.ok, check.problems
    assert any("4 to 5 were lost" in note and "alice" in note for note in check.notes)


def test_an_anchor_beyond_the_accepted_loss_still_shows(rolled_back: Store, place: Path) -> None:
    said = {"from": 3, "lost": 4, "head": "", "by": "mallory", "why": ""}
    with pytest.raises(AuditError):
        audit.append(rolled_back, "e", {}, NOW)
    audit.append(rolled_back, audit.RESTORED, said, NOW)
    with pytest.raises(AuditError, match="older than its anchor"):
        audit.append(rolled_back, "e", {}, NOW)
    assert not audit.check(rolled_back).ok


@pytest.mark.row("S-8", "W-5")
def test_after_a_restore_nothing_approved_counts_and_nothing_known_is_believed(
    place: Path, report: Callable[[str], Reported]
) -> None:
    store = opened(place)
    digest = "d" * 64
    with writing(store) as connection:
        connection.execute(sa.insert(schema.plans).values(digest=digest, document="{}", created_at=0))
        values = {"plan_digest": digest, "approver": "a", "signature": "", "nonce": "n", "signed_at": 0, "expires_at": 1 << 60}
        connection.execute(sa.insert(schema.approvals).values(values))
    fp = stored(store, report)
    credentials.record_verdicts(store, [(fp, Verdict(Validity.LIVE, "authenticated"))], NOW, {})
    run = runs.create_runs(store, digest, [(fp, "contain")], NOW)[0]
    assert restored.distrust(store, NOW) == (0, 1, 1), "the approval was used up by the run"
    assert runs.get_run(store, run.id).state == "cancelled"
    row = credentials.select(store, Selection())[0]
    assert (row.status, row.reason, row.checked_at) == (Status.UNKNOWN, "restored", None)
    assert row.next_check_at == NOW


def test_a_dead_one_is_dead_again_only_after_it_was_asked(place: Path, report: Callable[[str], Reported]) -> None:
    store = opened(place)
    fp, dead = stored(store, report), Verdict(Validity.DEAD, "refused")
    credentials.record_verdicts(store, [(fp, dead)], NOW, {})
    restored.distrust(store, NOW)
    assert credentials.select(store, Selection())[0].status is Status.UNKNOWN
    credentials.record_verdicts(store, [(fp, dead)], NOW + timedelta(hours=2), {})
    assert credentials.select(store, Selection())[0].status is Status.DEAD


def test_a_suspended_one_is_not_taken_for_dead_after_a_restore(place: Path, report: Callable[[str], Reported]) -> None:
    store = opened(place)
    fp = stored(store, report)
    credentials.record_change(store, fp, Effect.SUSPEND, NOW)
    restored.distrust(store, NOW)
    dead = Verdict(Validity.DEAD, "refused")
    credentials.record_verdicts(store, [(fp, dead)], NOW + timedelta(hours=2), {})
    assert credentials.select(store, Selection())[0].status is Status.CONTAINED


def stored(store: Store, report: Callable[[str], Reported]) -> str:
    finding, made = report("a")
    credential = replace(made, fingerprint=fingerprint(store.keys, made.kind, made.secret))
    incident = incidents.open_incident(store, "t", NOW)
    credentials.add_findings(store, [(finding, credential)], incident.id, NOW)
    return credential.fingerprint


def test_an_extract_shows_its_own_and_keeps_the_places_of_the_rest(store: Store) -> None:
    for n in range(6):
        audit.append(store, "e", {"incident": f"INC-{n % 2}", "who": f"person-{n}"}, NOW)
    out = io.StringIO()
    audit.export(store, out, lambda row: (row.data or {}).get("incident") == "INC-1")
    lines = out.getvalue().splitlines()
    assert "person-1" in out.getvalue()
    assert "person-0" not in out.getvalue()
    check = audit.verify_export(lines, key=store.keys.audit_key)
    assert check.ok, check.problems
    assert check.count == 6
    assert any("3 entries are withheld" in note for note in check.notes)


@pytest.mark.row("W-12")
def test_an_extract_that_claims_to_be_whole_is_refused(store: Store) -> None:
    for n in range(3):
        audit.append(store, "e", {"n": n}, NOW)
    out = io.StringIO()
    audit.export(store, out, lambda row: row.seq == 1)
    head, *rest = out.getvalue().splitlines()
    claimed = json.dumps({k: v for k, v in json.loads(head).items() if k != "extract"})
    assert not audit.verify_export([claimed, *rest], key=store.keys.audit_key).ok


def test_a_withheld_entry_gives_nothing_to_guess_from(store: Store) -> None:
    one, other = (audit.append(store, "e", {"who": "alice"}, NOW) for _ in range(2))
    assert one.digest != other.digest, "salted: the same content has another digest each time"


def test_entries_of_the_first_version_still_verify(store: Store) -> None:
    previous, key = audit.genesis(store.id), audit.first_key(store.keys.audit_key, store.id)
    at = "2026-11-24T02:00:00.000000+00:00"
    hash = chained(previous, 1, at, "old", {"n": 1})
    early = audit.AuditRow(1, at, "old", {"n": 1}, hash, audit.mac_of(key, hash))
    with writing(store) as connection:
        values = {"seq": 1, "at": 1_795_485_600_000_000, "event": "old", "data": '{"n":1}', "hash": hash, "mac": early.mac}
        connection.execute(sa.insert(schema.audit_log).values(values))
    audit_rows._reached.pop(store.id, None)
    audit.append(store, "new", {}, NOW)
    check = audit.check(store)
    assert check.ok, check.problems
    assert not audit.verify([replace(early, data={"n": 2})], store_id=store.id).ok
