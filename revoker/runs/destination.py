"""The place in Vault where a new secret goes, and from where later steps read it back.

A new secret is never in our tables, journal or durable engine: Vault is the only place where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revoker import secrets
from revoker.errors import AuthorityError, Parked
from revoker.model import Credential, Issued, Secret
from revoker.runs.work import Turn
from revoker.store import runs as run_rows

if TYPE_CHECKING:
    from revoker.egress.vault import Vault, VaultSecret

DEFAULT_FIELDS = {"secret": "value"}
MARKS = ("revoker_incident", "revoker_run", "revoker_fingerprint")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A path with the fields that we fill; `before` is what stood there, and its version is what we replace.

    The newest version may be deleted: then nothing stands there, and `version` is its number all the same.
    """

    vault: Vault
    path: str
    fields: Mapping[str, str]
    before: VaultSecret | None
    version: int
    found: bool = False  # it was not configured, but found by the leaked value


def open_place(turn: Turn) -> Place:
    """Open the step's destination. Raises Parked or AuthorityError when Vault cannot be read now."""
    from revoker.egress.vault import open_vault

    wanted = turn.step.get("destination")
    if not wanted:
        raise Parked("No place in Vault is configured for the new one.", next="add a [[destination]], plan again")
    vault = open_vault(turn.work.settings)
    before = vault.read(wanted["path"])
    version = before.version if before is not None else vault.newest(wanted["path"])
    return Place(vault, wanted["path"], wanted["fields"] or DEFAULT_FIELDS, before, version, bool(wanted.get("found")))


def may_write(turn: Turn, place: Place) -> None:
    """Ask Vault before anything is made whether the token may write there, and whether the place is still what was planned.

    Raises AuthorityError, or Parked when a place that was found does not hold the leaked value any more.
    """
    if place.found and not _still_leaked(turn, place):
        raise Parked(
            f"{place.path} does not hold the leaked value any more: somebody has changed it since it was found.",
            fingerprint=turn.run.fingerprint,
            safe="nothing was made, nothing was written",
            next="revoker vault find again, then plan again",
        )
    held = set(place.vault.capabilities([place.path]).get(place.path, ()))
    if "root" not in held and not ({"create", "update"} & held):
        raise AuthorityError(
            f"The Vault token may not write {place.path}.",
            safe="nothing was made",
            next="revoker doctor shows the missing rights, revoker vault policy rotator the policy",
        )


def _still_leaked(turn: Turn, place: Place) -> bool:
    """True while the found field holds the leaked value, blanks around it aside (as the search compared)."""
    value = place.before.at(place.fields["secret"]) if place.before is not None else None
    return value is not None and Secret(value.reveal().strip()).same_as(Secret(turn.credential.secret.reveal().strip()))


def fingerprint_at(turn: Turn, found: VaultSecret | None, fields: Mapping[str, str]) -> str | None:
    """The fingerprint of the value that stands in the secret field, or None."""
    value = found.at(fields.get("secret", "")) if found is not None else None
    return secrets.fingerprint(turn.work.store.keys, turn.kind.id, value) if value is not None else None


def filled(place: Place, issued: Issued) -> dict[str, Secret]:
    """The fields that the next version changes: ours. All others stay as they are."""
    data: dict[str, Secret] = {}
    for ours, theirs in place.fields.items():
        if ours == "secret":
            data[theirs] = issued.secret
        elif ours in issued.secret_parts:
            data[theirs] = issued.secret_parts[ours]
        elif ours in issued.parts:
            data[theirs] = Secret(issued.parts[ours])
    return data


def mark(turn: Turn, place: Place, fingerprint: str) -> None:
    """Say in the path's custom metadata whose version this is; other people's entries stay."""
    values = (str(turn.entry["incident"]), turn.run.id, fingerprint)
    place.vault.set_metadata(place.path, dict(zip(MARKS, values, strict=True)))


def outcome_of_issue(turn: Turn) -> Mapping[str, Any] | None:
    """What the journal knows of this run's new credential: ids, version and fingerprint, never the value."""
    for row in reversed(run_rows.journal(turn.work.store, turn.run.id)):
        if row.phase == "outcome" and row.data.get("result") == "done" and "version" in row.data:
            found: Mapping[str, Any] = row.data
            return found
    return None


def new_credential(turn: Turn) -> Credential:
    """The new credential, read back from Vault. Raises Parked when the path holds no new value."""
    place = open_place(turn)
    made = outcome_of_issue(turn)
    found = fingerprint_at(turn, place.before, place.fields)
    if found is None or place.before is None or found == turn.run.fingerprint:
        raise Parked(f"{place.path} holds no new value yet.", next="store it there, then revoker resume")
    if made is not None and made["fingerprint"] != found:
        raise Parked(
            f"{place.path} holds another value than the one this run stored.",
            safe="the old one was not touched",
            next="find out who wrote it; revoker resume goes on when our version is the newest",
        )
    known = dict(made["parts"]) if made is not None else {}
    public = {*turn.credential.parts, *known}  # a field may also hold a second form of the secret, such as a bare password
    stand = {name: place.before.at(at) for name, at in place.fields.items() if name in public}
    parts = {name: value.reveal() for name, value in stand.items() if value is not None}
    return Credential(turn.kind.id, found, secret_at(place), {**turn.credential.parts, **known, **parts}, {})


def secret_at(place: Place) -> Secret:
    """The value in the secret field. Raises Parked when there is none."""
    value = place.before.at(place.fields["secret"]) if place.before is not None else None
    if value is None:
        raise Parked(f"{place.path} has no field {place.fields['secret']} any more.", safe="nothing was sent")
    return value
