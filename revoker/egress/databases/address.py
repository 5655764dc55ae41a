"""A leaked URI, read into the few parts that a login needs. Every option of it is dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from revoker.config import Settings
from revoker.egress.databases.dial import Call, Server
from revoker.errors import EgressRefused
from revoker.model import Credential, Secret
from revoker.sdk import Reply


@dataclass(frozen=True, slots=True)
class Engine:
    """How one kind of server is spoken to.

    `schemes` are those of its URIs with their ports; `nameless` when a login may do without a user's name.
    `login` makes one attempt and asks one question that reads; `change` sends one command as the authority and raises
    NotSent or Lost (egress.line) when there is no answer to it. `ask` asks one question that reads, as the authority.
    All run in a thread of their own.
    """

    schemes: Mapping[str, int]
    login: Callable[[Call], Reply]
    change: Callable[[Call, str, Sequence[Any]], Reply] | None = None  # None: it is changed another way
    nameless: bool = False
    ask: Callable[[Call, str, Sequence[Any]], Reply] | None = None


def from_uri(engine: Engine, provider: str, credential: Credential, settings: Settings) -> Server:
    """The server that a leaked URI names, when the operator owns it. Raises EgressRefused for any other."""
    try:
        parts = urlsplit(credential.secret.reveal())
        host, port = parts.hostname or "", parts.port or engine.schemes.get(parts.scheme, 0)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise EgressRefused("A database address that is none was refused.", safe="nothing was sent") from None
    several = "," in parts.netloc.rpartition("@")[2]
    if parts.scheme not in engine.schemes or not host or several or not (user or engine.nameless):
        raise EgressRefused("A database address that is not one server's was refused.", safe="nothing was sent")
    _check_owned(engine, provider, host, port, settings)
    return Server(parts.scheme, host, port, user, unquote(parts.path.lstrip("/")), Secret(password))


def _check_owned(engine: Engine, provider: str, host: str, port: int, settings: Settings) -> None:
    """Raise EgressRefused unless [ownership] hosts or [endpoints] name the host."""
    owned = {entry.casefold() for entry in settings.ownership.hosts}
    named = settings.endpoints.get(provider)
    for address in [named] if isinstance(named, str) else list((named or {}).values()):
        parts = urlsplit(address)
        owned.add(f"{(parts.hostname or '').casefold()}:{parts.port or next(iter(engine.schemes.values()))}")
    bare = f"[{host}]" if ":" in host else host
    if not owned & {host.casefold(), f"{host.casefold()}:{port}", f"{bare.casefold()}:{port}"}:
        raise EgressRefused(
            "A database host that the configuration does not own was refused.",
            safe="nothing was sent",
            next="add host:port to [ownership] hosts if it is yours",
        )
