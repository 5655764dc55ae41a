"""For whom or what a run waits, in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from revoker.store import plans
from revoker.store.database import Store
from revoker.store.runs import RunRow


def whom(store: Store, rows: Iterable[RunRow]) -> dict[str, str]:
    """By run id; nothing for a run that waits for nobody. Each plan is read once."""
    documents: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    found = {}
    for row in rows:
        if row.state == "parked":
            found[row.id] = "revoker resume"
        elif row.state == "ready":
            found[row.id] = "a worker"
        elif row.state == "waiting":
            if row.plan_digest not in documents:
                document = plans.load_plan(store, row.plan_digest).document
                documents[row.plan_digest] = {entry["fingerprint"]: entry for entry in document["credentials"]}
            found[row.id] = _waits(row, documents[row.plan_digest].get(row.fingerprint, {}))
    return found


def _waits(row: RunRow, entry: Mapping[str, Any]) -> str:
    step: Mapping[str, Any] = next((one for one in entry.get("steps", ()) if one["id"] == row.step), {})
    if step.get("do") == "guide":
        told = (step.get("manual") or {}).get("notify") or ""
        return f"a person: {told}" if told else "a person"
    if step.get("do") == "hand_over":
        return "a person: revoker vault handover list"
    if step.get("do") == "moved":
        return f"its consumers: {', '.join(step.get('consumers') or ()) or 'not named'}"
    return f"time, until {row.due_at:%Y-%m-%d %H:%M} UTC" if row.due_at else "time"
