"""`revoker runs`: runs of playbooks, and what they wait for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revoker.cli import following, listing, options, outcome, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from revoker.store.runs import RunRow


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    fingerprint: options.Fingerprints = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only this state: ready, running, waiting, parked, done, failed, cancelled; may be repeated."),
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Only the runs of this plan.", metavar="PLAN")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show them live until all have ended or Ctrl-C; in a pipe, one line a change.")
    ] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show runs: the most urgent first, their step, who carries them out, for whom they wait and since when.

    Exit code 12 when one waits, 13 when one failed, else 0.
    """
    from revoker.store import credentials, incidents, plans, runs

    session = session_of(ctx)
    _check_states(state or ())
    chosen: dict[str, Any] = {
        "plan": [plans.load_plan(session.store, plan).digest] if plan else (),
        "fingerprint": [credentials.resolve_prefix(session.store, one) for one in fingerprint or ()],
        "state": state or (),
        "incident": [incidents.named(session.store, one).id for one in incident or ()],
    }

    def read() -> list[RunRow]:
        return runs.list_runs(session.store, **chosen)

    if follow:
        return outcome.of_runs(row.state for row in following.follow(session.store, read, as_json=as_json))
    rows = read()
    if as_json:
        output.document(following.document(session.store, rows))
    elif rows:
        output.table(listing.runs(rows, following.waits(session.store, rows)))
    else:
        output.line("No runs.")
    return outcome.of_runs(row.state for row in rows)


def _check_states(names: Iterable[str]) -> None:
    """Raise UsageError for a state that does not exist: it would choose no run."""
    from revoker.store.runs import STATES

    for name in names:
        if name not in STATES:
            raise UsageError(f"There is no state {name!r}.", next=f"use one of: {', '.join(STATES)}")
