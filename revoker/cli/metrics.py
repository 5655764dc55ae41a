"""`revoker metrics`: D24 and the other numbers."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from revoker.cli import options, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


class Format(StrEnum):
    """How the numbers are written."""

    TEXT = "text"
    PROMETHEUS = "prometheus"


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    format: Annotated[Format, typer.Option(help="text, or prometheus for a textfile collector.")] = Format.TEXT,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show D24 (the share proven dead within 24 hours), times to dead, unknown ones, exposure, orphans."""
    from revoker.report import collect, json_document, story
    from revoker.report.prometheus import prometheus
    from revoker.report.terminal import Table

    session = session_of(ctx)
    made = collect.metrics(session.store, options.selection(session.store, incident, provider, kind, fingerprint, status), now())
    if as_json:
        output.document({"schema": json_document.schema("metrics"), "metrics": asdict(made)})
    elif format is Format.PROMETHEUS:
        output.text(prometheus(made))
    else:
        output.table(Table(("number", "value", ""), [(tile.name, tile.value, tile.detail) for tile in story.tiles(asdict(made))]))
    return ExitCode.DONE
