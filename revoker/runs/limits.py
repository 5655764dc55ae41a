"""How much one plan, one hour and one provider may change: what a plan would pass, and what it is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from revoker.config import Settings
from revoker.playbook import Playbook
from revoker.store import switches

if TYPE_CHECKING:
    from revoker.store.database import Store


def beyond(mutations: int, taken: Mapping[Playbook, int], settings: Settings) -> tuple[str, ...]:
    """The limits that a plan would pass, in words. Such a plan is made only when it was asked for, and needs more approvals."""
    most = settings.limits.mutations_per_run
    found = [f"make more than {most} changes ({mutations} or more)"] if mutations > most else []
    for book, count in taken.items():
        if count > book.limit:
            found.append(f"take more than {book.limit} credentials through the playbook {book.id}")
    return tuple(found)


def shown(store: Store, changes: Mapping[str, int], settings: Settings, now: datetime) -> dict[str, Any]:
    """The limits with what this plan needs of them, and what the last hour has used already."""
    limits, hour = settings.limits, now - switches.HOUR
    used = {name: switches.mutations_since(store, name, hour) for name in changes}
    return {
        "plan": {"most": limits.mutations_per_run, "planned": sum(changes.values())},
        "hour": {"most": limits.per_hour, "planned": sum(changes.values()), "used": switches.mutations_since(store, None, hour)},
        "providers": {
            name: {"most": limits.per_provider_per_hour, "planned": count, "used": used[name]}
            for name, count in sorted(changes.items())
            if count
        },
    }


def sentences(document: Mapping[str, Any]) -> list[str]:
    """The limits of a plan for people: always the first line; what parks or needs more approvals only when it does."""
    found = document.get("limits")
    if not found:
        return []
    plan, hour = found["plan"], found["hour"]
    lines = [f"Limits: {plan['planned']} of {plan['most']} changes in one plan, {hour['used']} of {hour['most']} used this hour."]
    lines += [f"Beyond the limits: it would {what}. It needs more approvals." for what in found["beyond"]]
    for name, one in (("all providers together", hour), *found["providers"].items()):
        if one["used"] + one["planned"] > one["most"]:
            lines.append(
                f"{name}: {one['planned']} changes, and {one['most'] - one['used']} are left of this hour's {one['most']}; "
                "what is beyond is parked until it may go on."
            )
    return lines
