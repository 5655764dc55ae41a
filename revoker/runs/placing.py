"""Where in Vault a new secret goes: as the configuration says, or in place of the leaked one where `vault find` found it.

The configuration wins where it names the place that was found. Where it names another one, nothing is written by itself:
consumers would go on reading the old place. `move = true` says that this is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from revoker.config import DestinationSettings, Settings
from revoker.egress import vault_policy
from revoker.egress.vault_kv import COPY
from revoker.model import Credential
from revoker.sdk.shapes import Kind

if TYPE_CHECKING:
    from revoker.store.credentials import CredentialRow
    from revoker.store.homes import Home

HOLE = re.compile(r"\{([a-z_]+)\}")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:=-]{0,199}\Z")
NOWHERE = "no place in Vault is configured for it"
SECRET = "secret"  # noqa: S105 - the name of the main part


@dataclass(frozen=True, slots=True)
class Placement:
    """The one place, or why there is none. `found` is true for a place that the leaked value itself named."""

    place: DestinationSettings | None = None
    found: bool = False
    why: str = NOWHERE
    elsewhere: tuple[str, ...] = ()  # other paths that hold the leaked value now
    engine: int = 2

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it, for the plan."""
        said = [
            f"Vault path {self.place.path}{' (found there: rotated in place)' if self.found else ''}" if self.place else self.why
        ]
        if self.place is not None and self.engine == 1:
            said.append(
                f"KV version 1: no versions, no check-and-set; what stands there is copied to {self.place.path}{COPY} first"
            )
        if self.elsewhere and self.place is not None:
            said.append(f"the leaked value stands in Vault at {', '.join(self.elsewhere)} too, and stays there")
        return tuple(said)

    @property
    def document(self) -> dict[str, Any] | None:
        """The place as a step of a plan holds it."""
        if self.place is None:
            return None
        return {"path": self.place.path, "fields": dict(self.place.fields), "found": self.found, "engine": self.engine}


def placement(kind: Kind, cred: Credential, row: CredentialRow, settings: Settings, homes: Sequence[Home] = ()) -> Placement:
    """The place for the new secret of one credential."""
    stand = tuple(dict.fromkeys(home.path for home in homes if home.newest and home.field))
    made = _configured(kind, cred, row, settings)
    if made is None:
        made = _found(cred, [home for home in homes if home.newest and home.field], stand)
    elif made.place is not None and stand and made.place.path.strip("/") not in stand and not made.place.move:
        why = (
            f"[[destination]] says {made.place.path}, but the leaked value stands at {', '.join(stand)}: "
            "name that path there, or say `move = true`"
        )
        return Placement(why=why, elsewhere=stand)
    if made.place is None:
        return made
    path = made.place.path.strip("/")
    engine = next((home.engine for home in homes if home.path == path), vault_policy.engine(path, settings).version)
    return replace(made, elsewhere=tuple(one for one in stand if one != path), engine=engine)


def _configured(kind: Kind, cred: Credential, row: CredentialRow, settings: Settings) -> Placement | None:
    """The configured place with its references filled in; None when no entry fits."""
    accounts = {row.identity.account if row.identity else None, kind.account(cred) if kind.account else None}
    fits = [place for place in settings.destinations if place.kind == kind.id and place.account in (None, *accounts)]
    exact = [place for place in fits if place.account is not None] or fits
    if not exact:
        return None
    if len(exact) > 1:
        return Placement(why=f"several [[destination]] entries fit it: {', '.join(place.path for place in exact)}")
    known = {
        name: text for name, text in (("account", next(filter(None, accounts), None)), ("principal", _principal(row))) if text
    }
    missing = [name for name in HOLE.findall(exact[0].path) if not ID.match({**cred.parts, **known}.get(name, ""))]
    if missing:
        return Placement(why=f"{exact[0].path} needs the {missing[0]}, which is not known or cannot stand in a path")
    return Placement(replace(exact[0], path=_filled(exact[0].path, {**cred.parts, **known})))


def _filled(path: str, values: Mapping[str, str]) -> str:
    """A path with its references replaced; each value is one part or less of it, never more."""
    return HOLE.sub(lambda hole: quote(values[hole[1]], safe=""), path)


def _principal(row: CredentialRow) -> str | None:
    return row.identity.principal if row.identity else None


def _found(cred: Credential, homes: Sequence[Home], stand: Sequence[str]) -> Placement:
    """The place where the leaked value stands, when it is one path with one field for each part."""
    if not stand:
        return Placement()
    listed = f"`vault find` found it at {', '.join(stand)}"
    if len(stand) > 1:
        return Placement(why=f"{listed}: name one in a [[destination]]", elsewhere=tuple(stand))
    fields: dict[str, str] = {}
    for home in homes:
        if fields.setdefault(home.part, home.field) != home.field:
            return Placement(why=f"{listed}, in two fields: name one in a [[destination]]", elsewhere=tuple(stand))
    if SECRET not in fields or ("key_id" in cred.parts and "key_id" not in fields):
        return Placement(why=f"{listed}, but not whole (its key id or secret is elsewhere)", elsewhere=tuple(stand))
    return Placement(DestinationSettings(cred.kind, stand[0], fields), found=True)
