"""`revoker status`: credentials and where they stand."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import listing, options, outcome, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode
from revoker.model import Status
from revoker.report.story import URGENT


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    every: Annotated[
        bool, typer.Option("--all", help=f"Show all in the table, not only the {listing.MOST} most urgent.")
    ] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show credentials and where they stand; asks no provider.

    Exit code 10 while one is live, 11 while one is undecided or its death unproven, else 0.
    """
    from revoker.report import json_document
    from revoker.store import credentials, incidents, switches

    session = session_of(ctx)
    chosen = options.selection(incident, provider, kind, fingerprint, status)
    numbers = credentials.counts(session.store, chosen)
    if as_json:
        rows = credentials.select(session.store, chosen)
        output.document(json_document.listing("status", rows, listing.places(session.store, rows)))
        return outcome.of_counts(numbers)
    total = sum(numbers.values())
    order = [Status(name) for name in URGENT]
    shown = credentials.top(session.store, chosen, order, total if every else min(total, listing.MOST))
    if shown:
        output.table(listing.credentials(shown, listing.places(session.store, shown), now(), total - len(shown)))
    output.line(f"{total} credentials: {listing.counts(numbers)}.")
    for one in incidents.list_incidents(session.store, only_open=True)[:10]:
        output.line(f"Open incident {one.id}: {one.title}")
    if switches.is_stopped(session.store):
        output.tell("The kill switch is on: nothing changes at any provider until `revoker start`.")
    return outcome.of_counts(numbers)
