"""`revoker stop`: the kill switch."""

from __future__ import annotations

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode


def command(ctx: typer.Context, by: options.By = "", why: options.Why = "") -> ExitCode:
    """Stop all changes at all providers, for every worker on this store. Reading goes on."""
    switch(session_of(ctx), ingesting.name_of(by), why, stopped=True)
    output.line("Stopped: nothing changes at any provider until `revoker start`.")
    return ExitCode.DONE


def switch(session: Session, who: str, why: str, *, stopped: bool) -> None:
    """Turn the kill switch. To stop comes before its audit record, to start comes after it."""
    from revoker import audit
    from revoker.store import switches

    if stopped:
        switches.set_stopped(session.store, True, who, now())
    audit.append(session.store, "stopped" if stopped else "started", {"who": who, "why": why}, now())
    if not stopped:
        switches.set_stopped(session.store, False, who, now())
