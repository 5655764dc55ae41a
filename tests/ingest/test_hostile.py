"""Reports that lie, break off, or try to fill the memory: a counted problem, and nothing lost that was read before."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from revoker.errors import RevokerError
from revoker.ingest import Problems, read_report
from revoker.ingest.pairing import pair
from revoker.model import Finding
from tests.ingest import samples
from tests.ingest.samples import Seen

RNG = random.Random(3)  # noqa: S311 - fake values
GOOD = [samples.value("groq_api_key", RNG) for _ in range(2)]
MIB = 1024 * 1024


def read(data: bytes, format: str | None = None) -> tuple[list[str], Problems]:
    problems = Problems()
    findings = list(pair(read_report(io.BytesIO(data), name="report", format=format, problems=problems)))
    return [f.value.reveal() for f in findings if f.value], problems


def lines_with(bad: bytes) -> bytes:
    """A good line, the bad one, a good line."""
    first, last = (samples.trufflehog_jsonl([Seen(value)]) for value in GOOD)
    return first + bad + b"\n" + last


def entry(**wrong: Any) -> bytes:
    return json.dumps(samples.trufflehog_entry(Seen("lost")) | wrong).encode()


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"{", "bad_line"),
        (b"not json", "bad_line"),
        (b'{"DetectorName":"x","Raw":"y"', "bad_line"),
        (b"[]", "bad_record"),
        (b"null", "bad_record"),
        (b'"text"', "bad_record"),
        (b"123", "bad_record"),
        (b"{}", "bad_record"),
        (entry(Raw=None), "bad_record"),
        (entry(Raw=["a"]), "bad_record"),
        (entry(Raw={"a": 1}), "bad_record"),
        (entry(DetectorName=7), "bad_record"),
        (entry()[:-1] + b', "Raw": "other"}', "duplicate_keys"),
        (entry()[:-1] + b', "Raw" \t: "other"}', "duplicate_keys"),
        (b'{"DetectorName":"x","Raw":"y","SecretParts":{"key":"a","key":"b"}}', "duplicate_keys"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b'{"a":' * 1010 + b"1" + b"}" * 1010, "too_deep"),
        (b'{"a":' + b"[" * 1010 + b"]" * 1010 + b"}", "too_deep"),
        (b'{"Raw":' + b"9" * 10_000 + b"}", "bad_line"),
        (entry(Raw="half \ud800", SecretParts=None), "damaged"),
        (entry(Raw="nul \0 inside", SecretParts=None), "damaged"),
        (entry(Raw="a\xff", SecretParts=None).replace(b"\\u00ff", b"\xff"), "damaged"),
        (entry(Raw="x" * 70_000, SecretParts=None), "value_too_long"),
        (b'{"Raw":"' + b"a" * (9 * MIB) + b'"}', "line_too_long"),
    ],
)
@pytest.mark.row("I-7")
def test_a_bad_line_costs_itself_alone(bad: bytes, problem: str) -> None:
    values, problems = read(lines_with(bad))
    assert values == GOOD
    assert problems.counts[problem] == 1
    assert problems.incomplete


@pytest.mark.parametrize(
    "bad",
    [
        entry(SourceMetadata=[1, 2]),
        entry(SourceMetadata={"Data": None}),
        entry(SourceMetadata={"Data": {"Git": "x"}}),
        entry(SourceMetadata={"Data": {"Git": {"file": 1, "line": "x", "commit": {}, "timestamp": [], "repository": 5}}}),
        entry(SecretParts=[1]),
        entry(SecretParts={"key": {"a": 1}, "host": 5}),
        entry(RawV2=5, VerificationError={}, Verified="yes", ExtraData=7),
        entry(Entropy=float("nan")),
        entry(Entropy=10**400),
        entry(Message="lone \ud800 surrogate"),
        entry(Message="wrong \xff byte").replace(b"\\u00ff", b"\xff"),
    ],
)
def test_wrong_types_beside_the_value_cost_nothing(bad: bytes) -> None:
    values, problems = read(lines_with(bad))
    assert values[0] == GOOD[0]
    assert values[-1] == GOOD[1]
    assert len(values) == 3
    assert not problems.incomplete


@pytest.mark.parametrize(("format", "build"), sorted(samples.ALL.items()))
def test_a_report_cut_off_anywhere_keeps_what_came_before(format: str, build: Callable[[list[Seen]], bytes]) -> None:
    data = build([Seen(value, line=n) for n, value in enumerate(GOOD, 1)])
    second = data.find(GOOD[1].encode())
    for cut in (second + 5, second + 30):
        values, problems = read(data[:cut])
        assert values[:1] == GOOD[:1]
        assert problems.incomplete or format in {"csv", "gitleaks-csv"}


@pytest.mark.parametrize(
    ("middle", "problem"),
    [
        ('{"RuleID":"r","Secret":"a","Secret":"b"},', "duplicate_keys"),
        ('{"RuleID":"r","Secret":5},', "bad_record"),
        ("[1,2],", "bad_record"),
        ("7,null,", "bad_record"),
        ('{"RuleID":"r","Secret":"\\ud800x"},', "damaged"),
    ],
)
def test_a_bad_entry_of_a_list_costs_itself_alone(middle: str, problem: str) -> None:
    one, two = (json.dumps(samples.gitleaks_entry(Seen(value))) for value in GOOD)
    values, problems = read(f"[{one},{middle}{two}]".encode())
    assert values == GOOD
    assert problems.counts[problem] >= 1
    assert problems.incomplete


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ('{"RuleID":"r","Secret":"x" "y"}]', "bad_line"),
        ("]}", "malformed"),
        ("[" * 100_000, "too_deep"),
        ('{"x":1,"a":' * 1_000_000, "too_deep"),
        ('{"Match":"' + "a" * (9 * MIB) + '"}]', "too_large"),
        ("", "cut_off"),
        ('{"RuleID":"r"', "cut_off"),
    ],
    ids=["syntax", "brackets", "deep", "deep-objects", "large", "cut", "cut-in-entry"],
)
def test_a_fault_in_a_list_keeps_what_came_before(rest: str, problem: str) -> None:
    values, problems = read(f"[{json.dumps(samples.gitleaks_entry(Seen(GOOD[0])))},{rest}".encode())
    assert values == GOOD[:1]
    assert problems.counts == {problem: 1}
    assert problems.incomplete


def test_what_follows_a_list_is_a_fault() -> None:
    values, problems = read(samples.gitleaks_json([Seen(GOOD[0])]) + b"trailing")
    assert values == GOOD[:1]
    assert problems.incomplete


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_report_is_incomplete(data: bytes) -> None:
    values, problems = read(data)
    assert not values
    assert problems.counts == {"empty": 1}
    assert problems.incomplete


def test_wrong_bytes_in_a_list_are_replaced_and_counted() -> None:
    data = samples.gitleaks_json([Seen(value) for value in GOOD]).replace(b"add config", b"add \xff\xfe config", 1)
    values, problems = read(data)
    assert values == GOOD
    assert problems.counts == {"not_utf8": 1}
    assert not problems.incomplete


class Endless(io.RawIOBase):
    """A head, then one byte for ever (or for a gigabyte), then a tail."""

    def __init__(self, head: bytes, size: int, tail: bytes) -> None:
        self.head, self.left, self.tail = head, size, tail

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = min(size, 4 * MIB) if size > 0 else 4 * MIB
        if self.head:
            taken, self.head = self.head[:size], self.head[size:]
        elif self.left:
            taken = b"a" * min(size, self.left)
            self.left -= len(taken)
        else:
            taken, self.tail = self.tail[:size], self.tail[size:]
        return taken


@pytest.mark.parametrize("format", ["trufflehog", "list", "env", "csv"])
@pytest.mark.row("I-7")
def test_a_line_of_a_gigabyte_is_skipped_in_bounded_memory(format: str) -> None:
    heads = {"trufflehog": samples.trufflehog_jsonl, "csv": samples.plain_csv}
    head = (
        heads[format]([Seen(GOOD[0])])
        if format in heads
        else f"A_KEY={GOOD[0]}\n".encode()
        if format == "env"
        else GOOD[0].encode() + b"\n"
    )
    tail = head.replace(GOOD[0].encode(), GOOD[1].encode()).splitlines(keepends=True)[-1]
    problems = Problems()
    tracemalloc.start()
    stream: Any = Endless(head, 1024 * MIB if format == "list" else 64 * MIB, b"\n" + tail)
    values = [f.value.reveal() for f in read_report(stream, name="big", format=format, problems=problems) if f.value]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values == GOOD
    assert problems.counts == {"line_too_long": 1}
    assert peak < 48 * MIB


@pytest.mark.row("I-7")
def test_an_endless_list_entry_ends_the_report() -> None:
    head = b"[" + json.dumps(samples.gitleaks_entry(Seen(GOOD[0]))).encode() + b',{"Match":"'
    problems = Problems()
    stream: Any = Endless(head, 1024 * MIB, b"")
    values = [f.value.reveal() for f in read_report(stream, name="big", problems=problems) if f.value]
    assert values == GOOD[:1]
    assert problems.counts == {"too_large": 1}


def test_a_stream_that_breaks_is_a_problem_and_no_crash() -> None:
    class Broken(Endless):
        def read(self, size: int = -1) -> bytes:
            if not self.head:
                raise OSError("disk on fire")
            return super().read(size)

    problems = Problems()
    head = samples.trufflehog_jsonl([Seen(GOOD[0])]) + samples.trufflehog_jsonl([Seen(GOOD[1])]) * 200
    stream: Any = Broken(head, 1, b"")
    found = [f for f in read_report(stream, name="x", format="trufflehog", problems=problems) if f.value]
    assert len(found) >= 1
    assert problems.counts == {"read_error": 1}


@pytest.mark.parametrize(("format", "build"), sorted(samples.ALL.items()))
def test_no_problem_and_no_error_quotes_the_report(format: str, build: Callable[[list[Seen]], bytes]) -> None:
    data = build([Seen(value) for value in GOOD])
    for cut in range(0, len(data), 7):
        broken = data[:cut] + b'\xff"\0' + data[cut + 3 :]
        says = attempt(broken, format.split("-", maxsplit=1)[0])
        assert not any(GOOD[0][i : i + 12] in says or GOOD[1][i : i + 12] in says for i in range(4, 40))


def attempt(data: bytes, format: str | None) -> str:
    """Read, and give everything that a person would be shown."""
    problems = Problems()
    shown: list[str] = []
    try:
        findings: list[Finding] = list(pair(read_report(io.BytesIO(data), name="report", format=format, problems=problems)))
        shown += [repr(f) for f in findings if f.value]
    except RevokerError as error:
        shown += [error.diagnostics(), repr(error)]
    return "\n".join([*shown, *problems.lines(), repr(problems)])
