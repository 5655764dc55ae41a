"""Kingfisher 1 and 2: a JSON document, or one finding a line. Summary and audit entries are not findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims
from revoker.ingest.records import Record, records
from revoker.ingest.source import Source
from revoker.model import NOTHING, Finding, Location, Secret

ID_IN_COMMAND = re.compile(r"(?<![A-Z0-9])(A[KS]IA[A-Z0-9]{16})(?![A-Z0-9])")
URI_IN_COMMAND = re.compile(r"'([a-z][a-z0-9+.-]{1,20}://[^\s']{1,4096})'")
NO_FINDING = ("audit", "metadata", "summary", "scan_summary")  # what stands beside or after the findings


def read(source: Source) -> Iterator[Finding]:
    """Findings of a Kingfisher report."""
    for record in records(source):
        if "rule" not in record and any(name in record for name in NO_FINDING):
            continue
        rule, body = claims.table(record.get("rule")).get("id"), claims.table(record.get("finding"))
        value = body.get("snippet")
        if not isinstance(rule, str) or not isinstance(value, str):
            source.problems.add("bad_record", source.name)
            continue
        found = _finding(body, rule, value, source)
        if found is not None:
            yield found


def _finding(body: Mapping[str, Any], rule: str, value: str, source: Source) -> Finding | None:
    captures = {k.upper(): v for k, v in claims.table(body.get("dependent_captures")).items() if isinstance(v, str) and v}
    parts: dict[str, str] = {}
    if secret := captures.get("AWS_SECRET_ACCESS_KEY"):  # version 2 reports the id, and the secret beside it
        value, parts = secret, {"key_id": value}
    elif ".aws." in rule and (found := ID_IN_COMMAND.search(_command(body))) and found[1] != value:
        parts = {"key_id": found[1]}  # version 1 reports the secret and shows the id in a command only
    elif rule.endswith("credential-uri") and (uri := URI_IN_COMMAND.search(_command(body))) and f":{value}@" in uri[1]:
        value = uri[1]  # the finding is the password alone; the address that it opens stands in a command only
    elif username := captures.get("USERNAME") or captures.get("DOCKER_USERNAME"):
        parts = {"username": username[:200]}
    token = captures.get("AWS_SESSION_TOKEN") or captures.get("SESSION_TOKEN")
    session: Mapping[str, Secret] = {"session_token": Secret(token)} if token else NOTHING
    place, at = _place(body)
    outcome = claims.text(claims.table(body.get("validation")).get("outcome"), 40)
    return claims.finding(rule[:200], value, place, source.problems, parts=parts, secret_parts=session, reported=outcome, at=at)


def _command(body: Record | Mapping[str, Any]) -> str:
    command = body.get("validate_command")
    return command if isinstance(command, str) and len(command) < 65_536 else ""


def _place(body: Mapping[str, Any]) -> tuple[Location, object]:
    git = claims.table(body.get("git_metadata"))
    commit = claims.table(git.get("commit"))
    file, image = claims.path(body.get("path")), None
    if file and " | " in file:
        image, file = file.split(" | ", 1)
    line = claims.whole(body.get("line"))
    sha = claims.text(commit.get("id"), 80)
    return Location("kingfisher", file, line, sha, image, None, claims.url(git.get("repository_url"))), commit.get("date")
