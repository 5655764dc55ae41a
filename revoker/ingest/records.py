"""JSON reports to entries, streaming: a list, a document that holds one, or one entry a line.

Nothing here trusts the report: size, depth, duplicate keys and encoding are checked, and what was read before a
fault is never lost.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

import ijson  # type: ignore[import-untyped]  # it ships no types
import orjson

from revoker.ingest.problems import Problems
from revoker.ingest.source import LONGEST_LINE, Source, decoded, lines

Record = dict[str, Any]

HOLDS_LIST = re.compile(rb'"findings"\s*:\s*\[')
SPACED_COLON = re.compile(rb'"\s+:')
DEEP = re.compile(rb"(?:[\[{]\s*){100}")
DEEPEST = 200


class Unfit(Exception):
    """An entry that cannot be used; the argument is a problem's slug."""


def records(source: Source) -> Iterator[Record]:
    """The entries of a report, whichever way it holds them. What is no object is counted and left out."""
    head = source.head.lstrip()
    if head.startswith(b"["):
        yield from _streamed(source, "item")
    elif HOLDS_LIST.search(head):
        yield from _streamed(source, "findings.item")
    elif re.match(rb"\{\s*\n", head):
        yield from _streamed(source, "")
    else:
        yield from _by_line(source)


def _by_line(source: Source) -> Iterator[Record]:
    for number, line in lines(source):
        try:
            record = parse(line, source, number)
        except Unfit as unfit:
            source.problems.add(str(unfit), source.at(number))
            continue
        if record is not None:
            yield record


def parse(line: bytes, source: Source, number: int) -> Record | None:
    """One line as an object; None for a blank line. Raises Unfit."""
    try:
        record = orjson.loads(line)
    except ValueError:
        return _parse_leniently(line, source, number)
    if line.count(b'":') != _keys(record) or SPACED_COLON.search(line):
        record = _parse_carefully(line.decode())
    if not isinstance(record, dict):
        raise Unfit("bad_record")
    return record


def _parse_leniently(line: bytes, source: Source, number: int) -> Record | None:
    """For what orjson refuses: NaN, lone surrogates, wrong bytes, and true nonsense."""
    if not line.strip(b" \t\r\n\0"):
        return None
    record = _parse_carefully(decoded(line, source, number))
    if not isinstance(record, dict):
        raise Unfit("bad_record")
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
    """How many keys an entry has at all depths. orjson refuses more than 1024 levels, so this cannot run deep."""
    if isinstance(node, dict):
        count = len(node)
        for value in node.values():
            if isinstance(value, dict | list):
                count += _keys(value)
        return count
    if isinstance(node, list):
        return sum(_keys(value) for value in node if isinstance(value, dict | list))
    return 0


def _streamed(source: Source, prefix: str) -> Iterator[Record]:
    """Entries of one large document, or of documents one after the other (`prefix` empty)."""
    meter = _Meter(source)
    twins = _twin_counter()
    entries = ijson.items(meter, prefix, use_float=True, multiple_values=not prefix, map_type=twins)
    number, seen = 0, 0
    while True:
        number += 1
        try:
            entry = next(entries)
        except StopIteration:
            return
        except Unfit as unfit:
            source.problems.add(str(unfit), f"{source.name}, entry {number}")
            return
        except (ijson.IncompleteJSONError, ijson.JSONError, ValueError, RecursionError, OverflowError) as error:
            source.problems.add(_fault(error), f"{source.name}, entry {number}")
            return
        meter.since = 0
        seen, before = twins.seen, seen
        if seen != before:
            source.problems.add("duplicate_keys", f"{source.name}, entry {number}")
        elif isinstance(entry, dict):
            yield entry
        else:
            source.problems.add("bad_record", f"{source.name}, entry {number}")


def _fault(error: Exception) -> str:
    """Cut off, or wrong in itself. The parser's own text is not used: it quotes the report."""
    return "cut_off" if isinstance(error, ijson.IncompleteJSONError) and "premature EOF" in str(error) else "malformed"


def _twin_counter() -> type[Any]:
    """A dict type that counts the keys that were set twice, for the document that is read with it."""

    class Twins(dict[str, Any]):
        seen = 0

        def __setitem__(self, key: str, value: Any) -> None:
            if key in self:
                Twins.seen += 1
            dict.__setitem__(self, key, value)

    return Twins


class _Meter:
    """A stream for ijson that refuses an endless or bottomless entry, and repairs wrong UTF-8."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.since = 0  # bytes since the last entry
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.problems: Problems = source.problems

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""
        chunk = self.source.stream.read(min(size, LONGEST_LINE) if size > 0 else LONGEST_LINE)
        self.since += len(chunk)
        if self.since > LONGEST_LINE:
            raise Unfit("too_large")
        if DEEP.search(chunk):
            raise Unfit("too_deep")
        text = self.decoder.decode(chunk, final=not chunk)
        if "\ufffd" in text and b"\xef\xbf\xbd" not in chunk:
            self.problems.add("not_utf8", self.source.name)
        return text.encode()
