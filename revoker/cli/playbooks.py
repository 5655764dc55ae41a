"""`revoker playbooks`: the shipped ones, and a check of your own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revoker.cli import options, output
from revoker.cli.session import session_of
from revoker.errors import ExitCode, UsageError
from revoker.report.text import counted

if TYPE_CHECKING:
    from revoker.playbook import Playbook

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, invoke_without_command=True, help="Show playbooks, and check your own."
)


@app.callback()
def listing(ctx: typer.Context, as_json: options.AsJson = False) -> ExitCode:
    """Show the playbooks that a plan chooses from, the preferred ones first."""
    from revoker.playbook import load_playbooks
    from revoker.report.json_document import schema
    from revoker.report.terminal import Table

    if ctx.invoked_subcommand is not None:
        return ExitCode.DONE
    books = sorted(load_playbooks(session_of(ctx).settings.playbooks).values(), key=lambda book: (book.prefer, book.id))
    if as_json:
        output.document({"schema": schema("playbooks"), "playbooks": [_document(book) for book in books]})
    else:
        rows = [
            (book.id, _from(book), book.title, _kinds(book.kinds), ", ".join(book.effects) or "-", len(book.steps))
            for book in books
        ]
        columns = ("playbook", "from", "title", "kinds", "effects", "steps")
        output.table(
            Table(columns, rows, right=("steps",), fold=("title", "effects"), drop=("steps", "effects", "kinds", "from"))
        )
    return ExitCode.DONE


@app.command("show")
def show(
    ctx: typer.Context,
    playbook: Annotated[str, typer.Argument(help="A playbook's id, or a .toml file.", metavar="PLAYBOOK")],
    as_json: options.AsJson = False,
) -> ExitCode:
    """Show one playbook's steps."""
    from revoker.report.json_document import schema
    from revoker.report.terminal import Table

    doc = _document(_found(ctx, playbook))
    if as_json:
        output.document({"schema": schema("playbooks-show"), **doc})
        return ExitCode.DONE
    output.line(f"{doc['id']}: {doc['title']}")
    rows = [(s["id"], s["do"], s["effect"] or "-", s["wait_s"] or "-", s["note"] or "-") for s in doc["steps"]]
    output.table(Table(("step", "do", "effect", "seconds", "note"), rows, fold=("note",)))
    return ExitCode.DONE


@app.command("lint")
def lint(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Playbook files; those of your configured folders without.", metavar="FILE")
    ] = None,
) -> ExitCode:
    """Check playbook files against the laws: known words and effects, the new before the old, every revoke proven."""
    from revoker import catalog
    from revoker.playbook import check_kinds, load_playbook, load_playbooks

    settings = session_of(ctx).settings  # loads the providers that it names, too: a playbook may be for their kinds
    own = files or [book.file for book in load_playbooks(settings.playbooks).values() if book.file]
    if not own:
        raise UsageError("There is no playbook of your own.", next="name a file, or set `playbooks` in the configuration")
    for file in own:
        book = load_playbook(file)
        check_kinds(book, catalog.kinds())
        output.line(f"{file}: good ({counted(len(book.steps), 'step')})")
    return ExitCode.DONE


def _from(book: Playbook) -> str:
    return "yours" if book.file else "shipped"


def _kinds(ids: Sequence[str]) -> str:
    """Which kinds a playbook is for, in a few words."""
    return f"{len(ids)} kinds" if len(ids) > 1 else "".join(ids) or "any"


def _found(ctx: typer.Context, name: str) -> Playbook:
    from revoker.playbook import load_playbook, load_playbooks

    if name.endswith(".toml"):
        return load_playbook(Path(name))
    books = load_playbooks(session_of(ctx).settings.playbooks)
    if name not in books:
        raise UsageError(f"There is no playbook {name[:80]!r}.", next="revoker playbooks lists them")
    return books[name]


def _document(book: Playbook) -> dict[str, Any]:
    steps = [
        {
            "id": s.id,
            "do": s.do,
            "effect": s.effect.value if s.effect else None,
            "wait_s": int(s.lasts.total_seconds()) or None,
            "note": s.note,
        }
        for s in book.steps
    ]
    return {
        "id": book.id,
        "title": book.title,
        "file": str(book.file) if book.file else None,
        "kinds": list(book.kinds),
        "effects": [str(e) for e in book.effects],
        "limit": book.limit,
        "steps": steps,
    }
