"""`revoker attest`: a person's statement that an incident's credentials are ours."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    incident: Annotated[str, typer.Argument(help="The incident's id.", metavar="INCIDENT")],
    why: options.Why,
    until: Annotated[str, typer.Option(help="How long the statement holds (30d, 12h).", metavar="TIME")] = "30d",
    by: options.By = "",
    key: options.KeyFile = None,
) -> ExitCode:
    """State, by name, that an incident's credentials are ours to check and change. It is audited, and it ends."""
    session = session_of(ctx)
    opened = ingesting.incident(session.store, incident, "")
    ingesting.attest(session, opened, ingesting.witness(session, by, key), why=why, until=until)
    output.line(f"{ingesting.name_of(by)} attests {incident} for {until}: {why}")
    return ExitCode.DONE
