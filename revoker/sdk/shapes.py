"""The shapes of a provider: what a file in providers/ declares, and the two types it acts through.

Reading and changing are two types. A verifier gets a Reader; only an approved run makes a Writer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from revoker.model import NOTHING, Bound, Credential, Effect, Evidence, Issued, Receipt, Secret, Unbound, Verdict
from revoker.sdk.private_keys import PublicHalf
from revoker.sdk.reads import Read


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


Verifier = Callable[[Credential, Reader], Awaitable[Verdict]]
Binder = Callable[[Credential, Reader], Awaitable["Bound | Unbound"]]
Mutation = Callable[[Bound, Writer], Awaitable[Receipt]]
Observer = Callable[[Bound, Reader], Awaitable["bool | None"]]
OfflineCheck = Callable[[Credential, datetime], "Verdict | None"]
LastUsed = Callable[[Bound, Reader], Awaitable["datetime | None"]]
Lister = Callable[[Bound, Reader], Awaitable["Sequence[Sibling] | None"]]


@dataclass(frozen=True, slots=True)
class Sibling:
    """One credential that stands where an `issue` makes a new one. Holds ids only."""

    target: str
    name: str = ""  # its name, label or description at the provider: where Writer.mark may stand
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One change that a provider offers for a kind."""

    id: str
    effect: Effect
    run: Mutation
    bind: Binder
    needs: str  # the least right, in the provider's words
    docs: str
    by: str = "authority"  # whose credential acts: "self" (the leaked one) or "authority"
    authority: str = ""  # the name in [authority.<provider>] that must be there; "" when by is self
    undo: str | None = None  # the id of the action that takes it back
    replaces: bool = False  # an issue that kills the old value at once (a password change)
    choose: Callable[[Bound], Issued] | None = None  # we choose the new value; it is stored before the call
    observe: Observer | None = None  # True: the change is in effect; False: it is not; None: cannot tell
    experimental: bool = False  # an unconfirmed claim; off unless the operator allows it
    confirm: str = ""  # experimental: one line on how to confirm it, with a credential of one's own
    wide: str = ""  # what else it takes: only a playbook that names it uses it, and it needs the approvals of `delete`
    siblings: Lister | None = None  # issue: all that stand there now, so that a lost new one is found; None: cannot tell


@dataclass(frozen=True, slots=True)
class Propagation:
    """How long a killed credential may still be accepted, and how many refusals prove its death."""

    window: timedelta
    refusals: int = 2
    source: str = "not documented; our margin"


@dataclass(frozen=True, slots=True)
class Residual:
    """What outlives the credential, and for how long at the most."""

    what: str
    lasts: timedelta | None  # None: until it is ended by hand
    ended_by: str = ""  # the action id or the manual step that ends it


@dataclass(frozen=True, slots=True)
class Manual:
    """What a person does where no API can, and what proves it."""

    url: str
    steps: tuple[str, ...]
    notify: str = ""
    proves: str = "revoker verifies the credential again and sees it refused"


@dataclass(frozen=True, slots=True)
class Budget:
    """How fast we may ask a provider, from one process."""

    per_second: float = 20.0
    in_flight: int = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of credential of a provider."""

    id: str
    title: str
    pattern: str  # anchored at both ends by the catalogue; named groups become public parts
    verify: Verifier
    docs: str
    identity: str  # what a live answer tells, or why it tells nothing
    propagation: Propagation
    manual: Manual
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NOTHING)  # scanner -> its rule ids
    needs: tuple[str, ...] = ()  # public parts that must be there (key_id, username, host)
    needs_secret: tuple[str, ...] = ()  # secret parts that must be there (session_token)
    offline: tuple[OfflineCheck, ...] = ()
    actions: tuple[Action, ...] = ()
    residual: tuple[Residual, ...] = ()
    budget: Budget = Budget()
    requests: int = 1  # the most requests one check makes
    check_needs: str = ""  # the authority's right that the check uses; "" where the credential asks for itself alone
    account: Callable[[Credential], str | None] | None = None  # the owning account, read offline
    proves_pair: bool = False  # the check sends the public parts and the secret together: `live` says that they belong together
    host_from: str | None = None  # the part that names the host, for self-hosted things; must be owned
    also_at: str = ""  # who else issues values of this form: "self-managed GitLab"; a refusal here says nothing of those
    seldom_elsewhere: bool = False  # with also_at: without any sign of another server, a refusal counts
    effects_of_check: str = "logged at the provider like any read"
    irreversible_loss: str = ""  # what a revoke takes with it, for the plan
    derived: Callable[[Secret], Mapping[str, str]] | None = (
        None  # public parts that are worked out from the value, such as a fingerprint
    )
    only_named_places: bool = (
        False  # checked only where the operator says: a refusal there kills nothing that was never accepted there
    )
    last_used: LastUsed | None = None  # when the authority last saw the one with the target's id used, by anybody
    fallback: bool = False  # the shape is sure and many vendors share it: a vendor's own kind wins
    ambiguous: bool = False  # the pattern is weak: only a scanner's label or a variable name may choose it


@dataclass(frozen=True, slots=True)
class Provider:
    """A service that issues credentials; one file in providers/ holds one."""

    id: str
    title: str
    hosts: tuple[str, ...]  # the only hosts that may be dialled, unless the operator's [endpoints] says otherwise
    docs: str
    kinds: tuple[Kind, ...]
    reads: tuple[Read, ...] = ()  # the POSTs that only read, by path and body
    operator_hosts: tuple[str, ...] = ()  # names of servers that only the operator can place, by a table in [endpoints]
    authority: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # name -> what it is, for doctor and docs
    obtain: str = ""  # how a person makes such an authority, at the provider, with no more than the least rights
    check_authority: Callable[[Reader], Awaitable[Mapping[str, bool | None]]] | None = None  # right -> held, read-only


def evidence(reply: Reply, now: datetime) -> Evidence:
    """What a verdict may keep of a reply."""
    code = reply.code if reply.code is None else "".join(c for c in reply.code if c.isprintable())[:64]
    return Evidence(reply.host, reply.status, code, reply.at or now)


def with_code(reply: Reply, read: Callable[[Reply], str | None]) -> Reply:
    """The same reply with the provider's own code, where egress could not know its place."""
    return replace(reply, code=read(reply))
