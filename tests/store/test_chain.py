"""The chain without a store: the bytes that are hashed, and exactly what a verification says of each kind of damage."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from revoker.audit import Anchor, AuditRow
from revoker.audit import chain as log
from revoker.errors import AuditError
from revoker.secrets import hkdf

KEY, OTHER = bytes(range(32)), bytes(32)
UNKEYED = "Without the key only the chain was checked: somebody who can write the whole log could have made it anew."
UNANCHORED = "Without an anchor a log that was cut off at its end looks whole."
Tamper = Callable[[list[AuditRow]], list[AuditRow]]


def made(*events: tuple[str, dict[str, Any]]) -> list[AuditRow]:
    """A log of these entries, as append() writes it."""
    rows: list[AuditRow] = []
    key, head = log.first_key(KEY, "s"), log.genesis("s")
    for seq, (event, data) in enumerate(events, 1):
        rows.append(log.entry(head, key, seq, "t", event, data))
        head, key = rows[-1].hash, log.next_key(key)
    return rows


def five() -> list[AuditRow]:
    return made(*(("e", {"n": n}) for n in range(5)))


def at(rows: list[AuditRow], number: int, **changed: Any) -> list[AuditRow]:
    return [replace(row, **changed) if row.seq == number else row for row in rows]


def checked(rows: list[AuditRow], **more: Any) -> log.AuditCheck:
    return log.verify(rows, store_id="s", **{"key": KEY, **more})


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_bytes_that_are_hashed_are_fixed_since_old_logs_must_verify_for_ever() -> None:
    assert log.genesis("s") == sha("revoker audit 1 s")
    data = {"b": 1, "a": "ü"}
    text = '{"a":"\\u00fc","b":1}'
    assert log.canonical(data) == text
    assert log.digest_of("salt", data) == sha("salt" + text)
    assert log.linked("p", 3, "t", "e", "d") == sha('2p[3,"t","e","d"]')
    assert log.chained("p", 3, "t", "e", data) == sha(f'p[3,"t","e",{text}]')
    first = log.first_key(KEY, "s")
    assert first == hkdf(KEY, b"audit chain s")
    assert log.next_key(first) == hmac.digest(first, b"next", "sha256")
    assert log.mac_of(first, "h") == hmac.digest(first, b"h", "sha256").hex()


def test_an_entry_is_salted_hashed_and_sealed() -> None:
    one = log.entry("p", KEY, 3, "t", "e", {"n": 1})
    assert (one.seq, one.at, one.event, one.data) == (3, "t", "e", {"n": 1})
    assert len(bytes.fromhex(one.salt)) == 16
    assert one.digest == log.digest_of(one.salt, {"n": 1})
    assert one.hash == log.linked("p", 3, "t", "e", one.digest)
    assert one.mac == log.mac_of(KEY, one.hash)


def test_what_a_whole_log_tells() -> None:
    rows = five()
    assert checked(rows, anchors=[Anchor("s", 5, rows[-1].hash), Anchor("s", 1, rows[0].hash)]) == log.AuditCheck(
        ok=True, count=5, head=rows[-1].hash, problems=(), keyed=True, anchored=2, notes=()
    )
    assert checked(rows, key=None) == log.AuditCheck(
        ok=True, count=5, head=rows[-1].hash, problems=(), keyed=False, anchored=0, notes=(UNKEYED, UNANCHORED)
    )
    assert checked([]) == log.AuditCheck(
        ok=True, count=0, head=log.genesis("s"), problems=(), keyed=True, anchored=0, notes=(UNANCHORED,)
    )


BROKEN = "entry {} does not follow the one before, or was changed"
UNSEALED = "entry {} was not written with the key of its place"
MISNUMBERED = "entry {} is numbered {}: entries are missing, doubled or moved"


@pytest.mark.parametrize(
    ("tamper", "problems"),
    [
        (lambda rows: at(rows, 2, data={"n": 9}), [BROKEN.format(2)]),
        (lambda rows: at(rows, 2, salt="00"), [BROKEN.format(2)]),
        (lambda rows: at(rows, 2, event="other"), [BROKEN.format(2)]),
        (lambda rows: at(rows, 2, at="later"), [BROKEN.format(2)]),
        (lambda rows: at(rows, 2, mac=rows[2].mac), [UNSEALED.format(2)]),
        (lambda rows: at(rows, 2, seq=7), [MISNUMBERED.format(2, 7)]),
        (lambda rows: at(rows, 5, hash=rows[3].hash), [BROKEN.format(5), UNSEALED.format(5)]),
        (lambda rows: at(rows, 5, digest=""), [BROKEN.format(5)]),
        (lambda rows: at(rows, 5, digest="", data=None), [BROKEN.format(5), "entry 5 was emptied without a record"]),
        (lambda rows: at(rows, 2, data=None), ["entry 2 was emptied without a record"]),
        (
            lambda rows: [*rows[:1], *rows[2:3], *rows[1:2], *rows[3:]],
            [
                *(MISNUMBERED.format(2, 3), BROKEN.format(2), UNSEALED.format(2)),
                *(MISNUMBERED.format(3, 2), BROKEN.format(3), UNSEALED.format(3)),
                BROKEN.format(4),
            ],
        ),
    ],
)
def test_each_damage_is_told_with_its_place(tamper: Tamper, problems: list[str]) -> None:
    rows = tamper(five())
    check = checked(rows)
    assert not check.ok
    assert list(check.problems) == problems
    assert (check.count, check.head) == (5, rows[-1].hash)


def test_a_log_of_another_key_is_refused_entry_by_entry() -> None:
    assert list(checked(five(), key=OTHER).problems) == [UNSEALED.format(n) for n in range(1, 6)]


def test_no_more_than_twenty_problems_are_told() -> None:
    rows = [replace(row, event="x") for row in made(*(("e", {}) for _ in range(30)))]
    check = checked(rows, key=OTHER)
    assert len(check.problems) == log.PROBLEMS_SHOWN == 20
    assert check.count == 30


@pytest.mark.parametrize(
    ("anchor", "problem"),
    [
        (Anchor("s", 3, "other"), "entry 3 is not the one that was anchored"),
        (Anchor("s", 5, "other"), "entry 5 is not the one that was anchored"),
        (Anchor("s", 6, ""), "an anchor knows 6 entries, and there are 5: the end was cut off"),
        (Anchor("s", 6, "other"), "an anchor knows 6 entries, and there are 5: the end was cut off"),
    ],
)
def test_an_anchor_that_does_not_fit_is_told_with_its_place(anchor: Anchor, problem: str) -> None:
    rows = five()
    good = Anchor("s", 5, rows[-1].hash)
    for anchors in ([anchor, good], [good, anchor]) if anchor.count != 5 else ([anchor],):
        check = checked(rows, anchors=anchors)
        assert (check.ok, check.problems, check.anchored) == (False, (problem,), len(anchors))


def test_the_anchors_of_another_store_are_not_ours() -> None:
    check = checked(five(), anchors=[Anchor("other", 3, "x")])
    assert (check.ok, check.anchored, check.notes) == (True, 0, (UNANCHORED,))


LOSS = {"from": 2, "lost": 4, "by": "alice", "why": "disk failure"}


@pytest.mark.parametrize(("count", "explained"), [(1, False), (2, False), (3, True), (4, True), (5, False), (9, False)])
def test_a_loss_on_record_explains_the_anchors_in_its_span_alone(count: int, explained: bool) -> None:
    rows = made(*(("e", {"n": n}) for n in range(4)), (log.RESTORED, LOSS))
    good = Anchor("s", 1, rows[0].hash)
    check = checked(rows, anchors=[Anchor("s", count, "head of the lost branch"), *([good] if count != 1 else [])])
    assert check.ok is explained
    assert check.notes == (
        "Entries 3 to 4 were lost when the store was restored from a backup; alice accepted that: disk failure",
    )


@pytest.mark.parametrize("loss", [{}, {"from": "0", "lost": 9}, {"from": 0}, {"lost": 9}, {"from": 0, "lost": "9"}])
def test_a_loss_without_its_span_explains_nothing(loss: dict[str, Any]) -> None:
    rows = made(("e", {}), (log.RESTORED, loss))
    check = checked(rows, anchors=[Anchor("s", 1, "x")])
    assert check.problems == ("entry 1 is not the one that was anchored",)
    assert any(note.startswith("Entries 1 to ") for note in check.notes)


def test_an_erasure_on_record_keeps_the_place_and_is_noted() -> None:
    record = {"entries": [2, "3", None]}
    rows = at(made(*(("e", {"n": n}) for n in range(4)), (log.ERASED, record)), 2, data=None, salt="")
    check = checked(rows, anchors=[Anchor("s", 5, rows[-1].hash)])
    assert (check.ok, check.problems) == (True, ())
    assert check.notes == ("1 entries are erased on record; their places verify.",)
    other = checked(at(rows, 3, data=None), anchors=[Anchor("s", 5, rows[-1].hash)])
    assert other.problems == ("entry 3 was emptied without a record",)


def test_an_erasure_without_a_list_erases_nothing() -> None:
    rows = at(made(("e", {}), (log.ERASED, {})), 1, data=None)
    assert checked(rows).problems == ("entry 1 was emptied without a record",)


def test_an_extract_may_withhold_and_says_how_much() -> None:
    rows = at(at(five(), 2, data=None), 4, data=None)
    assert checked(rows).problems == tuple(f"entry {n} was emptied without a record" for n in (2, 4))
    check = checked(rows, extract=True)
    assert (check.ok, check.problems) == (True, ())
    assert check.notes == (UNANCHORED, "2 entries are withheld; their places verify.")


def test_only_plain_data_is_written() -> None:
    assert log.plain({"a": (1, "x", None, True, 1.5)}) == {"a": [1, "x", None, True, 1.5]}
    for wrong in (object(), float("inf"), {1, 2}):
        with pytest.raises(AuditError, match="no plain data") as caught:
            log.plain({"a": wrong})
        assert caught.value.__cause__ is None


EARLY_KEY = log.first_key(KEY, "s")


def test_an_early_entry_is_hashed_over_its_data() -> None:
    hash = log.chained(log.genesis("s"), 1, "t", "old", {"n": 1})
    early = AuditRow(1, "t", "old", {"n": 1}, hash, log.mac_of(EARLY_KEY, hash))
    assert checked([early]).ok
    assert checked([replace(early, data={"n": 2})]).problems == (BROKEN.format(1),)
    assert checked([replace(early, at="x")]).problems == (BROKEN.format(1),)
    assert BROKEN.format(1) in checked([replace(early, data=None)], extract=True).problems


@pytest.mark.row("W-12")
@pytest.mark.parametrize("name", ["hash", "mac", "at", "event", "digest", "salt"])
def test_a_damaged_log_with_what_is_no_character_is_refused_in_words(name: str) -> None:
    """JSON can say half of a surrogate pair, and no encoding writes it."""
    damaged: list[AuditRow] = at(five(), 2, **{name: "\ud800"})
    found = log.verify(damaged, store_id="s", key=KEY, anchors=())
    assert not found.ok
    assert found.problems
