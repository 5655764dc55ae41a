"""`revoker providers`: what revoker knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revoker.cli import options, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode

if TYPE_CHECKING:
    from revoker.config import Settings

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Show the providers and kinds that revoker knows.",
)


@app.callback()
def listing(ctx: typer.Context, as_json: options.AsJson = False) -> ExitCode:
    """Show the providers and kinds that revoker knows: what can be checked, what can be changed, what is left to a person."""
    from revoker.report import catalogue
    from revoker.report.terminal import Table

    if ctx.invoked_subcommand is not None:
        return ExitCode.DONE
    _load(ctx)
    doc = catalogue.document()
    if as_json:
        output.document(doc)
        return ExitCode.DONE
    rows = [(p["id"], k["id"], k["verify"], ", ".join(_effects(k)) or "by hand") for p in doc["providers"] for k in p["kinds"]]
    output.table(Table(("provider", "kind", "check", "changes"), rows, fold=("changes",)))
    output.line(f"{len(doc['providers'])} providers, {len(rows)} kinds.")
    return ExitCode.DONE


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    kind: Annotated[str, typer.Argument(help="A kind's id.", metavar="KIND")],
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show all that is declared for one kind: verdict rules, actions, rights, hosts, residual sessions, manual steps."""
    from revoker.report import catalogue
    from revoker.report.terminal import Table

    _load(ctx)
    doc = catalogue.kind_document(kind)
    if as_json:
        output.document(doc)
    else:
        output.table(Table(("declared", "value"), catalogue.lines(doc), title=doc["title"], fold=("value",)))
    return ExitCode.DONE


@app.command("hosts")
def hosts(
    ctx: typer.Context,
    *,
    names: Annotated[bool, typer.Option("--names", help="Print host:port alone, one a line, for a firewall.")] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show every host that revoker may dial, for the rules of a firewall: the configuration's first, then the providers'."""
    from revoker.report import catalogue
    from revoker.report.terminal import Table

    doc = catalogue.hosts_document(_load(ctx))
    if as_json:
        output.document(doc)
        return ExitCode.DONE
    if names:
        for row in doc["hosts"]:
            output.line(_host_port(row))
    else:
        rows = [(_host_port(row), row["configured"] or "provider file", ", ".join(row["providers"])) for row in doc["hosts"]]
        output.table(Table(("host", "named by", "providers"), rows, fold=("providers",)))
    for line in catalogue.about_hosts(doc):
        output.tell(line)
    return ExitCode.DONE


def _host_port(row: Mapping[str, Any]) -> str:
    host = f"[{row['host']}]" if ":" in row["host"] else row["host"]
    return f"{host}:{row['port'] or '*'}"


def _effects(kind: dict[str, Any]) -> list[str]:
    return sorted({a["effect"] + (" (experimental)" if a["experimental"] else "") for a in kind["actions"]})


def _load(ctx: typer.Context) -> Settings:
    """Read the configuration, which loads the providers that it names."""
    return session_of(ctx).settings
