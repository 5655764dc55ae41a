"""Which playbook a credential gets, with the reasons that a person reads in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from revoker.errors import UsageError
from revoker.model import Bound, Unbound
from revoker.playbook import Playbook
from revoker.report.text import counted
from revoker.runs.facts import Facts


@dataclass(frozen=True, slots=True)
class Choice:
    """A playbook and why it was taken; `passed` says why the preferred ones before it were not."""

    playbook: Playbook
    reasons: tuple[str, ...]
    passed: Mapping[str, str]


def choose(facts: Facts, books: Mapping[str, Playbook], forced: str | None = None) -> Choice:
    """The first playbook, by preference, that fits. Raises UsageError for a forced one that is not for this kind."""
    if forced is not None:
        book = named(books, forced)
        if book.kinds and facts.kind.id not in book.kinds:
            raise UsageError(f"Playbook {forced} is for {', '.join(book.kinds)}, not for {facts.kind.id}.")
        return Choice(book, ("asked for by name", *_known(facts)), {})
    passed: dict[str, str] = {}
    for book in sorted(books.values(), key=lambda book: (book.prefer, not book.kinds, book.id)):
        against = why_not(book, facts)
        if against is None:
            return Choice(book, (*_fits(book), *_known(facts)), passed)
        if not book.kinds or facts.kind.id in book.kinds:
            passed[book.id] = against
    raise UsageError(f"No playbook fits {facts.row.fingerprint}.", next="revoker playbooks lists them")


def named(books: Mapping[str, Playbook], name: str) -> Playbook:
    """A playbook by name. Raises UsageError."""
    if name not in books:
        raise UsageError(f"There is no playbook {name!r}.", next="revoker playbooks lists them")
    return books[name]


def why_not(book: Playbook, facts: Facts) -> str | None:
    """Why a playbook does not fit a credential, in a few words; None when it fits."""
    when = book.when
    if book.kinds and facts.kind.id not in book.kinds:
        return f"it is for {', '.join(book.kinds)}"
    if when.status and facts.row.status.value not in when.status:
        return f"it is {facts.row.status} already"
    if when.validity and str(facts.row.validity) not in when.validity:
        return f"it is {facts.row.validity}, not {' or '.join(when.validity)}"
    if when.owned is not None and when.owned is not facts.owned:
        return "it is not ours" if when.owned else "it is ours"
    if when.destination is not None and when.destination is not (facts.destination is not None):
        return facts.placed.why if when.destination else "a place in Vault is configured for it"
    if when.used is not None and when.used is not facts.used:
        return "not used lately" if when.used else "used lately, or nobody knows"
    for effect in when.binds:
        if facts.bound_action(effect) is None:
            return f"{effect} cannot act: {facts.why_unbound(effect)}"
    return None


def _fits(book: Playbook) -> tuple[str, ...]:
    what = f"made for {', '.join(book.kinds)}" if book.kinds else "fits any kind"
    return (f"{what}: {book.title}",)


def _known(facts: Facts) -> tuple[str, ...]:
    """The facts that a person weighs: validity, privilege, use, exposure, destination, who can act."""
    row, who = facts.row, facts.row.identity
    scopes = ", ".join(who.scopes[:8]) if who and who.scopes else ""
    last = who.last_used_at if who else None
    contained = next((t.extra["contained_by_provider"] for t in facts.bindings.values() if _contained(t)), "")
    effects = sorted({a.effect.value for a in facts.kind.actions if facts.bound_action(a.effect)})
    return tuple(
        text
        for text in (
            f"{row.validity} ({row.reason})",
            f"ours: {who.account}" if facts.owned and who and who.account else ("" if facts.owned else "not ours"),
            f"may do: {scopes}" if scopes else "what it may do is not known",
            f"last used {last:%Y-%m-%d}" if last else "when it was last used is not known",
            f"found in {counted(row.findings, 'place')}",
            *facts.placed.notes,
            f"contained by the provider ({contained}), not revoked" if contained else "",
            f"consumers: {', '.join(facts.destination.consumers)}" if facts.destination and facts.destination.consumers else "",
            f"can act: {', '.join(effects)}" if effects else "no API action can act",
        )
        if text
    )


def _contained(target: Bound | Unbound) -> TypeGuard[Bound]:
    return isinstance(target, Bound) and bool(target.extra.get("contained_by_provider"))
