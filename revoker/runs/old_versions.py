"""`destroy_old_versions`: what holds the leaked value in Vault goes for good, once the new one is proven.

A deleted version can be brought back with undelete, and cannot be read to see what it holds: it goes too. A version that
holds other values stays, and the newest is never touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from revoker.errors import Parked
from revoker.model import Secret
from revoker.runs import destination
from revoker.runs.destination import Place
from revoker.runs.work import DONE, Done, Turn
from revoker.store import homes

if TYPE_CHECKING:
    from revoker.egress.vault import VaultSecret


def destroy_old_versions(turn: Turn) -> Done:
    """Destroy every version that holds the leaked value. In KV version 1: the copy from before the overwriting."""
    place = destination.open_place(turn)
    made = destination.outcome_of_issue(turn)
    if place.before is None or holds(turn, place, place.before) or (made is not None and made["version"] > place.version):
        return Done("waiting", f"{place.path} does not hold the new value, or holds the leaked one too")
    versions = _copy(place) if place.before.engine == 1 else _holding(turn, place)
    if versions:
        turn.audited("intent", {"action": "destroy_old_versions", "target": place.path})
        turn.write("intent", {"destroy": versions, "path": place.path})
        place.vault.destroy(place.path, versions)
        _check_gone(place, versions)
    _forget(turn, place.path)
    turn.settle({"result": "done", "target": place.path, "destroyed": versions})
    return DONE


def _forget(turn: Turn, path: str) -> None:
    """The path is no home of the leaked value any more. `vault find` writes paths down as requests carry them."""
    for written in {path, quote(path, safe="/")}:
        homes.forget(turn.work.store, written, [turn.run.fingerprint])


def holds(turn: Turn, place: Place, found: VaultSecret) -> bool:
    """True when the leaked value stands anywhere in this version: whole, inside a text, or as its secret part in a field of ours."""
    from revoker.egress.vault_kv import leaves

    leaked = turn.credential.secret.reveal()
    parts = [part.reveal() for part in turn.credential.secret_parts.values()]
    secret_fields = {at for name, at in place.fields.items() if name not in turn.credential.parts}
    for name, leaf in leaves(found.tree):
        text = leaf.reveal()
        if any(part and part in text for part in (leaked, *parts)) or (name in secret_fields and _inside(leaf, leaked)):
            return True
    return False


def _inside(leaf: Secret, leaked: str) -> bool:
    """A field may hold only the password of a leaked address."""
    return bool(leaf) and leaf.reveal() in leaked


def _holding(turn: Turn, place: Place) -> list[int]:
    """The numbers of the versions to destroy, the newest left out."""
    found = []
    for number in _standing(place):
        if number == place.version:
            continue
        version = place.vault.read(place.path, number)
        if version is None or holds(turn, place, version):
            found.append(number)
    return found


def _standing(place: Place) -> list[int]:
    """The versions that are not destroyed; a deleted one is among them."""
    versions = (place.vault.metadata(place.path) or {}).get("versions") or {}
    return sorted(int(number) for number, facts in versions.items() if not facts.get("destroyed"))


def _copy(place: Place) -> list[int]:
    """KV version 1: [0] stands for the copy, when there is one."""
    from revoker.egress.vault_kv import COPY

    return [0] if place.vault.read(place.path + COPY) is not None else []


def _check_gone(place: Place, versions: list[int]) -> None:
    """Look whether they are gone: an undelete brings back what was only deleted. Raises Parked."""
    left = [number for number in _standing(place) if number in versions]
    if left:
        raise Parked(
            f"{place.path} still has the versions {left} after they were destroyed.",
            safe="nothing else was touched",
            next="look at the path's metadata, then revoker resume",
        )
