from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from revoker.config import Settings
from revoker.errors import StoreError, UsageError
from revoker.model import Credential, Finding, Location, Secret, Status, ValueState
from revoker.secrets import add_root, load_keys
from revoker.store import Store, incidents, schema
from revoker.store import credentials as creds
from revoker.store.credentials import Selection
from revoker.store.database import reading, writing
from tests.store.conftest import NOW, Reported

Report = Callable[..., Reported]


@pytest.fixture
def incident(store: Store) -> str:
    return incidents.open_incident(store, "a leak", NOW).id


def test_the_same_batch_twice_is_counted_once(store: Store, incident: str, report: Report) -> None:
    batch = [report("a"), report("a", line=2), report("a", line=2), report("b", file="x.py")]
    first = creds.add_findings(store, batch, incident, NOW)
    again = creds.add_findings(store, batch, incident, NOW)
    assert (first.findings, first.credentials, first.new) == (3, 2, 2)
    assert (again.findings, again.credentials, again.new) == (0, 2, 0)
    rows = creds.select(store)
    assert [(row.findings, row.status, row.provider, row.detected_at) for row in rows] == [
        (2, Status.NEW, "groq", NOW),
        (1, Status.NEW, "groq", NOW),
    ]
    assert creds.locations(store, rows[0].fingerprint) == [report("a")[0].location, report("a", line=2)[0].location]


def test_a_later_report_completes_a_credential(store: Store, incident: str, report: Report) -> None:
    finding, cred = report("a")
    half = replace(finding, value_state=ValueState.PARTIAL, found_at=None)
    creds.add_findings(store, [(half, cred)], incident, NOW)
    whole = replace(cred, parts={"username": "bot"}, secret_parts={"session_token": Secret("more")})
    creds.add_findings(store, [(finding, whole), (finding, cred)], incident, NOW)
    (row,) = creds.select(store)
    assert (dict(row.parts), row.value_state, row.detected_at) == ({"username": "bot"}, ValueState.RAW, NOW)
    opened = creds.unseal_credential(store, row.fingerprint)
    assert opened.secret.same_as(cred.secret)
    assert opened.secret_parts["session_token"].reveal() == "more"
    creds.add_findings(store, [(half, cred)], incident, NOW)
    assert creds.select(store) == [row], "nothing that was known is taken away"


def test_a_second_incident_shares_the_credential(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report("a"), report("b")], incident, NOW)
    other = incidents.open_incident(store, "another leak", NOW).id
    creds.add_findings(store, [report("a", file="elsewhere")], other, NOW)
    assert len(creds.select(store, Selection(incident=(incident,)))) == 2
    (row,) = creds.select(store, Selection(incident=(other,)))
    assert (row.incident, row.findings) == (other, 2)


def test_findings_without_a_value_are_kept_apart(store: Store, incident: str) -> None:
    masked = Finding("aws", Location("detect-secrets", file="a"), None, ValueState.MASKED)
    for _ in range(2):
        creds.add_findings(store, [(masked, None)], incident, NOW)
    assert creds.select(store) == []
    with reading(store) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.valueless)).scalar() == 1


def test_odd_text_is_stored(store: Store, incident: str, report: Report) -> None:
    finding, cred = report("a")
    odd = replace(finding, location=Location("gitleaks", file="a\x00b\ud800ü" + "x" * 9000, commit="c"))
    creds.add_findings(store, [(odd, replace(cred, secret=Secret("\ud800\x00")))], incident, NOW)
    (place,) = creds.locations(store, cred.fingerprint)
    assert place.file is not None
    assert place.file.startswith("a\ufffdb?ü")
    assert creds.unseal_credential(store, cred.fingerprint).secret.reveal() == "\ud800\x00"


def test_an_unknown_incident_stores_nothing(store: Store, report: Report) -> None:
    with pytest.raises(StoreError, match="no incident"):
        creds.add_findings(store, [report("a")], "INC-20200101-1", NOW)
    assert creds.select(store) == []


def test_selection(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report("a"), report("b"), report("c", kind="made_up")], incident, NOW)
    a, b, c = creds.select(store)
    assert creds.select(store, Selection(kind=("made_up",))) == [c]
    assert creds.select(store, Selection(provider=("groq",), status=("new",))) == [a, b]
    assert creds.select(store, Selection(status=(Status.LIVE,))) == []
    assert creds.select(store, Selection(fingerprint=(b.fingerprint[:12], c.fingerprint))) == [b, c]
    assert creds.counts(store) == {Status.NEW: 3}
    assert creds.counts(store, Selection(fingerprint=(a.fingerprint,))) == {Status.NEW: 1}
    assert creds.resolve_prefix(store, a.fingerprint[:12]) == a.fingerprint
    for prefix in ("fp_", "fp_zz", "%", "f__"):
        with pytest.raises(UsageError):
            creds.select(store, Selection(fingerprint=(prefix,)))


@pytest.mark.row("S-7")
def test_swapped_blobs_do_not_open(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report("a"), report("b")], incident, NOW)
    a, b = creds.select(store)
    table = schema.sealed_values
    with writing(store) as connection:
        (first, one), (second, two) = connection.execute(sa.select(table.c.credential_id, table.c.blob)).all()
        connection.execute(sa.update(table).where(table.c.credential_id == first).values(blob=two))
        connection.execute(sa.update(table).where(table.c.credential_id == second).values(blob=one))
    for row in (a, b):
        with pytest.raises(StoreError, match="does not open"):
            creds.unseal_credential(store, row.fingerprint)


@pytest.mark.row("S-7")
def test_the_database_holds_no_value(settings: Settings, store: Store, incident: str, report: Report) -> None:
    finding, cred = report("very-own-value")
    creds.add_findings(store, [(finding, replace(cred, secret_parts={"t": Secret("very-own-token")}))], incident, NOW)
    assert settings.path is not None
    files = [path for path in settings.path.parent.iterdir() if path.is_file()]
    assert files
    assert not [path for path in files if b"very-own" in path.read_bytes()]


def test_a_purged_value_is_gone_until_it_is_found_again(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report("a"), report("b")], incident, NOW)
    a, b = creds.select(store)
    assert creds.purge(store, [a.fingerprint]) == 1
    assert [cred.fingerprint for cred in creds.unseal_many(store, [a.fingerprint, b.fingerprint])] == [b.fingerprint]
    with pytest.raises(StoreError, match="no value"):
        creds.unseal_credential(store, a.fingerprint)
    creds.add_findings(store, [report("a")], incident, NOW)
    assert creds.unseal_credential(store, a.fingerprint).secret.reveal() == "value-a"


@pytest.mark.row("S-8")
def test_sealing_again_with_a_new_root_goes_on_after_a_stop(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report(str(n)) for n in range(7)], incident, NOW)
    add_root(store.settings)
    newer = replace(store, keys=replace(load_keys(store.settings), store=store.id))
    assert creds.reseal(newer, limit=3) == 3
    assert len(list(creds.unseal_many(newer, [row.fingerprint for row in creds.select(newer)]))) == 7
    assert (creds.reseal(newer, limit=5), creds.reseal(newer)) == (4, 0)
    with pytest.raises(StoreError):
        list(creds.unseal_many(store, [row.fingerprint for row in creds.select(store)]))


def test_what_is_due(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report("a"), report("b"), report("c")], incident, NOW)
    a, b, c = creds.select(store)
    ids = {a.fingerprint: "unknown", b.fingerprint: "dying", c.fingerprint: "live"}
    with writing(store) as connection:
        for fingerprint, status in ids.items():
            table = schema.credentials
            connection.execute(sa.update(table).where(table.c.fingerprint == fingerprint).values(status=status))
    later = NOW + timedelta(hours=1)
    assert [row.fingerprint for row in creds.due(store, later, 2)] == [b.fingerprint, c.fingerprint]
    assert creds.due(store, NOW - timedelta(seconds=1), 10) == []


def test_a_credential_as_value_is_not_shown(store: Store, incident: str, report: Report) -> None:
    creds.add_findings(store, [report("a")], incident, NOW)
    (row,) = creds.select(store)
    opened: Credential = creds.unseal_credential(store, row.fingerprint)
    assert "value-a" not in repr(opened) + repr(row) + repr(store)
