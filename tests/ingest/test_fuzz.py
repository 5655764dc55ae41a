"""No bytes make a reader raise anything but our own errors, and no secret comes out of it as text."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revoker.errors import RevokerError
from revoker.ingest import Problems, read_report
from revoker.ingest.formats import FORMATS
from revoker.ingest.naming import Namer
from revoker.ingest.pairing import pair
from tests.ingest import samples
from tests.ingest.samples import Seen

RNG = random.Random(13)  # noqa: S311 - fake values
VALUE = samples.value("groq_api_key", RNG)
KEY_ID, AWS_SECRET = samples.aws_pair(RNG)
REPORTS = [build([Seen(VALUE), Seen(KEY_ID, line=3), Seen(AWS_SECRET, line=4)]) for build in samples.ALL.values()]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([VALUE, KEY_ID, AWS_SECRET]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def shown(data: bytes, format: str | None) -> str:
    """All that reading, pairing and naming say."""
    problems, said = Problems(), list[str]()
    namer = Namer(lambda kind, value: f"fp_{len(kind)}_{len(value.reveal())}")
    try:
        for finding in pair(read_report(io.BytesIO(data), name="fuzz", format=format, problems=problems)):
            kept, named = namer.name(finding)
            said += [repr(kept), repr(named)]
    except RevokerError as error:
        said += [error.diagnostics(), repr(error)]
    return "\n".join([*said, *problems.lines()])


@QUICK
@given(st.binary(max_size=400), st.sampled_from([None, *FORMATS]))
@pytest.mark.row("I-7")
def test_any_bytes(data: bytes, format: str | None) -> None:
    shown(data, format)


@QUICK
@given(st.text(max_size=300), st.sampled_from([None, *FORMATS]))
def test_any_text(text: str, format: str | None) -> None:
    shown(text.encode("utf-8", "surrogatepass"), format)


@QUICK
@given(st.sampled_from(REPORTS), st.integers(0, 3000), st.integers(0, 20), st.binary(max_size=6))
def test_any_damage_to_a_report(report: bytes, start: int, length: int, put: bytes) -> None:
    start = min(start, len(report))
    said = shown(report[:start] + put + report[start + length :], None)
    assert VALUE not in said
    assert AWS_SECRET not in said


def replaced(node: Any, wanted: int, put: Any) -> Any:
    """The same JSON with its n-th value replaced."""
    left = wanted

    def walk(here: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            return put
        if isinstance(here, dict):
            return {key: walk(value) for key, value in here.items()}
        return [walk(value) for value in here] if isinstance(here, list) else here

    return walk(node)


ENTRIES: list[Callable[[Seen], dict[str, Any]]] = [
    samples.gitleaks_entry,
    samples.trufflehog_entry,
    samples.kingfisher_entry,
    samples.betterleaks_entry,
]


@QUICK
@given(st.sampled_from(range(len(ENTRIES))), st.integers(1, 40), anything)
def test_any_type_in_any_field(which: int, field: int, put: Any) -> None:
    format = ("gitleaks", "trufflehog", "kingfisher", "betterleaks")[which]
    good = ENTRIES[which](Seen(VALUE))
    data = json.dumps([good, replaced(good, field, put), good]).encode()
    said = shown(data, format)
    assert said.count("'groq_api_key'") >= 2 or "NaN" in data.decode() or "Infinity" in data.decode()
