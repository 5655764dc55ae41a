"""`hand_over`: the new secret goes to a person in a wrapping token, once, in time, or not at all.

The token is made when the person asks for it and is shown to that person alone: we keep its accessor. When it is not
taken in time it is cancelled. When it is gone and nobody says that they took it, somebody else has the secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from revoker import audit
from revoker.config import Settings
from revoker.errors import Parked, RevokerError, UsageError
from revoker.model import Secret
from revoker.runs import destination
from revoker.runs.work import DONE, Done, Turn
from revoker.store import events, picking
from revoker.store import runs as run_rows
from revoker.store.database import Store
from revoker.store.runs import JournalRow

MARGIN = timedelta(minutes=2)  # a token lives that much longer than its run waits, so that "cancelled" and "expired" differ
STOLEN = "somebody else has the new secret: ingest it as leaked and rotate it again, then revoker cancel this run"


class Intercepted(RevokerError):
    """A wrapping token was used or replaced before its receiver came."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A new secret that waits for a person. `accessor` is empty until a wrapping token was made for it."""

    run: str
    step: str
    fingerprint: str
    path: str
    version: int
    until: datetime
    accessor: str = ""
    made_for: str = ""
    expires: datetime | None = None


def hand_over(turn: Turn) -> Done:
    """Say that a secret waits; go on when it was taken; cancel it at the end of its time. Raises Parked."""
    past = turn.past()
    if not past:
        return _offer(turn)
    known = _known(turn.run.id, turn.run.fingerprint, turn.step["id"], past)
    if known is None:
        raise Parked("The journal of this hand-over cannot be read.", next="revoker cancel, and plan again")
    if any("intercepted" in row.data for row in past):
        return _lost(turn, known, "it was used or replaced before its receiver came")
    taken = next((str(row.data["taken_by"]) for row in past if "taken_by" in row.data), None)
    if taken is not None:
        turn.settle({"result": "done", "target": known.accessor, "taken_by": taken})
        return DONE
    return _later(turn, known) if turn.now < known.until else _end(turn, known)


def _offer(turn: Turn) -> Done:
    made, wanted = destination.outcome_of_issue(turn), turn.step.get("destination")
    if made is None or not wanted:
        raise Parked("There is no new secret to hand over.", next="revoker plan, with a destination")
    until = turn.now + timedelta(seconds=turn.step["seconds"])
    known = {"path": wanted["path"], "version": made["version"], "until": until.isoformat()}
    turn.write("intent", {"handover": known})
    facts = {"fingerprint": turn.run.fingerprint, "kind": turn.kind.id, "incident": turn.entry["incident"], "run": turn.run.id}
    events.emit(turn.work.store, "handover", {**facts, "step": turn.step["id"], "until": known["until"]}, turn.now)
    return _waits(turn, until)


def _waits(turn: Turn, until: datetime) -> Done:
    turn.write("observed", {"until": until.isoformat()})
    return Done("waiting", f"waits for a person to take the new secret until {until:%H:%M} UTC: revoker vault handover list")


def _later(turn: Turn, known: Waiting) -> Done:
    return _waits(turn, known.until)


def _end(turn: Turn, known: Waiting) -> Done:
    """The time is over: what was made is cancelled; what is gone without a word was taken by somebody else, or expired unseen."""
    from revoker.egress import vault_wrapping

    settings = turn.work.settings
    if not known.accessor:
        turn.settle({"result": "not taken", "target": known.path})
        raise Parked(
            "Nobody asked for the new secret in time.", safe="it was given to nobody", next="revoker resume offers it again"
        )
    if vault_wrapping.is_there(settings, known.accessor):
        turn.audited("intent", {"action": "cancel_wrapping", "target": known.accessor})
        vault_wrapping.cancel(settings, known.accessor)
        turn.settle({"result": "cancelled", "target": known.accessor})
        raise Parked(
            f"{known.made_for} did not take the new secret in time; the wrapping token was cancelled.",
            safe="nobody has seen it; the old one was not touched by this",
            next="revoker resume offers it again",
        )
    if known.expires is not None and turn.now >= known.expires:
        return _lost(
            turn, known, "it ended before anybody looked, so nobody can tell whether it was used (Vault's audit log can)"
        )
    return _lost(turn, known, "it was used, and nobody said that they took it")


def _lost(turn: Turn, known: Waiting, why: str) -> Done:
    turn.settle({"result": "intercepted", "target": known.accessor})
    raise Parked(f"The wrapping token {known.accessor}: {why}.", fingerprint=turn.run.fingerprint, next=STOLEN)


def waiting(store: Store) -> list[Waiting]:
    """All hand-overs that wait for a person."""
    found = []
    for run in run_rows.list_runs(store, state=["waiting"]):
        rows = [row for row in run_rows.journal(store, run.id) if row.step == run.step]
        settled = [at for at, row in enumerate(rows) if row.phase == "outcome"]
        known = _known(run.id, run.fingerprint, run.step, rows[settled[-1] + 1 :] if settled else rows)
        if known is not None:
            found.append(known)
    return found


def make(store: Store, settings: Settings, run_id: str, *, who: str, now: datetime) -> Secret:
    """A wrapping token for one person; an earlier one of the same hand-over is cancelled first. Gives the token, to be shown once.

    Raises UsageError when nothing waits there, AuthorityError, or what Vault's answer means.
    """
    from revoker.egress import vault_wrapping

    one = _of(store, run_id)
    if one.until <= now:
        raise UsageError("Its time is over.", next="revoker resume offers it again")
    vault_wrapping.may_cancel(settings)
    facts = {"run": one.run, "step": one.step, "by": who, "path": one.path, "version": one.version}
    audit.append(store, "handover", facts, now)
    if one.accessor and vault_wrapping.is_there(settings, one.accessor):
        vault_wrapping.cancel(settings, one.accessor)
    expected = vault_wrapping.creation_path(settings, one.path)
    made = vault_wrapping.wrap_read(settings, one.path, one.version, one.until - now + MARGIN)
    if made.creation_path != expected:
        vault_wrapping.cancel(settings, made.accessor)
        raise Parked(
            "Vault wrapped something else than was asked for; it was cancelled.", next="look at the path in [[destination]]"
        )
    expires = vault_wrapping.ends_at(made, now).isoformat()
    known = {"accessor": made.accessor, "creation_path": expected, "made_for": who, "expires": expires}
    audit.append(store, "handover_made", {**facts, "accessor": made.accessor}, now)
    run_rows.append_journal(store, one.run, one.step, "observed", None, known, now)
    return made.token


def take(store: Store, settings: Settings, run_id: str, token: Secret, *, who: str, now: datetime) -> Mapping[str, Any]:
    """Check where a wrapping token is from, open it, and say who took it. Gives the document, which is kept nowhere.

    Raises Intercepted when it was used or replaced before; the run then parks.
    """
    from revoker.egress import vault_wrapping

    one = _of(store, run_id)
    if not one.accessor:
        raise UsageError("No wrapping token was made yet.", next=f"revoker vault handover make {run_id}")
    found = vault_wrapping.made_from(settings, token)
    if found != vault_wrapping.creation_path(settings, one.path):
        raise _intercepted(store, one, who, now, "it is not valid any more" if found is None else f"it wraps {found}")
    audit.append(store, "handover_take", {"run": one.run, "accessor": one.accessor, "by": who}, now)
    document = vault_wrapping.unwrap(settings, token)
    if vault_wrapping.is_there(settings, one.accessor):
        raise _intercepted(store, one, who, now, "it is another token than the one that was made here")
    _note(store, one, {"taken_by": who}, now)
    return document


def taken_elsewhere(store: Store, settings: Settings, run_id: str, *, who: str, now: datetime) -> None:
    """The receiver says that they unwrapped it with another tool. Raises UsageError while it is still there."""
    from revoker.egress import vault_wrapping

    one = _of(store, run_id)
    if not one.accessor or vault_wrapping.is_there(settings, one.accessor):
        raise UsageError("Nobody has unwrapped it yet.", next="vault unwrap, or revoker vault handover take")
    audit.append(store, "handover_take", {"run": one.run, "accessor": one.accessor, "by": who, "elsewhere": True}, now)
    _note(store, one, {"taken_by": who}, now)


def _intercepted(store: Store, one: Waiting, who: str, now: datetime, why: str) -> Intercepted:
    audit.append(store, "handover_intercepted", {"run": one.run, "accessor": one.accessor, "by": who, "why": why}, now)
    _note(store, one, {"intercepted": why}, now)
    return Intercepted(
        f"Do not trust this wrapping token: {why}.", fingerprint=one.fingerprint, safe="nothing more was opened", next=STOLEN
    )


def _note(store: Store, one: Waiting, data: Mapping[str, Any], now: datetime) -> None:
    run_rows.append_journal(store, one.run, one.step, "observed", None, {**data, "until": now.isoformat()}, now)
    picking.make_due(store, one.run, now)


def _of(store: Store, run_id: str) -> Waiting:
    found = next((one for one in waiting(store) if one.run == run_id), None)
    if found is None:
        raise UsageError(f"No new secret waits in run {run_id}.", next="revoker vault handover list")
    return found


def _known(run: str, fingerprint: str, step: str, past: list[JournalRow]) -> Waiting | None:
    """What the journal says of a hand-over since it was offered."""
    offered = next((row.data["handover"] for row in past if "handover" in row.data), None)
    if offered is None:
        return None
    until = datetime.fromisoformat(offered["until"])
    last = next((row.data for row in reversed(past) if "accessor" in row.data), None)
    if last is None:
        return Waiting(run, step, fingerprint, offered["path"], offered["version"], until)
    more = (last["accessor"], last["made_for"], datetime.fromisoformat(last["expires"]))
    return Waiting(run, step, fingerprint, offered["path"], offered["version"], until, *more)
