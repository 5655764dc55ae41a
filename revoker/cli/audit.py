"""`revoker audit`: verify or export the chained audit log."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import options, output, reporting
from revoker.cli.session import Session, session_of
from revoker.errors import ExitCode

if TYPE_CHECKING:
    from revoker.audit import AuditCheck

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Verify or export the chained audit log."
)


@app.command("verify")
def verify(
    ctx: typer.Context,
    *,
    file: Annotated[Path | None, typer.Argument(help="An exported log; the store's own without.", metavar="FILE")] = None,
    anchors: Annotated[Path | None, typer.Option(help="Anchors to hold an exported log against.", metavar="FILE")] = None,
    keyed: Annotated[
        bool, typer.Option("--keyed", help="Check an exported log's keyed marks too, with the configured key.")
    ] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Check each record's place, hash and keyed mark. Exit code 3 when one was edited, moved, added or cut off, else 0."""
    from revoker.report.json_document import schema

    checked = _checked(session_of(ctx), file, anchors, keyed=keyed)
    if as_json:
        output.document(
            {
                "schema": schema("audit-verify"),
                "ok": checked.ok,
                "count": checked.count,
                "head": checked.head,
                "problems": list(checked.problems),
                "keyed": checked.keyed,
                "anchored": checked.anchored,
                "notes": list(checked.notes),
            }
        )
    else:
        output.line(f"{checked.count} records, head {checked.head[:16]}: {'whole' if checked.ok else 'NOT whole'}.")
        for said in (*checked.problems, *checked.notes):
            output.line(f"  {said}")
    return ExitCode.DONE if checked.ok else ExitCode.SETUP


@app.command("export")
def export(
    ctx: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file (mode 0600), not to stdout.", metavar="FILE")
    ] = None,
) -> ExitCode:
    """Write the log as JSON lines, to be verified elsewhere with `revoker audit verify FILE`."""
    from revoker import audit

    made = io.StringIO()
    count = audit.export(session_of(ctx).store, made)
    if file is None:
        output.text(made.getvalue())
    else:
        reporting.write(file, made.getvalue())
        output.tell(f"Wrote {count} records to {file}")
    return ExitCode.DONE


def _checked(session: Session, file: Path | None, anchors: Path | None, *, keyed: bool) -> AuditCheck:
    from revoker import audit
    from revoker.secrets import load_keys

    if file is None:
        return audit.check(session.store)
    key = load_keys(session.settings).audit_key if keyed else None
    with file.open(encoding="utf-8") as lines:
        return audit.verify_export(lines, key=key, anchors=audit.read_anchors(anchors) if anchors else ())
