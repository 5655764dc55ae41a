"""The catalogue as pages: docs/providers.md and docs/rights.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from revoker import catalog
from revoker.report import catalogue
from revoker.report.text import code_span, span
from revoker.sdk import Action, Kind, Provider


def providers_page() -> Iterator[str]:
    """All providers and kinds: how each is checked, what each answer means, what can be changed, what is left to a person."""
    found = catalog.providers().values()
    yield "# Providers\n"
    yield f"{len(found)} providers, {sum(len(one.kinds) for one in found)} kinds. `revoker providers show KIND` prints one of them,"
    yield "`revoker providers hosts` the hosts for a firewall, [rights.md](rights.md) what each authority needs.\n"
    yield f"An answer that no table below names is `unknown` with a reason of its own: {catalogue.OTHERWISE}."
    yield "An action marked *experimental* rests on a claim that nobody confirmed, and is off until `[limits] experimental` allows it.\n"
    for provider in sorted(found, key=lambda one: one.title.casefold()):
        hosts = ", ".join(code_span(host) for host in provider.hosts) or "the operator's own hosts"
        yield f"## {provider.title}\n"
        yield f"`{provider.id}` at {hosts}. [Documentation]({provider.docs}).\n"
        for kind in provider.kinds:
            yield from _kind(catalogue.kind_document(kind.id))


def rights_page() -> Iterator[str]:
    """Per `[authority.X]`: its settings, how to make it, the right of each action and read, and what goes without it."""
    yield "# Rights of the authorities\n"
    yield "An authority is your own credential, by which revoker acts at a provider; name it by reference under `[authority.ID]`."
    yield "Give it the rights of the actions that you want and no other: what it may not do becomes a step by hand."
    yield "`revoker doctor` looks up, by reading alone, which of them it holds. Each right covers the reads before and after its action:"
    yield "finding the target, and seeing that the change is in effect.\n"
    for provider in sorted(catalog.providers().values(), key=lambda one: one.title.casefold()):
        if provider.authority:
            yield from _authority(provider)
    yield from _without()


def _kind(doc: dict[str, Any]) -> Iterator[str]:
    yield f"### {doc['title']} (`{doc['id']}`)\n"
    limits = catalogue.at_most(doc["requests"]) if doc["verify"] != "none" else "no harmless check: nothing is sent"
    yield f"- Check: {limits}. Side effects: {doc['effects_of_check']}. [Page]({doc['docs']})."
    yield f"- Tells: {doc['identity']}."
    if doc["needs"]:
        yield f"- Needs beside the secret: {', '.join(code_span(part) for part in doc['needs'])}."
    if doc["check_needs"]:
        yield f"- The check uses the authority: {doc['check_needs']}."
    if doc["owner"]:
        yield f"- Whose it is: the authority `{doc['owner']['authority']}` can tell, before anything is asked with the credential."
    if doc["host_from"]:
        yield f"- Goes to the {code_span(doc['host_from'])} that came with it, which must be owned (`[ownership] hosts`)."
    if doc["ambiguous"]:
        yield "- Its shape is shared with others: a scanner's rule or the variable's name must name it."
    yield f"- Proof of death: {doc['refusals']} refusals over {span(doc['propagation_s'])} ({doc['propagation_source']})."
    for left in doc["residual"]:
        lasts = span(left["lasts_s"]) if left["lasts_s"] is not None else "until ended by hand"
        yield f"- Outlives it: {left['what']} ({lasts})."
    yield from _answers(doc["answers"], doc["docs"])
    yield from _actions(doc["actions"])
    steps = doc["manual_steps"]
    yield f"\nBy hand, at <{steps['url']}>:\n" if steps["url"].startswith("https") else f"\nBy hand, at {steps['url']}:\n"
    yield from (f"{number}. {step}" for number, step in enumerate(steps["steps"], 1))
    yield f"\nNotify {steps['notify']}. Proof: {steps['proves']}.\n" if steps["notify"] else f"\nProof: {steps['proves']}.\n"


def _answers(answers: list[dict[str, Any]], page: str) -> Iterator[str]:
    if not answers:
        return
    yield "\n| answer | verdict | reason |\n|---|---|---|"
    for one in answers:
        source = "" if one["page"] == page else f" ([page]({one['page']}))"
        yield f"| {_cell(catalogue.rule(one))}{source} | {one['validity']} | {one['reason']} |"


def _actions(actions: list[dict[str, Any]]) -> Iterator[str]:
    if not actions:
        return
    yield "\n| action | effect | as | least right | undo |\n|---|---|---|---|---|"
    for one in actions:
        mark = " *experimental*" if one["experimental"] else ""
        yield (
            f"| [{one['id']}]({one['docs']}){mark} | {one['effect']} | {_who(one['by'], one['authority'])} "
            f"| {_cell(one['needs'])} | {one['undo'] or '-'} |"
        )
    notes = [f"- To confirm {one['id']}: {one['confirm']}." for one in actions if one["experimental"]]
    notes += [f"- {_leaves(one)}" for one in actions if one["leaves"]]
    yield from ["", *notes] if notes else ()


def _leaves(action: dict[str, Any]) -> str:
    answers = " or ".join(f"`{reason}`" for reason in action["leaves"])
    return f"After {action['id']} the answer may be live ({answers}): it counts as contained {catalogue.SHOWN}."


def _authority(provider: Provider) -> Iterator[str]:
    yield f"## {provider.title}: `[authority.{provider.id}]`\n"
    yield "| setting | what it is |\n|---|---|"
    yield from (f"| `{name}` | {_cell(text)} |" for name, text in provider.authority.items())
    yield f"\nHow to make it: {provider.obtain}\n"
    rows = [row for kind in provider.kinds for row in _rights(kind)]
    if rows:
        yield "| kind | what for | secret | least right |\n|---|---|---|---|"
        yield from rows
        yield ""
    alone = [f"`{kind.id}` {action.id}" for kind in provider.kinds for action in kind.actions if action.by == "self"]
    asks = [f"`{kind.id}`" for kind in provider.kinds if not kind.check_needs]
    if alone:
        yield f"Goes without it, as the leaked credential itself: {', '.join(alone)}.\n"
    if asks:
        yield f"Checked without it: {', '.join(asks)}.\n"


def _rights(kind: Kind) -> Iterator[str]:
    if kind.check_needs:
        name, _, right = kind.check_needs.partition(": ")
        secret = "-" if name == "no right" else f"`{name}`"
        yield f"| `{kind.id}` | the check (reads) | {secret} | {_cell(right)} |"
    if kind.owner:
        yield f"| `{kind.id}` | whose it is (reads) | `{kind.owner.authority}` | {_cell(kind.owner.needs)} |"
    for action in kind.actions:
        if action.by == "authority":
            yield f"| `{kind.id}` | {_named(action)} | `{action.authority}` | {_cell(action.needs)} |"


def _named(action: Action) -> str:
    off = ", *experimental*" if action.experimental else ""
    return f"{action.id} ({action.effect.value}{off})"


def _without() -> Iterator[str]:
    """Providers that need no authority: the leaked credential ends itself, or a person does."""
    others = [one for one in catalog.providers().values() if not one.authority]
    ends = sorted(
        f"`{kind.id}` {action.id}" for one in others for kind in one.kinds for action in kind.actions if action.by == "self"
    )
    yield "## Without an authority\n"
    yield f"The leaked credential ends itself: {', '.join(ends)}.\n"
    hands = sorted(f"`{one.id}`" for one in others if not any(kind.actions for kind in one.kinds))
    yield f"No API that we know changes anything, so that a person acts and revoker tracks and proves: {', '.join(hands)}.\n"


def _who(by: str, authority: str) -> str:
    return "the leaked credential" if by == "self" else f"`{authority}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
