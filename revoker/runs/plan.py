"""Plans: what would be done to which credential, why, by whom, and with how many approvals. Nothing is changed here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from revoker import catalog, gate, responder
from revoker.config import Settings
from revoker.errors import UsageError
from revoker.model import Credential, Status, Unbound, Verdict
from revoker.owned import claims
from revoker.playbook import Playbook, check_kinds, load_playbooks
from revoker.runs import digests, limits
from revoker.runs.choose import Choice, choose, named
from revoker.runs.facts import Facts, ReaderFor, bind_all, used_lately
from revoker.runs.placing import placement
from revoker.runs.planned import is_change, planned_steps
from revoker.runs.priority import priority
from revoker.runs.remembered import with_remembered
from revoker.store import canaries, homes, plans
from revoker.store import credentials as rows_of

if TYPE_CHECKING:
    from revoker.store.credentials import CredentialRow, Selection
    from revoker.store.database import Store

SCHEMA = "revoker/plan/1"
LIFETIME = timedelta(hours=24)
AT_ONCE = 16  # credentials bound at the same time
BY_ITSELF = (Status.LIVE, Status.CONTAINED)  # what a plan takes when nobody asked for more
BY_NAME = (*BY_ITSELF, Status.NEW, Status.UNKNOWN, Status.DYING)  # with a playbook asked for by name


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan document and its digest. The digest is what a person approves."""

    digest: str
    document: Mapping[str, Any]

    @property
    def approvals(self) -> int:
        """How many distinct persons must say yes."""
        return int(self.document["approvals"])

    @property
    def mutations(self) -> int:
        """How many changes at providers it holds."""
        return int(self.document["mutations"])

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """One entry for each credential that gets a run."""
        entries: Sequence[Mapping[str, Any]] = self.document["credentials"]
        return entries


def make_plan(
    store: Store,
    settings: Settings,
    selection: Selection,
    *,
    playbook: str | None = None,
    large: bool = False,
    requester: str,
    now: datetime,
    reader: ReaderFor | None = None,
    books: Mapping[str, Playbook] | None = None,
) -> Plan:
    """Plan and save. Opens the read-only egress by itself when no `reader` is given.

    Raises UsageError when the plan would pass `limits.mutations_per_run` or a playbook's own limit: a bad report or a
    bug stops here, before anybody is asked to approve. With `large` such a plan is made, and needs more approvals.
    """
    return asyncio.run(
        plan_async(
            store, settings, selection, playbook=playbook, large=large, requester=requester, now=now, reader=reader, books=books
        )
    )


async def plan_async(
    store: Store,
    settings: Settings,
    selection: Selection,
    *,
    requester: str,
    now: datetime,
    playbook: str | None = None,
    large: bool = False,
    reader: ReaderFor | None = None,
    books: Mapping[str, Playbook] | None = None,
) -> Plan:
    """make_plan() for a caller that is async itself."""
    books = load_playbooks(settings.playbooks) if books is None else books
    if playbook is not None:
        check_kinds(named(books, playbook), catalog.kinds())
    planner = _Planner(store, settings, now, books, playbook, large=large)
    wanted, counted = _wanted(store, selection, BY_NAME if playbook else BY_ITSELF)
    planner.counted.update(counted)
    if wanted and reader is not None:
        await planner.run(wanted, reader)
    elif wanted:
        from revoker.egress.http import open_pool

        async with open_pool(settings, clock=lambda: now, concurrency=AT_ONCE) as pool:
            await planner.run(wanted, lambda provider, cred: pool.reader(provider, credential=cred))
    plan = _sealed(planner, settings, requester, now)
    plans.save_plan(store, plan.digest, dict(plan.document), now)
    return plan


def _wanted(store: Store, selection: Selection, statuses: Sequence[Status]) -> tuple[list[CredentialRow], Counter[str]]:
    """The rows to plan, and how many others there are by status: those cost nothing."""
    counts = rows_of.counts(store, selection)
    asked = set(selection.status)
    chosen = [status.value for status in statuses if counts.get(status) and (not asked or status.value in asked)]
    counted = Counter({f"status {s}": n for s, n in counts.items() if n and s not in chosen and (not asked or s in asked)})
    rows = rows_of.select(store, replace(selection, status=tuple(chosen))) if chosen else []
    return rows, counted


class _Planner:
    """The state of one planning: entries, counts, and the limits that stop it."""

    def __init__(
        self, store: Store, settings: Settings, now: datetime, books: Mapping[str, Playbook], forced: str | None, *, large: bool
    ) -> None:
        self.large = large
        self.store, self.settings, self.now, self.books, self.forced = store, settings, now, books, forced
        self.entries: list[dict[str, Any]] = []
        self.counted: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()  # by provider
        self.leaked: dict[str, Mapping[str, str]] = {}  # provider -> its authorities that leaked themselves
        self.mutations = 0
        self.claims: Mapping[str, gate.Claim] = {}
        self.proofs: dict[str, str] = {}  # fingerprint -> what shows that it is ours
        self.bait: Mapping[str, canaries.Override] = {}
        self.homes: Mapping[str, Sequence[homes.Home]] = {}

    async def run(self, rows: Sequence[CredentialRow], reader: ReaderFor) -> None:
        """Plan in small groups, so that a limit stops it early."""
        for start in range(0, len(rows), AT_ONCE):
            group = [row.fingerprint for row in rows[start : start + AT_ONCE]]
            self.claims = claims(self.store, group, self.now)
            self.bait = canaries.allowed(self.store, group, self.now)
            self.homes = homes.homes_of(self.store, group)
            ready = [facts for row in rows[start : start + AT_ONCE] for facts in self._before_asking(row)]
            for facts in await asyncio.gather(*(self._bound(facts, reader) for facts in ready)):
                self._add(facts)

    def _before_asking(self, row: CredentialRow) -> Iterator[Facts]:
        """The facts that need no call; nothing for what must not be touched."""
        kind = catalog.kinds().get(row.kind)
        if kind is None or row.excluded:
            self.counted["excluded" if kind else "unsupported kind"] += 1
            return
        provider = catalog.provider_of(kind.id)
        for cred in rows_of.unseal_many(self.store, [row.fingerprint]):
            places = tuple(rows_of.locations(self.store, row.fingerprint))
            claim = replace(self.claims[row.fingerprint], locations=places)
            verdict = gate.why_not(provider, kind, cred, self.settings, claim, self.now)
            if verdict is None:
                self.proofs[row.fingerprint] = str(gate.proof(provider, kind, cred, self.settings, claim))
                yield self._facts(row, cred)
                return
            self.counted[_reason(verdict)] += 1
            return
        self.counted["no value"] += 1

    def _facts(self, row: CredentialRow, cred: Credential) -> Facts:
        kind = catalog.kinds()[row.kind]
        provider = catalog.provider_of(kind.id)
        return Facts(
            row=row,
            provider=provider,
            kind=kind,
            credential=cred,
            owned=not gate.is_foreign(provider.id, row.identity, self.settings),
            used=used_lately(row, self.now),
            placed=placement(kind, cred, row, self.settings, self.homes.get(row.fingerprint, ())),
        )

    async def _bound(self, facts: Facts, reader: ReaderFor) -> Facts:
        if facts.credential is None or not facts.kind.actions:
            return facts
        if not facts.owned:
            foreign = {action.id: Unbound("foreign", "it is not ours") for action in facts.kind.actions}
            return replace(facts, bindings=foreign)
        api = reader(facts.provider, facts.credential)
        where = facts.provider.id
        if where not in self.leaked:
            self.leaked[where] = await asyncio.to_thread(responder.leaked, self.store, self.settings, facts.provider)
        accepted, leaked = facts.row.live_at is not None, self.leaked[where]
        found = await bind_all(facts.kind, facts.credential, api, self.settings, provider=where, accepted=accepted, leaked=leaked)
        more = await with_remembered(found, self.store, facts.row, kind=facts.kind, cred=facts.credential, reader=api)
        return replace(facts, bindings=more)

    def _add(self, facts: Facts) -> None:
        choice = choose(facts, self.books, self.forced)
        steps, left_out = planned_steps(choice.playbook, facts, self.settings)
        changes = sum(1 for step in steps if is_change(step))
        self.mutations += changes
        self.changes[facts.provider.id] += changes
        self.taken[choice.playbook.id] += 1
        if not self.large:
            self._stop_at_limits(choice.playbook)
        urgent = priority(facts.row, rows_of.locations(self.store, facts.row.fingerprint), self.settings)
        more = {"ours_by": self.proofs[facts.row.fingerprint], **self._bait(facts)}
        self.entries.append(_entry(facts, choice, steps, left_out) | {"priority": urgent[0], "urgency": urgent[1]} | more)

    def _bait(self, facts: Facts) -> dict[str, Any]:
        """Who let this canary be touched, for the plan's digest; nothing for any other credential."""
        by, cred = self.bait.get(facts.row.fingerprint), facts.credential
        if by is None or cred is None or not gate.is_canary(facts.kind, cred, self.settings, self.now):
            return {}
        return {"canary": {"who": by.who, "why": by.why, "until": digests.instant(by.until)}}

    def _stop_at_limits(self, book: Playbook) -> None:
        beyond = limits.beyond(self.mutations, {book: self.taken[book.id]}, self.settings)
        if beyond:
            raise UsageError(
                f"The plan would {beyond[0]}.",
                safe="nothing was changed, and no plan was saved",
                next="select fewer (--incident, --provider, --kind, --fingerprint), raise the limit, or use --large: "
                "it needs more approvals",
            )


def _entry(facts: Facts, choice: Choice, steps: list[dict[str, Any]], left_out: list[str]) -> dict[str, Any]:
    row = facts.row
    return {
        "fingerprint": row.fingerprint,
        "kind": row.kind,
        "provider": facts.provider.id,
        "incident": row.incident,
        "playbook": choice.playbook.id,
        "playbook_digest": choice.playbook.digest,
        "definition": digests.definition(facts.provider.id),
        "reasons": list(choice.reasons),
        "passed": dict(choice.passed),
        "left_out": left_out,
        "steps": steps,
    }


def _sealed(planner: _Planner, settings: Settings, requester: str, now: datetime) -> Plan:
    entries = sorted(planner.entries, key=lambda entry: (entry["priority"], str(entry["fingerprint"])))
    beyond = limits.beyond(planner.mutations, {planner.books[id]: n for id, n in planner.taken.items()}, settings)
    needed = max((_approvals(entry, settings) for entry in entries), default=0)
    document = {
        "schema": SCHEMA,
        "requester": requester,
        "nonce": token_hex(8),
        "created_at": digests.instant(now),
        "expires_at": digests.instant(now + LIFETIME),
        "incidents": sorted({entry["incident"] for entry in entries}),
        "policy": digests.policy(settings),
        "approvals": max(needed, settings.approvals["large"]) if beyond else needed,
        "mutations": planner.mutations,
        "limits": limits.shown(planner.store, planner.changes, settings, now) | {"beyond": list(beyond)},
        "counted": dict(sorted(planner.counted.items())),
        "credentials": entries,
    }
    return Plan(digests.digest(document), document)


def _approvals(entry: Mapping[str, Any], settings: Settings) -> int:
    """How many persons an entry needs; a change of a canary as many as what cannot be undone: it tips off whoever watches it."""
    needed = max((int(step.get("approvals", 0)) for step in entry["steps"]), default=0)
    bait = "canary" in entry and any(is_change(step) for step in entry["steps"])
    return max(needed, settings.approvals["delete"]) if bait else needed


def _reason(verdict: Verdict) -> str:
    return f"{verdict.validity}: {verdict.reason}"
