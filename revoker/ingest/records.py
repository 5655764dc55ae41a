"""JSON reports to entries, streaming: a list, a document that holds one, or one entry a line.

Nothing here trusts the report: size, depth, duplicate keys and encoding are checked, and what was read before a
fault is never lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from revoker.ingest.elements import elements
from revoker.ingest.source import Source, decoded, lines

Record = dict[str, Any]

NESTED = (dict, list)
SPACED_COLON = re.compile(rb'"\s+:')  # with one of these a count of `":` says nothing


class Unfit(Exception):
    """An entry that cannot be used; the argument is a problem's slug."""


def records(source: Source, within: str = "findings") -> Iterator[Record]:
    """The entries of a report, whichever way it holds them. What is no object is counted and left out.

    `within` names the list that holds them in a document that is no list and not one entry a line.
    """
    for number, entry in _entries(source, within):
        try:
            record = parse(entry, source, number)
        except Unfit as unfit:
            source.problems.add(str(unfit), source.at(number))
            continue
        if record is not None:
            yield record


def whole_documents(source: Source) -> Iterator[Record]:
    """For a small report that is one object: the object, whole."""
    yield from records(source, "")


def _entries(source: Source, within: str) -> Iterator[tuple[int, bytes]]:
    """The entries as bytes with their number: of the line, or in the list."""
    head = source.head.lstrip()
    if head.startswith(b"["):
        return enumerate(elements(source, "[]"), 1)
    if within and re.search(rb'"%s"\s*:\s*\[' % within.encode(), head):
        return enumerate(elements(source, within), 1)
    if not within or re.match(rb"\{\s*\n", head):
        return enumerate(elements(source, ""), 1)
    return lines(source)


def parse(line: bytes, source: Source, number: int) -> Record | None:
    """One line as an object; None for a blank line. Raises Unfit."""
    try:
        record = orjson.loads(line)
    except ValueError:
        return _parse_leniently(line, source, number)
    try:
        suspicious = line.count(b'":') != _keys(record) or SPACED_COLON.search(line)
    except RecursionError:
        raise Unfit("too_deep") from None
    if suspicious:
        record = _parse_carefully(line.decode())
    if not isinstance(record, dict):
        raise Unfit("bad_record")
    return record


def _parse_leniently(line: bytes, source: Source, number: int) -> Record | None:
    """For what orjson refuses: NaN, lone surrogates, wrong bytes, and true nonsense."""
    if not line.strip(b" \t\r\n\0"):
        return None
    before = source.problems.counts["not_utf8"]
    record = _parse_carefully(decoded(line, source, number))
    if not isinstance(record, dict):
        raise Unfit("bad_record")
    if source.problems.counts["not_utf8"] == before:
        source.problems.add("odd_json", source.at(number))
    return record


def _parse_carefully(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_twins, parse_constant=lambda _: None)
    except RecursionError:
        raise Unfit("too_deep") from None
    except ValueError:
        raise Unfit("bad_line") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise Unfit("duplicate_keys")
    return record


def _keys(node: Any) -> int:
    """How many keys an entry has at all depths. orjson refuses more than 1024 levels."""
    inner: Any = node
    count = 0
    if type(node) is dict:
        count, inner = len(node), node.values()
    for value in inner if type(node) in NESTED else ():
        if type(value) in NESTED and value:
            count += _keys(value)
    return count
