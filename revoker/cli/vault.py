"""`revoker vault`: where in Vault a leaked value stands, and the policies that revoker needs there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revoker.cli import options, output, vault_handover
from revoker.cli.session import session_of
from revoker.errors import ExitCode, UsageError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Where in Vault or OpenBao a leaked value stands; the least-privilege policies; a new secret for a person.",
)


app.add_typer(vault_handover.app, name="handover")


@app.command("find")
def find(
    ctx: typer.Context,
    *,
    incident: options.Incidents = None,
    provider: options.Providers = None,
    kind: options.Kinds = None,
    fingerprint: options.Fingerprints = None,
    status: options.Statuses = None,
    mount: Annotated[
        list[str] | None, typer.Option(help="Search this KV mount, not those of [vault]; may be repeated.", metavar="MOUNT")
    ] = None,
    under: Annotated[
        list[str] | None, typer.Option(help="Only below this path, written with its mount; may be repeated.", metavar="PATH")
    ] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Only the newest version of each secret.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Only list, and say what the search would cost.")] = False,
    after: Annotated[str, typer.Option(help="Go on after this path, as an interrupted search said.", metavar="PATH")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At the most so many secrets; 0 for all.", metavar="N")] = 0,
    audit_log: Annotated[
        Path | None,
        typer.Option(
            help="Search this audit log of Vault (JSON lines, also .gz) instead: it tells who read, too.", metavar="FILE"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="The audit device that wrote the log.", metavar="NAME")] = "file",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Look which Vault paths hold a leaked value, and keep them as its destinations. Reads alone; no value is shown or kept.

    Exit code 11 when something in the scope could not be read, else 0.
    """
    from revoker.cli import finding

    if audit_log is not None and (mount or under or newest or estimate or after or limit):
        raise UsageError("An audit log is searched as a whole.", next="leave out the options of the search through Vault")
    session = session_of(ctx)
    selection = options.selection(session.store, incident, provider, kind, fingerprint, status)
    if audit_log is not None:
        return finding.by_audit_log(session, selection, audit_log, device, as_json=as_json)
    chosen = finding.Chosen(tuple(mount or ()), tuple(under or ()), newest, estimate, after, limit)
    return finding.by_reading(session, selection, chosen, as_json=as_json)


@app.command("policy")
def policy(
    ctx: typer.Context,
    *,
    role: Annotated[str, typer.Argument(help="finder, rotator or killer.", metavar="ROLE")],
    openbao: Annotated[bool, typer.Option("--openbao", help="For OpenBao: with `scan`, which Vault would refuse.")] = False,
    found: Annotated[bool, typer.Option("--found", help="For the rotator: also the places that `vault find` found.")] = False,
    handover: Annotated[bool, typer.Option("--handover", help="For the rotator: also what `vault handover` needs.")] = False,
) -> ExitCode:
    """Print the least policy of one role in HCL, made from [vault] and [[destination]]. Asks nobody and changes nothing."""
    from revoker.egress import vault_policy

    if role not in vault_policy.ROLES:
        raise UsageError(f"There is no role {role!r}.", next="use one of: " + ", ".join(vault_policy.ROLES))
    if role != "rotator" and (found or handover):
        raise UsageError(f"--found and --handover are for the rotator; the {role} needs neither.", next="leave them out")
    session, places = session_of(ctx), list[str]()
    if found:
        from revoker.store import homes

        places = homes.paths(session.store)
    output.text(vault_policy.text(role, session.settings, openbao=openbao, found=places, handover=handover))
    return ExitCode.DONE
