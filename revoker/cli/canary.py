"""`revoker canary`: bait that is left alone, and the recorded override that lets one be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from revoker.cli import closing, ingesting, options, output
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from revoker.store.canaries import Override

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Canaries (honeytokens): which there are; let one be asked, by name, for a time.",
)
Fingerprint = Annotated[str, typer.Argument(help="The fingerprint, or a unique beginning of it.", metavar="FINGERPRINT")]


@app.command("list")
def listing(ctx: typer.Context, as_json: options.AsJson = False) -> ExitCode:
    """List the canaries of the store: those of `canaries` in the configuration, and those that their value gives away."""
    from revoker.report import json_document, story
    from revoker.report.terminal import Table
    from revoker.store import canaries

    session = session_of(ctx)
    told = canaries.overrides_of(session.store)
    marks = list(dict.fromkeys([*_known(session), *told]))
    in_force = canaries.allowed(session.store, marks, now())
    if as_json:
        rows = [_document(mark, told.get(mark, []), in_force) for mark in marks]
        output.document({"schema": json_document.schema("canary-list"), "canaries": rows})
        return ExitCode.DONE
    lines = [
        (
            mark,
            "ALLOWED" if mark in in_force else "left alone",
            "; ".join(story.override(json_document.override(o)) for o in told.get(mark, [])),
        )
        for mark in marks
    ]
    if not lines:
        output.line("No canary is known. `canaries` in the configuration names some; others are known by their values.")
        return ExitCode.DONE
    output.table(Table(("fingerprint", "state", "overrides"), lines, fold=("overrides",)))
    output.line(f"{len(marks)} canaries, {len(in_force)} of them may be asked now.")
    return ExitCode.DONE


@app.command("allow")
def allow(
    ctx: typer.Context,
    *,
    fingerprint: Fingerprint,
    why: options.Why,
    until: Annotated[str, typer.Option(help="How long it holds (30m, 4h), seven days at the most.", metavar="TIME")] = "4h",
    by: options.By = "",
    key: options.KeyFile = None,
) -> ExitCode:
    """Let one canary be verified, planned and changed for a time. It is audited, told to the webhook, and shown in every report.

    The first question may raise the alarm of whoever watches it. That it is yours must be shown as for any other credential.
    """
    from revoker import audit
    from revoker.store import canaries

    session = session_of(ctx)
    full, who = _full(session, fingerprint), ingesting.witness(session, by, key)
    if full not in _known(session, full):
        raise UsageError(f"{full} is no canary that is known here.", safe="nothing was recorded", next="revoker verify")
    start = now()
    end = start + options.duration(until)
    canaries.check(who.name, why, end, start)
    word = canaries.Override(full, who.name, why, None, None, start, end, None)
    signature = ingesting.signed(who, word.statement(session.store.id))
    signed_by = who.name if signature else None
    data = {"fingerprint": full, "who": who.name, "why": why, "until": end.isoformat(), "signed_by": signed_by}
    audit.append(session.store, "canary_allowed", data, start)
    canaries.allow(session.store, full, who.name, why, end, start, signature=signature)
    closing.finish(session)
    output.line(f"CANARY {full} may be asked and changed until {end:%Y-%m-%d %H:%M} UTC, by {who.name}: {why}")
    output.tell(f"Next: revoker verify --fingerprint {full[:12]}. Take it back: revoker canary forbid {full[:12]}")
    return ExitCode.DONE


@app.command("forbid")
def forbid(ctx: typer.Context, *, fingerprint: Fingerprint, by: options.By = "") -> ExitCode:
    """Take an override back at once: runs stop before their next change."""
    from revoker import audit
    from revoker.store import canaries

    session = session_of(ctx)
    full, who = _full(session, fingerprint), ingesting.name_of(by)
    audit.append(session.store, "canary_forbidden", {"fingerprint": full, "who": who}, now())
    ended = canaries.forbid(session.store, full, who, now())
    closing.finish(session)
    output.line(f"{full} is left alone again." if ended else f"{full} had no override.")
    return ExitCode.DONE


def _known(session: Session, *only: str) -> list[str]:
    """The fingerprints of the store's canaries. Values are opened here and not shown."""
    from revoker import catalog, gate
    from revoker.store import credentials

    kinds, found = catalog.kinds(), []
    rows = credentials.select(session.store, options.selection(session.store, fingerprint=only))
    for cred in credentials.unseal_many(session.store, [row.fingerprint for row in rows]):
        kind = kinds.get(cred.kind)
        if kind is not None and gate.is_canary(kind, cred, session.settings, now()):
            found.append(cred.fingerprint)
    return found


def _full(session: Session, fingerprint: str) -> str:
    from revoker.store import credentials

    return credentials.whole_fingerprint(session.store, fingerprint)


def _document(mark: str, told: list[Override], in_force: dict[str, Override]) -> dict[str, Any]:
    from revoker.report import json_document

    return {"fingerprint": mark, "allowed": mark in in_force, "overrides": [json_document.override(one) for one in told]}
