"""`revoker watch`: re-verify on schedule until stopped."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from revoker.cli import options, output, recheck
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode
from revoker.report.text import iso


def command(
    ctx: typer.Context,
    *,
    every: Annotated[str, typer.Option(help="Time between two rounds (30s, 5m, 1h).", metavar="TIME")] = "5m",
    rounds: Annotated[int, typer.Option(help="End after so many rounds; 0 goes on until stopped.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="The most credentials of one round.", min=1)] = 5_000,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Re-verify what is due, round after round; with --json one document a line.

    Exit code 10 when one came back to life in the last round, else 0.
    """
    from revoker.playbook import duration
    from revoker.report.json_document import schema

    session, pause = session_of(ctx), duration(every).total_seconds()
    number = 0
    while True:
        done = recheck.once(session, limit)
        number += 1
        if as_json:
            output.document({"schema": schema("watch"), "at": iso(now()), **recheck.facts(done)})
        else:
            output.line(f"{iso(now())} {recheck.sentence(done)}")
        if rounds and number >= rounds:
            return ExitCode.LIVE if done.resurrected else ExitCode.DONE
        time.sleep(pause)
