"""`revoker respond`: from a report to proof, guided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revoker.cli import ingesting, options
from revoker.cli.response import Wishes, respond, signers
from revoker.cli.session import session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    reports: Annotated[list[str], typer.Argument(help="Reports of any scanner, or - for standard input.", metavar="REPORT")],
    incident: Annotated[
        str | None, typer.Option(help="Add to this incident; a new one is opened without it.", metavar="ID")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The new incident's title.", metavar="TEXT")] = None,
    format: Annotated[str | None, typer.Option(help="The reports' format; it is recognised without.", metavar="NAME")] = None,
    attest: Annotated[
        str | None, typer.Option(help="State why these credentials are ours to check and change.", metavar="TEXT")
    ] = None,
    playbook: Annotated[
        str | None, typer.Option(help="Use this playbook; the fitting one is chosen without.", metavar="ID")
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="End after the plan; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask where the policy wants no approval.")] = False,
    by: Annotated[
        list[str] | None, typer.Option("--as", help="Your name, or an approver's; one for each --key.", metavar="NAME")
    ] = None,
    key: Annotated[list[Path] | None, typer.Option(help="The private key files, in the order of --as.", metavar="FILE")] = None,
    wait: Annotated[
        str, typer.Option(help="How long to wait for approvals of others (10m); 0s ends at once.", metavar="TIME")
    ] = "0s",
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the report there (.html .md .csv .json .txt).", metavar="FILE")
    ] = None,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Guided response: ingest, verify, plan, ask, get approvals, act, prove, report.

    Exit code 0 done and nothing live, 10 live ones left, 11 some undecided or not yet proven dead, 12 waits for a person, 13 a run failed.
    """
    names = by or []
    wishes = Wishes(
        reports=tuple(reports),
        incident=incident,
        title=title or ingesting.title_of(reports),
        format=format,
        attest=attest,
        playbook=playbook,
        plan_only=plan_only,
        yes=yes,
        requester=ingesting.name_of(names[0] if names and not key else ""),  # where two must say yes, the requester is neither
        keys=signers(names, key or ()),
        wait=wait,
        file=file,
        as_json=as_json,
    )
    return respond(session_of(ctx), wishes)
