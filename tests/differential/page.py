"""docs/differential.md, made from a comparison: every disagreement, who is right, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.providers.catalogue import OWNERS

Row = dict[str, Any]
MADE = "<!-- Made by `python -m tests.differential`; do not edit. -->\n"
ABOUT = """\
# Kingfisher and revoker, given the same answers

The real Kingfisher {version} and revoker check the same made-up keys, each by its own rule and at the providers' own names, in a network
namespace where every name is this machine. One TLS server gives both the same answer, whatever they ask. Kingfisher runs its built-in
rules (`kingfisher validate --rule`, no retries), nothing is rewritten; its `verified_active` is written `live`, its
`verified_inactive` `dead`, everything else `unknown`. `tests/differential` holds the comparison, and fails when this page is not what it
finds.

The live and the dead answer of a kind are those of tests/providers/replies, from the vendor's documentation or recorded; the others are:
429, 500, 403 (each with a JSON error that names no key), a login page with status 200, a redirect, no answer in time, and a 200 that says
`"ok": false`. Docker Hub, Twilio and PyPI are not compared: Kingfisher {version} has no check for their keys. Left out too are kinds that it
checks with a second part (AWS, GCP service accounts), for `validate` takes one value.
"""
SILENT = {
    "429": "a rate limit is about the caller's pace, not about the key",
    "500": "a server's fault says nothing about the key",
    "login page": "a page for people under a 200 is a proxy or a sign-in, not the API",
    "redirect": "whoever answers with a redirect has not looked at the key",
    "time-out": "no answer is no verdict",
    "200 ok:false": "the body says that the call failed, and not why: a status alone is no proof of life",
}
FORBIDDEN = {
    (
        "dead",
        "unknown",
    ): "a 403 is said of rights, addresses, plans and rate limits; a key that is taken for dead by it stays alive",
    (
        "dead",
        "live",
    ): "a 403 comes after the key was accepted: the vendor's page gives it to keys that may not do this, and refuses dead ones with 401",
    (
        "unknown",
        "live",
    ): "the vendor's page gives a 403 to keys that were accepted and may not do this, and refuses dead ones with 401",
}


def judged(row: Row) -> tuple[str, str]:
    """Who is right where the two differ, and why. Raises KeyError for a disagreement that nobody has looked at."""
    name, theirs, ours = row["answer"], row["kingfisher"], row["revoker"]
    if (row["kind"], name) in LOOKED_AT:
        return LOOKED_AT[row["kind"], name]
    if name in SILENT and ours == "unknown":
        return "revoker", SILENT[name]
    if name == "403":
        return "revoker", FORBIDDEN[theirs, ours]
    raise KeyError(f"{row['kind']}, {name}: kingfisher {theirs}, revoker {ours} ({row['reason']})")


LOOKED_AT: dict[tuple[str, str], tuple[str, str]] = {
    ("digitalocean_oauth", "403"): (
        "revoker",
        "DigitalOcean's own 403 carries an `id`; this one could be any proxy's, and says nothing of the token",
    ),
    ("deepseek_api_key", "live"): (
        "neither",
        "Kingfisher asks for the list of models and revoker for the balance; this answer is the balance's, which the other cannot know",
    ),
    ("wandb_api_key", "dead"): ("revoker", "a dead key gets a 200 whose `viewer` is null, as the vendor's own client reads it"),
    ("figma_pat", "dead"): (
        "revoker",
        "Figma refuses a dead token with 403 and the words `Invalid token`; a 403 for a scope has others",
    ),
    ("linear_api_key", "dead"): ("revoker", "Linear refuses a dead key with 400 and the code AUTHENTICATION_ERROR"),
    ("xai_api_key", "dead"): ("revoker", "xAI refuses a dead key with 400 and the words `Incorrect API key provided`"),
}


def page(rows: list[Row], version: str) -> str:
    """The whole page."""
    differ = [row for row in rows if row["kingfisher"] != row["revoker"]]
    kinds = sorted({row["kind"] for row in rows})
    wrong = Counter(judged(row)[0] for row in differ)
    deaths = sum(row["kingfisher"] == "dead" and row["answer"] != "dead" for row in rows)
    ours = sum(row["revoker"] == "dead" and row["answer"] != "dead" for row in rows)
    parts = [MADE, ABOUT.format(version=version)]
    parts.append(
        f"{len(kinds)} kinds, {len(rows)} answers: the two agree on {len(rows) - len(differ)} and differ on {len(differ)}."
    )
    parts.append(f"Right in those: {', '.join(f'{who} {count}' for who, count in sorted(wrong.items()))}.")
    parts.append(f"Declared dead by an answer that is no refusal of the key: {deaths} by Kingfisher, {ours} by revoker.\n")
    parts.append("## Disagreements\n\n| kind | answer | Kingfisher | revoker | right | why |\n|---|---|---|---|---|---|")
    parts += [_line(row) for row in differ]
    parts.append("\n## What was compared\n\n| kind | Kingfisher's rule | agree on |\n|---|---|---|")
    for kind in kinds:
        same = [row["answer"] for row in rows if row["kind"] == kind and row["kingfisher"] == row["revoker"]]
        rule = next(row["rule"] for row in rows if row["kind"] == kind)
        parts.append(f"| `{kind}` | `{rule}` | {', '.join(same)} |")
    return "\n".join(parts) + "\n"


def _line(row: Row) -> str:
    who, why = judged(row)
    docs = OWNERS[row["kind"]][1].docs
    source = f" ({row['source']})" if row["source"] else ""
    return (
        f"| `{row['kind']}` | {row['answer']}{source} | {row['kingfisher']} | {row['revoker']} ({row['reason']}) "
        f"| {who} | {why} ([page]({docs})) |"
    )
