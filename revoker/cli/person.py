"""`revoker person`: what is kept about a person, and its erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode

if TYPE_CHECKING:
    from revoker.store.people import Kept

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show what is kept about a person, or erase it.",
)
Person = Annotated[str, typer.Argument(help="A name, mail address or user name, as it stands in the store.", metavar="TEXT")]


@app.command("show")
def show(ctx: typer.Context, *, person: Person, as_json: options.AsJson = False) -> ExitCode:
    """Say where the store names a person, and in how many rows."""
    from revoker.report.json_document import schema
    from revoker.store import people

    found = people.kept(session_of(ctx).store, person)
    if as_json:
        places = [{"place": one.place, "rows": one.rows} for one in found]
        output.document({"schema": schema("person-show"), "person": person, "places": places})
    else:
        _table(found)
    return ExitCode.DONE


@app.command("erase")
def erase(ctx: typer.Context, *, person: Person, why: options.Why, by: options.By = "") -> ExitCode:
    """Take a person's name out of everything; the audit log keeps its places and still verifies.

    Refused while a credential that is not over, or an open run, needs the words. It cannot be taken back.
    """
    from revoker.store import people

    found = people.erase(session_of(ctx).store, person, ingesting.name_of(by), why, now())
    _table(found)
    output.line(f"Erased from {sum(one.rows for one in found)} rows. Backups and reports written before are not reached.")
    return ExitCode.DONE


def _table(found: list[Kept]) -> None:
    from revoker.report.terminal import Table

    if found:
        output.table(Table(("place", "rows"), [(one.place, one.rows) for one in found], right=("rows",)))
    else:
        output.line("Nothing is kept under this text.")
