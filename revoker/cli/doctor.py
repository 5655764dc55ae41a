"""`revoker doctor`: is everything in place? Changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import checks, options, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode

WORDS = {True: "ok", False: "no", None: "unknown"}


def command(
    ctx: typer.Context,
    *,
    hosts: Annotated[bool, typer.Option("--hosts", help="Only list what a firewall must open, one host:port a line.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither Vault nor any provider.")] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Check configuration, store, audit log, Vault rights and each authority's rights, by reading alone.

    Exit code 3 when something is missing, 11 when something cannot be told, else 0.
    """
    from revoker.report.json_document import schema
    from revoker.report.terminal import Table

    if hosts:
        for host in checks.hosts(session_of(ctx)):
            output.line(host)
        return ExitCode.DONE
    found = checks.all_checks(session_of(ctx), offline=offline)
    if as_json:
        listed = [{"check": one.name, "ok": one.ok, "detail": one.detail, "next": one.next} for one in found]
        output.document({"schema": schema("doctor"), "checks": listed})
    else:
        rows = [(one.name, WORDS[one.ok], one.detail, one.next) for one in found]
        output.table(Table(("check", "state", "detail", "next"), rows, state="state", fold=("detail", "next")))
    if any(one.ok is False for one in found):
        return ExitCode.SETUP
    return ExitCode.UNKNOWN if any(one.ok is None for one in found) else ExitCode.DONE
