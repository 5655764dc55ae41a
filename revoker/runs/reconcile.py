"""Orphans against what the provider lists: gone, stored after all, exactly one proven candidate, or a matter for a person.

The list is compared with the snapshot that was written down before the run asked for a new credential. What is new since then,
was made while the call was under way, and stands alone or bears our mark, was made by that run; its value is in nobody's
hands. One such candidate is retired by a plan of its own, under the same approvals as any revocation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from revoker import audit, catalog
from revoker.errors import NotBound, OutcomeUnknown, Parked, RevokerError
from revoker.model import Bound
from revoker.runs import change, destination, digests, lost
from revoker.runs import work as w
from revoker.runs.plan import LIFETIME, SCHEMA, Plan
from revoker.runs.planned import approvals_for, bound_document
from revoker.runs.work import DONE, Done, Turn, Work
from revoker.sdk.shapes import Action, Sibling
from revoker.store import credentials as rows_of
from revoker.store import orphans, plans
from revoker.store import runs as run_rows
from revoker.store.orphans import Orphan

if TYPE_CHECKING:
    from revoker.egress.http import Pool

PLAYBOOK = "retire-orphan"
NOW = 0  # an unknown key that works is as urgent as can be


@dataclass(frozen=True, slots=True)
class Found:
    """What became of an orphan: `gone`, `stored`, `one` (proven), `several`, or `unknown` when nobody can tell now."""

    orphan: Orphan
    state: str
    targets: tuple[str, ...]
    why: str


def examine(work: Work, orphan: Orphan) -> Found:
    """Look at the provider and in Vault; changes nothing."""
    try:
        turn = _turn_of(work, orphan)
        if _is_stored(turn, orphan):
            return Found(orphan, "stored", (orphan.target,), f"it stands at {turn.step['destination']['path']}")
        action, target = w.planned_action(turn), w.planned_bound(turn)
        listed = turn.ask(lambda pool: lost.listed(action, target, turn.reader(pool)))
    except RevokerError as error:
        return Found(orphan, "unknown", (), error.message)
    if listed is None:
        return Found(orphan, "unknown", (), "the provider did not list what stands there")
    return _compared(turn, orphan, listed)


def settle(work: Work, found: Found, who: str) -> bool:
    """Take an orphan that is gone or stored off the list, with its reason in the audit log; False for the others."""
    if found.state not in ("gone", "stored"):
        return False
    one, now = found.orphan, work.clock()
    data = {"provider": one.provider, "target": one.target, "who": who, "why": found.why}
    audit.append(work.store, "orphan_resolved", data, now)
    return orphans.resolve_orphan(work.store, one.provider, one.target, now, found.why)


def plan(work: Work, found: Sequence[Found], who: str) -> Plan | None:
    """A plan that retires each orphan with one proven candidate, to be approved and applied; None when there is none."""
    entries: dict[str, dict[str, Any]] = {}
    for one in found:
        if one.state == "one":
            turn = _turn_of(work, one.orphan)
            entry = entries.setdefault(one.orphan.fingerprint, _entry(turn))
            entry["steps"].append(_step(turn, one, len(entry["steps"]) + 1))
    if not entries:
        return None
    made, now = list(entries.values()), work.clock()
    document = {
        "schema": SCHEMA,
        "requester": who,
        "nonce": token_hex(8),
        "created_at": digests.instant(now),
        "expires_at": digests.instant(now + LIFETIME),
        "incidents": sorted({entry["incident"] for entry in made}),
        "policy": digests.policy(work.settings),
        "approvals": max(step["approvals"] for entry in made for step in entry["steps"]),
        "mutations": sum(len(entry["steps"]) for entry in made),
        "counted": {},
        "credentials": made,
    }
    planned = Plan(digests.digest(document), document)
    plans.save_plan(work.store, planned.digest, document, now)
    return planned


def retire(turn: Turn) -> Done:
    """Revoke the one proven candidate, after looking at all of them again."""
    orphan = next((one for one in orphans.list_orphans(turn.work.store) if one.id == turn.step["orphan"]), None)
    if orphan is None:
        turn.settle({"result": "done", "target": turn.step["target"], "already": True, "detail": "not an orphan any more"})
        return DONE
    found = examine(turn.work, orphan)
    if not settle(turn.work, found, f"run {turn.run.id}"):
        _revoke(turn, found)
        orphans.resolve_orphan(turn.work.store, orphan.provider, orphan.target, turn.now, f"revoked by {turn.run.id}")
    turn.settle({"result": "done", "action": turn.step["action"], "target": turn.step["target"], "already": found.state != "one"})
    return DONE


def _revoke(turn: Turn, found: Found) -> None:
    if found.state == "unknown":
        raise Parked(f"What became of {turn.step['target']} cannot be told now: {found.why}", safe="nothing was sent")
    if found.state != "one" or found.targets != (turn.step["target"],):
        raise NotBound(
            f"The orphan is not proven to be {turn.step['target']} any more: {found.why}",
            safe="nothing was sent",
            next="revoker orphans --reconcile",
        )
    action, bound = w.planned_action(turn), w.planned_bound(turn)
    turn.intend(action, bound.target)
    turn.ask(lambda pool: _revoke_once(turn, pool, action, bound))


async def _revoke_once(turn: Turn, pool: Pool, action: Action, bound: Bound) -> None:
    try:
        await change.call(turn, pool, action, bound)
    except OutcomeUnknown:
        if action.observe is None or await action.observe(bound, turn.reader(pool)) is not True:
            raise


def _compared(turn: Turn, orphan: Orphan, listed: Sequence[Sibling]) -> Found:
    journal = run_rows.journal(turn.work.store, turn.run.id)
    made = {row.data["made"] for row in journal if "made" in row.data}
    now = {one.target for one in listed}
    if orphan.target in made or orphan.target not in ("unknown", *now):
        if orphan.target not in now:
            return Found(orphan, "gone", (), "the provider does not list it any more")
        return Found(orphan, "one", (orphan.target,), "the provider's own answer to the run's call named it")
    new = [one for one in listed if one.target not in _known(journal) | made]
    if not new:
        return Found(orphan, "gone", (), "nothing is listed that was not there before the run's call")
    calls = [row for row in journal if "call" in row.data]
    ours = [one for one in new if any(lost.is_ours(one, turn.mark, call) for call in calls)]
    if len(ours) == 1 and (len(new) == 1 or turn.mark in ours[0].name) and orphan.target in ("unknown", ours[0].target):
        return Found(orphan, "one", (ours[0].target,), "the only one that is new since the run's call and fits it")
    return Found(
        orphan, "several", tuple(one.target for one in new), "which of them the run made cannot be proven: a person must say"
    )


def _known(journal: Sequence[run_rows.JournalRow]) -> set[str]:
    """What stood there before the run's first call, and what it stored since."""
    before: list[str] = next((row.data["siblings"] for row in journal if row.data.get("siblings") is not None), [])
    stored = {str(row.data["target"]) for row in journal if row.phase == "outcome" and "version" in row.data}
    return set(before) | stored


def _is_stored(turn: Turn, orphan: Orphan) -> bool:
    """True when Vault holds the value whose making was written down."""
    rows = run_rows.journal(turn.work.store, turn.run.id)
    mark = next((row.data["fingerprint"] for row in rows if row.data.get("made") == orphan.target), None)
    if mark is None or turn.work.settings.vault is None or not turn.step.get("destination"):
        return False
    place = destination.open_place(turn)
    return bool(destination.fingerprint_at(turn, place.before, place.fields) == mark)


def _turn_of(work: Work, orphan: Orphan) -> Turn:
    """The run's own issue step, to look with. It holds no claim, so nothing can be written with it."""
    run = run_rows.get_run(work.store, orphan.run_id)
    document = plans.load_plan(work.store, run.plan_digest).document
    entry = next(entry for entry in document["credentials"] if entry["fingerprint"] == run.fingerprint)
    step = next((step for step in entry["steps"] if step["do"] == "issue"), None)
    if step is None:
        raise Parked(f"Run {run.id} made nothing by a step of its own.")
    kind = catalog.kinds()[entry["kind"]]
    credential = rows_of.unseal_credential(work.store, run.fingerprint)
    return Turn(work, run, entry, step, -1, catalog.provider_of(kind.id), kind, credential)


def _entry(turn: Turn) -> dict[str, Any]:
    kept = ("fingerprint", "kind", "provider", "incident")
    return {
        **{name: turn.entry[name] for name in kept},
        "playbook": PLAYBOOK,
        "playbook_digest": "",
        "definition": digests.definition(turn.provider.id),
        "reasons": [f"{turn.run.id} made it and neither stored nor revoked it"],
        "passed": {},
        "left_out": [],
        "priority": NOW,
        "urgency": "a credential that works and that nobody holds",
        "steps": [],
    }


def _step(turn: Turn, found: Found, number: int) -> Mapping[str, Any]:
    """The planned retirement. Raises NotBound when the kind offers nothing that may do it."""
    undo = w.planned_action(turn).undo
    action = next((one for one in turn.kind.actions if one.id == undo and lost.can(one, None, turn)), None)
    if action is None:
        raise NotBound(f"{turn.kind.id} has no action that can take {found.targets[0]} back.", next="remove it by hand")
    bound = replace(w.planned_bound(turn), target=found.targets[0], how=f"made by {turn.run.id}: {found.why}")
    return {
        "id": f"retire-{number}",
        "do": "retire",
        "note": "an orphan",
        "orphan": found.orphan.id,
        "effect": action.effect.value,
        "action": action.id,
        "who": "revoker",
        "by": action.by,
        "needs": action.needs,
        **bound_document(bound),
        "undo": None,
        "replaces": False,
        "approvals": approvals_for(action, turn.kind, turn.work.settings),
    }


def lines(found: Sequence[Found]) -> Iterator[tuple[object, ...]]:
    """The rows of a table."""
    for one in found:
        orphan = one.orphan
        yield orphan.id, orphan.provider, orphan.target, one.state, ", ".join(one.targets) or "-", one.why
