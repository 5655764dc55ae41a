"""`revoker resume`: go on with what was parked, waits, or was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from revoker.cli import closing, ingesting, listing, options, outcome, output, running
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode, UsageError


def command(
    ctx: typer.Context,
    *,
    run: Annotated[
        list[str] | None, typer.Argument(help="Only these runs; a failed one is tried again by name.", metavar="RUN")
    ] = None,
    done: Annotated[
        bool, typer.Option("--done", help="Say by name that you did what these runs wait for; revoker still checks it.")
    ] = False,
    moved: Annotated[
        bool, typer.Option("--moved", help="Say by name that the consumers of these runs use the new credential.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Do not ask whether a waiting run is due.")] = False,
    detach: options.Detach = False,
    by: options.By = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Go on with runs: interrupted, parked, or waiting and due. A lost answer is looked up, never sent again blindly.

    Exit code 12 while any run waits, 13 when one of these failed, else 0.
    """
    from revoker.report import json_document
    from revoker.runs import moved as consumers
    from revoker.runs.worker import needs_postgresql
    from revoker.store import picking, runs

    session = session_of(ctx)
    chosen = _named(session, run or (), said=done or moved)
    for run_id in chosen if moved else ():
        consumers.confirm(session.store, run_id, who=ingesting.name_of(by), now=now())
    if done:
        _confirm(session, chosen, ingesting.name_of(by))
    followed = chosen or [row.id for row in runs.list_runs(session.store, state=running.OPEN)]
    if detach:
        needs_postgresql(session.store)
        picking.let_go(session.store, chosen or _can_go_on(session, force=force), now())
        rows = [runs.get_run(session.store, one) for one in followed]
    else:  # also those that were interrupted are followed: they go on with the engine
        rows = running.carry_out(session, followed, lambda engine: engine.resume(chosen, force=force))
    closing.finish(session)
    left = runs.list_runs(session.store, state=running.OPEN)
    if as_json:
        made = [json_document.run(row) for row in rows]
        output.document({"schema": json_document.schema("resume"), "runs": made, "open": len(left)})
    else:
        if rows:
            output.table(listing.runs(rows))
        output.line(f"{running.states(rows)}; {len(left)} of all runs are not at their end.")
    return outcome.of_runs(row.state for row in (*rows, *left))


def _named(session: Session, names: Sequence[str], *, said: bool) -> list[str]:
    """The whole ids of the runs that were named. Raises UsageError when somebody speaks for runs and names none."""
    from revoker.store import runs

    if said and not names:
        raise UsageError("--done and --moved speak for runs by name, and none was named.", next="revoker runs lists them")
    return [runs.get_run(session.store, one).id for one in names]


def _can_go_on(session: Session, *, force: bool) -> list[str]:
    """What goes on without being named: all that is parked; with `force` also what waits and is not due."""
    from revoker.store import runs

    return [row.id for row in runs.list_runs(session.store, state=("parked", "waiting") if force else ("parked",))]


def _confirm(session: Session, run_ids: list[str], who: str) -> None:
    from revoker.runs import people
    from revoker.store import runs

    for run_id in run_ids:
        people.confirm(session.store, run_id, runs.get_run(session.store, run_id).step, who=who, now=now())
