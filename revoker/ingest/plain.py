"""A plain list: one value a line, `#` comments, `id:secret` where a credential has two halves; or key files as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from revoker.ingest import claims, halves, pem
from revoker.ingest.source import Source, text_lines
from revoker.model import NOTHING, Finding, Location

BETWEEN = re.compile(r"\s*[:,;|]\s*|\s+")
COMMENT = re.compile(r"\s#.*$", re.DOTALL)


def read(source: Source) -> Iterator[Finding]:
    """Findings of a plain list."""
    for number, line in _whole_keys(text_lines(source)):
        value = COMMENT.sub("", line).strip() if "#" in line and not pem.mentions_key(line) else line.strip()
        if not value or value.startswith("#"):
            continue
        pair = BETWEEN.split(value, maxsplit=1) if len(value) < 1000 else [value]
        joined = halves.join(pair[0], pair[1]) if len(pair) == 2 else None
        secret, parts = joined if joined is not None else (value, NOTHING)
        found = claims.finding("value", secret, Location("list", source.name, number), source.problems, parts=parts)
        if found is not None:
            yield found


def _whole_keys(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines, with those of a private key joined to one; certificates and parameters beside it are no secrets."""
    for number, line in numbered:
        if not line.lstrip().startswith("-----BEGIN ") or "-----END " in line:
            yield number, line
            continue
        kept, size = [line], len(line)
        for _, more in numbered:
            kept.append(more)
            size += len(more)
            if "-----END " in more or size > claims.LONGEST_VALUE:
                break
        if pem.mentions_key(line):
            yield number, "".join(kept)
