"""`revoker undo`: something broke; take a suspension back while that is possible."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import closing, ingesting, listing, options, outcome, output, planning, running
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    run: Annotated[str, typer.Argument(help="The run, or a unique beginning of it.", metavar="RUN")],
    why: options.Why = "",
    by: options.By = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Stop a run and restore what it suspended. After a revocation there is no way back, and this says so.

    Without [approvals] restore it is done at once; else it waits for them, with exit code 12. 13 when it is too late.
    """
    from revoker.report import json_document
    from revoker.runs.apply import apply
    from revoker.runs.undo import undo

    session = session_of(ctx)
    plan = undo(session.store, session.settings, run, who=ingesting.name_of(by), why=why, now=now())
    rows = []
    if not plan.approvals:
        run_ids = apply(session.store, session.settings, plan.digest, now())
        rows = running.carry_out(session, run_ids, lambda engine: engine.start(run_ids))
    closing.finish(session)
    if as_json:
        made = [json_document.run(row) for row in rows]
        output.document({"schema": json_document.schema("undo"), "plan": plan.digest, "runs": made})
    else:
        output.line("The run was stopped.")
        if rows:
            output.table(listing.runs(rows))
    if not rows:
        planning.say_next(plan)
        return ExitCode.WAITING
    return outcome.of_runs(row.state for row in rows)
