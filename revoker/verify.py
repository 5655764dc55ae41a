"""Credentials to verdicts: async, bounded, one check each, read-only.

A verdict of `dead` is held back until its provider's part of the sweep is over: when a wave of refusals hits
credentials that were live, the provider (or our way to it) is suspected, and nothing is declared dead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from revoker import catalog, gate, suspended
from revoker.config import Settings
from revoker.doubt import doubted
from revoker.errors import EgressRefused, RevokerError
from revoker.log import get_logger
from revoker.model import CANDIDATES, Credential, Location, Status, Validity, Verdict
from revoker.owned import Owners, claims
from revoker.sdk import Kind, Propagation
from revoker.store import credentials as rows_of
from revoker.store import owned as owned_rows

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.store.credentials import CredentialRow, Transition
    from revoker.store.database import Store

Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]

BATCH = 500
WATCHED = (Status.LIVE, Status.CONTAINED, Status.DYING, Status.DEAD)  # what must go on being asked
WAVE_LEAST = 5  # refusals of known-live credentials
WAVE_SHARE = 0.5  # of the known-live ones asked

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VerifySummary:
    """What a sweep did."""

    asked: int = 0
    fresh: int = 0  # not asked again: the last verdict is younger than [verify] fresh
    answered: Mapping[Validity, int] = field(default_factory=dict)
    transitions: tuple[Transition, ...] = ()
    frozen: tuple[str, ...] = ()  # providers whose refusals were not believed
    canaries: tuple[str, ...] = ()  # asked although they are bait, by a recorded override
    lapsed: tuple[str, ...] = ()  # asked once, and not any more: nobody vouches for them now, so nobody would notice their return
    owned: tuple[str, ...] = ()  # shown to be ours by our own authority, in this sweep


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    row: CredentialRow
    kind: Kind
    cred: Credential
    claim: gate.Claim
    unless: Verdict | None = None  # the verdict that stands unless the operator's own API shows that it is ours


def verify(
    store: Store,
    rows: Sequence[CredentialRow],
    *,
    settings: Settings,
    clock: Clock,
    force: bool = False,
    progress: Progress | None = None,
) -> VerifySummary:
    """Ask each provider once for each row that has no fresh verdict, and record the answers."""
    wanted = [row for row in rows if force or not is_fresh(row, settings, clock())]
    by_provider: dict[str, list[CredentialRow]] = {}
    for row in wanted:
        by_provider.setdefault(row.provider, []).append(row)
    sweep = _Sweep(store, settings, clock, by_provider, progress)
    if wanted:
        asyncio.run(sweep.run())
    return VerifySummary(
        asked=sweep.asked,
        fresh=len(rows) - len(wanted),
        answered=dict(sweep.answered),
        transitions=tuple(sweep.transitions),
        frozen=tuple(sweep.frozen),
        canaries=tuple(sweep.canaries),
        lapsed=tuple(sweep.lapsed),
        owned=tuple(sweep.owned),
    )


def is_fresh(row: CredentialRow, settings: Settings, now: datetime) -> bool:
    """True when the last verdict is young enough, decided something, and nothing changed since."""
    if row.checked_at is None or row.status is Status.DYING or row.validity is Validity.UNKNOWN:
        return False
    if row.validity is Validity.SKIPPED or (row.acked_at is not None and row.acked_at >= row.checked_at):
        return False
    return now - row.checked_at < settings.verify.fresh


def windows(settings: Settings) -> dict[str, Propagation]:
    """The propagation window of each kind; [verify] propagation overrides all, for drills."""
    override = settings.verify.propagation
    kinds = catalog.kinds()
    if override is None:
        return {id: kind.propagation for id, kind in kinds.items()}
    return {id: replace(kind.propagation, window=override, source="[verify] propagation") for id, kind in kinds.items()}


async def check(pool: Pool, kind: Kind, cred: Credential) -> Verdict:
    """One check of one credential. Never raises: what goes wrong on our side is `unknown`."""
    provider = catalog.provider_of(kind.id)
    try:
        return await kind.verify(cred, pool.reader(provider, credential=cred))
    except EgressRefused:
        return Verdict(Validity.UNKNOWN, "refused_by_policy")
    except RevokerError as error:
        log.warning("check_failed", fingerprint=cred.fingerprint, kind=kind.id, error=type(error).__name__)
        return Verdict(Validity.UNKNOWN, "check_failed")
    except Exception as error:  # noqa: BLE001 - a provider file's bug must not end the sweep of all others
        log.error("check_crashed", fingerprint=cred.fingerprint, kind=kind.id, error=type(error).__name__)  # noqa: TRY400
        return Verdict(Validity.UNKNOWN, "check_crashed")


async def ask(pool: Pool, store: Store, settings: Settings, row: CredentialRow, *, kind: Kind, cred: Credential) -> Verdict:
    """One check of a leaked credential, in a sweep or in a run, as what it is worth here.

    A refusal kills only what the server that gave it had accepted, or acknowledged a change of, or is tied to otherwise; a live
    answer of one that we suspended is held against the provider's record.
    """
    known = row.live_at is not None or row.acked_at is not None
    verdict = doubted(
        catalog.provider_of(kind.id),
        kind,
        cred,
        await check(pool, kind, cred),
        settings,
        accepted_once=known,
        places=lambda: rows_of.locations(store, row.fingerprint),
    )
    return await suspended.by_record(store, settings, pool, row, kind=kind, cred=cred, verdict=verdict)


def is_lapse(verdict: Verdict) -> bool:
    """True when a credential was not asked for want of a proof, a value or a kind; a canary is left alone on purpose."""
    return verdict.validity is Validity.SKIPPED and verdict.reason != "canary"


def is_wave(items: Iterable[tuple[CredentialRow, Verdict]]) -> bool:
    """True when most of the credentials that were live, and that nobody here changed, are refused at once."""
    known = [verdict for row, verdict in items if row.status is Status.LIVE]
    refused = sum(1 for verdict in known if verdict.validity is Validity.DEAD and verdict.evidence is not None)
    return refused >= WAVE_LEAST and refused > WAVE_SHARE * len(known)


class _Sweep:
    """The state of one sweep: what was asked, answered, recorded."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        by_provider: Mapping[str, Sequence[CredentialRow]],
        progress: Progress | None,
    ) -> None:
        self.store, self.settings, self.clock, self.by_provider, self.progress = store, settings, clock, by_provider, progress
        self.total = sum(len(rows) for rows in by_provider.values())
        self.windows = windows(settings)
        self.known = {row.fingerprint for rows in by_provider.values() for row in rows if row.status in WATCHED}
        self.lapsed: list[str] = []
        self.canaries: list[str] = []
        self.owned: list[str] = []
        self.owners = Owners(store, settings)
        self.done = self.asked = 0
        self.answered: Counter[Validity] = Counter()
        self.transitions: list[Transition] = []
        self.frozen: list[str] = []

    async def run(self) -> None:
        from revoker.egress.http import open_pool

        async with open_pool(self.settings, clock=self.clock, concurrency=self.settings.verify.concurrency) as pool:
            await asyncio.gather(*(self._provider(pool, id, rows) for id, rows in self.by_provider.items()))

    async def _provider(self, pool: Pool, provider_id: str, rows: Sequence[CredentialRow]) -> None:
        """One provider's part: workers take jobs; the sure verdicts are recorded as they come, the dead at the end."""
        sure: list[tuple[str, Verdict]] = []
        known_live: list[tuple[CredentialRow, Verdict]] = []
        refused: list[tuple[str, Verdict]] = []
        jobs = self._jobs(rows, sure)

        async def work() -> None:
            for job in jobs:
                if job.unless is not None and not await self._is_ours(pool, job):
                    self._without(job.row, job.unless, sure)
                    continue
                if job.claim.canary and gate.is_canary(job.kind, job.cred, self.settings, self.clock()):
                    self.canaries.append(job.row.fingerprint)
                verdict = await ask(pool, self.store, self.settings, job.row, kind=job.kind, cred=job.cred)
                self.asked += 1
                if job.row.status is Status.LIVE:
                    known_live.append((job.row, verdict))
                (refused if verdict.validity is Validity.DEAD else sure).append((job.row.fingerprint, verdict))
                if len(sure) >= BATCH:
                    self._record(sure)
                self._tick()

        await asyncio.gather(*(work() for _ in range(self._workers(provider_id, len(rows)))))
        if is_wave(known_live):
            self.frozen.append(provider_id)
            refused = [(fp, replace(verdict, validity=Validity.UNKNOWN, reason="outage_suspected")) for fp, verdict in refused]
        self._record(sure)
        self._record(refused)

    def _workers(self, provider_id: str, wanted: int) -> int:
        """As many as the provider's budget lets be under way, so that no slow provider holds all places."""
        kinds = [k for k in catalog.kinds().values() if catalog.provider_of(k.id).id == provider_id]
        most = max((k.budget.in_flight for k in kinds), default=1)
        return max(1, min(most, self.settings.verify.concurrency, wanted))

    def _jobs(self, rows: Sequence[CredentialRow], sure: list[tuple[str, Verdict]]) -> Iterator[_Job]:
        """The rows that need a call. What the gate or an offline check answers goes to `sure` at once."""
        kinds = catalog.kinds()
        for start in range(0, len(rows), BATCH):
            chunk = {row.fingerprint: row for row in rows[start : start + BATCH]}
            spoken = claims(self.store, list(chunk), self.clock())
            for cred in rows_of.unseal_many(self.store, list(chunk)):
                row = chunk.pop(cred.fingerprint)
                kind = kinds.get(row.kind)
                claim = replace(spoken[row.fingerprint], locations=self._places(row))
                verdict = self._without_call(row, kind, cred, claim)
                if kind is None or (verdict is not None and not self.owners.may_ask(kind, verdict)):
                    self._without(row, verdict or Verdict(Validity.SKIPPED, "unsupported"), sure)
                    continue
                yield _Job(row, kind, cred, claim, verdict)
            for row in chunk.values():  # nothing sealed: masked, hashed, or purged
                self._without(row, Verdict(Validity.SKIPPED, "no_value"), sure)

    def _without(self, row: CredentialRow, verdict: Verdict, sure: list[tuple[str, Verdict]]) -> None:
        """A verdict that needs no call."""
        sure.append((row.fingerprint, verdict))
        self._tick()

    async def _is_ours(self, pool: Pool, job: _Job) -> bool:
        """Ask our own authority whose it is, and keep the answer; True when the gate lets it pass with that."""
        found = await self.owners.ask(pool, job.kind, job.cred)
        if found is None:
            return False
        claim = replace(job.claim, owned=found)
        if self._without_call(job.row, job.kind, job.cred, claim) is not None:
            return False
        owned_rows.record(self.store, job.row.fingerprint, found, self.clock())
        self.owned.append(job.row.fingerprint)
        return True

    def _without_call(self, row: CredentialRow, kind: Kind | None, cred: Credential, claim: gate.Claim) -> Verdict | None:
        if kind is None:
            return Verdict(Validity.SKIPPED, "ambiguous" if row.parts.get(CANDIDATES) else "unsupported")
        return gate.why_not(catalog.provider_of(kind.id), kind, cred, self.settings, claim, self.clock())

    def _places(self, row: CredentialRow) -> tuple[Location, ...]:
        """Only looked up where sources are declared: it costs a query for each credential."""
        return tuple(rows_of.locations(self.store, row.fingerprint)) if self.settings.ownership.sources else ()

    def _record(self, items: list[tuple[str, Verdict]]) -> None:
        if not items:
            return
        self.answered.update(verdict.validity for _, verdict in items)
        self.lapsed += [fp for fp, verdict in items if is_lapse(verdict) and fp in self.known]
        self.transitions += rows_of.record_verdicts(self.store, items, self.clock(), self.windows)
        items.clear()

    def _tick(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)
