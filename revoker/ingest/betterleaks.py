"""Betterleaks 2: a JSON document, or `{schema_version, finding}` a line. Version 1 has gitleaks' shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims, gitleaks
from revoker.ingest.records import Record, records
from revoker.ingest.source import Source
from revoker.model import Finding, Location


def read(source: Source) -> Iterator[Finding]:
    """Findings of a Betterleaks report; the components of a pair come as findings of their own."""
    if b'"RuleID"' in source.head and b'"rule_id"' not in source.head:
        yield from gitleaks.read(source)
        return
    for record in records(source):
        entry = record.get("finding", record)
        if not isinstance(entry, dict):
            source.problems.add("bad_record", source.name)
        elif "rule_id" in entry or "match" in entry:
            yield from _findings(entry, source)
        elif "scan" not in entry:
            source.problems.add("bad_record", source.name)


def _findings(entry: Record, source: Source) -> Iterator[Finding]:
    place = _place(entry, entry)
    for item in (entry, *_components(entry)):
        rule, value = item.get("rule_id"), claims.table(item.get("match")).get("value")
        if not isinstance(rule, str) or not isinstance(value, str):
            source.problems.add("bad_record", source.name)
            continue
        here = place if item is entry else _place(item, entry)
        at = claims.table(entry.get("attributes")).get("git.date")
        variable = claims.variable_before(claims.table(item.get("match")).get("full"))
        parts = {"variable": variable} if variable else {}
        found = claims.finding(rule[:200], value, here, source.problems, parts=parts, at=at)
        if found is not None:
            yield found


def _components(entry: Record) -> Iterator[Mapping[str, Any]]:
    sets = entry.get("component_sets")
    for one in sets if isinstance(sets, list) else ():
        components = claims.table(one).get("components")
        for component in components if isinstance(components, list) else ():
            yield claims.table(component)


def _place(item: Mapping[str, Any], entry: Record) -> Location:
    where, attributes = claims.table(item.get("location")), claims.table(entry.get("attributes"))
    file, image, layer = gitleaks.split_archive(claims.path(where.get("path")) or claims.path(attributes.get("path")))
    line, sha = claims.whole(where.get("start_line")), claims.text(attributes.get("git.sha"), 80)
    return Location("betterleaks", file, line, sha, image, layer, claims.url(attributes.get("git.remote_url")))
