"""Many reads of Vault at once, for a search: within a budget, counted, and able to do nothing else than GET."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from revoker.config import Settings
from revoker.egress.http import Clock, Pool, open_pool
from revoker.egress.policy import from_url
from revoker.egress.replies import trouble_reply
from revoker.egress.requests import Request, write
from revoker.egress.vault import Vault, open_vault
from revoker.egress.vault_errors import unreachable
from revoker.egress.vault_kv import Kv, secret_of
from revoker.egress.vault_probe import Server, probe
from revoker.errors import EgressRefused, Parked
from revoker.model import NOTHING, Secret
from revoker.sdk import Budget, Reply, header

if TYPE_CHECKING:
    from revoker.egress.vault_kv import VaultSecret

AT_ONCE = 16
UNWRITABLE = "unwritable"
PAGE = 1000  # names in one answer of a paged LIST


class Unread(Exception):
    """Something that may not be read, or whose answer is too large or no JSON."""


class VaultReads:
    """The finder's identity, and its requests; `requests` counts what it cost."""

    def __init__(self, pool: Pool, vault: Vault, server: Server) -> None:
        self._pool, self.vault, self.server = pool, vault, server
        self._where = from_url(vault.session.vault.addr)
        budget = Budget(per_second=float(vault.session.vault.per_second), in_flight=AT_ONCE)
        self._bucket = pool.budgets.bucket("vault", "find", budget)
        self.requests = 0
        self._looked = False

    @property
    def now(self) -> datetime:
        """The time."""
        return self._pool.clock()

    async def get(self, path: str, params: Mapping[str, str] = NOTHING) -> Reply:
        """One GET. Raises Parked when Vault is sealed, cannot be reached, or our token has ended."""
        try:
            request = self._written(path, params, await asyncio.to_thread(self.vault.session.token))  # a renewal is a call
        except EgressRefused:  # a name such as `..`: no request can be written for it
            return trouble_reply(self._where.origin.shown, UNWRITABLE, self.now)
        self.requests += 1
        reply = await self._pool.ask(request, self._bucket)
        if reply.status in (429, 472, 473, 503) or (reply.status is None and reply.trouble != "too_large"):
            raise unreachable(reply.trouble or str(reply.status))
        if reply.status == 403 and not self._looked:
            self._looked = True
            await asyncio.to_thread(self.vault.lookup_self)  # raises Parked when it is not "not there" but "not any more"
        return reply

    def _written(self, path: str, params: Mapping[str, str], held: Secret) -> Request:
        space, token = self.vault.session.vault.namespace, header("X-Vault-Token", held)
        more = {"X-Vault-Namespace": space} if space else {}
        return write("GET", self._where, quote(path, safe="/"), self._pool.agent, auth=token, params=params, headers=more)

    async def names(self, kv: Kv, folder: str) -> list[str] | None:
        """The names in a folder (`` or `a/b/`), sorted, folders with a slash at the end; None when it may not or cannot be listed."""
        found: list[str] = []
        paged = self.server.has("paged list") is True
        while True:
            page = {"limit": str(PAGE), "after": found[-1]} if paged and found else {"limit": str(PAGE)} if paged else {}
            reply = await self.get(_listed(kv, folder), {"list": "true", **page})
            if reply.status == 404:
                return None if _no_engine(reply) else found
            keys = _keys(reply)
            if keys is None:
                return None
            found += keys
            if not paged or len(keys) < PAGE:
                return sorted(found)

    async def tree(self, kv: Kv, folder: str) -> list[str] | None:
        """All secrets below a folder in one answer, where the server has SCAN and lets us; else None."""
        if self.server.has("scan") is False:
            return None
        reply = await self.get(_listed(kv, folder), {"scan": "true"})
        keys = _keys(reply)
        return sorted(folder + key for key in keys if not key.endswith("/")) if keys is not None else None

    async def versions(self, kv: Kv, path: str) -> Mapping[str, Any] | None:
        """The metadata of a path; None when it is gone. Raises Unread."""
        return _data(await self.get(kv.api(f"{kv.mount}/{path}", "metadata")))

    async def read(self, kv: Kv, path: str, version: int | None = None) -> VaultSecret | None:
        """One version of a secret; None when it is gone or deleted. Raises Unread."""
        reply = await self.get(kv.api(f"{kv.mount}/{path}"), {} if version is None else {"version": str(version)})
        body = _data(reply)
        if body is None:
            return None
        if kv.version == 1:
            return secret_of(body, 0, {}, 1)
        meta = body.get("metadata")
        number = int(meta.get("version") or 0) if isinstance(meta, Mapping) else 0
        return secret_of(body.get("data") or {}, number, meta or {}, 2)


def finder(settings: Settings) -> tuple[Vault, Server]:
    """The configured Vault as the finder, logged in. Raises ConfigError, AuthorityError, Parked."""
    vault = open_vault(as_finder(_direct(settings)))
    server = probe(vault)
    if server.sealed:
        raise Parked("Vault is sealed.", safe="nothing was read", next="unseal it, then search again")
    return vault, server


@asynccontextmanager
async def open_reads(settings: Settings, vault: Vault, server: Server, clock: Clock) -> AsyncIterator[VaultReads]:
    """The reads of what finder() opened."""
    async with open_pool(_direct(settings), clock=clock, concurrency=AT_ONCE) as pool:
        yield VaultReads(pool, vault, server)


def _direct(settings: Settings) -> Settings:
    """Vault is inside: never through the proxy."""
    return replace(settings, network=replace(settings.network, proxy=None))


def as_finder(settings: Settings) -> Settings:
    """The settings with the finder's own token, where one is configured."""
    vault = settings.vault
    if vault is None or vault.finder is None:
        return settings
    return replace(settings, vault=replace(vault, auth="token", token=vault.finder))


def _data(reply: Reply) -> Mapping[str, Any] | None:
    if reply.status == 404 and reply.trouble is None:
        return None
    found = reply.pick("data") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(found, Mapping):
        raise Unread
    return found


def _listed(kv: Kv, folder: str) -> str:
    return f"/v1/{kv.mount}/{folder}" if kv.version == 1 else f"/v1/{kv.mount}/metadata/{folder}"


def _no_engine(reply: Reply) -> bool:
    """True when the server says why there is nothing: no engine is mounted at the path. Of an empty folder it says no word."""
    return bool(reply.pick("errors"))


def _keys(reply: Reply) -> list[str] | None:
    """The names of a list; None for any other answer. SCAN says nothing at all for an empty tree."""
    if reply.status != 200 or reply.trouble is not None:
        return None
    data = reply.pick("data")
    keys = data.get("keys", []) if isinstance(data, Mapping) else None
    return [str(key) for key in keys] if isinstance(keys, list) else None
