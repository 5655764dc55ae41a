"""Options that mean the same in every command."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revoker.errors import ConfigError, UsageError
from revoker.model import Status

if TYPE_CHECKING:
    from revoker.store.credentials import Selection

Incidents = Annotated[list[str] | None, typer.Option("--incident", help="Only this incident; may be repeated.", metavar="ID")]
Providers = Annotated[list[str] | None, typer.Option("--provider", help="Only this provider; may be repeated.", metavar="ID")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.", metavar="ID")]
Fingerprints = Annotated[
    list[str] | None,
    typer.Option("--fingerprint", help="Only this credential (a unique beginning is enough); may be repeated.", metavar="FP"),
]
Statuses = Annotated[
    list[str] | None, typer.Option("--status", help=f"Only this status: {', '.join(Status)}; may be repeated.", metavar="STATUS")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr.")]
By = Annotated[str, typer.Option("--as", help="Your name; it goes into the audit log.", metavar="NAME")]
Why = Annotated[str, typer.Option("--why", help="The reason; it goes into the audit log.", metavar="TEXT")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Leave the runs to `revoker worker` and return at once (PostgreSQL only).")
]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Your private OpenSSH ed25519 key file; it is read, never stored.", metavar="FILE")
]


def duration(text: str) -> timedelta:
    """A time such as 30s, 5m, 12h or 30d. Raises UsageError."""
    from revoker import playbook

    try:
        return playbook.duration(text)
    except (ConfigError, ValueError):
        raise UsageError("A time that is none was given.", next="use a number and a unit: 30s, 5m, 12h or 30d") from None


def selection(
    incident: Sequence[str] | None,
    provider: Sequence[str] | None,
    kind: Sequence[str] | None,
    fingerprint: Sequence[str] | None,
    status: Sequence[str] | None,
) -> Selection:
    """The credentials that the options choose. Raises UsageError for a status, kind or provider that does not exist."""
    from revoker import catalog
    from revoker.store.credentials import Selection

    for name in status or ():
        if name not in set(Status):
            raise UsageError(f"There is no status {name!r}.", next=f"use one of: {', '.join(Status)}")
    if provider:
        _check("provider", provider, catalog.providers())
    if kind:
        _check("kind", kind, catalog.kinds())
    return Selection(
        incident=tuple(incident or ()),
        provider=tuple(provider or ()),
        kind=tuple(kind or ()),
        fingerprint=tuple(fingerprint or ()),
        status=tuple(status or ()),
    )


def _check(what: str, names: Sequence[str], known: Collection[str]) -> None:
    """A name that nothing has would choose nothing, and nothing found reads as good news."""
    from difflib import get_close_matches

    from revoker import catalog

    for name in names:
        if name not in known and name != catalog.UNKNOWN:
            near = get_close_matches(name, known, 1, 0.5)
            meant = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"There is no {what} {name!r}.", next=f"{meant}revoker providers lists them")
