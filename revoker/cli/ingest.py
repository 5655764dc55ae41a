"""`revoker ingest`: read scan reports into an incident."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode
from revoker.report.text import counted


def command(
    ctx: typer.Context,
    *,
    reports: Annotated[list[str], typer.Argument(help="Reports of any scanner, or - for standard input.", metavar="FILE")],
    incident: Annotated[
        str | None, typer.Option(help="Add to this incident; a new one is opened without it.", metavar="ID")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The new incident's title.", metavar="TEXT")] = None,
    format: Annotated[str | None, typer.Option(help="The reports' format; it is recognised without.", metavar="NAME")] = None,
    attest: Annotated[
        str | None, typer.Option(help="State why these credentials are ours to check and change.", metavar="TEXT")
    ] = None,
    until: Annotated[str, typer.Option(help="How long the statement holds (30d, 12h).", metavar="TIME")] = "30d",
    by: options.By = "",
    key: options.KeyFile = None,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Read scan reports into an incident: find, name, pair, seal and count the credentials. Asks no provider.

    Exit code 4 for a report that could be read only in part, else 0.
    """
    from revoker.report.json_document import schema

    ingesting.must_exist(reports)
    session = session_of(ctx)
    who = ingesting.witness(session, by, key) if attest else None
    opened = ingesting.incident(session.new_store, incident, title or ingesting.title_of(reports))
    if attest and who:
        ingesting.attest(session, opened, who, why=attest, until=until)
    read = ingesting.read(session, reports, opened, format)
    ingesting.tell_problems(read)
    if as_json:
        output.document({"schema": schema("ingest"), **ingesting.summary(read), "incident": opened})
    else:
        output.line(
            f"Incident {opened}: {counted(read.findings, 'finding')}, {counted(read.credentials, 'credential')}, {read.new} new."
        )
        for reason, count in sorted(read.skipped.items()):
            output.line(f"  skipped {count}: {reason.replace('_', ' ')}")
        output.tell(f"Next: revoker verify --incident {opened}")
    return ExitCode.PARTIAL if read.incomplete else ExitCode.DONE
