"""`revoker purge`: delete the stored values of credentials that are over; what is known of them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import ingesting, options, output, running
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from revoker.store import Store
    from revoker.store.credentials import Selection


def command(
    ctx: typer.Context,
    *,
    why: options.Why,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which values would go.")] = False,
    by: options.By = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Delete for good the stored values of the chosen credentials that are dead or accepted and in no open run.

    Fingerprint, verdicts and audit log stay. Without its value a dead credential cannot be asked again: should it come back to
    life, nobody would notice, and `recheck` says so each day. A new report that holds the value brings it back.
    """
    from revoker import audit
    from revoker.report.json_document import schema
    from revoker.store import credentials

    session = session_of(ctx)
    chosen = options.selection(session.store, incident, provider, kind, fingerprint, status)
    if chosen == credentials.EVERYTHING:
        raise UsageError("Say which credentials.", safe="nothing was deleted", next="give --incident, --status or another one")
    over, kept = _over(session.store, chosen)
    if over and not dry_run:
        data = {"fingerprints": over, "who": ingesting.name_of(by), "why": why}
        audit.append(session.store, "values_purged", data, now())
    gone = 0 if dry_run else credentials.purge(session.store, over)
    if as_json:
        output.document({"schema": schema("purge"), "chosen": over, "kept": kept, "deleted": gone, "dry_run": dry_run})
    else:
        output.line(f"{len(over)} values would be deleted." if dry_run else f"{gone} values are deleted for good.")
        if kept:
            output.line(f"{kept} credentials keep theirs: they are neither dead nor accepted, or a run needs it.")
    return ExitCode.DONE


def _over(store: Store, chosen: Selection) -> tuple[list[str], int]:
    """The fingerprints whose value nothing needs any more, and how many others were chosen."""
    from revoker.store import credentials, incidents, runs

    rows = credentials.select(store, chosen)
    busy = {row.fingerprint for row in runs.list_runs(store, state=running.OPEN)}
    over = [row.fingerprint for row in rows if row.status in incidents.OVER and row.fingerprint not in busy]
    return over, len(rows) - len(over)
