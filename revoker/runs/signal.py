"""`signal`: tell the known consumers that there is a new version: a signed POST, a rollout, or a person by the outbox.

In a routine a consumer that cannot be told parks the run; in an incident the outside hears of it, and nothing waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from revoker import notify
from revoker.config import ConsumerSettings
from revoker.config_read import is_reference
from revoker.errors import AuditError, Parked, RevokerError
from revoker.model import Secret
from revoker.references import resolve
from revoker.runs import destination
from revoker.runs.crashpoints import reach
from revoker.runs.work import DONE, Done, Turn
from revoker.store import events, switches


def signal(turn: Turn) -> Done:
    """Tell each consumer, once as far as anybody can tell: a repeat bears the same id and the same time."""
    past = turn.past()
    begun = next((row.data["begun"] for row in past if "begun" in row.data), None)
    if begun is None:
        begun = turn.now.isoformat()
        turn.write("intent", {"begun": begun})
    told = [row.data["signalled"] for row in past if "signalled" in row.data]
    failed: dict[str, str] = {}
    for consumer in turn.step["consumers"]:
        if consumer["name"] not in told:
            why = _tell(turn, consumer, datetime.fromisoformat(begun))
            if why:
                failed[consumer["name"]] = why
            else:
                told.append(consumer["name"])
    if failed and turn.step["mode"] == "routine":
        raise Parked(
            f"Not told of the new version: {', '.join(f'{name} ({why})' for name, why in failed.items())}.",
            fingerprint=turn.run.fingerprint,
            safe="the old one was not touched",
            next="revoker resume tells them again",
        )
    if failed or not turn.step["consumers"]:
        _outbox(turn, "signal_failed" if failed else "notify", sorted(failed))
    turn.settle({"result": "done", "signalled_all": not failed, "told": told, "not_told": sorted(failed)})
    return DONE


def _tell(turn: Turn, consumer: Mapping[str, str], at: datetime) -> str:
    """Tell one consumer; why it could not be told, or nothing."""
    name, how = consumer["name"], consumer["how"]
    known = next((one for one in turn.work.settings.consumers if one.name == name), None)
    if stop := switches.told(turn.work.store):
        raise Parked(f"The kill switch is on ({stop}).", safe="nothing was sent", next="revoker start, then revoker resume")
    turn.audited("signal", {"consumer": name, "how": how})
    turn.write("intent", {"signal": name})
    reach(f"{turn.step['id']}: before signal")
    try:
        why = _outbox(turn, "notify", [name]) if known is None else _reach_out(turn, known, at)
    except AuditError:
        raise
    except RevokerError as error:
        why = error.message
    reach(f"{turn.step['id']}: after signal")
    if not why:
        turn.write("observed", {"signalled": name})
    return why


def _reach_out(turn: Turn, consumer: ConsumerSettings, at: datetime) -> str:
    from revoker.egress.line import Lost, NotSent

    try:
        return _restart(turn, consumer, at) if consumer.kubernetes else _post(turn, consumer, at)
    except (NotSent, Lost) as error:
        return error.reason


def _restart(turn: Turn, consumer: ConsumerSettings, at: datetime) -> str:
    from revoker.egress import kubernetes

    settings = turn.work.settings
    status = kubernetes.restart(settings, consumer, _secret(turn, consumer.token), at, still=turn.still)
    return "" if 200 <= status < 300 else f"the API server answered {status}"


def _post(turn: Turn, consumer: ConsumerSettings, at: datetime) -> str:
    """A POST that its receiver can check: HMAC-SHA-256 over the time and the raw body, which holds an id."""
    from revoker.egress.webhook import post

    named = consumer.webhook or ""
    url = _secret(turn, named) if is_reference(named) else Secret(named)
    id, body = _document(turn, consumer.name, at)
    timestamp = str(int(turn.now.timestamp()))
    signature = notify.sign(_secret(turn, consumer.secret), timestamp, body)
    headers = {"X-Revoker-Id": id, "X-Revoker-Timestamp": timestamp, "X-Revoker-Signature": signature}
    return "" if post(turn.work.settings, url, body, headers) else "its webhook did not take it"


def _document(turn: Turn, consumer: str, at: datetime) -> tuple[str, bytes]:
    """The id and the body, the same at each try. They name the place in Vault, never a value."""
    made = destination.outcome_of_issue(turn) or {}
    id = f"{turn.run.id}:{turn.step['id']}:{consumer}"
    payload = {**_facts(turn), "consumer": consumer, "path": made.get("path"), "version": made.get("version")}
    document = {"id": id, "kind": "credential.rotated", "at": at.isoformat(), "payload": payload}
    return id, json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _facts(turn: Turn) -> dict[str, Any]:
    return {
        "fingerprint": turn.run.fingerprint,
        "kind": turn.kind.id,
        "incident": turn.entry["incident"],
        "run": turn.run.id,
    }


def _outbox(turn: Turn, kind: str, names: list[str]) -> str:
    more = {"step": turn.step["id"], "note": turn.step["note"], "to": "consumers", "consumers": names, "whom": turn.step["whom"]}
    events.emit(turn.work.store, kind, {**_facts(turn), **more}, turn.now)
    return ""


def _secret(turn: Turn, reference: str | None) -> Secret:
    from revoker.egress.authority import vault_reader

    settings = turn.work.settings
    return resolve(reference or "", settings, vault=vault_reader(settings))
