"""The catalogue as documents: `revoker providers`, and docs/providers.md."""

from __future__ import annotations

from typing import Any

from revoker import catalog
from revoker.report.text import span
from revoker.sdk import Action, Kind, Provider, no_safe_check


def document() -> dict[str, Any]:
    """`revoker/providers/1`: all providers with their kinds."""
    return {"schema": "revoker/providers/1", "providers": [_provider(p) for _, p in sorted(catalog.providers().items())]}


def kind_document(kind_id: str) -> dict[str, Any]:
    """`revoker/providers-show/1`: all that is declared for one kind. Raises UsageError when there is none."""
    provider = catalog.provider_of(kind_id)
    kind = catalog.kinds()[kind_id]
    return {
        "schema": "revoker/providers-show/1",
        **_kind(kind),
        "provider": provider.id,
        "hosts": list(provider.hosts),
        "docs": kind.docs,
        "identity": kind.identity,
        "requests": kind.requests,
        "budget_per_second": kind.budget.per_second,
        "effects_of_check": kind.effects_of_check,
        "propagation_s": int(kind.propagation.window.total_seconds()),
        "refusals": kind.propagation.refusals,
        "propagation_source": kind.propagation.source,
        "residual": [
            {"what": r.what, "lasts_s": None if r.lasts is None else int(r.lasts.total_seconds()), "ended_by": r.ended_by}
            for r in kind.residual
        ],
        "labels": {scanner: list(rules) for scanner, rules in kind.labels.items()},
        "irreversible_loss": kind.irreversible_loss,
        "authority": dict(provider.authority),
        "manual_steps": {
            "url": kind.manual.url,
            "steps": list(kind.manual.steps),
            "notify": kind.manual.notify,
            "proves": kind.manual.proves,
        },
    }


def lines(doc: dict[str, Any]) -> list[tuple[str, str]]:
    """A kind's document as named lines for people."""
    made = [
        ("kind", doc["id"]),
        ("provider", doc["provider"]),
        ("hosts", ", ".join(doc["hosts"])),
        ("check", f"{doc['verify']}, at the most {doc['requests']} requests, {doc['effects_of_check']}"),
        ("identity", doc["identity"]),
        ("proof of death", f"{doc['refusals']} refusals over {span(doc['propagation_s'])} ({doc['propagation_source']})"),
        ("documentation", doc["docs"]),
    ]
    for action in doc["actions"]:
        undo = f", undone by {action['undo']}" if action["undo"] else ""
        off = ", experimental" if action["experimental"] else ""
        made.append((f"action {action['id']}", f"{action['effect']} as {action['by']}; needs {action['needs']}{undo}{off}"))
    made += [
        ("outlives it", f"{r['what']} ({span(r['lasts_s']) if r['lasts_s'] is not None else 'until ended by hand'})")
        for r in doc["residual"]
    ]
    made += [("a revoke loses", doc["irreversible_loss"])] if doc["irreversible_loss"] else []
    made += [(f"authority {name}", text) for name, text in doc["authority"].items()]
    made += [(f"by hand {number}", step) for number, step in enumerate(doc["manual_steps"]["steps"], 1)]
    return [*made, ("where", doc["manual_steps"]["url"])]


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
        "by": action.by,
        "needs": action.needs,
        "undo": action.undo,
        "docs": action.docs,
    }
