"""Which runs go first: what is public and powerful, then what is public, then what is powerful, then the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from revoker import gate
from revoker.config import Settings
from revoker.model import Location, Status
from revoker.store.credentials import CredentialRow

REST, LATER = 3, 4
POWERFUL = re.compile(
    r"(?:^|[^a-z])(?:admin\w*|root|owner|superuser|sudo|full[_ ]?access|\*|all|organi[sz]ation|org|iam)(?:[^a-z]|$)"
)


def priority(row: CredentialRow, places: Iterable[Location], settings: Settings) -> tuple[int, str]:
    """A number from 0 (first) to 4, and why, in words for the plan."""
    public = gate.public_place(places, settings.ownership.public)
    powerful = power_of(row)
    if row.status is not Status.LIVE:
        return LATER, f"it is {row.status}, not live"
    said = [f"public ({public})"] if public else []
    said += [f"powerful ({powerful})"] if powerful else []
    if not said:
        return REST, "not known to be public or powerful"
    return (0 if len(said) == 2 else 1 if public else 2), " and ".join(said)


def power_of(row: CredentialRow) -> str:
    """What shows that a credential can do much, or nothing."""
    who = row.identity
    if row.reason.endswith("_as_root") or (who is not None and (who.principal or "").endswith(":root")):
        return "root"
    scopes: Sequence[str] = who.scopes if who is not None else ()
    return next((scope for scope in scopes if POWERFUL.search(scope.casefold())), "")
