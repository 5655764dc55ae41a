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
    from revoker.store import Store
    from revoker.store.credentials import Selection

Incidents = Annotated[
    list[str] | None, typer.Option("--incident", help="Only this incident, by its id or title; may be repeated.", metavar="ID")
]
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
    store: Store,
    incident: Sequence[str] | None = None,
    provider: Sequence[str] | None = None,
    kind: Sequence[str] | None = None,
    fingerprint: Sequence[str] | None = None,
    status: Sequence[str] | None = None,
) -> Selection:
    """The credentials that the options choose. Raises UsageError for a name of anything that does not exist.

    What chose nothing would read as good news.
    """
    from revoker import catalog
    from revoker.store.credentials import Selection, whole_fingerprint
    from revoker.store.incidents import named

    for name in status or ():
        if name not in set(Status):
            raise UsageError(f"There is no status {name!r}.", next=f"use one of: {', '.join(Status)}")
    if provider:
        _check("provider", provider, catalog.providers())
    if kind:
        _check("kind", kind, catalog.kinds())
    return Selection(
        incident=tuple(named(store, one).id for one in incident or ()),
        provider=tuple(provider or ()),
        kind=tuple(kind or ()),
        fingerprint=tuple(whole_fingerprint(store, one) for one in fingerprint or ()),
        status=tuple(status or ()),
    )


def _check(what: str, names: Sequence[str], known: Collection[str]) -> None:
    from revoker import catalog

    for name in names:
        if name not in known and name != catalog.UNKNOWN:
            raise catalog.not_there(what, name, known)
