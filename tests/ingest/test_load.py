"""Reports into a real store."""

from __future__ import annotations

import io
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from revoker import catalog, gate
from revoker.errors import ReportUnreadable, UsageError
from revoker.ingest import ingest, load, read_report
from revoker.model import Finding, Status, ValueState
from revoker.store import Store, credentials
from tests.ingest import samples
from tests.ingest.samples import Seen

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
RNG = random.Random(23)  # noqa: S311 - fake values
VALUES = [samples.value("groq_api_key", RNG) for _ in range(4)]
KEY_ID, AWS_SECRET = samples.aws_pair(RNG)


def test_one_secret_in_forty_places_is_one_credential(store: Store, incident: str) -> None:
    data = samples.trufflehog_jsonl([Seen(VALUES[0], "Groq", f"f{n}.env", n) for n in range(1, 41)])
    result = ingest(store, [("x", io.BytesIO(data))], incident=incident, now=NOW)
    assert (result.findings, result.credentials, result.new, dict(result.skipped)) == (40, 1, 1, {})
    (row,) = credentials.select(store)
    assert (row.kind, row.provider, row.status, row.findings) == ("groq_api_key", "groq", Status.NEW, 40)
    assert {place.line for place in credentials.locations(store, row.fingerprint)} == set(range(1, 41))
    assert credentials.unseal_credential(store, row.fingerprint).secret.reveal() == VALUES[0]


def test_the_same_report_again_adds_nothing(store: Store, incident: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_bytes(samples.gitleaks_json([Seen(value) for value in VALUES]))
    first = ingest(store, [report], incident=incident, now=NOW)
    again = ingest(store, [report], incident=incident, now=NOW)
    assert (first.new, again.new, again.credentials) == (4, 0, 4)
    assert [row.findings for row in credentials.select(store)] == [1, 1, 1, 1]


def test_the_reports_of_several_scanners_meet_in_one_credential(store: Store, incident: str) -> None:
    reports = [(name, io.BytesIO(build([Seen(VALUES[0])]))) for name, build in samples.WITH_PLACES.items()]
    result = ingest(store, reports, incident=incident, now=NOW)
    assert (result.findings, result.credentials, result.new) == (len(reports), 1, 1)
    assert {place.source for place in credentials.locations(store, credentials.select(store)[0].fingerprint)} == {
        "gitleaks", "trufflehog", "kingfisher", "betterleaks", "csv",
    }  # fmt: skip


def test_what_is_skipped_is_counted_and_what_is_unsupported_is_kept(store: Store, incident: str) -> None:
    seen = [Seen("REDACTED"), Seen("gsk_a..."), Seen(""), Seen("nobody knows me", line=4), Seen(VALUES[0], line=5)]
    result = ingest(store, [("x", io.BytesIO(samples.gitleaks_json(seen)))], incident=incident, now=NOW)
    assert result.skipped == {"masked": 2, "no_value": 1, "unsupported": 1}
    assert (result.findings, result.credentials) == (5, 2)
    assert not result.incomplete
    assert {row.kind for row in credentials.select(store)} == {"groq_api_key", catalog.UNKNOWN}


@pytest.mark.skipif("aws_access_key" not in catalog.kinds(), reason="no provider file for AWS")
def test_an_aws_key_comes_in_whole_or_as_half(store: Store, incident: str) -> None:
    other = samples.aws_pair(RNG)[0]
    seen = [
        Seen(KEY_ID, "aws-access-token", "a", 1),
        Seen(AWS_SECRET, "generic-api-key", "a", 2),
        Seen(other, "aws-access-token", "b", 9),
    ]
    result = ingest(store, [("x", io.BytesIO(samples.gitleaks_json(seen)))], incident=incident, now=NOW)
    assert result.skipped == {"incomplete": 1}
    rows = {row.parts["key_id"]: row for row in credentials.select(store)}
    assert (rows[KEY_ID].value_state, rows[KEY_ID].findings) == (ValueState.RAW, 2)
    assert (rows[other].value_state, rows[other].findings) == (ValueState.PARTIAL, 1)
    half = credentials.unseal_credential(store, rows[other].fingerprint)
    assert not half.secret
    provider, kind = catalog.provider_of(half.kind), catalog.kinds()[half.kind]
    refused = gate.why_not(provider, kind, half, store.settings, gate.Claim(attested=True), NOW)
    assert refused is not None
    assert refused.reason == "incomplete"


def test_a_fault_keeps_what_came_before_and_is_told(store: Store, incident: str) -> None:
    data = samples.gitleaks_json([Seen(value) for value in VALUES])
    result = ingest(store, [("cut.json", io.BytesIO(data[:-300]))], incident=incident, now=NOW)
    assert result.incomplete
    assert result.problems == {"cut_off": 1}
    assert (result.findings, len(credentials.select(store))) == (3, 3)
    assert result.notes == ("the report ends in the middle (1 x, first at cut.json)",)


def test_one_unreadable_report_of_two_is_told_and_the_other_kept(store: Store, incident: str) -> None:
    reports = [("bad", io.BytesIO(b"\x1f\x8b\x08")), ("good", io.BytesIO(samples.plain_csv([Seen(VALUES[0])])))]
    result = ingest(store, reports, incident=incident, now=NOW)
    assert result.incomplete
    assert (result.findings, result.problems) == (1, {"unreadable": 1})
    assert "bad could not be read" in result.notes[0]


def test_when_nothing_can_be_read_it_is_an_error(store: Store, incident: str, tmp_path: Path) -> None:
    with pytest.raises(ReportUnreadable, match="not text"):
        ingest(store, [("bad", io.BytesIO(b"\x1f\x8b\x08"))], incident=incident, now=NOW)
    for wrong in (tmp_path / "missing", tmp_path):
        with pytest.raises(UsageError):
            ingest(store, [wrong], incident=incident, now=NOW)
    with pytest.raises(UsageError, match="format"):
        ingest(store, [], incident=incident, now=NOW, format="paper")


def test_progress_is_told(store: Store, incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revoker.ingest.load.BATCH", 2)
    told: list[int] = []
    data = samples.trufflehog_jsonl([Seen(value) for value in VALUES])
    ingest(store, [("x", io.BytesIO(data))], incident=incident, now=NOW, progress=told.append)
    assert told == [2, 4]


def test_no_secret_lies_open_in_the_database(store: Store, incident: str, tmp_path: Path) -> None:
    seen = [
        Seen(VALUES[0], f"rule {VALUES[0]}", f"dir/{VALUES[0]}/x"),
        Seen(KEY_ID, "aws", "c", 1),
        Seen(AWS_SECRET, "aws", "c", 2),
    ]
    for build in samples.ALL.values():
        ingest(store, [("x", io.BytesIO(build(seen)))], incident=incident, now=NOW)
    with sqlite3.connect(tmp_path / "home" / "revoker.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in (tmp_path / "home").iterdir():
        data = file.read_bytes()
        assert VALUES[0].encode() not in data, file.name
        assert AWS_SECRET.encode() not in data, file.name


@pytest.mark.slow
def test_a_large_report_is_read_at_a_steady_price(store: Store, incident: str, tmp_path: Path) -> None:
    """The promise is a million findings in a minute; here 20,000, with room for a busy machine."""
    values = [samples.value("groq_api_key", RNG) for _ in range(2000)]
    report = tmp_path / "large.jsonl"
    with report.open("wb") as stream:
        for n in range(20_000):
            stream.write(samples.trufflehog_jsonl([Seen(values[n % 2000], "Groq", f"f{n % 977}", n + 1)]))
    began = time.process_time()
    result = ingest(store, [report], incident=incident, now=NOW)
    assert (result.findings, result.credentials, result.new) == (20_000, 2000, 2000)
    assert time.process_time() - began < 8


def test_a_half_in_one_report_is_a_place_of_the_pair_in_another(store: Store, incident: str) -> None:
    half = samples.gitleaks_json([Seen(KEY_ID, "aws-access-token", "config/.env", 2)])
    whole = f"AWS_ACCESS_KEY_ID={KEY_ID}\nAWS_SECRET_ACCESS_KEY={AWS_SECRET}\n".encode()
    result = ingest(store, [("half", io.BytesIO(half)), ("whole.env", io.BytesIO(whole))], incident=incident, now=NOW)
    assert (result.credentials, dict(result.skipped)) == (1, {})
    assert credentials.select(store)[0].findings == 3  # both lines of the pair, and the half


def test_a_report_that_our_own_reading_breaks_on_ends_no_other(
    store: Store, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    def breaks(stream: BinaryIO, *, name: str, **more: Any) -> Iterator[Finding]:
        yield from read_report(stream, name=name, **more)
        if name == "bad":
            raise ZeroDivisionError(VALUES[0])

    monkeypatch.setattr(load, "read_report", breaks)
    reports = [(name, io.BytesIO(samples.plain_csv([Seen(value)]))) for name, value in zip(("bad", "good"), VALUES, strict=False)]
    result = ingest(store, reports, incident=incident, now=NOW)
    assert result.incomplete
    assert (result.findings, result.problems) == (2, {"our_bug": 1})
    assert "first at bad" in result.notes[0]
