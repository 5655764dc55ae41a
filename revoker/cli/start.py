"""`revoker start`: changes are allowed again."""

from __future__ import annotations

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import session_of
from revoker.cli.stop import switch
from revoker.errors import ExitCode


def command(ctx: typer.Context, by: options.By = "", why: options.Why = "") -> ExitCode:
    """Allow changes again after `revoker stop`."""
    switch(session_of(ctx), ingesting.name_of(by), why, stopped=False)
    output.line("Changes are allowed again; `revoker resume` goes on with parked runs.")
    return ExitCode.DONE
