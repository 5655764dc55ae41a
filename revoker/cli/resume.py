"""`revoker resume`: go on with what was parked, waits, or was interrupted."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import closing, listing, options, outcome, output, running
from revoker.cli.session import session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    run: Annotated[
        list[str] | None, typer.Argument(help="Only these runs; a failed one is tried again by name.", metavar="RUN...")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do not ask whether a waiting run is due.")] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Go on with runs: interrupted, parked, or waiting and due. A lost answer is looked up, never sent again blindly.

    Exit code 12 when one still waits, 13 when one failed, else 0.
    """
    from revoker.report import json_document

    session = session_of(ctx)
    with running.engine(session) as engine:
        rows = running.follow(engine, engine.resume(tuple(run or ()), force=force))
    closing.close_finished(session)
    if as_json:
        output.document({"schema": json_document.schema("resume"), "runs": [json_document.run(row) for row in rows]})
    elif rows:
        output.table(listing.runs(rows))
    else:
        output.line("Nothing to go on with.")
    return outcome.of_runs(row.state for row in rows)
