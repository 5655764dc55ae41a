"""SARIF 2.1: the value is the region's snippet, where the scanner writes one (gitleaks and Kingfisher do)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from revoker import catalog
from revoker.ingest import claims, pem
from revoker.ingest.records import Record, records
from revoker.ingest.source import Source
from revoker.model import NOTHING, Finding, Location

DRIVER = re.compile(rb'"driver"\s*:\s*\{[^{}]{0,2000}?"name"\s*:\s*"([A-Za-z0-9 _.-]{1,40})"')
KNOWN = ("gitleaks", "kingfisher", "trufflehog", "betterleaks", "ggshield", "trivy", "semgrep", "noseyparker")
MOST_WORDS = 200


def read(source: Source) -> Iterator[Finding]:
    """Findings of a SARIF report. A result without a snippet has no value, and is counted."""
    found = DRIVER.search(source.head)
    tool = found[1].decode().casefold() if found else ""
    scanner = next((name for name in KNOWN if name in tool), "sarif")
    for record in records(source, "results"):
        rule, places = record.get("ruleId"), record.get("locations")
        if not isinstance(rule, str):
            source.problems.add("bad_record", source.name)
            continue
        for place in places if isinstance(places, list) else ():
            finding = _finding(record, rule, claims.table(place), scanner, source)
            if finding is not None:
                yield finding


def _finding(record: Record, rule: str, place: Mapping[str, Any], scanner: str, source: Source) -> Finding | None:
    physical = claims.table(place.get("physicalLocation"))
    region = claims.table(physical.get("region"))
    snippet = claims.table(region.get("snippet")).get("text")
    text = snippet if isinstance(snippet, str) else ""
    prints, git = (
        claims.table(record.get("partialFingerprints")),
        claims.table(claims.table(place.get("properties")).get("git_metadata")),
    )
    commit = claims.table(git.get("commit"))
    where = Location(
        scanner,
        claims.path(claims.table(physical.get("artifactLocation")).get("uri")),
        claims.whole(region.get("startLine")),
        claims.text(prints.get("commitSha"), 80) or claims.text(commit.get("id"), 80),
        repository=claims.url(git.get("repository_url")),
    )
    variable = claims.variable_before(text)
    parts = {"variable": variable} if variable else NOTHING
    return claims.finding(rule[:200], inside(text), where, source.problems, parts=parts, at=prints.get("date"))


def inside(text: str) -> str:
    """The one value of a known shape in a line of source; the text itself when it is the value, or none or several fit."""
    if pem.mentions_key(text) or len(text) > 10_000 or catalog.name_kinds(text.strip()):
        return text
    words = re.split(r"[\s\"'`=,;<>()]+", text)[:MOST_WORDS]
    fits = {word for word in words if len(word) > 8 and catalog.name_kinds(word)}
    return fits.pop() if len(fits) == 1 else text
