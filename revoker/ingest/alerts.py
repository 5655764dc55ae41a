"""What code hosts keep of leaks: GitHub's secret scanning alerts (REST list), GitLab's secret detection report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims
from revoker.ingest.records import records
from revoker.ingest.source import Source
from revoker.model import Finding, Location


def read_github(source: Source) -> Iterator[Finding]:
    """Findings of a list of GitHub alerts, or of a webhook's one. With `hide_secret`, and in webhooks, they have no value."""
    for entry in records(source, "alerts"):
        record = claims.table(entry["alert"]) if "alert" in entry else entry
        rule, value = record.get("secret_type"), record.get("secret")
        if not isinstance(rule, str):
            source.problems.add("bad_record", source.name)
            continue
        where = claims.table(record.get("first_location_detected"))
        repository = claims.url(claims.table(entry.get("repository")).get("html_url")) or _repository(record)
        commit = claims.text(where.get("commit_sha"), 80)
        place = Location(
            "github", claims.path(where.get("path")), claims.whole(where.get("start_line")), commit, repository=repository
        )
        text, said = value if isinstance(value, str) else "", claims.text(record.get("validity"), 40)
        found = claims.finding(rule[:200], text, place, source.problems, reported=said, at=record.get("created_at"))
        if found is not None:
            yield found


def _repository(record: Mapping[str, Any]) -> str | None:
    page = claims.url(record.get("html_url"))
    return page.split("/security/", maxsplit=1)[0] if page is not None and "/security/" in page else None


def read_gitlab(source: Source) -> Iterator[Finding]:
    """Findings of a GitLab report. Private keys come with their first line only, and are of no kind."""
    for record in records(source, "vulnerabilities"):
        value, identifiers = record.get("raw_source_code_extract"), record.get("identifiers")
        first = claims.table(identifiers[0]) if isinstance(identifiers, list) and identifiers else {}
        rule = claims.text(first.get("value"), 200) or claims.text(record.get("name"), 200)
        if rule is None or not isinstance(value, str):
            source.problems.add("bad_record", source.name)
            continue
        where = claims.table(record.get("location"))
        commit = claims.table(where.get("commit"))
        sha = claims.text(commit.get("sha"), 80)
        known = None if sha is None or set(sha) == {"0"} else sha  # zeros: a scan without history
        place = Location("gitlab", claims.path(where.get("file")), claims.whole(where.get("start_line")), known)
        found = claims.finding(rule, value, place, source.problems, at=commit.get("date"))
        if found is not None:
            yield found
