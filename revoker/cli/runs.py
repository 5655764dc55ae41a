"""`revoker runs`: runs of playbooks, and what they wait for."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import listing, options, outcome, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    fingerprint: options.Fingerprints = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only this state: ready, running, waiting, parked, done, failed, cancelled; may be repeated."),
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Only the runs of this plan.", metavar="PLAN")] = None,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show runs, their step and what they wait for.

    Exit code 12 when one waits, 13 when one failed, else 0.
    """
    from revoker.report import json_document
    from revoker.store import credentials, plans, runs

    session = session_of(ctx)
    rows = runs.list_runs(
        session.store,
        plan=[plans.load_plan(session.store, plan).digest] if plan else (),
        fingerprint=[credentials.resolve_prefix(session.store, one) for one in fingerprint or ()],
        state=state or (),
        incident=incident or (),
    )
    if as_json:
        output.document({"schema": json_document.schema("runs"), "runs": [json_document.run(row) for row in rows]})
    elif rows:
        output.table(listing.runs(rows))
    else:
        output.line("No runs.")
    return outcome.of_runs(row.state for row in rows)
