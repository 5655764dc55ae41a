"""What an interrupted `issue` left behind: found by our mark or by what is new in the list, and revoked again.

Its value is gone, so it is of no use to anybody; but only one that is provably ours may be touched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from revoker import secrets
from revoker.errors import OutcomeUnknown, Parked, RevokerError
from revoker.model import Bound, Credential, Issued
from revoker.runs import change
from revoker.runs import work as w
from revoker.runs.listening import Listening
from revoker.runs.work import Done, Turn
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action, Sibling
from revoker.store import orphans
from revoker.store.runs import JournalRow

if TYPE_CHECKING:
    from revoker.egress.http import Pool

SKEW = timedelta(minutes=2)  # how far the provider's clock may be from ours
LONGEST_CALL = timedelta(minutes=3)
MARK = re.compile(r"revoker-run_[0-9a-f]{32}")  # see Turn.mark; a name that was cut short has no whole one
PERHAPS = "perhaps made by this run: "


async def listed(action: Action, target: Bound, reader: Reader) -> Sequence[Sibling] | None:
    """All that stand where the new one is made; None when the provider cannot tell."""
    return await action.siblings(target, reader) if action.siblings is not None else None


async def listed_before(turn: Turn, action: Action, target: Bound, reader: Reader) -> Sequence[Sibling] | None:
    """What stands there before a new one is made. Raises Parked when the provider is silent: a lost call could not be cleaned up."""
    listening = Listening(reader)
    found = await listed(action, target, listening.as_reader())
    if found is None and listening.unanswered:
        raise listening.parked("What stands beside the new one could not be listed", turn.run.fingerprint)
    return found


def look_for(turn: Turn, action: Action) -> Done:
    """A call went out and its answer was lost: find what it made, revoke that, and begin again."""
    past = turn.past()
    intent = next(row for row in past if "action" in row.data)
    called = next(row for row in past if "call" in row.data)
    age = turn.now - called.at
    if age < turn.work.settle:
        return Done("running", "an interrupted call settles", sleep=(turn.work.settle - age).total_seconds())
    target = w.planned_bound(turn)
    found = turn.ask(lambda pool: listed(action, target, turn.reader(pool)))
    before = intent.data.get("siblings")
    if found is None or (before is None and not any(turn.mark in one.name for one in found)):
        raise _cannot_tell(turn, ["unknown"], f"look for one named {turn.mark}")
    known = set(before or ())
    new = [one for one in found if one.target not in known and not is_another_run_s(one, turn.mark)]
    if not new:
        turn.settle({"result": "nothing made", "target": target.target})
        _no_longer_perhaps(turn)
        return Done("running", "the interrupted call made nothing", sleep=0)
    ours = [one for one in new if turn.mark in one.name] or [one for one in new if is_ours(one, turn.mark, called)]
    if len(ours) != 1 or (len(new) > 1 and turn.mark not in ours[0].name):
        raise _cannot_tell(turn, [one.target for one in new], "which of them this run made cannot be proven")
    retire(turn, ours[0].target, None)
    turn.settle({"result": "retired", "target": ours[0].target, "why": "its value was lost before it was stored"})
    _no_longer_perhaps(turn)
    return Done("running", "an interrupted try was cleaned up", sleep=0)


def retire(turn: Turn, target: str, issued: Issued | None) -> None:
    """Revoke a new credential again. Raises Parked, and puts it on the orphan list, when that cannot be done."""
    try:
        _revoke(turn, target, issued)
    except RevokerError as error:
        why = f"made by this run, not stored, and not revoked: {error.message}"
        list_orphan(turn, target, why)
        raise Parked(
            f"The new one ({target}) is neither stored nor revoked: {error.message}",
            fingerprint=turn.run.fingerprint,
            safe="the old one was not touched",
            next="revoke it by hand (revoker orphans), or revoker resume tries again",
        ) from None
    turn.write("observed", {"retired": target})
    for one in orphans.list_orphans(turn.work.store):
        if one.run_id == turn.run.id and one.target == target:
            orphans.resolve_orphan(turn.work.store, one.provider, one.target, turn.now, "revoked")


def _revoke(turn: Turn, target: str, issued: Issued | None) -> None:
    undo = w.planned_action(turn).undo  # any other revoking action could hit the leaked one instead
    action = next((a for a in turn.kind.actions if a.id == undo and can(a, issued, turn)), None)
    if action is None:
        raise Parked(f"{turn.kind.id} has no action that can take a new one back")
    holder = turn.credential
    if issued is not None:
        fingerprint = secrets.fingerprint(turn.work.store.keys, turn.kind.id, issued.secret)
        holder = Credential(turn.kind.id, fingerprint, issued.secret, {**turn.credential.parts, **issued.parts}, {})
    bound = replace(w.planned_bound(turn), credential=holder, target=target, how="made by this very run")
    turn.audited("intent", {"action": action.id, "target": target, "why": "the new one could not be stored"})
    turn.write("intent", {"retire": target, "with": action.id})
    turn.ask(lambda pool: _revoke_once(turn, pool, action, bound))


async def _revoke_once(turn: Turn, pool: Pool, action: Action, bound: Bound) -> None:
    try:
        await change.call(turn, pool, action, bound)
    except OutcomeUnknown:
        reader = pool.reader(turn.provider, credential=bound.credential)
        if action.observe is None or await action.observe(bound, reader) is not True:
            raise


def can(action: Action, issued: Issued | None, turn: Turn) -> bool:
    """Whether an action may take a new one back. The leaked one must not be the acting one, and a value that was lost cannot act."""
    allowed = turn.work.settings.limits.experimental or not action.experimental
    if not allowed or (action.by == "self" and issued is None):
        return False
    if action.by == "self" or not action.authority:
        return True
    return action.authority in turn.work.settings.authority.get(turn.provider.id, {})


def is_ours(one: Sibling, mark: str, called: JournalRow) -> bool:
    """True for one that bears our mark, or was made while that call was under way."""
    if mark in one.name:
        return True
    return one.created_at is not None and _within(one.created_at, called.at)


def is_another_run_s(one: Sibling, mark: str) -> bool:
    """True for one that bears the whole mark of another run: many runs may make new ones at one place at the same time."""
    return mark not in one.name and MARK.search(one.name) is not None


def _no_longer_perhaps(turn: Turn) -> None:
    """What the lost call made is known now: those that were listed on suspicion leave the list."""
    for one in orphans.list_orphans(turn.work.store):
        if one.run_id == turn.run.id and one.why.startswith(PERHAPS):
            orphans.resolve_orphan(turn.work.store, one.provider, one.target, turn.now, "not made by this run after all")


def _within(made: datetime, called: datetime) -> bool:
    return called - SKEW <= made <= called + LONGEST_CALL + SKEW


def _cannot_tell(turn: Turn, targets: Sequence[str], what: str) -> Parked:
    for target in targets:
        list_orphan(turn, target, f"{PERHAPS}{what}")
    return Parked(
        f"The answer to a call that makes a new one was lost, and {what}.",
        fingerprint=turn.run.fingerprint,
        safe="nothing else was touched; the old one still works",
        next="look at the orphan list, remove what this run made, then revoker resume",
    )


def list_orphan(turn: Turn, target: str, why: str) -> None:
    """Put a new credential on the orphan list; the same one again changes nothing."""
    orphans.add_orphan(turn.work.store, turn.provider.id, target, turn.run.fingerprint, turn.run.id, turn.now, why)
