"""The responder's identity is apart from what leaked: an authority that leaked itself may not act.

It may be in an attacker's hands, it is on the list of what must die, and a provider that contains it (AWS attaches a
quarantine) denies it the very calls that would end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from revoker import secrets
from revoker.config import Settings
from revoker.egress import authority
from revoker.errors import RevokerError
from revoker.model import Status
from revoker.sdk import Provider
from revoker.store import credentials as rows_of
from revoker.store.credentials import Selection

if TYPE_CHECKING:
    from revoker.store.database import Store

OVER = (Status.DEAD, Status.ACCEPTED)  # it cannot act any more, or a named person said that it may


def leaked(store: Store, settings: Settings, provider: Provider) -> Mapping[str, str]:
    """Which values of [authority.<provider>] are themselves leaked credentials of this store, with their fingerprints."""
    found: dict[str, str] = {}
    for name in settings.authority.get(provider.id, {}):
        try:
            value = authority.secret(settings, provider.id, name)
        except RevokerError:
            continue  # the binding that needs it says what is wrong
        marks = [secrets.fingerprint(store.keys, kind.id, value) for kind in provider.kinds] if value is not None else []
        rows = rows_of.select(store, Selection(fingerprint=tuple(marks))) if marks else []
        able = [row.fingerprint for row in rows if row.status not in OVER]
        if able:
            found[name] = able[0]
    return found
