"""Plans and approvals as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from revoker.cli import listing, output
from revoker.report.text import counted

if TYPE_CHECKING:
    from revoker.runs.plan import Plan

SHORT = 12  # characters of a digest that a person types


def show(plan: Plan) -> None:
    """The plan as a table, with the reasons for each choice and what a revocation takes with it."""
    from revoker.runs import limits

    if not plan.entries:
        output.line("Nothing to do.")
    else:
        output.table(listing.plan(plan.document))
        for entry in plan.entries:
            _reasons(entry)
    for reason, count in plan.document["counted"].items():
        output.line(f"left alone: {count} ({reason.replace('_', ' ')})")
    for sentence in limits.sentences(plan.document):
        output.line(sentence)
    output.line(
        f"Plan {plan.digest[:SHORT]}: {counted(len(plan.entries), 'credential')}, {counted(plan.mutations, 'change')}, "
        f"{counted(plan.approvals, 'approval')} needed."
    )


def say_next(plan: Plan) -> None:
    """What to type next, on stderr."""
    if not plan.entries:
        return
    if plan.approvals:
        output.tell(f"Next: revoker approve {plan.digest[:SHORT]} --as NAME --key FILE")
    output.tell(f"{'Then' if plan.approvals else 'Next'}: revoker apply {plan.digest[:SHORT]}")


def _reasons(entry: Mapping[str, Any]) -> None:
    output.line(f"{entry['fingerprint'][: listing.SHORT]}  {entry['playbook']}: {'; '.join(entry['reasons'])}")
    if "canary" in entry:
        by = entry["canary"]
        output.line(f"{'':{listing.SHORT}}  CANARY: touched only because {by['who']} allowed it until {by['until']}: {by['why']}")
    if "ours_by" in entry:
        output.line(f"{'':{listing.SHORT}}  ours by {entry['ours_by']}")
    if "urgency" in entry:
        output.line(f"{'':{listing.SHORT}}  priority {entry['priority']}: {entry['urgency']}")
    for book, why in entry["passed"].items():
        output.line(f"{'':{listing.SHORT}}  not {book}: {why}")
    for left in entry["left_out"]:
        output.line(f"{'':{listing.SHORT}}  left out: {left}")
    for step in entry["steps"]:
        if step.get("loses"):
            output.line(f"{'':{listing.SHORT}}  {step['id']} cannot be undone: {step['loses']}")
        if step.get("last_active"):
            output.line(f"{'':{listing.SHORT}}  {step['id']} takes {step['last_active']}")
        for rest in step.get("outlives", ()):
            output.line(f"{'':{listing.SHORT}}  outlives it: {rest}")
