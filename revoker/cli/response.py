"""The guided response, step by step. Each step is what the command of the same name does."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from revoker.cli import closing, ingesting, listing, options, outcome, output, planning, reporting, running
from revoker.cli.session import Session, now
from revoker.errors import ExitCode, UsageError
from revoker.report.text import counted

if TYPE_CHECKING:
    from revoker.runs.plan import Plan
    from revoker.store.credentials import CredentialRow
    from revoker.store.runs import RunRow

LOOK_S = 2.0  # between two looks for approvals of others


@dataclass(frozen=True, slots=True)
class Wishes:
    """The command line of one response."""

    reports: tuple[str, ...]
    incident: str | None
    title: str
    format: str | None
    attest: str | None
    playbook: str | None
    plan_only: bool
    yes: bool
    requester: str
    keys: tuple[tuple[str, Path], ...]
    wait: str
    file: Path | None
    as_json: bool


def signers(names: Sequence[str], keys: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    """Each approver with the key file. Raises UsageError when they do not come in pairs."""
    if keys and len(keys) != len(names):
        raise UsageError("Each --key needs its --as NAME, in the same order.")
    return tuple(zip(names, keys, strict=False))


def respond(session: Session, wishes: Wishes) -> ExitCode:
    """From reports to proof; the exit code says how far it came."""
    incident = _ingest(session, wishes)
    _verify(session, incident)
    plan = _plan(session, wishes, incident)
    runs: list[RunRow] = []
    waits = False
    if plan.entries and not wishes.plan_only:
        waits = not (_approved(session, plan, wishes) and _agreed(plan, wishes))
        runs = [] if waits else _apply(session, plan)
    closing.finish(session)
    _report(session, wishes, incident, plan, runs)
    code = outcome.of_counts(listing.tally(_rows(session, incident)))
    return outcome.worst(ExitCode.WAITING if waits else ExitCode.DONE, outcome.of_runs(row.state for row in runs), code)


def _ingest(session: Session, wishes: Wishes) -> str:
    ingesting.must_exist(wishes.reports)
    who, key = wishes.keys[0] if wishes.keys else (wishes.requester, None)
    witness = ingesting.witness(session, who, key) if wishes.attest else None
    incident = ingesting.incident(session.new_store, wishes.incident, wishes.title)
    why = wishes.attest or _asked_why(session, incident)
    if why:
        ingesting.attest(session, incident, witness or ingesting.witness(session, who, key), why=why, until="30d")
    read = ingesting.read(session, wishes.reports, incident, wishes.format)
    output.tell(
        f"Incident {incident}: {counted(read.findings, 'finding')}, {counted(read.credentials, 'credential')}, {read.new} new."
    )
    ingesting.tell_problems(read)
    return incident


def _asked_why(session: Session, incident: str) -> str:
    """Ask on a terminal why the credentials are ours, when nothing says so yet; else nothing."""
    from revoker.store import incidents

    if not (sys.stdin.isatty() and sys.stderr.isatty()) or session.settings.ownership.assume:
        return ""
    if incidents.is_attested(session.store, incident, now()):
        return ""
    question = "Why are these credentials yours to check and change? (empty: only those that the configuration names)"
    return str(typer.prompt(question, default="", show_default=False, err=True))


def _verify(session: Session, incident: str) -> None:
    from revoker import verify

    with output.progress("verifying") as bar:
        summary = verify.verify(session.store, _rows(session, incident), settings=session.settings, clock=now, progress=bar)
    closing.tell_frozen(summary.frozen)
    closing.tell_owned(summary.owned)
    rows = _rows(session, incident)
    output.tell(f"Verified: {listing.counts(listing.tally(rows))}.")
    closing.tell_unowned(rows)


def _plan(session: Session, wishes: Wishes, incident: str) -> Plan:
    from revoker.runs.plan import make_plan

    chosen = options.selection(session.store, [incident])
    made = make_plan(session.store, session.settings, chosen, playbook=wishes.playbook, requester=wishes.requester, now=now())
    if not wishes.as_json:
        planning.show(made)
    return made


def _approved(session: Session, plan: Plan, wishes: Wishes) -> bool:
    """True when the plan has the approvals it needs: signed here with the keys given, or by others while we wait."""
    from revoker.runs.apply import status
    from revoker.runs.approve import approve

    missing, _ = status(session.store, session.settings, plan.digest, now())
    for name, key in wishes.keys if missing else ():
        approve(session.store, session.settings, plan.digest, name, now=now(), key=key, password=ingesting.password_for(key))
    missing, _ = status(session.store, session.settings, plan.digest, now())
    end = time.monotonic() + options.duration(wishes.wait).total_seconds()
    if missing:
        output.tell(
            f"{missing} approvals are missing. Each approver: revoker approve {plan.digest[: planning.SHORT]} --as NAME --key FILE"
        )
    while missing and time.monotonic() < end:
        time.sleep(min(LOOK_S, max(0.0, end - time.monotonic())))
        missing, _ = status(session.store, session.settings, plan.digest, now())
    if missing:
        output.tell(f"Nothing was changed. When it is approved: revoker apply {plan.digest[: planning.SHORT]}")
    return not missing


def _agreed(plan: Plan, wishes: Wishes) -> bool:
    """True when signatures said yes, or the person does. Without a terminal only --yes does, and only where no approval is needed."""
    if plan.approvals or wishes.yes:
        return True
    if sys.stdin.isatty() and sys.stderr.isatty():
        return bool(typer.confirm("Carry out this plan?", default=False, err=True))
    output.tell(f"Nothing was changed. To carry it out: revoker apply {plan.digest[: planning.SHORT]}, or respond with --yes")
    return False


def _apply(session: Session, plan: Plan) -> list[RunRow]:
    from revoker.runs.apply import apply

    run_ids = apply(session.store, session.settings, plan.digest, now())
    rows = running.carry_out(session, run_ids, lambda engine: engine.start(run_ids))
    output.tell(f"Runs: {running.states(rows)}.")
    if any(row.state in ("waiting", "parked") for row in rows):
        output.tell("Some wait for time or for a person: `revoker runs` says for what, `revoker resume` goes on.")
    return rows


def _report(session: Session, wishes: Wishes, incident: str, plan: Plan, runs: Sequence[RunRow]) -> None:
    from revoker.report import collect, json_document

    doc = json_document.report(collect.collect(session.store, options.selection(session.store, [incident]), now()))
    if wishes.file is not None:
        reporting.write(wishes.file, reporting.rendered(doc, reporting.format_of(wishes.file)))
        output.tell(f"Wrote {wishes.file}")
    if wishes.as_json:
        summary: dict[str, Any] = {**doc, "schema": json_document.schema("respond"), "incident": incident}
        summary["plan"] = {**plan.document, "digest": plan.digest}
        summary["runs"] = [json_document.run(row) for row in runs]
        output.document(summary)
        return
    rows = listing.urgent_first(_rows(session, incident))
    shown = rows[: listing.MOST]
    if shown:
        output.table(listing.credentials(shown, listing.places(session.store, shown), now(), len(rows) - len(shown)))
    output.line(f"Incident {incident}: {listing.counts(listing.tally(rows))}.")


def _rows(session: Session, incident: str) -> list[CredentialRow]:
    from revoker.store import credentials

    return credentials.select(session.store, options.selection(session.store, [incident]))
