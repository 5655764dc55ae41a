"""`revoker verify`: ask the providers, read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import closing, listing, options, outcome, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode
from revoker.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from revoker.store.database import Store
    from revoker.store.rows import CredentialRow, Selection
    from revoker.verify import VerifySummary


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    force: Annotated[bool, typer.Option("--force", help="Ask again even where the last answer is fresh.")] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Ask each provider, read-only, whether the credentials still work.

    Exit code 10 when one is live, 11 when one is undecided, else 0.
    """
    from revoker import verify
    from revoker.report import json_document
    from revoker.store import credentials

    session = session_of(ctx)
    rows = credentials.select(session.store, options.selection(session.store, incident, provider, kind, fingerprint, status))
    with output.progress("verifying") as bar:
        summary = verify.verify(session.store, rows, settings=session.settings, clock=now, force=force, progress=bar)
    closing.finish(session)
    after = _after(session.store, rows, options.selection(session.store, incident, provider, kind, fingerprint, None))
    numbers = listing.tally(after)
    code = outcome.worst(outcome.of_counts(numbers), closing.tell_lapsed(summary.lapsed))
    _tell(summary)
    closing.tell_unowned(after)
    if as_json:
        made = json_document.listing("verify", after, listing.places(session.store, after))
        output.document({**made, **_as_json(summary)})
        return code
    shown = listing.urgent_first(after)[: listing.MOST]
    if shown:
        output.table(listing.credentials(shown, listing.places(session.store, shown), now(), len(after) - len(shown)))
    output.line(f"{counted(len(after), 'credential')}: {listing.counts(numbers)}. Asked {summary.asked}, fresh {summary.fresh}.")
    return code


def _after(store: Store, before: Sequence[CredentialRow], chosen: Selection) -> list[CredentialRow]:
    """What was chosen, as it is now: whatever status it has come to."""
    from revoker.store import credentials

    asked = {row.fingerprint for row in before}
    return [row for row in credentials.select(store, chosen) if row.fingerprint in asked]


def _as_json(summary: VerifySummary) -> dict[str, object]:
    return {
        "asked": summary.asked,
        "fresh": summary.fresh,
        "frozen": list(summary.frozen),
        "canaries": list(summary.canaries),
        "owned": list(summary.owned),
    }


def _tell(summary: VerifySummary) -> None:
    """What must not be overlooked."""
    closing.tell_canaries(summary.canaries)
    closing.tell_owned(summary.owned)
    closing.tell_frozen(summary.frozen)
