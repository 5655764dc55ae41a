"""ggshield JSON. Masked unless it ran with `--show-secrets`; the parts of a pair stand in one incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims
from revoker.ingest.records import records
from revoker.ingest.source import Source
from revoker.model import Finding, Location


def read(source: Source) -> Iterator[Finding]:
    """Findings of a ggshield report: of files, or of commits."""
    if b'"scans"' in source.head:
        for scan in records(source, "scans"):
            for entity in _listed(scan, "entities_with_incidents"):
                yield from _of_entity(entity, claims.text(scan.get("id"), 80), source)
    else:
        for entity in records(source, "entities_with_incidents"):
            yield from _of_entity(entity, None, source)


def _of_entity(entity: Mapping[str, Any], commit: str | None, source: Source) -> Iterator[Finding]:
    file = claims.path(entity.get("filename"))
    for incident in _listed(entity, "incidents"):
        rule, said = claims.text(incident.get("type"), 200), claims.text(incident.get("validity"), 40)
        for occurrence in _listed(incident, "occurrences"):
            value = occurrence.get("match")
            if rule is None or not isinstance(value, str):
                source.problems.add("bad_record", source.name)
                continue
            place = Location("ggshield", file, claims.whole(occurrence.get("line_start")), commit)
            found = claims.finding(rule, value, place, source.problems, reported=said)
            if found is not None:
                yield found


def _listed(holder: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    items = holder.get(name)
    return (claims.table(item) for item in (items if isinstance(items, list) else ()))
