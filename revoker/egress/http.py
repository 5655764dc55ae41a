"""The pool: one set of connections for each origin, budgets, one retry of what only reads, answers as Replies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker.config import Settings, base
from revoker.egress import authority, replies
from revoker.egress.budget import LONGEST_WAIT, Bucket, Budgets, Held, Monotonic, Sleep
from revoker.egress.limits import tls_context
from revoker.egress.line import Line, Lost, NotSent
from revoker.egress.names import Resolver, system_resolver
from revoker.egress.policy import Origin, from_url
from revoker.egress.requests import Request, user_agent
from revoker.errors import EgressRefused
from revoker.model import Bound, Credential, Issued, Secret
from revoker.sdk import Budget, Provider, Reply

if TYPE_CHECKING:
    from revoker.egress.reader import PoolReader
    from revoker.egress.transport import Connections
    from revoker.egress.writer import Pause, PoolWriter

Clock = Callable[[], datetime]

MOST_WAITS = 10  # a request that is told to wait more often than this is given back
WAIT_BOUND = 900.0  # seconds after its first "wait" that a request is still tried again
RETRY_PAUSE = 0.3  # seconds before the one retry of a read
AGAIN = frozenset({"connect", "disconnected", "truncated"})


class Pool:
    """All connections of one piece of work. Made by open_pool()."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        concurrency: int,
        *,
        stopped: Callable[[], bool] | None = None,
        resolver: Resolver = system_resolver,
        monotonic: Monotonic = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.settings, self.clock, self.resolver = settings, clock, resolver
        self.agent = user_agent(settings)
        self.budgets = Budgets(monotonic, sleep)
        self._monotonic, self._sleep, self._stopped = monotonic, sleep, stopped
        self._slots = asyncio.Semaphore(concurrency)
        self._origins: dict[Origin, Connections] = {}
        self._secrets: dict[tuple[str, str], Secret] = {}

    def reader(self, provider: Provider, credential: Credential | None = None) -> PoolReader:
        """A Reader for one provider, with the budget of the credential's kind."""
        from revoker.egress.reader import PoolReader

        return PoolReader(self, provider, credential)

    def line(self, origin: Origin | None = None) -> Line:
        """How an origin is reached; Vault has its own certificate authority."""
        network, ca = self.settings.network, vault_ca(self.settings, origin)
        return Line(tls_context(ca or network.ca_bundle), network.allow, network.proxy, self.resolver)

    def bucket(self, provider: Provider, kind_id: str | None) -> Bucket:
        """The budget of a kind; calls as the authority share the one of the provider's slowest kind."""
        budgets = {kind.id: kind.budget for kind in provider.kinds}
        slowest = min(budgets.values(), key=lambda b: b.per_second or float("inf"), default=Budget())
        return self.budgets.bucket(provider.id, kind_id or "", budgets.get(kind_id or "", slowest))

    def authority(self, provider_id: str, name: str) -> Secret | None:
        """A secret of the operator's own authority, resolved at its first use."""
        key = (provider_id, name)
        if key not in self._secrets:
            found = authority.secret(self.settings, provider_id, name)
            if found is None:
                return None
            self._secrets[key] = found
        return self._secrets[key]

    async def ask(self, request: Request, bucket: Bucket) -> Reply:
        """Send a request that only reads, within its budget. Never raises for what the other side does."""
        try:
            return await self.retried(bucket, lambda: self._once(request))
        except Held as error:
            wait = timedelta(seconds=error.seconds)
            return replace(replies.trouble_reply(request.endpoint.origin.shown, error.reason, self.clock()), retry_after=wait)

    async def retried(self, bucket: Bucket, once: Callable[[], Awaitable[Reply]]) -> Reply:
        """Call `once` in its turn; again after a Retry-After (bounded), and one time after a failed connection or a 5xx."""
        ticket, failed, waits, first = bucket.ticket(), False, 0, 0.0
        while True:
            async with bucket.turn(ticket), self._slots:
                reply = await once()
            if reply.status == 429:
                wait = reply.retry_after.total_seconds() if reply.retry_after is not None else 0.0
                bucket.refused(wait)
                first = first or self._monotonic()
                waits += 1
                if not 0 < wait <= LONGEST_WAIT or waits >= MOST_WAITS or self._monotonic() + wait - first > WAIT_BOUND:
                    return reply
                continue
            if reply.status is not None:
                bucket.accepted()
            if failed or not _worth_another(reply):
                return reply
            failed = True
            await self._sleep(RETRY_PAUSE)

    async def _once(self, request: Request) -> Reply:
        """One request on the wire, its whole answer within [verify] timeout."""
        origin, at = request.endpoint.origin, self.clock()
        try:
            self.check_stop()
            answer = await self._connections(origin).send(request, self.settings.verify.timeout.total_seconds())
        except EgressRefused:
            return replies.trouble_reply(origin.shown, "refused_by_policy", at)
        except (NotSent, Lost) as error:
            return replies.trouble_reply(origin.shown, error.reason, at)
        return replies.reply_of(origin.shown, answer.status, answer.headers, answer.body, at)

    def check_stop(self) -> None:
        """The kill switch, looked at before every request. Raises EgressRefused."""
        if self._stopped is not None and self._stopped():
            raise EgressRefused("revoker is stopped.", safe="nothing was sent", next="revoker start")

    def _connections(self, origin: Origin) -> Connections:
        from revoker.egress.transport import Connections

        if origin not in self._origins:
            self._origins[origin] = Connections(self.line(origin), origin)
        return self._origins[origin]

    async def aclose(self) -> None:
        for connections in self._origins.values():
            await connections.aclose()


def vault_ca(settings: Settings, origin: Origin | None) -> Path | None:
    """The certificate authority of [vault], when this is its server."""
    vault = settings.vault
    if vault is None or vault.ca is None or origin != from_url(vault.addr).origin:
        return None
    return base(settings) / vault.ca


def _worth_another(reply: Reply) -> bool:
    return reply.trouble in AGAIN or (reply.status is not None and reply.status >= 500)


def writer(
    pool: Pool,
    provider: Provider,
    bound: Bound,
    *,
    mark: str,
    chosen: Issued | None = None,
    allow: Callable[[], None],
    still: Callable[[], None] | None = None,
    turn: Callable[[], AbstractAsyncContextManager[Pause | None]] = nullcontext,
) -> PoolWriter:
    """A Writer for one approved action on one bound credential.

    `turn` is waited for before each changing call, and held until it ended; `allow` runs right before it; `still` when its
    first bytes are about to leave. The last two may raise.
    """
    from revoker.egress.writer import PoolWriter

    return PoolWriter(pool, provider, bound, mark=mark, chosen=chosen, allow=allow, still=still, turn=turn)


@asynccontextmanager
async def open_pool(settings: Settings, *, clock: Clock, concurrency: int | None = None, **more: Any) -> AsyncIterator[Pool]:
    """Open the connections of one piece of work. `more`: stopped, resolver, monotonic, sleep (see Pool)."""
    pool = Pool(settings, clock, concurrency or settings.verify.concurrency, **more)
    try:
        yield pool
    finally:
        await pool.aclose()
