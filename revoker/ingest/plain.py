"""A plain list: one value a line, `#` comments, `id:secret` where a credential has two halves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from revoker.ingest import claims, halves
from revoker.ingest.source import Source, text_lines
from revoker.model import NOTHING, Finding, Location

BETWEEN = re.compile(r"\s*[:,;|]\s*|\s+")
COMMENT = re.compile(r"\s#.*$", re.DOTALL)


def read(source: Source) -> Iterator[Finding]:
    """Findings of a plain list."""
    for number, line in text_lines(source):
        value = COMMENT.sub("", line).strip() if "#" in line else line.strip()
        if not value or value.startswith("#"):
            continue
        pair = BETWEEN.split(value, maxsplit=1) if len(value) < 1000 else [value]
        joined = halves.join(pair[0], pair[1]) if len(pair) == 2 else None
        secret, parts = joined if joined is not None else (value, NOTHING)
        found = claims.finding("value", secret, Location("list", source.name, number), source.problems, parts=parts)
        if found is not None:
            yield found
