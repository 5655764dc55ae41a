"""`revoker recheck`: verify again what is due."""

from __future__ import annotations

from typing import Annotated

import typer

from revoker.cli import closing, listing, options, outcome, output
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode
from revoker.recheck import RecheckSummary


def command(
    ctx: typer.Context,
    *,
    limit: Annotated[int, typer.Option(help="The most credentials of one round.", min=1)] = 5_000,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Verify again what is due: proofs of death, undecided ones, and dead ones that may have come back to life.

    Exit code 10 when one is live, 11 when one is undecided or not watched any more, else 0; over all credentials.
    """
    from revoker.report.json_document import schema
    from revoker.store import credentials

    session = session_of(ctx)
    done = once(session, limit)
    numbers = credentials.counts(session.store, options.selection(session.store))
    if as_json:
        output.document({"schema": schema("recheck"), **facts(done)})
    else:
        output.line(sentence(done))
        output.line(f"All credentials: {listing.counts(numbers)}.")
    return outcome.worst(outcome.of_counts(numbers), ExitCode.UNKNOWN if done.verified.lapsed else ExitCode.DONE)


def once(session: Session, limit: int) -> RecheckSummary:
    """One round. What came back to life is said aloud."""
    from revoker.recheck import recheck

    with output.progress("re-verifying") as bar:
        done = recheck(session.store, settings=session.settings, clock=now, limit=limit, progress=bar)
    for back in done.resurrected:
        output.tell(f"ALIVE AGAIN: {back.fingerprint} was proven dead and is accepted again.")
    closing.tell_lapsed(done.verified.lapsed)
    closing.tell_canaries(done.verified.canaries)
    closing.finish(session)
    return done


def sentence(done: RecheckSummary) -> str:
    """One round in one line."""
    return f"Due {done.due}, asked {done.verified.asked}: {len(done.proven)} proven dead, {len(done.resurrected)} alive again."


def facts(done: RecheckSummary) -> dict[str, object]:
    """One round as it stands in JSON."""
    return {
        "due": done.due,
        "asked": done.verified.asked,
        "proven": [one.fingerprint for one in done.proven],
        "resurrected": [one.fingerprint for one in done.resurrected],
        "frozen": list(done.verified.frozen),
        "lapsed": list(done.verified.lapsed),
    }
