"""`revoker plan`: what would be done, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import ingesting, options, output, planning
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    playbook: Annotated[
        str | None, typer.Option(help="Use this playbook; the fitting one is chosen without.", metavar="ID")
    ] = None,
    large: Annotated[
        bool, typer.Option("--large", help="Make the plan although it passes a limit; it needs [approvals] large at the least.")
    ] = False,
    by: options.By = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Say which playbook each credential would get, why, on which proven target, and who must say yes. Changes nothing.

    Exit code 12 when the plan waits for approvals, else 0.
    """
    from revoker.runs.plan import make_plan

    session = session_of(ctx)
    chosen = options.selection(session.store, incident, provider, kind, fingerprint, status)
    who = ingesting.name_of(by)
    made = make_plan(session.store, session.settings, chosen, playbook=playbook, large=large, requester=who, now=now())
    if as_json:
        output.document({**made.document, "digest": made.digest})
    else:
        planning.show(made)
        planning.say_next(made)
    return ExitCode.WAITING if made.approvals else ExitCode.DONE
