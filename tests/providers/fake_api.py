"""A Reader and a Writer that answer from a script, record what was asked, and refuse what egress would refuse."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from revoker.egress import replies
from revoker.errors import AuthorityError
from revoker.model import Credential, Issued, Secret
from revoker.sdk import Auth, Provider, PublicHalf, Reply, may_query
from tests.providers.samples import NOW, credential_of

T = TypeVar("T")
ENDPOINT = "https://operator.example"  # stands for what [endpoints] names, for providers without a host of their own
NOTHING: Mapping[str, Any] = {}
USUAL_PORTS = (8443, 9200)  # of addresses that name none, or one of another protocol
SEEDS = 1  # how many made-up credentials of a kind are the operator's own
READS = ("Get", "List", "Describe", "Simulate")


@dataclass(frozen=True)
class Sent:
    """One recorded request."""

    how: str  # get, query, send, aws_read, aws_write, login, command, github_write, vault_write
    method: str
    host: str
    path: str  # for AWS `service:Operation`, for a login the engine
    auth: Auth | None = None
    json: Any = None
    form: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def bearer(self) -> str:
        """The value that rides on the request, or nothing."""
        return self.auth.value.reveal() if self.auth else ""


Script = Callable[[Sent], Reply]


def run(work: Awaitable[T]) -> T:
    """Wait for an awaitable on a loop of its own."""

    async def wait() -> T:
        return await work

    return asyncio.run(wait())


def reply_of(table: Mapping[str, Any], host: str = "") -> Reply:
    """A Reply as egress makes it from an answer; or with the trouble or the code that the table names."""
    status, body = table.get("status"), table.get("body", "")
    text = body if isinstance(body, str) else jsonlib.dumps(body)
    if status is None or "trouble" in table:
        parsed = None if isinstance(body, str) or "trouble" in table else body  # a database's rows come without a status
        return Reply(host, status=status, json=parsed, text=text, code=table.get("code"), trouble=table.get("trouble"), at=NOW)
    kind = {} if isinstance(body, str) else {"Content-Type": "application/json; charset=utf-8"}
    headers = {**kind, **{name: str(value) for name, value in table.get("headers", {}).items()}}
    reply = replies.reply_of(host, status, headers.items(), text.encode(), NOW)
    return replace(reply, code=table["code"]) if "code" in table else reply


def plain(node: Any) -> Any:
    """A body with its secrets revealed, as it goes out."""
    if isinstance(node, Secret):
        return node.reveal()
    if isinstance(node, Mapping):
        return {name: plain(value) for name, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, list) else node


def in_turn(replies: Sequence[Reply]) -> Script:
    """Answer with these, one after the other; one request too many is an error."""
    left = list(replies)

    def answer(sent: Sent) -> Reply:
        assert left, f"one request too many: {sent.method} {sent.path}"
        return left.pop(0)

    return answer


def always(reply: Reply) -> Script:
    """Answer everything with the same."""
    return lambda sent: reply


def _own_hosts(provider: Provider) -> set[str]:
    """What came with the made-up credentials of a provider's kinds, with and without the port."""
    found = set()
    for kind in (kind for kind in provider.kinds if kind.host_from):
        for seed in range(SEEDS):
            parts = credential_of(kind, seed).parts
            host = parts[kind.host_from or ""]
            found |= {host, f"{host}:{parts.get('port')}", *(f"{host}:{port}" for port in USUAL_PORTS)}
    return found


class FakeReader:
    """A Reader over a script. Hosts, methods and paths are held to the provider's own declaration, as egress does."""

    def __init__(
        self,
        provider: Provider,
        script: Script,
        *,
        authority: Mapping[str, str] = NOTHING,
        settings: Mapping[str, str] = NOTHING,
        now: datetime = NOW,
    ) -> None:
        self.provider = provider
        self.script = script
        self.sent: list[Sent] = []
        self._authority = authority
        self._settings = settings
        self._now = now

    @property
    def now(self) -> datetime:
        return self._now

    def authority(self, name: str) -> Secret | None:
        return Secret(self._authority[name]) if name in self._authority else None

    def setting(self, name: str) -> str | None:
        return self._settings.get(name)

    async def get(
        self,
        path: str,
        *,
        auth: Auth | None = None,
        params: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        host: str | None = None,
    ) -> Reply:
        return self._ask(Sent("get", "GET", self._host(host), path, auth, None, {}, dict(params), dict(headers)))

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
        assert may_query(self.provider.reads, path, json, form), f"{path} with this body is not declared as a POST that reads"
        return self._ask(Sent("query", "POST", self._host(host), path, auth, plain(json), plain(form), {}, dict(headers)))

    async def aws_read(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        assert operation.startswith(READS), f"{operation} is no operation that reads"
        return self._ask(Sent("aws_read", "POST", "aws", f"{service}:{operation}", params=params))

    async def vault_read(self, path: str, *, auth: Auth, json: Any = None, params: Mapping[str, str] = NOTHING) -> Reply:
        assert json is None or may_query(self.provider.reads, path, json), f"{path} is not declared as a POST that reads"
        method = "GET" if json is None else "POST"
        return self._ask(Sent("vault_read", method, self._host(None), path, auth, plain(json), {}, dict(params)))

    async def places(self) -> Sequence[str]:
        return self._settings.get("places", "authorized_keys inventory").split("|")

    async def ask_place(self, place: str, half: PublicHalf) -> Reply:
        return self._ask(Sent("ask_place", "PLACE", place, place))

    async def login(self, engine: str, credential: Credential) -> Reply:
        return self._ask(Sent("login", "LOGIN", credential.parts.get("host", ""), engine))

    async def ask(self, engine: str, question: str, credential: Credential, values: Sequence[Any] = ()) -> Reply:
        if "password" not in self._authority:
            raise AuthorityError("No authority is configured.")
        return self._ask(Sent("ask", "ASK", credential.parts.get("host", ""), f"{engine} {question}"))

    def _host(self, host: str | None) -> str:
        if host is not None:
            known = {*self.provider.hosts, *self.provider.operator_hosts, *_own_hosts(self.provider)}
            assert host in known, f"{host} is not one of the provider's hosts"
            return host
        return self.provider.hosts[0] if self.provider.hosts else ENDPOINT.removeprefix("https://")

    def _ask(self, sent: Sent) -> Reply:
        assert sent.path.startswith("/") or sent.how not in ("get", "query", "send"), f"{sent.path} is no path"
        self.sent.append(sent)
        return self.script(sent)


class FakeWriter(FakeReader):
    """A Writer over a script."""

    mark = "revoker-run-1"
    chosen: Issued | None = None

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
        return self._ask(
            Sent("send", method, self._host(host), path, auth, plain(json), plain(form), plain(params), dict(headers))
        )

    async def aws_write(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        return self._ask(Sent("aws_write", "POST", "aws", f"{service}:{operation}", params=params))

    async def github_write(self, method: str, path: str, *, auth: Auth | None = None, json: Any = None) -> Reply:
        return self._ask(Sent("github_write", method, self._host(None), path, auth, plain(json)))

    async def vault_write(self, method: str, path: str, *, auth: Auth | None = None, json: Any = None) -> Reply:
        return self._ask(Sent("vault_write", method, self._host(None), path, auth, plain(json)))

    async def command(self, engine: str, text: str, values: Sequence[Any] = ()) -> Reply:
        return self._ask(Sent("command", "COMMAND", "database", text, json=list(values)))
