"""`revoker vault handover`: a new secret for a person, in a wrapping token that opens once."""

from __future__ import annotations

import getpass
import json
import sys
from typing import Annotated

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode, UsageError

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Hand a new secret to a person, once and in time."
)
Run = Annotated[str, typer.Argument(help="The run; `list` shows it.", metavar="RUN")]


@app.command("list")
def list_(ctx: typer.Context, *, as_json: options.AsJson = False) -> ExitCode:
    """List the new secrets that wait for a person. Exit code 12 while one waits, else 0."""
    from revoker.report.json_document import schema
    from revoker.report.terminal import Table
    from revoker.runs import handover

    found = handover.waiting(session_of(ctx).store)
    if as_json:
        rows = [
            {
                "run": one.run,
                "fingerprint": one.fingerprint,
                "path": one.path,
                "version": one.version,
                "until": one.until.isoformat(),
                "accessor": one.accessor or None,
                "made_for": one.made_for or None,
            }
            for one in found
        ]
        output.document({"schema": schema("vault-handover"), "waiting": rows})
    elif found:
        cells = [
            (one.run, one.fingerprint, one.path, f"{one.until:%Y-%m-%d %H:%M}", one.made_for or "nobody asked yet")
            for one in found
        ]
        output.table(Table(("run", "in place of", "path", "until (UTC)", "wrapped for"), cells))
    else:
        output.line("No new secret waits for a person.")
    return ExitCode.WAITING if found else ExitCode.DONE


@app.command("make")
def make(ctx: typer.Context, *, run: Run, by: options.By = "") -> ExitCode:
    """Wrap the new secret and print the wrapping token, once. It opens one time, and is cancelled when it is not taken in time."""
    from revoker.runs import handover

    session = session_of(ctx)
    run = _whole(session, run)
    token = handover.make(session.store, session.settings, run, who=ingesting.name_of(by), now=now())
    output.text(token.reveal() + "\n")
    output.tell(f"Give it to its receiver alone, who opens it with: revoker vault handover take {run}")
    return ExitCode.DONE


@app.command("take")
def take(
    ctx: typer.Context,
    *,
    run: Run,
    elsewhere: Annotated[bool, typer.Option("--elsewhere", help="Say that you unwrapped it with another tool.")] = False,
    field: Annotated[str, typer.Option(help="Print this field alone.", metavar="NAME")] = "",
    by: options.By = "",
) -> ExitCode:
    """Read a wrapping token from the terminal or standard input, check where it is from, open it and print the secret.

    A token that was used or replaced before is an alarm: exit code 1, and the run parks.
    """
    from revoker.model import Secret
    from revoker.runs import handover

    session, who = session_of(ctx), ingesting.name_of(by)
    run = _whole(session, run)
    if elsewhere:
        handover.taken_elsewhere(session.store, session.settings, run, who=who, now=now())
        output.line("Noted; the run goes on.")
        return ExitCode.DONE
    given = getpass.getpass("Wrapping token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not given.strip():
        raise UsageError("No wrapping token was given.", next="type it, or give it on standard input")
    document = handover.take(session.store, session.settings, run, Secret(given.strip()), who=who, now=now())
    if field and field not in document:
        raise UsageError(f"The secret has no field {field!r}, and it is opened now.", next="read it at its path in Vault")
    output.text((str(document[field]) if field else json.dumps(document)) + "\n")
    return ExitCode.DONE


def _whole(session: Session, beginning: str) -> str:
    """The run that a unique beginning names. Raises UsageError."""
    from revoker.store import runs

    return runs.get_run(session.store, beginning).id
