"""`revoker audit`: verify, export or anchor the chained audit log, and say that a store was put back from a backup."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import ingesting, options, output, reporting
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode

if TYPE_CHECKING:
    from revoker.audit import AuditCheck

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Verify, export or anchor the chained audit log."
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


@app.command("anchor")
def anchor(ctx: typer.Context, *, as_json: options.AsJson = False) -> ExitCode:
    """Write the log's head and count to every place that [audit] names: file, Vault, time-stamp authority.

    Exit code 3 when one of them did not take it. `apply`, `resume`, `respond`, `recheck` and `watch` do the same at their end.
    """
    from revoker import anchoring
    from revoker.report.json_document import schema

    session = session_of(ctx)
    state, places = anchoring.anchor(session.store, session.settings, now())
    if as_json:
        told = [{"place": one.place, "ok": one.ok, "detail": one.detail} for one in places]
        output.document({"schema": schema("audit-anchor"), "count": state.count, "head": state.head, "places": told})
    else:
        output.line(f"{state.count} records, head {state.head[:16]}.")
        for one in places:
            output.line(f"  {one.place}: {'anchored' if one.ok else 'NOT anchored'}{', ' + one.detail if one.detail else ''}")
        if not places:
            output.line("  [audit] names no place: set anchor_file, anchor_vault or timestamp_url.")
    return ExitCode.DONE if places and all(one.ok for one in places) else ExitCode.SETUP


@app.command("restored")
def restored(ctx: typer.Context, *, why: options.Why, by: options.By = "") -> ExitCode:
    """Say, by name, that the store was put back from a backup; until then nothing can be changed.

    Every approval is used up, every open run is ended, and every credential is due to be asked again.
    """
    from revoker import audit
    from revoker.errors import UsageError
    from revoker.store import audit_rows, restored

    store = session_of(ctx).store
    lost = audit.older_than_its_anchor(store)
    if lost is None:
        raise UsageError("The store holds all that its anchor knows: it was not put back from an older backup.")
    start = audit_rows.common(store, audit.read_anchors(store.settings.audit.anchor_file or Path()))
    who = ingesting.name_of(by)
    said = {"from": start, "lost": lost.count, "head": lost.head, "by": who, "why": why}
    audit.append(store, audit.RESTORED, said, now())
    approvals, runs, credentials = restored.distrust(store, now())
    output.line(f"Audit entries {start + 1} to {lost.count} are lost; {who} says why: {why}")
    output.line(f"{approvals} approvals are used up, {runs} runs ended, {credentials} credentials must be asked again.")
    output.tell("Next: revoker verify, and revoker orphans for what runs may have made since the backup.")
    return ExitCode.DONE


def _checked(session: Session, file: Path | None, anchors: Path | None, *, keyed: bool) -> AuditCheck:
    from revoker import anchoring, audit
    from revoker.secrets import load_keys

    if file is None:
        return anchoring.check(session.store, session.settings)
    wrapped = session.settings.store.key.startswith(("vault-wrapped:", "vault-transit:"))
    keys = (session.store.keys if wrapped else load_keys(session.settings)) if keyed else None
    key = keys.audit_key if keys is not None else None
    with file.open(encoding="utf-8", errors="replace") as lines:  # a damaged line is told with its place, like an edited one
        return audit.verify_export(lines, key=key, anchors=audit.read_anchors(anchors) if anchors else ())
