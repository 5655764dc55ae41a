"""`revoker vault`: find what is in Vault, and the policies that revoker needs there."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import output, vault_handover
from revoker.cli.session import session_of
from revoker.errors import ExitCode, UsageError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The least-privilege policies that revoker needs in Vault or OpenBao; a new secret for a person.",
)


app.add_typer(vault_handover.app, name="handover")


@app.command("policy")
def policy(
    ctx: typer.Context,
    *,
    role: Annotated[str, typer.Argument(help="finder, rotator or killer.", metavar="ROLE")],
    openbao: Annotated[bool, typer.Option("--openbao", help="For OpenBao: with `scan`, which Vault would refuse.")] = False,
) -> ExitCode:
    """Print the least policy of one role in HCL, made from [vault] and [[destination]]. Asks nobody and changes nothing."""
    from revoker.egress import vault_policy

    if role not in vault_policy.ROLES:
        raise UsageError(f"There is no role {role!r}.", next="use one of: " + ", ".join(vault_policy.ROLES))
    output.text(vault_policy.text(role, session_of(ctx).settings, openbao=openbao))
    return ExitCode.DONE
