"""The Reader: asks, and can do nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from revoker.config_read import is_reference
from revoker.egress import aws, replies
from revoker.egress.line import Lost, NotSent
from revoker.egress.policy import Endpoint, endpoint
from revoker.egress.requests import write
from revoker.errors import AuthorityError, EgressRefused
from revoker.model import NOTHING, Credential, Secret
from revoker.sdk import Auth, Provider, PublicHalf, Reply, may_query

if TYPE_CHECKING:
    from revoker.egress import databases
    from revoker.egress.http import Pool


class PoolReader:
    """All that a verifier can do (see sdk.Reader). What it may not do is answered with `refused_by_policy`."""

    def __init__(self, pool: Pool, provider: Provider, credential: Credential | None = None) -> None:
        self._pool, self._provider, self._credential = pool, provider, credential
        self._places: Sequence[str] | None = None  # looked up once: an inventory may have thousands of files
        self._bucket = pool.bucket(provider, credential.kind if credential else None)

    @property
    def now(self) -> datetime:
        return self._pool.clock()

    def authority(self, name: str) -> Secret | None:
        return self._pool.authority(self._provider.id, name)

    def setting(self, name: str) -> str | None:
        raw = self._pool.settings.authority.get(self._provider.id, {}).get(name)
        if raw is None or not is_reference(raw):
            return raw
        found = self.authority(name)
        return found.reveal() if found is not None else None

    async def get(
        self,
        path: str,
        *,
        auth: Auth | None = None,
        params: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        host: str | None = None,
    ) -> Reply:
        return await self._ask("GET", path, host, auth=auth, params=params, headers=headers)

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
        if not may_query(self._provider.reads, path, json, form):
            return self._refused()
        return await self._ask("POST", path, host, auth=auth, json=json, form=form, headers=headers)

    async def aws_read(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        if not aws.is_read(service, operation):
            return self._refused()
        try:
            what = aws.call(self._pool, self._provider, service, operation, as_=as_, params=params)
            request = aws.signed(what, self._pool.agent)
        except EgressRefused:
            return self._refused()
        return aws.read_answer(await self._pool.ask(request, self._bucket), service, operation)

    async def vault_read(self, path: str, *, auth: Auth, json: Any = None, params: Mapping[str, str] = NOTHING) -> Reply:
        if json is not None and not may_query(self._provider.reads, path, json):
            return self._refused()
        namespace = self.setting("namespace")
        headers = {"X-Vault-Namespace": namespace} if namespace else {}
        try:
            where = self._vault()
            if where is None:
                return replies.trouble_reply("vault", "no_endpoint", self.now)
            method = "GET" if json is None else "POST"
            request = write(method, where, path, self._pool.agent, auth=auth, json=json, params=params, headers=headers)
        except EgressRefused:
            return self._refused()
        return await self._pool.ask(request, self._bucket)

    async def places(self) -> Sequence[str]:
        from revoker.egress import places

        if self._places is None:
            self._places = await asyncio.to_thread(places.places, self._pool.settings)
        return self._places

    async def ask_place(self, place: str, half: PublicHalf) -> Reply:
        from revoker.egress import places

        if place not in await self.places():
            return replies.trouble_reply(place, "refused_by_policy", self.now)
        try:
            self._pool.check_stop()
            line = self._pool.line()
            if places.is_file(place):
                return await places.ask(place, half, self._pool.settings, line, self.now)
            async with self._bucket.turn(self._bucket.ticket()):
                return await places.ask(place, half, self._pool.settings, line, self.now)
        except EgressRefused:
            return replies.trouble_reply(place, "refused_by_policy", self.now)

    async def login(self, engine: str, credential: Credential) -> Reply:
        from revoker.egress import databases

        try:
            row = databases.engine(engine)
            self._pool.check_stop()
            server = databases.from_uri(row, self._provider.id, credential, self._pool.settings)
            call = databases.Call(server, self._pool.line(), self._limit, self.now)
            async with self._bucket.turn(self._bucket.ticket()):
                return await asyncio.to_thread(row.login, call)
        except EgressRefused:
            return self._refused()
        except (NotSent, Lost) as error:
            return replies.trouble_reply(credential.parts.get("host", self._provider.id), error.reason, self.now)

    async def ask(self, engine: str, question: str, credential: Credential, values: Sequence[Any] = ()) -> Reply:
        from revoker.egress import databases

        try:
            row = databases.engine(engine)
            if row.ask is None:
                return self._refused()
            self._pool.check_stop()
            call, asker = self._as_authority(engine, credential), row.ask
            async with self._bucket.turn(self._bucket.ticket()):
                return await asyncio.to_thread(asker, call, question, values)
        except EgressRefused:
            return self._refused()
        except (NotSent, Lost) as error:
            return replies.trouble_reply(credential.parts.get("host", self._provider.id), error.reason, self.now)

    def _as_authority(self, engine: str, credential: Credential) -> databases.Call:
        """The operator's own login on the credential's own (owned) host. Raises AuthorityError when none is configured."""
        from revoker.egress import databases

        row = databases.engine(engine)
        named = databases.from_uri(row, self._provider.id, credential, self._pool.settings)
        user, password = self.setting("user"), self.authority("password")
        if not (user or row.nameless) or password is None:
            raise AuthorityError(
                f"No authority is configured for {self._provider.title}.",
                safe="nothing was sent",
                next=f"set user and password in [authority.{self._provider.id}]",
            )
        server = replace(named, user=user or "", password=password, database=self.setting("database") or named.database)
        return databases.Call(server, self._pool.line(), self._limit, self.now)

    @property
    def _limit(self) -> float:
        """Seconds that one request may take."""
        return self._pool.settings.verify.timeout.total_seconds()

    async def _ask(self, method: str, path: str, host: str | None, **parts: Any) -> Reply:
        try:
            where = self._endpoint(host)
            if where is None:
                return replies.trouble_reply(self._provider.id, "no_endpoint", self.now)
            request = write(method, where, path, self._pool.agent, **parts)
        except EgressRefused:
            return self._refused()
        return await self._pool.ask(request, self._bucket)

    def _vault(self) -> Endpoint | None:
        """The operator's Vault: `[endpoints] vault`, else `[vault] addr`."""
        return endpoint(replace(self._provider, id="vault", hosts=(), kinds=()), None, self._pool.settings)

    def _endpoint(self, host: str | None) -> Endpoint | None:
        return endpoint(self._provider, host, self._pool.settings, self._credential)

    def _refused(self) -> Reply:
        host = self._provider.hosts[0] if self._provider.hosts else self._provider.id
        return replies.trouble_reply(host, "refused_by_policy", self.now)
