"""`revoker apply`: carry out an approved plan."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import closing, listing, options, outcome, output, running
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    plan: Annotated[str, typer.Argument(help="The plan's digest, or a unique beginning of it.", metavar="PLAN")],
    detach: options.Detach = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Carry out a plan: one durable run for each credential. What is interrupted goes on with `revoker resume`.

    Exit code 12 when approvals are missing or a run waits, 13 when one failed, else 0.
    """
    from revoker.report import json_document
    from revoker.runs.apply import apply
    from revoker.runs.worker import needs_postgresql
    from revoker.store import runs

    session = session_of(ctx)
    if detach:
        needs_postgresql(session.store)
    run_ids = apply(session.store, session.settings, plan, now())
    if detach:
        rows = [runs.get_run(session.store, run_id) for run_id in run_ids]
    else:
        rows = running.carry_out(session, run_ids, lambda engine: engine.start(run_ids))
    closing.finish(session)
    if as_json:
        output.document({"schema": json_document.schema("apply"), "runs": [json_document.run(row) for row in rows]})
    else:
        output.table(listing.runs(rows))
        output.line(f"{running.states(rows)}.")
    return outcome.of_runs(row.state for row in rows)
