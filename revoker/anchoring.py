"""Anchoring the audit log outside: in a file on another system, in Vault, with a time-stamp authority.

The file is written with every entry (audit.append). What needs the network is done at the end of each command that changes
something: a Vault that is down must not keep anybody from containing a leak, but it is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from revoker.audit import Anchor, read_anchors, write_anchor
from revoker.audit.chain import AuditCheck, verify
from revoker.config import Settings
from revoker.errors import AuditError, ConfigError, RevokerError
from revoker.model import Secret
from revoker.store import audit_rows

if TYPE_CHECKING:
    from revoker.egress.vault import VaultSecret
    from revoker.store.database import Store

FIELDS = ("store", "count", "head", "at")


@dataclass(frozen=True, slots=True)
class Place:
    """One place that was to take the anchor."""

    place: str
    ok: bool
    detail: str = ""


def anchor(store: Store, settings: Settings, now: datetime) -> tuple[Anchor, list[Place]]:
    """Write the log's state to every configured place; what happened at each."""
    count, head = audit_rows.head(store)
    state = Anchor(store.id, count, head, now.astimezone(UTC).isoformat(timespec="microseconds"))
    places = []
    file = settings.audit.anchor_file
    if file is not None:
        places.append(_tried("file", lambda: _to_file(file, state)))
    if settings.audit.anchor_vault is not None:
        places.append(_tried("vault", lambda: _to_vault(settings, state)))
    if settings.audit.timestamp_url is not None:
        places.append(_tried("time-stamp authority", lambda: _to_authority(settings, state)))
    return state, places


def anchor_afar(store: Store, settings: Settings, now: datetime) -> list[Place]:
    """The same at the end of a command, where a place that needs the network is configured."""
    if settings.audit.anchor_vault is None and settings.audit.timestamp_url is None:
        return []
    return anchor(store, settings, now)[1]


def check(store: Store, settings: Settings) -> AuditCheck:
    """Verify the store's log against its key and every anchor that can be reached."""
    anchors, problems, notes = known(store, settings)
    found = verify(audit_rows.read(store), store_id=store.id, key=store.keys.audit_key, anchors=anchors)
    every = (*found.problems, *problems)
    return replace(found, ok=not every, problems=every, notes=(*found.notes, *notes))


def known(store: Store, settings: Settings) -> tuple[list[Anchor], list[str], list[str]]:
    """The anchors, what is wrong with them, and what could not be looked at."""
    path, ca = settings.audit.anchor_file, settings.audit.timestamp_ca
    anchors = read_anchors(path) if path is not None and path.exists() else []
    stamped = [one for one in anchors if one.token and one.store == store.id]
    problems, notes = [], []
    if stamped and ca is not None:
        from revoker.audit import stamps

        problems = stamps.problems(stamped, ca)
        notes.append(f"{len(stamped) - len(problems)} time stamps verify.")
    elif stamped:
        notes.append(f"{len(stamped)} time stamps were not checked: set [audit] timestamp_ca.")
    try:
        anchors += _in_vault(settings)
    except RevokerError as error:
        notes.append(f"The anchor in Vault was not looked at: {error.message}")
    return anchors, problems, notes


def _tried(place: str, write: Callable[[], str]) -> Place:
    try:
        return Place(place, True, write())
    except RevokerError as error:
        return Place(place, False, error.message)


def _to_file(file: Path, state: Anchor) -> str:
    write_anchor(file, state)
    return str(file)


def _to_vault(settings: Settings, state: Anchor) -> str:
    from revoker.egress.vault import open_vault

    path, vault = settings.audit.anchor_vault or "", open_vault(settings)
    found = vault.read(path)
    before = _anchor_of(found)
    if before is not None and before.store == state.store and before.count > state.count:
        raise AuditError(f"{path} knows {before.count} entries, and the log has {state.count}: it was cut, or put back.")
    version = vault.write(path, {name: Secret(str(getattr(state, name))) for name in FIELDS}, found.version if found else 0)
    return f"{path}, version {version}"


def _to_authority(settings: Settings, state: Anchor) -> str:
    from revoker.audit import stamps
    from revoker.egress.timestamp import stamped

    path, ca = settings.audit.anchor_file, settings.audit.timestamp_ca
    if path is None or ca is None:
        raise ConfigError("[audit] timestamp_url needs anchor_file, where the stamps are kept, and timestamp_ca.")
    query, nonce = stamps.query(state)
    answer = stamped(settings, settings.audit.timestamp_url or "", query)
    at = stamps.checked(state, answer, ca, nonce)
    write_anchor(path, replace(state, token=stamps.token(answer)))
    return f"stamped {at:%Y-%m-%d %H:%M:%S} UTC"


def _in_vault(settings: Settings) -> list[Anchor]:
    if settings.audit.anchor_vault is None:
        return []
    from revoker.egress.vault import open_vault

    found = _anchor_of(open_vault(settings).read(settings.audit.anchor_vault))
    return [found] if found is not None else []


def _anchor_of(found: VaultSecret | None) -> Anchor | None:
    """The anchor that a Vault secret holds; None when it holds something else."""
    values = {name: found.data[name].reveal() for name in FIELDS if name in found.data} if found else {}
    if len(values) != len(FIELDS) or not values["count"].isdigit():
        return None
    return Anchor(values["store"], int(values["count"]), values["head"], values["at"])
