"""`revoker approve`: a named person's yes to one plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import closing, ingesting, options, output, planning
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from revoker.runs.approve import Statement


def command(
    ctx: typer.Context,
    *,
    plan: Annotated[str, typer.Argument(help="The plan's digest, or a unique beginning of it.", metavar="PLAN")],
    by: options.By,
    key: options.KeyFile = None,
    statement: Annotated[bool, typer.Option("--statement", help="Print the statement to sign elsewhere, and end.")] = False,
    signature: Annotated[
        Path | None, typer.Option(help="FILE.sig of ssh-keygen; the signed statement lies beside it as FILE.", metavar="FILE")
    ] = None,
    emergency: Annotated[
        str, typer.Option(help="In an emergency: your yes alone is enough, for an hour; why goes to everybody.", metavar="WHY")
    ] = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Approve one plan by name, with --key here, or signed elsewhere:

    revoker approve PLAN --as alice --statement > yes, then
    ssh-keygen -Y sign -n revoker-approval -f KEY yes, then
    revoker approve PLAN --as alice --signature yes.sig

    Exit code 12 while more approvals are needed, else 0.
    """
    from revoker.runs import approve
    from revoker.store import plans

    session = session_of(ctx)
    digest = plans.load_plan(session.store, plan).digest
    if statement:
        output.text(approve.statement(digest, by, now(), emergency).text().decode())
        return ExitCode.WAITING
    if key is not None:
        password = ingesting.password_for(key)
        approve.approve(session.store, session.settings, digest, by, now=now(), key=key, password=password, emergency=emergency)
    elif signature is not None:
        said, text = _signed(signature)
        approve.approve(session.store, session.settings, digest, by, now=now(), said=said, signature=text)
    else:
        raise UsageError("An approval needs --key FILE, or --signature FILE.", next="revoker approve --help")
    if emergency:
        output.tell(f"EMERGENCY: {by} alone approves plan {digest[: planning.SHORT]}: {emergency}. It is audited and told.")
        closing.finish(session)
    return _told(session, digest, as_json=as_json)


def _signed(signature: Path) -> tuple[Statement, str]:
    """The signed statement, which lies beside its signature, and the signature. Raises UsageError, ApprovalRefused."""
    from revoker.runs import approve

    try:
        said = signature.with_suffix("").read_bytes()
        text = signature.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"{Path(error.filename or signature).name} cannot be read: {error.strerror}.",
            next="revoker approve PLAN --statement > FILE; ssh-keygen -Y sign makes FILE.sig beside it",
        ) from None
    return approve.read_statement(said), text


def _told(session: Session, digest: str, *, as_json: bool) -> ExitCode:
    """Say who has approved the plan, and what is next."""
    from revoker.report.json_document import schema
    from revoker.runs.apply import status

    missing, people = status(session.store, session.settings, digest, now())
    if as_json:
        output.document({"schema": schema("approve"), "plan": digest, "approved_by": list(people), "missing": missing})
    else:
        output.line(f"Plan {digest[: planning.SHORT]} is approved by {', '.join(people)}; {missing or 'no'} more needed.")
        output.tell(f"Next: revoker apply {digest[: planning.SHORT]}" if not missing else "Another person must approve it too.")
    return ExitCode.WAITING if missing else ExitCode.DONE
