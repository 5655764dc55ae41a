"""The report as Markdown, for a ticket or a pull request. Everything foreign stands in code spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revoker.report import story
from revoker.report.text import code_span

MOST_SHOWN = 500


def markdown(doc: Mapping[str, Any]) -> str:
    """The report document (`revoker/report/1`) as GitHub-flavoured Markdown."""
    said = story.banner(doc["counts"])
    lines = [
        f"# Credential report: {code_span(story.title(doc))}",
        "",
        f"**{said.text}.** {said.detail} Made {story.when(doc['generated_at'])} UTC by revoker {doc['revoker']}.",
        *(line for alert in story.alerts(doc) for line in ("", f"**{code_span(alert)}**")),
        "",
        "| Number | Value | |",
        "|---|---:|---|",
        *(f"| {tile.name} | {tile.value} | {tile.detail} |" for tile in story.tiles(doc["metrics"])),
        "",
        "## Credentials",
        "",
        "| Credential | Kind | Status | Why | Account | Findings | Ingested (UTC) | To dead |",
        "|---|---|---|---|---|---:|---|---:|",
    ]
    ordered = story.by_urgency(doc["credentials"])
    lines += [_row(credential) for credential in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        lines += ["", f"{len(ordered) - MOST_SHOWN} more are in the JSON report."]
    for orphan in doc["orphans"]:
        what = f"{code_span(orphan['target'])} at {code_span(orphan['provider'])}: {code_span(orphan['why'])}"
        lines += ["", f"**Orphan** {what}"]
    for credential in ordered[:MOST_SHOWN]:
        lines += _section(credential)
    return "\n".join(lines) + "\n"


def _row(credential: Mapping[str, Any]) -> str:
    times = credential["times"]
    cells = (
        code_span(credential["fingerprint"]),
        code_span(credential["kind"]),
        f"**{credential['status']}**",
        code_span(credential["reason"]),
        code_span(story.account(credential)),
        str(credential["findings"]),
        story.when(times["ingested_at"]),
        story.took(credential),
    )
    return f"| {' | '.join(cells)} |"


def _section(credential: Mapping[str, Any]) -> list[str]:
    lines = ["", f"### {credential['status']}: {code_span(credential['fingerprint'])}", ""]
    lines += [f"- {event.at} {code_span(event.what)} {event.after}".rstrip() for event in story.timeline(credential)]
    lines += ["", "Found in:", ""] + [f"- {code_span(spot)}" for spot in story.places(credential)]
    if credential["residual"]:
        lines += ["", "What outlives it:", ""] + [f"- {code_span(line)}" for line in story.residual(credential)]
    told = story.manual(credential)
    if told:
        lines += ["", "By hand:", ""] + [f"{n}. {code_span(step)}" for n, step in enumerate(told["steps"], 1)]
        lines += ["", f"<{told['link']}>"] if told["link"] else []
    return lines
