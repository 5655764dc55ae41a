"""Telling the outside: events wait in the outbox and are posted, signed, until somebody took them.

The receiver checks HMAC-SHA-256(secret, timestamp + "." + body) and drops repetitions by the event's id.
Delivery never holds up containment: a webhook that is down leaves its events in the outbox.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from revoker.config import Settings
from revoker.errors import ConfigError, RevokerError
from revoker.log import get_logger
from revoker.model import Secret
from revoker.references import resolve
from revoker.store import events

if TYPE_CHECKING:
    from revoker.store.database import Store

BATCH = 100  # events of one delivery round
log = get_logger(__name__)


def deliver(store: Store, *, settings: Settings, clock: Callable[[], datetime]) -> int:
    """Post what waits in the outbox, the oldest first; how many were taken. Stops at the first that is not."""
    if settings.notify.webhook is None:
        return 0
    url, secret = _address(settings), _signing_secret(settings)
    taken: list[int] = []
    for event in events.undelivered(store, BATCH):
        if not _post(settings, url, secret, event, clock()):
            events.mark_failed(store, [event.id])
            log.warning("webhook_not_taken", attempt=event.attempts + 1)
            break
        taken.append(event.id)
    events.mark_delivered(store, taken, clock())
    return len(taken)


def body_of(event: events.Event) -> bytes:
    """The document of one event; the same bytes at each attempt."""
    document = {"id": event.id, "kind": event.kind, "at": event.at.isoformat(), "payload": dict(event.payload)}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def sign(secret: Secret, timestamp: str, body: bytes) -> str:
    """The signature header's value. The timestamp is signed too, so that an old post cannot be played again later."""
    mac = hmac.new(secret.reveal().encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def _post(settings: Settings, url: Secret, secret: Secret, event: events.Event, now: datetime) -> bool:
    from revoker.egress.webhook import post

    body, timestamp = body_of(event), str(int(now.timestamp()))
    headers = {"X-Revoker-Timestamp": timestamp, "X-Revoker-Signature": sign(secret, timestamp, body)}
    try:
        return post(settings, url, body, headers)
    except ConfigError:
        raise
    except RevokerError as error:
        log.warning("webhook_refused", error=type(error).__name__)
        return False


def _address(settings: Settings) -> Secret:
    from revoker.config_read import is_reference

    named = settings.notify.webhook or ""
    return resolve(named, settings) if is_reference(named) else Secret(named)


def _signing_secret(settings: Settings) -> Secret:
    if settings.notify.secret is None:
        raise ConfigError(
            "[notify] webhook has no secret: the receiver could not tell our posts from anybody's.",
            next="set [notify] secret to a reference, such as env:REVOKER_WEBHOOK_SECRET",
        )
    return resolve(settings.notify.secret, settings)
