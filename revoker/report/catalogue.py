"""The catalogue as documents: `revoker providers`, and the pages of docs/ that are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revoker import catalog
from revoker.config import Settings
from revoker.egress.hosts import hosts, untold
from revoker.report.text import span
from revoker.sdk import Action, Answer, Kind, Provider, declared, no_safe_check

OTHERWISE = "any other answer (429, 5xx, a redirect, HTML, a broken body, a time-out)"
SHOWN = "while the provider's own record, read by the authority, shows our suspension in effect"


def document() -> dict[str, Any]:
    """`revoker/providers/1`: all providers with their kinds."""
    return {"schema": "revoker/providers/1", "providers": [_provider(p) for _, p in sorted(catalog.providers().items())]}


def hosts_document(settings: Settings) -> dict[str, Any]:
    """`revoker/providers-hosts/1`: every host that may be dialled, for a firewall, and which of them the configuration names."""
    by_operator = [id for id, provider in sorted(catalog.providers().items()) if not provider.hosts or _takes_hosts(provider)]
    openings = hosts(settings)
    return {
        "schema": "revoker/providers-hosts/1",
        "hosts": [
            {"host": one.host, "port": one.port, "providers": list(one.providers), "configured": one.key or None}
            for one in openings
        ],
        "operators_own": by_operator,
        "proxy": settings.network.proxy is not None,
        "not_shown": untold(settings),
    }


def about_hosts(doc: Mapping[str, Any]) -> list[str]:
    """What a list of hosts cannot say by itself."""
    named = sum(1 for row in doc["hosts"] if row["configured"])
    told = [f"{len(doc['hosts'])} hosts, {named} of them named by the configuration."]
    if doc["proxy"]:
        told.append(
            "With [network] proxy only the proxy, Vault, the databases and addresses in [network] allow are dialled directly."
        )
    told += [f"{key} is a reference: its host is not shown, and must be opened too." for key in doc["not_shown"]]
    own = ", ".join(doc["operators_own"])
    return [*told, f"Nothing is dialled for these until [endpoints] or [ownership] hosts names your host: {own}."]


def kind_document(kind_id: str) -> dict[str, Any]:
    """`revoker/providers-show/1`: all that is declared for one kind. Raises UsageError when there is none."""
    provider = catalog.provider_of(kind_id)
    kind = catalog.kinds()[kind_id]
    return {
        "schema": "revoker/providers-show/1",
        **_kind(kind),
        "provider": provider.id,
        "hosts": list(provider.hosts),
        "host_from": kind.host_from,
        "docs": kind.docs,
        "answers": [_answer(answer, kind) for answer in declared(kind)],
        "identity": kind.identity,
        "check_needs": kind.check_needs,
        "owner": {"authority": kind.owner.authority, "needs": kind.owner.needs} if kind.owner else None,
        "needs": [*kind.needs, *kind.needs_secret],
        "ambiguous": kind.ambiguous,
        "requests": kind.requests,
        "budget_per_second": kind.budget.per_second,
        "effects_of_check": kind.effects_of_check,
        "also_at": kind.also_at,
        "local_refusals": list(kind.local_refusals),
        "propagation_s": int(kind.propagation.window.total_seconds()),
        "refusals": kind.propagation.refusals,
        "propagation_source": kind.propagation.source,
        "residual": [
            {"what": r.what, "lasts_s": None if r.lasts is None else int(r.lasts.total_seconds()), "ended_by": r.ended_by}
            for r in kind.residual
        ],
        "labels": {scanner: list(rules) for scanner, rules in catalog.labels_of(kind_id).items()},
        "irreversible_loss": kind.irreversible_loss,
        "authority": dict(provider.authority),
        "obtain": provider.obtain,
        "manual_steps": {
            "url": kind.manual.url,
            "steps": list(kind.manual.steps),
            "notify": kind.manual.notify,
            "proves": kind.manual.proves,
        },
    }


def rule(answer: dict[str, Any]) -> str:
    """What an answer must hold, in one line: `401 where error.code is invalid_api_key`."""
    needs = []
    if answer["codes"]:
        needs.append(f"{answer['at'] or 'the code'} is {' or '.join(answer['codes'])}")
    if answer["says"]:
        needs.append(f"the text says '{answer['says']}'")
    if answer["has"]:
        needs.append(f"there is {' and '.join(answer['has'])}")
    if answer["when"]:
        needs.append(answer["when"])
    status = "" if answer["status"] is None else str(answer["status"])
    joined = ", ".join(needs)
    return f"{status} where {joined}" if status and joined else status or joined


def lines(doc: dict[str, Any]) -> list[tuple[str, str]]:
    """A kind's document as named lines for people."""
    made = [("kind", doc["id"]), ("provider", doc["provider"]), ("hosts", _hosts(doc)), *_check_lines(doc)]
    for action in doc["actions"]:
        made += _action_lines(action)
    made += [
        ("outlives it", f"{r['what']} ({span(r['lasts_s']) if r['lasts_s'] is not None else 'until ended by hand'})")
        for r in doc["residual"]
    ]
    made += [("a revoke loses", doc["irreversible_loss"])] if doc["irreversible_loss"] else []
    made += [(f"authority {name}", text) for name, text in doc["authority"].items()]
    made += [("how to make one", doc["obtain"])] if doc["obtain"] else []
    made += [(f"by hand {number}", step) for number, step in enumerate(doc["manual_steps"]["steps"], 1)]
    made += [("whom to notify", doc["manual_steps"]["notify"])] if doc["manual_steps"]["notify"] else []
    return [*made, ("what proves it", doc["manual_steps"]["proves"]), ("where", doc["manual_steps"]["url"])]


def _hosts(doc: dict[str, Any]) -> str:
    own = f"the credential's own {doc['host_from']}, when it is owned" if doc["host_from"] else "what [endpoints] names"
    return ", ".join(doc["hosts"]) or own


def _check_lines(doc: dict[str, Any]) -> list[tuple[str, str]]:
    made = [
        ("check", f"{doc['verify']}, {at_most(doc['requests'])}"),
        ("side effects", doc["effects_of_check"]),
        ("needs", ", ".join(doc["needs"])),
        ("check's authority", doc["check_needs"]),
        (
            "whose it is",
            f"{doc['owner']['authority']} tells ({doc['owner']['needs']}), with nothing of the secret" if doc["owner"] else "",
        ),
        ("named by", "a scanner's rule or the variable's name only: its shape is shared" if doc["ambiguous"] else ""),
    ]
    if doc["local_refusals"]:
        refusals = ", ".join(doc["local_refusals"])
        made.append(("from here only", f"{refusals}: dead only when it was accepted from here before, else unknown"))
    if doc["also_at"]:
        tie = f"name the server in [endpoints] {doc['provider']}, the public one too: a refusal by another proves nothing"
        made.append(("also issued by", f"{doc['also_at']}; {tie}"))
    pages = sorted({answer["page"] for answer in doc["answers"]})
    made += [(answer["validity"], f"{answer['reason']}: {rule(answer)}") for answer in doc["answers"]]
    if doc["verify"] != "none":
        made.append(("unknown", f"its own reason each: {OTHERWISE}"))
    made += [("answers from", page) for page in pages]
    made += [
        ("identity", doc["identity"]),
        ("proof of death", f"{doc['refusals']} refusals over {span(doc['propagation_s'])} ({doc['propagation_source']})"),
        ("documentation", doc["docs"]),
    ]
    return [(name, text) for name, text in made if text]


def _action_lines(action: dict[str, Any]) -> list[tuple[str, str]]:
    undo = f", undone by {action['undo']}" if action["undo"] else ""
    off = ", experimental" if action["experimental"] else ""
    off += f"; only by a playbook that names it: {action['wide']}" if action["wide"] else ""
    made = [(f"action {action['id']}", f"{action['effect']} as {action['by']}; needs {action['needs']}{undo}{off}")]
    if action["experimental"]:
        made.append(("  to confirm", f"{action['confirm']}; then [limits] experimental = true"))
    if action["leaves"]:
        made.append(("  leaves", f"live, {' or '.join(action['leaves'])}: contained {SHOWN}"))
    return made


def _takes_hosts(provider: Provider) -> bool:
    return any(kind.host_from for kind in provider.kinds)


def _provider(provider: Provider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "title": provider.title,
        "hosts": list(provider.hosts),
        "docs": provider.docs,
        "kinds": [_kind(kind) for kind in provider.kinds],
    }


def _kind(kind: Kind) -> dict[str, Any]:
    return {
        "id": kind.id,
        "title": kind.title,
        "verify": "none" if kind.verify is no_safe_check else "safe",
        "actions": [_action(action) for action in kind.actions],
        "manual": bool(kind.manual.steps),
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "effect": action.effect.value,
        "experimental": action.experimental,
        "confirm": action.confirm if action.experimental else "",
        "wide": action.wide,
        "by": action.by,
        "authority": action.authority,
        "needs": action.needs,
        "undo": action.undo,
        "leaves": list(action.leaves),
        "docs": action.docs,
    }


def _answer(answer: Answer, kind: Kind) -> dict[str, Any]:
    return {
        "validity": answer.validity.value,
        "reason": answer.reason,
        "status": answer.status,
        "at": answer.at,
        "codes": list(answer.codes),
        "says": answer.says,
        "has": list(answer.has),
        "when": answer.when,
        "page": answer.page or kind.docs,
    }


def at_most(requests: int) -> str:
    """How many requests a check may cost, in words."""
    return "one request" if requests == 1 else f"at most {requests} requests"
