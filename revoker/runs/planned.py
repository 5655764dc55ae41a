"""One planned step as plain data: what acts on which target, why that target, and what a person must do instead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from revoker.config import Settings
from revoker.model import Bound, Effect
from revoker.playbook import Playbook, Step
from revoker.runs.facts import Facts
from revoker.sdk.shapes import Action, Kind

PlannedStep = dict[str, Any]


def planned_steps(book: Playbook, facts: Facts, settings: Settings) -> tuple[list[PlannedStep], list[str]]:
    """The steps of a playbook for one credential, and why some were left out."""
    steps: list[PlannedStep] = []
    left_out: list[str] = []
    for step in book.steps:
        if step.effect is None:
            steps.append(_built_in(step, facts, settings, book.mode))
            continue
        found = _can_act(step, step.effect, facts)
        if found is not None:
            alone = not any(one.get("effect") == Effect.ISSUE for one in steps)
            steps.append(_change(step, *found, facts, settings, alone=alone))
        elif step.unless == "unbound":
            left_out.append(f"{step.id}: {facts.why_unbound(step.effect, step.action)}")
        else:
            steps.append(_by_hand(step, step.effect, facts))
    return steps, left_out


def is_change(step: Mapping[str, Any]) -> bool:
    """True for a step in which revoker itself changes something at a provider."""
    return "action" in step


def approvals_for(action: Action, kind: Kind, settings: Settings, *, last: bool = False) -> int:
    """How many distinct persons must say yes: by effect, by `delete` for what takes more than the key with it, and by
    `last_active` for what takes the last active credential of its principal.
    """
    wanted = [settings.approvals.get(action.effect.value, 1)]
    if action.replaces:
        wanted.append(settings.approvals.get("revoke", 1))
    if action.wide or (action.effect is Effect.REVOKE and action.undo is None and kind.irreversible_loss):
        wanted.append(settings.approvals.get("delete", 0))
    if last:
        wanted.append(settings.approvals["last_active"])
    return max(wanted)


def takes_last(action: Action, target: Bound) -> bool:
    """True when a change leaves a principal without any active credential. A new one that was made before counts."""
    return action.effect in (Effect.SUSPEND, Effect.REVOKE) and target.extra.get("last_active") == "yes"


def bound_document(target: Bound) -> dict[str, Any]:
    """A target and its proof, as plain data."""
    return {
        "target": target.target,
        "proof": target.proof.value,
        "how": target.how,
        "account": target.account,
        "extra": dict(target.extra),
    }


def same_target(step: Mapping[str, Any], target: Bound) -> bool:
    """True when a target that was bound just now is the approved one. (A suspended key may be proven in another way.)"""
    return (step["target"], step["account"]) == (target.target, target.account)


def _can_act(step: Step, effect: Effect, facts: Facts) -> tuple[Action, Bound] | None:
    if effect is Effect.ISSUE and facts.destination is None:
        return None
    return facts.bound_action(effect, step.action)


def _change(step: Step, action: Action, target: Bound, facts: Facts, settings: Settings, *, alone: bool) -> PlannedStep:
    effect = action.effect
    last = alone and takes_last(action, target)
    planned: PlannedStep = {
        **_named(step),
        "effect": effect.value,
        "action": action.id,
        "who": "revoker",
        "by": action.by,
        "needs": action.needs,
        **bound_document(target),
        "undo": action.undo,
        "replaces": action.replaces,
        "approvals": approvals_for(action, facts.kind, settings, last=last),
        "last_active": f"the last active credential of {target.extra.get('user', 'its principal')}" if last else "",
        "loses": action.wide or (facts.kind.irreversible_loss if effect is Effect.REVOKE else ""),
        "outlives": [_residual(what.what, what.lasts) for what in facts.kind.residual] if effect is Effect.REVOKE else [],
    }
    if effect is Effect.ISSUE and facts.destination is not None:
        planned["destination"] = facts.placed.document
    return planned


def _by_hand(step: Step, effect: Effect, facts: Facts) -> PlannedStep:
    instead: PlannedStep = {"instead_of": effect.value, "why": facts.why_unbound(effect, step.action)}
    if effect is Effect.ISSUE and facts.destination is None:
        instead["why"] = facts.placed.why
    if facts.destination is not None:
        instead["destination"] = facts.placed.document
    return {**_named(step), "do": "guide", "who": "a person", **instead, "of": "old", "manual": _manual(facts.kind)}


def _built_in(step: Step, facts: Facts, settings: Settings, mode: str) -> PlannedStep:
    planned = _named(step)
    if step.do == "guide":
        planned |= {"who": "a person", "of": step.of, "manual": _manual(facts.kind)}
    elif step.do == "verify":
        planned |= {"expect": step.expect, "of": step.of}
    elif step.do == "wait":
        planned |= {"seconds": _seconds(step, settings)}
    elif step.do == "hand_over":
        planned |= {"who": "a person", "seconds": int(step.lasts / timedelta(seconds=1))}
    elif step.do == "signal":
        planned |= {"consumers": _consumers(facts, settings), "mode": mode, "whom": facts.kind.manual.notify}
    elif step.do == "moved":
        names = list(facts.destination.consumers) if facts.destination else []
        told = "the provider tells the last use" if facts.kind.last_used is not None else "only a person can say"
        planned |= {"seconds": _seconds(step, settings), "mode": mode, "consumers": names, "told": told}
    elif step.do == "notify":
        consumers = list(facts.destination.consumers) if facts.destination else []
        planned |= {"to": step.to, "consumers": consumers, "whom": facts.kind.manual.notify}
    if step.do in ("destroy_old_versions", "hand_over") or step.of == "new":
        planned["destination"] = facts.placed.document
    return planned


def _seconds(step: Step, settings: Settings) -> int:
    lasts = step.lasts if settings.limits.soak is None else settings.limits.soak
    return int(lasts / timedelta(seconds=1))


def _consumers(facts: Facts, settings: Settings) -> list[dict[str, str]]:
    """Each consumer of the destination, and how it is told."""
    known = {one.name: "kubernetes" if one.kubernetes else "webhook" for one in settings.consumers}
    names = facts.destination.consumers if facts.destination else ()
    return [{"name": name, "how": known.get(name, "person")} for name in names]


def _named(step: Step) -> PlannedStep:
    return {"id": step.id, "do": step.do, "note": step.note}


def _manual(kind: Kind) -> dict[str, Any]:
    manual = kind.manual
    return {"url": manual.url, "steps": list(manual.steps), "notify": manual.notify, "proves": manual.proves}


def _residual(what: str, lasts: timedelta | None) -> str:
    return f"{what}, at the most {lasts}" if lasts is not None else f"{what}, until it is ended by hand"
