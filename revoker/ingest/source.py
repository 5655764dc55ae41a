"""Bytes of a report: its encoding found, its lines bounded. No input can make us hold more than a few MiB."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from revoker.ingest.problems import Problems

HEAD = 64 * 1024
LONGEST_LINE = 8 * 1024 * 1024
CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A report as a stream of UTF-8 bytes without a byte order mark, and its first 64 KiB."""

    name: str
    head: bytes
    stream: BinaryIO
    problems: Problems

    def at(self, line: int) -> str:
        """A place in the report, for a person."""
        return f"{self.name}:{line}"


def open_source(stream: BinaryIO, name: str, problems: Problems) -> Source:
    """Find the encoding from the first bytes (UTF-8, or UTF-16 by its mark or its zero bytes) and read on as UTF-8."""
    head = _read_full(stream, HEAD)
    encoding, mark = _encoding(head)
    recoded = io.BufferedReader(_Recoded(head[mark:], stream, encoding), CHUNK)
    start = recoded.peek(HEAD)
    return Source(clean_name(name), start[:HEAD], recoded, problems)


def lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers. A line over 8 MiB is skipped in bounded memory and counted."""
    number, readline = 0, source.stream.readline
    while line := readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and line[-1:] != b"\n":
            source.problems.add("line_too_long", source.at(number))
            while (rest := readline(CHUNK)) and rest[-1:] != b"\n":
                pass
            continue
        yield number, line


def text_lines(source: Source) -> Iterator[tuple[int, str]]:
    """The lines as text; wrong bytes are replaced and counted."""
    for number, line in lines(source):
        yield number, decoded(line, source, number)


def decoded(line: bytes, source: Source, number: int) -> str:
    """A line as text; wrong bytes are replaced and counted."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        source.problems.add("not_utf8", source.at(number))
        return line.decode(errors="replace")


def clean_name(name: str) -> str:
    """A report's name that can go to a terminal."""
    return "".join(c for c in name if c.isprintable())[:200]


class _Recoded(io.RawIOBase):
    """The head again, then the rest; recoded to UTF-8 when the report is in another encoding."""

    def __init__(self, head: bytes, rest: BinaryIO, encoding: str | None) -> None:
        self.decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
        self.rest = rest
        self.pending = self._recode(head)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self.pending:
            chunk = self.rest.read(len(buffer))
            self.pending = self._recode(chunk, final=not chunk)
            if not chunk:
                break
        taken = self.pending[: len(buffer)]
        self.pending = self.pending[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def _recode(self, chunk: bytes, *, final: bool = False) -> bytes:
        return self.decoder.decode(chunk, final).encode("utf-8", "replace") if self.decoder else chunk


def _read_full(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes even from a pipe that gives them in pieces. A fault after the first piece comes up again later."""
    pieces: list[bytes] = []
    try:
        while size > 0 and (piece := stream.read(size)):
            pieces.append(piece)
            size -= len(piece)
    except OSError:
        if not pieces:
            raise
    return b"".join(pieces)


def _encoding(head: bytes) -> tuple[str | None, int]:
    """The encoding (None for UTF-8) and the length of the byte order mark."""
    if head.startswith(codecs.BOM_UTF8):
        return None, 3
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32-le" if head.startswith(codecs.BOM_UTF32_LE) else "utf-32-be", 4
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be", 2
    if len(head) >= 4 and head[1] == 0 and head[3] == 0 and head[0] and head[2]:
        return "utf-16-le", 0
    if len(head) >= 4 and head[0] == 0 and head[2] == 0 and head[1] and head[3]:
        return "utf-16-be", 0
    return None, 0
