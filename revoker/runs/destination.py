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
    """A path with the fields that we fill; `before` is what stood there, and its version is what we replace."""

    vault: Vault
    path: str
    fields: Mapping[str, str]
    before: VaultSecret | None

    @property
    def version(self) -> int:
        return self.before.version if self.before is not None else 0


def open_place(turn: Turn) -> Place:
    """Open the step's destination. Raises Parked or AuthorityError when Vault cannot be read now."""
    from revoker.egress.vault import open_vault

    wanted = turn.step.get("destination")
    if not wanted:
        raise Parked("No place in Vault is configured for the new one.", next="add a [[destination]], plan again")
    vault = open_vault(turn.work.settings)
    return Place(vault, wanted["path"], wanted["fields"] or DEFAULT_FIELDS, vault.read(wanted["path"]))


def may_write(place: Place) -> None:
    """Ask Vault before anything is made whether the token may write there. Raises AuthorityError."""
    held = set(place.vault.capabilities([place.path]).get(place.path, ()))
    if "root" not in held and not ({"create", "update"} & held):
        raise AuthorityError(
            f"The Vault token may not write {place.path}.",
            safe="nothing was made",
            next="revoker doctor shows the missing rights, docs/vault.md the policy",
        )


def fingerprint_at(turn: Turn, found: VaultSecret | None, fields: Mapping[str, str]) -> str | None:
    """The fingerprint of the value that stands in the secret field, or None."""
    value = found.data.get(fields.get("secret", "")) if found is not None else None
    return secrets.fingerprint(turn.work.store.keys, turn.kind.id, value) if value is not None else None


def filled(place: Place, issued: Issued) -> dict[str, Secret]:
    """All fields of the next version: those that stood there, and ours in place of the old ones."""
    data = dict(place.before.data) if place.before is not None else {}
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
    custom = dict((place.vault.metadata(place.path) or {}).get("custom_metadata") or {})
    values = (str(turn.entry["incident"]), turn.run.id, fingerprint)
    place.vault.set_metadata(place.path, {**custom, **dict(zip(MARKS, values, strict=True))})


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
    found_at = {name: at for name, at in place.fields.items() if name in public and at in place.before.data}
    parts = {name: place.before.data[at].reveal() for name, at in found_at.items()}
    value = place.before.data[place.fields["secret"]]
    return Credential(turn.kind.id, found, value, {**turn.credential.parts, **known, **parts}, {})
