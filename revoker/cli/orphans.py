"""`revoker orphans`: credentials that were created but neither stored nor revoked."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import ingesting, options, output, planning
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode, UsageError


def command(
    ctx: typer.Context,
    *,
    resolve: Annotated[str | None, typer.Option(help="Say that this orphan is gone at the provider.", metavar="ID")] = None,
    why: Annotated[str, typer.Option(help="How you know; it goes into the audit log.", metavar="TEXT")] = "",
    reconcile: Annotated[
        bool,
        typer.Option(
            "--reconcile",
            help="Compare with what the provider lists: what is gone goes off the list, and a plan is made for what is proven.",
        ),
    ] = False,
    by: options.By = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """List orphans with the provider's id, look what became of them, or say by name that one is gone.

    Exit code 12 while there is one, else 0.
    """
    from revoker.report import json_document
    from revoker.report.terminal import Table
    from revoker.report.text import moment
    from revoker.store import orphans

    session = session_of(ctx)
    if resolve is not None:
        _resolve(ctx, resolve, why, by)
    if reconcile:
        return _reconcile(session, ingesting.name_of(by), as_json=as_json)
    rows = orphans.list_orphans(session.store)
    if as_json:
        output.document({"schema": json_document.schema("orphans"), "orphans": [json_document.orphan(row) for row in rows]})
    elif rows:
        lines = [(row.id, row.provider, row.target, row.fingerprint, row.why, moment(row.at)) for row in rows]
        output.table(Table(("id", "provider", "target", "in place of", "why", "since (UTC)"), lines, fold=("why",)))
    else:
        output.line("No orphans.")
    return ExitCode.WAITING if rows else ExitCode.DONE


def _reconcile(session: Session, who: str, *, as_json: bool) -> ExitCode:
    from revoker.report import json_document
    from revoker.report.terminal import Table
    from revoker.runs import reconcile
    from revoker.runs.work import Work
    from revoker.store import orphans

    work = Work(session.store, session.settings, now, who)
    found = [reconcile.examine(work, row) for row in orphans.list_orphans(session.store)]
    made = reconcile.plan(work, found, who)
    for one in found:
        reconcile.settle(work, one, who)
    if as_json:
        seen = [
            {**json_document.orphan(one.orphan), "state": one.state, "candidates": list(one.targets), "seen": one.why}
            for one in found
        ]
        digest = made.digest if made else None
        output.document({"schema": json_document.schema("orphans"), "orphans": seen, "plan": digest})
    elif found:
        columns = ("id", "provider", "target", "state", "candidates", "why")
        output.table(Table(columns, list(reconcile.lines(found)), state="state", fold=("why", "candidates")))
    else:
        output.line("No orphans.")
    if made:
        planning.say_next(made)
    return ExitCode.WAITING if orphans.list_orphans(session.store) else ExitCode.DONE


def _resolve(ctx: typer.Context, id: str, why: str, by: str) -> None:
    from revoker import audit
    from revoker.store import orphans

    session = session_of(ctx)
    found = next((row for row in orphans.list_orphans(session.store) if str(row.id) == id), None)
    if found is None:
        raise UsageError(f"There is no open orphan {id!r}.", next="revoker orphans lists them")
    if not why:
        raise UsageError("Say how you know that it is gone.", next="add --why TEXT")
    data = {"provider": found.provider, "target": found.target, "who": ingesting.name_of(by), "why": why}
    audit.append(session.store, "orphan_resolved", data, now())
    orphans.resolve_orphan(session.store, found.provider, found.target, now(), why)
