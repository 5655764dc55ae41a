"""A report document with every status, made in code; hostile names for every place where foreign text may stand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
STATUSES = ("live", "dead", "dying", "contained", "unknown", "skipped", "accepted", "new")

HOSTILE = [
    *(f"a{chr(code)}b" for code in (0x00, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1B, 0x7F, 0x85, 0x90, 0x9B, 0x9C)),
    *(
        f"a{chr(code)}b"
        for code in (0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069, 0xFEFF, 0xE0001)
    ),
    "\ud800lone",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H",
    "\x1b[31mred",
    "[/red]",
    "[link=http://evil.example]x[/link]",
    "[bold]x",
    "[@click=app.quit]x",
    ":skull:",
    '\n{"event":"approved"}',
    "\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><b onmouseover=alert(1)>',
    "' onclick='alert(1)",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "`rm -rf`",
    "``` \n# head",
    "| a | b |",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/p.png)",
    "@everyone #1 http://evil.example",
    '=HYPERLINK("http://evil.example")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\u200b=1",
    "＝1",
    "%0a",
    "../../etc/passwd",
    "a" * 5_000,
    "",
]


def iso(when: datetime | None) -> str | None:
    return None if when is None else when.strftime("%Y-%m-%dT%H:%M:%SZ")


def times_of(number: int, status: str) -> dict[str, str | None]:
    """A life in times: alive at once, changed after five minutes, dead after twenty."""
    seen, changed = status in ("live", "dead", "dying", "contained"), status in ("dead", "dying", "contained")
    return {
        "detected_at": iso(START - timedelta(days=3)),
        "ingested_at": iso(START),
        "live_at": iso(START + timedelta(seconds=30)) if seen else None,
        "contained_at": iso(START + timedelta(minutes=5)) if status == "contained" else None,
        "acked_at": iso(START + timedelta(minutes=5)) if changed else None,
        "refused_at": iso(START + timedelta(minutes=6)) if changed else None,
        "dead_at": iso(START + timedelta(minutes=20 + number)) if status == "dead" else None,
        "next_check_at": None,
        "residual_until": None,
    }


def run(number: int, text: str, ended_at: str | None) -> dict[str, Any]:
    """A run with one receipt."""
    at = iso(START + timedelta(minutes=5))
    receipt = {"at": at, "action": text, "effect": "revoke", "target": text, "already": False, "detail": text, "host": text}
    return {
        "id": f"run_{number:032x}",
        "plan": "ab" * 32,
        "fingerprint": f"fp_{number:032x}",
        "playbook": "revoke-now",
        "state": "done",
        "step": "prove",
        "message": text,
        "created_at": iso(START),
        "updated_at": iso(START),
        "ended_at": ended_at,
        "journal": [],
        "receipts": [{**receipt, "status": 200}],
    }


def credential(number: int, status: str, text: str = "plain") -> dict[str, Any]:
    """One credential of the document; `text` stands wherever a report's or a provider's words stand."""
    times = times_of(number, status)
    spot = {"source": text, "file": text, "line": 3, "commit": text, "image": None, "layer": text, "repository": text}
    return {
        "fingerprint": f"fp_{number:032x}",
        "kind": "groq_api_key",
        "kind_title": text,
        "provider": "groq",
        "status": status,
        "validity": None if status == "new" else "live",
        "reason": text,
        "checked_at": iso(START + timedelta(minutes=30)),
        "identity": {"account": text, "principal": text, "scopes": [text], "expires_at": None, "last_used_at": iso(START)},
        "findings": 4,
        "locations": [spot],
        "incident": "INC-20261124-1",
        "parts": {"key_id": text},
        "value_state": "raw",
        "refusals": 2,
        "accepted": {"by": text, "why": text} if status == "accepted" else None,
        "times": times,
        "verdicts": [{"at": iso(START), "validity": "unknown", "reason": text, "host": text, "status": 429, "code": text}],
        "runs": [run(number, text, times["dead_at"])] if times["acked_at"] else [],
        "owned": {"how": text, "account": text, "at": iso(START)},
        "canary_overrides": [
            {"who": text, "why": text, "signed_by": text, "at": iso(START), "until": iso(START), "ended_at": iso(START)}
        ],
        "residual": [{"what": text, "lasts_s": 3600, "ends_at": iso(START + timedelta(hours=1)), "ended_by": text}],
        "manual": {"url": "https://console.example.com/keys", "steps": [text], "notify": text, "proves": text},
        "docs": "https://docs.example.com",
    }


def document(statuses: tuple[str, ...] = STATUSES, text: str = "plain") -> dict[str, Any]:
    """A whole report document."""
    counts = dict(Counter(statuses))
    metrics = {
        "credentials": len(statuses),
        "counts": counts,
        "d24": 0.5,
        "d24_dead": 1,
        "d24_of": 2,
        "d24_open": 1,
        "time_to_dead_p50_s": 1200,
        "time_to_dead_p90_s": 1800,
        "time_to_contain_p50_s": 300,
        "time_to_contain_p90_s": 301,
        "unknown": 1,
        "unknown_rate": 0.125,
        "unknown_oldest_s": 3600,
        "exposure_hours": 1.5,
        "resurrections": 0,
        "orphans": 1,
    }
    orphan = {
        "id": 1,
        "provider": text,
        "target": text,
        "fingerprint": "fp_1",
        "run": "r",
        "why": text,
        "created_at": iso(START),
        "resolved_at": None,
    }
    return {
        "schema": "revoker/report/1",
        "revoker": "0.1.0",
        "generated_at": iso(START + timedelta(hours=2)),
        "stopped": False,
        "incidents": [{"id": "INC-20261124-1", "title": text, "created_at": iso(START), "closed_at": None}],
        "credentials": [credential(number, status, text) for number, status in enumerate(statuses)],
        "counts": counts,
        "metrics": metrics,
        "orphans": [orphan],
    }
