"""`revoker accept`: a named person takes the risk of one credential."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import closing, ingesting, options, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode


def command(
    ctx: typer.Context,
    *,
    fingerprint: Annotated[str, typer.Argument(help="The fingerprint, or a unique beginning of it.", metavar="FINGERPRINT")],
    why: options.Why,
    by: options.By = "",
    as_json: options.AsJson = False,
) -> ExitCode:
    """Accept the risk of one credential by name and with a reason. It is audited, and it counts as not dead."""
    from revoker import audit
    from revoker.report.json_document import schema
    from revoker.store import credentials

    session = session_of(ctx)
    full, who = credentials.whole_fingerprint(session.store, fingerprint), ingesting.name_of(by)
    audit.append(session.store, "accepted", {"fingerprint": full, "who": who, "why": why}, now())
    credentials.accept(session.store, full, who, why, now())
    closing.finish(session)
    if as_json:
        output.document({"schema": schema("accept"), "fingerprint": full, "by": who, "why": why})
    else:
        output.line(f"{full} is accepted by {who}: {why}")
    return ExitCode.DONE
