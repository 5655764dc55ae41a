"""`revoker show`: one credential with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from revoker.cli import options, outcome, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    fingerprint: Annotated[str, typer.Argument(help="The fingerprint, or a unique beginning of it.", metavar="FINGERPRINT")],
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show one credential: facts, places, timeline, runs, what outlives it, what to do by hand. Never its value."""
    from revoker.report import collect, json_document
    from revoker.store import credentials

    session = session_of(ctx)
    rows = credentials.select(session.store, options.selection(session.store, fingerprint=[fingerprint]))
    doc = json_document.member(next(collect.members(session.store, rows)))
    if as_json:
        output.document({"schema": json_document.schema("show"), **doc})
    else:
        _tell(doc)
    return outcome.of_counts({rows[0].status: 1})


def _tell(doc: Mapping[str, Any]) -> None:
    from revoker.report import story
    from revoker.report.terminal import Table

    output.line(f"{doc['kind_title']}  {doc['fingerprint']}  {doc['status']}")
    output.table(Table(("fact", "value"), story.facts(doc)))
    events = [(event.at, event.what, event.after) for event in story.timeline(doc)]
    output.table(Table(("time (UTC)", "what", "since ingest"), events, fold=("what",)))
    output.table(Table(("found in",), [(spot,) for spot in story.places(doc)]))
    for place in story.homes(doc):
        output.line(f"in Vault: {place}")
    for place in story.successors(doc):
        output.line(f"in its place: {place}")
    for run in doc["runs"]:
        output.line(
            f"run {run['id']}: {run['playbook']}, {run['state']}, step {run['step'] or '-'} {run['message'] or ''}".rstrip()
        )
    for line in story.residual(doc):
        output.line(f"outlives it: {line}")
    told = story.manual(doc)
    if told:
        output.line("By hand, where no API can act:")
        for number, step in enumerate(told["steps"], 1):
            output.line(f"  {number}. {step}")
        output.line(f"  {told['link'] or ''}")
