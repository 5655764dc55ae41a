"""Reports that never hold a value: Trivy masks, detect-secrets hashes. Read to count, and to say where to look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims
from revoker.ingest.records import records, whole_documents
from revoker.ingest.source import Source
from revoker.model import Finding, Location, ValueState


def read_trivy(source: Source) -> Iterator[Finding]:
    """The places of a Trivy report's secrets."""
    for result in records(source, "Results"):
        file = claims.path(result.get("Target"))
        secrets = result.get("Secrets")
        for secret in secrets if isinstance(secrets, list) else ():
            entry = claims.table(secret)
            layer = claims.text(claims.table(entry.get("Layer")).get("Digest"), 200)
            place = Location("trivy", file, claims.whole(entry.get("StartLine")), layer=layer)
            yield _without_value(entry, "RuleID", place, ValueState.MASKED)


def read_detect_secrets(source: Source) -> Iterator[Finding]:
    """The places of a detect-secrets baseline. Its hashes are often of a part of the value only, so they identify nothing."""
    for baseline in whole_documents(source):
        for file, entries in claims.table(baseline.get("results")).items():
            for item in entries if isinstance(entries, list) else ():
                entry = claims.table(item)
                place = Location("detect_secrets", claims.path(file), claims.whole(entry.get("line_number")))
                yield _without_value(entry, "type", place, ValueState.HASHED)


def _without_value(entry: Mapping[str, Any], rule: str, place: Location, state: ValueState) -> Finding:
    return Finding(claims.text(entry.get(rule), 200) or "secret", place, None, state)
