from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from revoker import audit
from revoker.audit import Anchor, AuditRow
from revoker.config import AuditSettings
from revoker.errors import AuditError
from revoker.model import Secret
from revoker.store import Store, schema
from revoker.store.database import writing
from tests.store.conftest import NOW

KEY = bytes(range(32))


def chain(count: int, key: bytes = KEY, store: str = "s") -> list[AuditRow]:
    """A log as the store would write it."""
    rows: list[AuditRow] = []
    mac_key, head = audit.first_key(key, store), audit.genesis(store)
    for seq in range(1, count + 1):
        data = {"n": seq}
        head = audit.chained(head, seq, "t", "event", data)
        rows.append(AuditRow(seq, "t", "event", data, head, audit.mac_of(mac_key, head)))
        mac_key = audit.next_key(mac_key)
    return rows


def rechained(rows: list[AuditRow]) -> list[AuditRow]:
    """What somebody without the key makes of changed rows: numbers and hashes fit, the old MACs stay."""
    head, fixed = audit.genesis("s"), []
    for seq, row in enumerate(rows, 1):
        head = audit.chained(head, seq, row.at, row.event, row.data or {})
        fixed.append(replace(row, seq=seq, hash=head))
    return fixed


def drop_middle(rows: list[AuditRow]) -> list[AuditRow]:
    return rows[:3] + rows[4:]


def swap(rows: list[AuditRow]) -> list[AuditRow]:
    return [*rows[:2], rows[3], rows[2], *rows[4:]]


def edit(rows: list[AuditRow]) -> list[AuditRow]:
    return [*rows[:4], replace(rows[4], data={"n": 99}), *rows[5:]]


def double(rows: list[AuditRow]) -> list[AuditRow]:
    return [*rows[:4], *rows[3:]]


def truncate(rows: list[AuditRow]) -> list[AuditRow]:
    return rows[:-2]


@pytest.mark.parametrize("tamper", [drop_middle, swap, edit, double])
@pytest.mark.row("W-12")
def test_tampering_shows_even_without_key(tamper: Callable[[list[AuditRow]], list[AuditRow]]) -> None:
    assert not audit.verify(tamper(chain(9)), store_id="s").ok


@pytest.mark.parametrize("tamper", [drop_middle, swap, edit, double])
@pytest.mark.row("W-12")
def test_a_chain_made_anew_needs_the_key(tamper: Callable[[list[AuditRow]], list[AuditRow]]) -> None:
    forged = rechained(tamper(chain(9)))
    without = audit.verify(forged, store_id="s")
    assert without.ok
    assert not without.keyed
    assert any("Without the key" in note for note in without.notes)
    assert not audit.verify(forged, store_id="s", key=KEY).ok


@pytest.mark.row("W-12")
def test_an_anchor_shows_a_cut_off_end_and_a_chain_made_anew() -> None:
    rows = chain(9)
    anchors = [Anchor("s", row.seq, row.hash) for row in rows[::4]]
    assert audit.verify(rows, store_id="s", key=KEY, anchors=anchors).ok
    assert audit.verify(truncate(rows), store_id="s", key=KEY).ok, "unseen without an anchor"
    cut = audit.verify(truncate(rows), store_id="s", key=KEY, anchors=anchors)
    assert any("cut off" in problem for problem in cut.problems)
    assert not audit.verify(rechained(edit(rows)), store_id="s", anchors=anchors).ok


@pytest.mark.row("W-12")
def test_a_row_sealed_with_a_later_key_is_refused() -> None:
    rows = chain(9)
    later = audit.first_key(KEY, "s")
    for _ in range(7):
        later = audit.next_key(later)
    forged = [*rows[:4], replace(rows[4], mac=audit.mac_of(later, rows[4].hash)), *rows[5:]]
    assert not audit.verify(forged, store_id="s", key=KEY).ok


@pytest.mark.row("W-12", "W-8")
def test_a_log_of_another_store_or_key_is_refused() -> None:
    assert not audit.verify(chain(3), store_id="other", key=KEY).ok
    assert not audit.verify(chain(3), store_id="s", key=bytes(32)).ok
    assert audit.verify([], store_id="s", key=KEY).ok


@given(st.integers(1, 12), st.data())
@pytest.mark.row("W-12")
def test_any_changed_character_of_an_export_shows(count: int, data: st.DataObject) -> None:
    rows = chain(count)
    lines = [json.dumps({"schema": audit.SCHEMA, "store": "s"})] + [json.dumps(audit._fields(row)) for row in rows]
    anchors = [Anchor("s", count, rows[-1].hash)]
    assert audit.verify_export(lines, key=KEY, anchors=anchors).ok
    number = data.draw(st.integers(1, count))
    place = data.draw(st.integers(0, len(lines[number]) - 1))
    changed = lines[number][:place] + chr(ord(lines[number][place]) ^ 1) + lines[number][place + 1 :]
    assert not audit.verify_export([*lines[:number], changed, *lines[number + 1 :]], key=KEY, anchors=anchors).ok


@pytest.mark.row("W-12")
def test_a_cut_export_shows_by_its_anchor_and_an_early_one_verifies() -> None:
    rows = chain(5)  # as the first revoker wrote them: without salt and digest
    for schema_id in (audit.SCHEMA, audit.EARLY):
        lines = [json.dumps({"schema": schema_id, "store": "s"})] + [json.dumps(audit._fields(row)) for row in rows]
        anchors = [Anchor("s", 5, rows[-1].hash)]
        assert audit.verify_export(lines, key=KEY, anchors=anchors).ok
        assert audit.verify_export(lines[:-1], key=KEY).ok, "only what is outside knows that the end is gone"
        assert not audit.verify_export(lines[:-1], key=KEY, anchors=anchors).ok


@pytest.mark.row("W-12")
def test_a_full_export_is_no_extract_and_an_extract_hands_out_no_salt_of_what_it_withholds(anchored: Store) -> None:
    """With its salt, a withheld entry could be guessed and the guess be checked against the digest."""
    for n in range(3):
        audit.append(anchored, "e", {"n": n}, NOW)
    full, part = io.StringIO(), io.StringIO()
    audit.export(anchored, full)
    audit.export(anchored, part, lambda row: row.seq == 2)
    head, *whole = [json.loads(line) for line in full.getvalue().splitlines()]
    assert "extract" not in head
    assert all(row["salt"] and row["data"] for row in whole)
    head, *shown = [json.loads(line) for line in part.getvalue().splitlines()]
    assert head["extract"] is True
    assert [(row["data"], bool(row["salt"])) for row in shown] == [(None, False), ({"n": 1}, True), (None, False)]
    withheld = [json.dumps(row) for row in shown]
    key = anchored.keys.audit_key
    assert audit.verify_export([json.dumps(head), *withheld], key=key).ok
    assert not audit.verify_export([json.dumps({**head, "extract": False}), *withheld], key=key).ok
    assert not audit.verify_export([json.dumps({**head, "extract": "yes"}), *withheld], key=key).ok


def test_each_anchor_says_when(anchored: Store) -> None:
    rows = [audit.append(anchored, "e", {}, NOW + timedelta(seconds=n)) for n in range(2)]
    path = anchored.settings.audit.anchor_file
    assert path is not None
    assert [(one.store, one.count, one.head, one.at) for one in audit.read_anchors(path)] == [
        (anchored.id, row.seq, row.hash, row.at) for row in rows
    ]


@pytest.mark.parametrize(
    ("said", "count", "explained"),
    [
        ({"from": 2, "lost": 4}, 4, True),
        ({"from": 3, "lost": 4}, 4, True),
        ({"from": 4, "lost": 4}, 4, False),
        ({"from": 3, "lost": 3}, 4, False),
        ({"from": 3, "lost": 9}, 4, True),
        ({"lost": 4}, 4, True),
        ({"lost": 4}, 1, True),
        ({"from": 3}, 4, False),
        ({}, 4, False),
        ({}, 1, False),
    ],
)
@pytest.mark.row("W-12")
def test_a_restore_explains_the_entries_that_it_names_and_no_other(
    anchored: Store, said: dict[str, int], count: int, explained: bool
) -> None:
    audit.append(anchored, "e", {}, NOW)
    audit.append(anchored, audit.RESTORED, said, NOW)
    path = anchored.settings.audit.anchor_file
    assert path is not None
    lost = Anchor(anchored.id, count, "0" * 64, "t")
    path.unlink()
    audit.write_anchor(path, lost)
    assert audit.older_than_its_anchor(anchored) == (None if explained else lost)


def test_what_is_no_export_is_refused() -> None:
    for lines in ([], ["x"], ["[]"], ['{"schema": "other", "store": "s"}'], [json.dumps({"schema": audit.SCHEMA, "store": 5})]):
        with pytest.raises(AuditError):
            audit.verify_export(lines)


@pytest.fixture
def anchored(store: Store, tmp_path: Path) -> Iterator[Store]:
    settings = replace(store.settings, audit=AuditSettings(tmp_path / "anchors"))
    return replace(store, settings=settings)  # type: ignore[return-value]


def test_the_store_writes_what_verifies(anchored: Store) -> None:
    for n in range(5):
        row = audit.append(anchored, "changed", {"target": f"key_{n}", "when": None, "ü": [1.5]}, NOW + timedelta(microseconds=n))
        assert row.seq == n + 1
    check = audit.check(anchored)
    assert (check.ok, check.count, check.keyed, check.anchored, check.head) == (True, 5, True, 5, row.hash)
    out = io.StringIO()
    assert audit.export(anchored, out) == 5
    assert audit.verify_export(out.getvalue().splitlines(), key=anchored.keys.audit_key).ok
    assert audit.verify_export(out.getvalue().splitlines()).ok


def test_many_writers_make_one_chain(anchored: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: audit.append(anchored, "e", {"n": n}, NOW), range(20)))
    assert audit.check(anchored).ok
    assert audit.check(anchored).count == 20


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_log WHERE seq = 3",
        "DELETE FROM audit_log WHERE seq > 3",
        "UPDATE audit_log SET event = 'other' WHERE seq = 2",
        "UPDATE audit_log SET at = at + 1 WHERE seq = 5",
        "UPDATE audit_log SET seq = -seq WHERE seq = 2",
    ],
)
def test_changes_in_the_database_show(anchored: Store, statement: str) -> None:
    for n in range(5):
        audit.append(anchored, "e", {"n": n}, NOW)
    with writing(anchored) as connection:
        connection.execute(sa.text(statement))
    assert not audit.check(anchored).ok


@pytest.mark.row("W-12")
def test_no_anchor_no_entry_no_change(anchored: Store, tmp_path: Path) -> None:
    (tmp_path / "anchors").mkdir()
    with pytest.raises(AuditError, match="anchor"):
        audit.append(anchored, "e", {}, NOW)


@pytest.mark.row("F19")
def test_a_store_that_cannot_write_is_an_audit_error(store: Store) -> None:
    with writing(store) as connection:
        schema.audit_log.drop(connection)
    with pytest.raises(AuditError, match="cannot be written"):
        audit.append(store, "e", {}, NOW)


def test_an_entry_takes_plain_data_only(store: Store) -> None:
    for wrong in (Secret("hunter2"), NOW, float("nan")):
        with pytest.raises(AuditError) as caught:
            audit.append(store, "e", {"x": wrong}, NOW)
        assert "hunter2" not in caught.value.diagnostics()
    assert audit.check(store).count == 0


def test_a_process_that_starts_later_goes_on_with_the_chain(store: Store) -> None:
    from revoker.store import audit_rows

    for n in range(6):
        audit.append(store, "e", {"n": n}, NOW)
        if n in (1, 2, 4):
            audit_rows._reached.clear()
    assert audit.check(store).ok
