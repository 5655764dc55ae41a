"""`revoker report`: an incident's report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revoker.cli import options, outcome, output, reporting
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


class Format(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"
    TEXT = "text"


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    format: Annotated[Format | None, typer.Option(help="By the ending of --output when not given, else text.")] = None,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file (mode 0600), not to stdout.", metavar="FILE")
    ] = None,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Report on credentials with their timelines, receipts and numbers. No secret value is ever in it.

    Exit code 10 while one is live, 11 while one is undecided or its death unproven, else 0.
    """
    from revoker.report import collect, json_document

    session = session_of(ctx)
    data = collect.collect(session.store, options.selection(session.store, incident, provider, kind, fingerprint, status), now())
    chosen = Format.JSON if as_json else format or Format(reporting.format_of(file))
    made = reporting.rendered(json_document.report(data), chosen.value)
    if file is None:
        output.text(made)
    else:
        reporting.write(file, made)
        output.tell(f"Wrote {file}")
    return outcome.of_counts({row.row.status: 1 for row in data.members})
