"""`revoker cancel`: stop a run before its next change."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    run: Annotated[list[str], typer.Argument(help="The runs to stop.", metavar="RUN")],
) -> ExitCode:
    """Stop runs before their next change. What was done stays done, and stands in the journal."""
    from revoker.runs.cancel import cancel

    session = session_of(ctx)
    for run_id in run:
        left = cancel(session.store, run_id, now())
        output.line(f"run {run_id} is cancelled")
        if left:
            output.line(f"it may have made a new credential ({left}) that nobody holds: revoker orphans reconcile looks for it")
    return ExitCode.DONE
