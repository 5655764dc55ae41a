"""Which format a report is in, told by its first bytes, and the reader for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from revoker.errors import ReportUnreadable, UsageError
from revoker.ingest import alerts, betterleaks, csv_list, env, ggshield, gitleaks, kingfisher, plain, sarif, trufflehog, valueless
from revoker.ingest.problems import Problems
from revoker.ingest.source import HEAD, Source, clean_name, open_source
from revoker.model import Finding

FORMATS: Mapping[str, Callable[[Source], Iterator[Finding]]] = {
    "betterleaks": betterleaks.read,
    "csv": csv_list.read,
    "detect-secrets": valueless.read_detect_secrets,
    "env": env.read,
    "ggshield": ggshield.read,
    "github": alerts.read_github,
    "gitlab": alerts.read_gitlab,
    "gitleaks": gitleaks.read,
    "kingfisher": kingfisher.read,
    "list": plain.read,
    "sarif": sarif.read,
    "trivy": valueless.read_trivy,
    "trufflehog": trufflehog.read,
}

JSON_SIGNS = (  # in this order: the first sign that is there decides
    ("trufflehog", re.compile(rb'"SourceMetadata"|"DetectorName"')),
    ("sarif", re.compile(rb'"\$schema"[^,]{0,200}sarif|"runs"\s*:\s*\[')),
    ("detect-secrets", re.compile(rb'"plugins_used"')),
    ("trivy", re.compile(rb'"SchemaVersion"\s*:')),
    ("gitlab", re.compile(rb'"vulnerabilities"\s*:\s*\[')),
    ("ggshield", re.compile(rb'"entities_with_incidents"|"secrets_engine_version"')),
    ("github", re.compile(rb'"secret_type"\s*:\s*"[^{}]*"secret"\s*:|"secret_type_display_name"')),
    ("", re.compile(rb'"rule_text_id"|"check_id"|"BlobID"')),
    ("betterleaks", re.compile(rb'"rule_id"|"betterleaks_version"|"RequiredSets"')),
    ("gitleaks", re.compile(rb'"RuleID"')),
    ("kingfisher", re.compile(rb'"snippet"|"kingfisher_version"|"kingfisher\.|"dependent_captures"|"findings"')),
)
JSON_START = re.compile(rb"\{|\[\s*(?:[\[{\]\"]|$)")  # `[default]` is an .ini file, which reads like .env
ENV_LINE = re.compile(rb"\s*(?:export\s+|set\s+)?[A-Za-z_][\w.-]*\s*=")
CSV_NAMES = frozenset(name.encode() for name in csv_list.VALUE_COLUMNS)


def read_report(stream: BinaryIO, *, name: str, format: str | None = None, problems: Problems | None = None) -> Iterator[Finding]:
    """The findings of a report, streaming. Raises ReportUnreadable when its format is not known; never anything else.

    What could be read only in part is counted in `problems`; what was read before a fault is kept.
    """
    problems = problems if problems is not None else Problems()
    try:
        source = open_source(stream, name, problems)
        if not source.head.strip():
            problems.add("empty", source.name)
            return
        yield from reader(format or sniff(source.head, name))(source)
    except OSError:
        problems.add("read_error", clean_name(name))


def reader(format: str) -> Callable[[Source], Iterator[Finding]]:
    """The reader of a format. Raises UsageError for one that is not known."""
    if format not in FORMATS:
        raise UsageError(f"There is no report format {clean_name(format)!r}.", next="one of: " + ", ".join(FORMATS))
    return FORMATS[format]


def sniff(head: bytes, name: str = "") -> str:
    """The format of a report by its first bytes, and by its name where they leave it open. Raises ReportUnreadable."""
    head = head[:HEAD].lstrip()
    if JSON_START.match(head):
        return _sniff_json(head, name)
    lines = [line for line in head.splitlines()[:200] if line.strip() and not line.lstrip().startswith(b"#")]
    if b"\0" in head or head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"<")):
        raise _unreadable(name, "it is not text")
    if any(line.startswith(b"-----BEGIN ") for line in lines[:20]):
        return "list"  # a key file as it is
    base = clean_name(name).rsplit("/", 1)[-1].casefold()
    first = lines[0] if lines else b""
    columns = {cell.strip(b' "').lower() for cell in first.split(b",")}
    if b"ruleid" in columns:
        return "gitleaks"
    if len(columns) > 1 and columns & CSV_NAMES:
        return "csv"
    if base.endswith(".csv"):
        raise _unreadable(name, "its header names no column secret, value or token")
    lines = [line for line in lines if not line.startswith(b"[")]  # sections of an .ini file
    assigned = sum(1 for line in lines if ENV_LINE.match(line))
    return "env" if ".env" in base or assigned * 2 > len(lines) else "list"


def _sniff_json(head: bytes, name: str) -> str:
    if re.fullmatch(rb"\[\s*\]\s*", head):
        return "gitleaks"  # a scan that found nothing
    for known, sign in JSON_SIGNS:
        if sign.search(head):
            if not known:
                raise _unreadable(name, "it is a report of Nosey Parker, Titus or Semgrep, which are not read")
            return known
    raise _unreadable(name, "no scanner's JSON is known to look like this")


def _unreadable(name: str, why: str) -> ReportUnreadable:
    return ReportUnreadable(
        f"{clean_name(name) or 'The report'} could not be read: {why}.",
        safe="nothing of it was stored",
        next="give --format, or one of these reports: " + ", ".join(FORMATS),
    )
