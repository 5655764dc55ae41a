"""The two types that a provider acts through, and what comes back: a Reader asks, a Writer may also change.

A verifier gets a Reader; only an approved run makes a Writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from revoker.model import NOTHING, Credential, Evidence, Issued, Secret
from revoker.sdk.private_keys import PublicHalf


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, reduced to what a verdict may rest on.

    `trouble` is a reason slug when there was no usable answer: timeout, tls, connect, truncated, too_large,
    html, redirect, refused_by_policy, not_sent, no_endpoint (a provider without hosts, and the operator named none). `status` is None then, or the status that came with it.
    For AWS and databases `code` holds the error code (`InvalidClientTokenId`, `28P01`).
    """

    host: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # lower-case names
    json: Any = None  # the parsed body, or None when it is not JSON
    text: str = ""  # the decoded body, capped; for matching only, never to be logged
    code: str | None = None
    trouble: str | None = None
    at: datetime | None = None
    retry_after: timedelta | None = None

    def pick(self, path: str) -> Any:
        """The value at a dotted path of the body (`error.code`, `data.0.id`), or None."""
        node: Any = self.json
        for name in path.split("."):
            if isinstance(node, Mapping):
                node = node.get(name)
            elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
                node = node[int(name)]
            else:
                return None
        return node


@dataclass(frozen=True, slots=True, eq=False)
class Auth:
    """How a secret rides on one request. Made by bearer(), header(), basic(); applied by egress only."""

    header: str
    template: str  # "{}" is replaced by the value
    value: Secret
    user: str | None = None  # set for HTTP Basic


class Reader(Protocol):
    """All that a verifier can do: ask. Nothing here changes anything at a provider."""

    @property
    def now(self) -> datetime: ...

    def authority(self, name: str) -> Secret | None:
        """A secret of the operator's own authority for this provider (`[authority.openai] admin_key`)."""
        ...

    def setting(self, name: str) -> str | None:
        """A plain setting of that authority (`organization`, `username`)."""
        ...

    async def get(
        self,
        path: str,
        *,
        auth: Auth | None = None,
        params: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        host: str | None = None,
    ) -> Reply: ...

    async def query(
        self,
        path: str,
        *,
        auth: Auth | None = None,
        json: Any = None,
        form: Mapping[str, str | Secret] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        host: str | None = None,
    ) -> Reply:
        """A POST that reads. Its path and the shape of its body must stand in Provider.reads, or egress refuses it."""
        ...

    async def aws_read(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        """An AWS call that reads, signed by `as_` or by the authority. Only Get*, List*, Describe* and Simulate*.

        `json` is the operation's result with AWS's own names; times are ISO 8601.
        """
        ...

    async def vault_read(self, path: str, *, auth: Auth, json: Any = None, params: Mapping[str, str] = NOTHING) -> Reply:
        """A call of the operator's own Vault that reads, whatever provider asks: for credentials that Vault made or keeps.

        A GET; with a body a POST, whose path must stand in Provider.reads.
        """
        ...

    async def places(self) -> Sequence[str]:
        """The places that the operator names for private keys ([keys]): `authorized_keys FILE`, `ssh USER@HOST:PORT`,
        `certificate FILE`, `tls HOST:PORT`.
        """
        ...

    async def ask_place(self, place: str, half: PublicHalf) -> Reply:
        """Ask one of those places about the public half of a key; nothing else of the key is handed over.

        `code` is the answer: listed, listed_expired, not_listed; accepted, refused, no_public_keys; valid, not_yet_valid, expired,
        other_key. `json` may hold `certificates`, a list of {serial, subject, not_after}. No session is opened anywhere.
        """
        ...

    async def login(self, engine: str, credential: Credential) -> Reply:
        """One login attempt at a database; Reply.code is the server's error code and text its message, json the identity row.

        `engine` is a row of egress.databases.ENGINES. PostgreSQL's row: user, superuser, createrole, createdb,
        replication, bypassrls, valid_until, and `used_password`, which is False when the server let us in without
        asking for one. MySQL's: user and host of the account, version, tls, grants without hashes, `unguarded` when the
        server checks none; even a refusal tells version and tls. SQL Server's: user, version, sysadmin. There is no status.
        """
        ...

    async def ask(self, engine: str, question: str, credential: Credential, values: Sequence[Any] = ()) -> Reply:
        """One question that reads, as the authority on the credential's own (owned) host; what it may be says the engine's module.

        Raises AuthorityError when no authority is configured.
        """
        ...


class Writer(Reader, Protocol):
    """A Reader that may also change, made for one approved action on one credential."""

    @property
    def mark(self) -> str:
        """Our mark on things we create (`revoker-<run id>`), to find them again after a crash."""
        ...

    @property
    def chosen(self) -> Issued | None:
        """The value that we chose and stored before the call (Action.choose), if the action takes one."""
        ...

    async def send(
        self,
        method: str,
        path: str,
        *,
        auth: Auth | None = None,
        json: Any = None,
        form: Mapping[str, str | Secret] = NOTHING,
        params: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        host: str | None = None,
    ) -> Reply:
        """One changing request, sent once. Raises OutcomeUnknown when the answer was lost after sending."""
        ...

    async def aws_write(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        """One changing AWS call through boto3, without retries."""
        ...

    async def github_write(self, method: str, path: str, *, auth: Auth | None = None, json: Any = None) -> Reply:
        """One changing GitHub call through PyGithub's requester."""
        ...

    async def vault_write(self, method: str, path: str, *, auth: Auth | None = None, json: Any = None) -> Reply:
        """One changing call of the operator's own Vault through hvac's adapter; the authority's token when `auth` is None."""
        ...

    async def command(self, engine: str, text: str, values: Sequence[Any] = ()) -> Reply:
        """One command as the authority on the credential's own (owned) host; json holds the rows or the answer.

        For SQL engines `text` is one statement and `values` are bound by the driver; for the others it is what their
        module in egress.databases says. A Secret among the values is revealed only on the wire.
        """
        ...


def evidence(reply: Reply, now: datetime) -> Evidence:
    """What a verdict may keep of a reply."""
    code = reply.code if reply.code is None else "".join(c for c in reply.code if c.isprintable())[:64]
    return Evidence(reply.host, reply.status, code, reply.at or now)


def with_code(reply: Reply, read: Callable[[Reply], str | None]) -> Reply:
    """The same reply with the provider's own code, where egress could not know its place."""
    return replace(reply, code=read(reply))
