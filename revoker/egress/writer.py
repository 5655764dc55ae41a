"""The Writer: a Reader that may also change, for one approved action on one bound credential.

Each change is sent once. `not_sent` in a reply is certain; OutcomeUnknown is raised when the answer was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from revoker.egress import aws, replies
from revoker.egress.budget import Held
from revoker.egress.line import Answer, Line, Lost, NotSent
from revoker.egress.policy import Endpoint, Origin
from revoker.egress.reader import PoolReader
from revoker.egress.requests import write
from revoker.errors import AuthorityError, EgressRefused, OutcomeUnknown
from revoker.model import NOTHING, Bound, Credential, Issued, Secret
from revoker.sdk import Auth, Provider, Reply

if TYPE_CHECKING:
    from revoker.egress.http import Pool

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
T = TypeVar("T")
Pause = Callable[[timedelta], None]  # tells the other workers that the provider asked for a pause


class PoolWriter(PoolReader):
    """See sdk.Writer. Made by egress.http.writer() only."""

    def __init__(
        self,
        pool: Pool,
        provider: Provider,
        bound: Bound,
        *,
        mark: str,
        chosen: Issued | None,
        allow: Callable[[], None],
        still: Callable[[], None] | None,
        turn: Callable[[], AbstractAsyncContextManager[Pause | None]],
    ) -> None:
        super().__init__(pool, provider, bound.credential)
        self._bound, self._mark, self._chosen = bound, mark, chosen
        self._allow, self._still, self._turn = allow, still, turn

    @property
    def mark(self) -> str:
        return self._mark

    @property
    def chosen(self) -> Issued | None:
        return self._chosen

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
        from revoker.egress.once import send_once

        if method not in METHODS:
            raise EgressRefused("A method that does not change was refused where changes are sent.", safe="nothing was sent")
        where = self._where(host)
        request = write(method, where, path, self._pool.agent, auth=auth, json=json, form=form, params=params, headers=headers)
        return await self._http(where, lambda: send_once(self._line(where.origin), request, self._limit))

    async def aws_write(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        if aws.is_read(service, operation):
            raise EgressRefused("An AWS operation that reads was refused where changes are sent.", safe="nothing was sent")
        what = aws.call(self._pool, self._provider, service, operation, as_=as_, params=params)
        line, agent, at = self._line(what.endpoint.origin), self._pool.agent, self.now
        return await self._change(what.endpoint.origin.shown, lambda: aws.change(what, line, agent, self._limit, at))

    async def github_write(self, method: str, path: str, *, auth: Auth | None = None, json: Any = None) -> Reply:
        from revoker.egress import github

        where, agent = self._where(None), self._pool.agent
        return await self._http(
            where, lambda: github.send(self._line(), where, agent, method, path, auth=auth, json=json, limit=self._limit)
        )

    async def vault_write(self, method: str, path: str, *, auth: Auth | None = None, json: Any = None) -> Reply:
        from revoker.egress import vault_http

        if method not in METHODS:
            raise EgressRefused("A method that does not change was refused where changes are sent.", safe="nothing was sent")
        where, token = self._vault(), auth.value if auth is not None else self._vault_token()
        if where is None:
            raise EgressRefused("No Vault is configured.", safe="nothing was sent", next="set vault in [endpoints]")
        client = vault_http.client(
            self._line(where.origin), where, token, self.setting("namespace"), agent=self._pool.agent, limit=self._limit
        )
        return await self._http(where, lambda: vault_http.send(client, method, path, json))

    async def command(self, engine: str, text: str, values: Sequence[Any] = ()) -> Reply:
        from revoker.egress import databases

        row, call = databases.engine(engine), self._as_authority(engine, self._bound.credential)
        change, call = row.change, replace(call, line=self._line())
        if change is None:
            raise EgressRefused(f"{engine} takes no commands that change.", safe="nothing was sent")
        return await self._change(call.server.shown, lambda: change(call, text, values))

    def _vault_token(self) -> Secret:
        token = self.authority("token")
        if token is None:
            raise AuthorityError(
                "No Vault authority is configured.",
                safe="nothing was sent",
                next=f"set token in [authority.{self._provider.id}]",
            )
        return token

    def _line(self, origin: Origin | None = None) -> Line:
        return replace(self._pool.line(origin), still=self._still)

    def _where(self, host: str | None) -> Endpoint:
        where = self._endpoint(host)
        if where is None:
            raise EgressRefused(
                f"No endpoint is configured for {self._provider.title}.",
                safe="nothing was sent",
                next=f"set {self._provider.id} in [endpoints]",
            )
        return where

    async def _http(self, where: Endpoint, call: Callable[[], Answer]) -> Reply:
        host, at = where.origin.shown, self.now

        def reply() -> Reply:
            answer = call()
            return replies.reply_of(host, answer.status, answer.headers, answer.body, at)

        return await self._change(host, reply)

    async def _change(self, host: str, call: Callable[[], Reply]) -> Reply:
        """One change in its turn: allowed at the last moment, sent once, its loss said aloud."""
        try:
            return await self._in_turn(host, call)
        except Held as error:
            return Reply(host, trouble="not_sent", code=error.reason, at=self.now)

    async def _in_turn(self, host: str, call: Callable[[], Reply]) -> Reply:
        async with self._bucket.turn(self._bucket.ticket()), self._turn() as pause:
            self._pool.check_stop()
            self._allow()
            try:
                reply = await asyncio.to_thread(call)
            except NotSent as error:
                return Reply(host, trouble="not_sent", code=error.reason, at=self.now)
            except Lost as error:
                raise OutcomeUnknown(
                    f"The answer of {host} to a change was lost ({error.reason}).",
                    fingerprint=self._bound.credential.fingerprint,
                    next="revoker resume looks at the state before it tries again",
                ) from None
        if reply.status == 429 and reply.retry_after is not None:
            self._bucket.refused(reply.retry_after.total_seconds())
            if pause is not None:
                pause(reply.retry_after)
        return reply
