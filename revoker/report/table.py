"""The report as CSV, one line a credential, every cell quoted and none a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from revoker.report.text import cell

COLUMNS = (
    "fingerprint",
    "kind",
    "provider",
    "status",
    "validity",
    "reason",
    "account",
    "principal",
    "findings",
    "first_place",
    "incident",
)
TIMES = ("ingested_at", "live_at", "contained_at", "acked_at", "refused_at", "dead_at", "next_check_at")


def table(doc: Mapping[str, Any]) -> str:
    """The credentials of a report document as CSV with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([*COLUMNS, *TIMES])
    for credential in doc["credentials"]:
        identity = credential["identity"]
        first = credential["locations"][0] if credential["locations"] else {}
        flat = {
            **credential,
            "account": identity.get("account"),
            "principal": identity.get("principal"),
            "first_place": first.get("file") or first.get("image") or first.get("source"),
        }
        writer.writerow([*(cell(flat[name]) for name in COLUMNS), *(cell(credential["times"][name]) for name in TIMES)])
    return out.getvalue()
