"""gitleaks 8 (JSON, CSV) and what copies its shape: Betterleaks 1."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims
from revoker.ingest.records import records
from revoker.ingest.rows import header_rows
from revoker.ingest.source import Source
from revoker.model import NOTHING, Finding, Location

IN_HOST = re.compile(r"/(?:-/)?(?:blob|blame|src|commit|tree|raw)/")
GENERIC = "generic"  # gitleaks' own catch-all rule names begin so


def read(source: Source) -> Iterator[Finding]:
    """Findings of a gitleaks report, JSON or CSV."""
    if source.head.lstrip()[:1] in (b"[", b"{"):
        for record in records(source):
            yield from _findings(record, source)
    else:
        for _, row in header_rows(source):
            yield from _findings(row, source)


def _findings(record: Mapping[str, Any], source: Source) -> Iterator[Finding]:
    rule, value = record.get("RuleID"), record.get("Secret")
    if not isinstance(rule, str) or not isinstance(value, str):
        source.problems.add("bad_record", source.name)
        return
    place = _place(record, "gitleaks")
    found = _finding(record, rule, value, place, source)
    if found is not None:
        yield found
    for component in _components(record):
        part_rule, part = component.get("RuleID"), component.get("Secret")
        if isinstance(part_rule, str) and isinstance(part, str):
            line = claims.whole(component.get("StartLine"))
            beside = Location(place.source, place.file, line, place.commit, place.image, place.layer, place.repository)
            found = _finding(component, part_rule, part, beside, source)
            if found is not None:
                yield found


def _finding(record: Mapping[str, Any], rule: str, value: str, place: Location, source: Source) -> Finding | None:
    variable = claims.variable_before(record.get("Match")) if rule.startswith(GENERIC) else None
    parts = NOTHING if variable is None else {"variable": variable}
    status = claims.text(record.get("ValidationStatus"), 40)
    return claims.finding(rule[:200], value, place, source.problems, parts=parts, reported=status, at=record.get("Date"))


def _components(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Betterleaks 1: the other halves of a pair. Pairing decides which one is right, not the report."""
    sets = record.get("RequiredSets")
    for required in sets if isinstance(sets, list) else ():
        components = claims.table(required).get("components")
        for component in components if isinstance(components, list) else ():
            yield claims.table(component)


def _place(record: Mapping[str, Any], scanner: str) -> Location:
    file, image, layer = split_archive(claims.path(record.get("File")))
    link = claims.url(record.get("Link"))
    repository = None if link is None else IN_HOST.split(link, maxsplit=1)[0]
    commit = claims.text(record.get("Commit"), 80)
    return Location(scanner, file, claims.whole(record.get("StartLine")), commit, image, layer, repository)


def split_archive(path: str | None) -> tuple[str | None, str | None, str | None]:
    """`image.tar!layer.tar!app/.env` as (file, image, layer); a plain path stays whole."""
    if path is None or "!" not in path:
        return path, None, None
    outer, *middle, inner = path.split("!")
    if not re.search(r"\.(?:tar|tgz|tar\.gz|oci)$", outer) or not middle:
        return path, None, None
    return inner, outer, "!".join(middle)
