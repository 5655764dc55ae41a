"""`revoker status`: credentials and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import listing, options, outcome, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode
from revoker.model import Status
from revoker.report.story import URGENT
from revoker.report.text import counted

if TYPE_CHECKING:
    from revoker.store import Store
    from revoker.store.credentials import Selection

MOST_INCIDENTS = 10  # that are named below the table


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
    from revoker.store import credentials, switches

    session = session_of(ctx)
    chosen = options.selection(session.store, incident, provider, kind, fingerprint, status)
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
    output.line(f"{counted(total, 'credential')}: {listing.counts(numbers)}.")
    _tell_open(session.store, chosen)
    if stop := switches.told(session.store):
        output.tell(f"The kill switch is on ({stop}): nothing changes at any provider until `revoker start`.")
    return outcome.of_counts(numbers)


def _tell_open(store: Store, chosen: Selection) -> None:
    """The open incidents among those that were asked for."""
    from revoker.store import incidents

    found = [one for one in incidents.list_incidents(store, only_open=True) if not chosen.incident or one.id in chosen.incident]
    for one in found[:MOST_INCIDENTS]:
        output.line(f"Open incident {one.id}: {one.title}")
    if len(found) > MOST_INCIDENTS:
        output.line(f"and {counted(len(found) - MOST_INCIDENTS, 'older open incident')}")
