"""`revoker watch`: re-verify on schedule until stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import options, watching
from revoker.cli.session import session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    every: Annotated[str, typer.Option(help="Time between two rounds (30s, 5m, 1h).", metavar="TIME")] = "1m",
    rounds: Annotated[int, typer.Option(help="End after so many rounds; 0 goes on until stopped.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="The most credentials of one round.", min=1)] = 5_000,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Round after round: re-verify what is due, go on with runs that are due, deliver events; with --json one document a line.

    With PostgreSQL several watchers share the rounds: each one is done once. Exit code 10 when one came back to life
    in the last round, else 0.
    """
    watch = watching.Watch(session_of(ctx), options.duration(every), rounds, limit, as_json)
    return ExitCode.LIVE if watching.run(watch) else ExitCode.DONE
