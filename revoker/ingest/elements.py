"""The entries of a large JSON document, cut out one after the other without reading the document as a whole.

Only brackets and strings are looked at; what an entry holds is parsed, and refused, on its own. So a bad entry
costs itself alone, and memory stays bounded whatever the document is like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from revoker.ingest.source import CHUNK, LONGEST_LINE, Source

BRACKET = re.compile(rb'(?:[^\[\]{}"]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)  # the next one outside a string
BETWEEN = b" \t\r\n,"
DEEPEST = 200


@dataclass(slots=True)
class _Scan:
    """How far a document was read."""

    holder: re.Pattern[bytes]  # what stands before the list of entries
    level: int  # the depth at which entries open; -1 outside of that list
    buffer: bytes = b""
    at: int = 0  # all before this was looked at
    depth: int = 0
    start: int = -1  # where the entry under way begins
    end: int = 0  # where the last entry, or the last bracket outside of one, ended


def elements(source: Source, within: str) -> Iterator[bytes]:
    """The entries as bytes. `within` names the list that holds them, at any depth; "[]" is a document that is the
    list, and "" is documents one after the other.

    A fault that ends the document is counted as a problem; what came before it was given out.
    """
    level = {"": 0, "[]": 1}.get(within, -1)
    scan = _Scan(re.compile(rb'"%s"\s*:\s*\Z' % re.escape(within.encode())), level)
    while True:
        match = BRACKET.match(scan.buffer, scan.at)
        if match is None:
            if not _more(scan, source):
                _ended(scan, source)
                return
            continue
        entry = _step(scan, match, source)
        if entry is not None:
            yield entry
        if scan.depth > DEEPEST or scan.depth < 0:
            source.problems.add("too_deep" if scan.depth > 0 else "malformed", source.name)
            return


def _step(scan: _Scan, match: re.Match[bytes], source: Source) -> bytes | None:
    """Go past one bracket; the entry that it closes, if it does."""
    bracket, opens = match.end() - 1, match[1] in b"[{"
    entry = None
    if opens:
        if scan.depth == scan.level and scan.start < 0:
            if scan.buffer[scan.end : bracket].strip(BETWEEN):
                source.problems.add("bad_record", source.name)  # a number or a text among the entries
            scan.start = bracket
        elif scan.level < 0 and match[1] == b"[" and scan.holder.search(scan.buffer, scan.end, bracket):
            scan.level = scan.depth + 1
        scan.depth += 1
    else:
        scan.depth -= 1
        if scan.start >= 0 and scan.depth == scan.level:
            entry, scan.start = scan.buffer[scan.start : match.end()], -1
        elif scan.start < 0 and 0 < scan.depth < scan.level:
            scan.level = -1  # past the list: a summary may follow, or another one
    scan.at = match.end()
    if scan.start < 0:
        scan.end = scan.at
    return entry


def _more(scan: _Scan, source: Source) -> bool:
    """Read on, and let go of what is done. False at the end, and when an entry is larger than any real one."""
    keep = scan.start if scan.start >= 0 else scan.end
    rest = scan.buffer[keep:]
    if len(rest) > LONGEST_LINE:
        return False
    chunk = source.stream.read(CHUNK)
    scan.at, scan.end = scan.at - keep, max(scan.end - keep, 0)
    scan.start = 0 if scan.start >= 0 else -1
    scan.buffer = rest + chunk
    return bool(chunk)


def _ended(scan: _Scan, source: Source) -> None:
    if len(scan.buffer) > LONGEST_LINE:
        source.problems.add("too_large", source.name)
    elif scan.depth > 0:
        source.problems.add("cut_off", source.name)
    elif scan.buffer[scan.end :].strip(b" \t\r\n\0"):
        source.problems.add("malformed", source.name)
