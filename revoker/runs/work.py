"""What one step of one run works with, and how it writes down what it is about to do and what came of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from revoker import audit, gate, responder
from revoker.config import Settings
from revoker.errors import NotBound, Parked
from revoker.model import Bound, Credential, Effect, Proof, Status, Unbound
from revoker.runs.crashpoints import reach
from revoker.runs.facts import Bindings, bind_all
from revoker.runs.listening import Listening
from revoker.runs.planned import same_target
from revoker.runs.remembered import with_remembered
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action, Kind, Provider
from revoker.store import canaries, switches
from revoker.store import credentials as rows_of
from revoker.store import runs as run_rows
from revoker.store.credentials import Selection

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.runs.pulse import Pulse
    from revoker.store.credentials import CredentialRow
    from revoker.store.database import Store
    from revoker.store.runs import JournalRow, RunRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What all steps of a process share. `inline` is the longest sleep inside a run."""

    store: Store
    settings: Settings
    clock: Callable[[], datetime]
    owner: str
    inline: timedelta = timedelta(minutes=15)
    settle: timedelta = timedelta(seconds=10)  # how old a lost call must be before a list without it counts as proof
    lease: timedelta = timedelta(minutes=3)  # longer than a step takes; a worker that died holds a credential for so long
    pulse: Pulse | None = None  # on PostgreSQL: whether this executor may still act
    stopping: threading.Event = field(default_factory=threading.Event)  # end between two steps, and give the runs back


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended: `done`, or a state of the run; `sleep` seconds, when the same step goes on after them."""

    state: str
    message: str = ""
    sleep: float | None = None


DONE = Done("done")


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One step of one run, with the fencing token that its intents carry."""

    work: Work
    run: RunRow
    entry: Mapping[str, Any]
    step: Mapping[str, Any]
    fence: int
    provider: Provider
    kind: Kind
    credential: Credential

    @property
    def now(self) -> datetime:
        return self.work.clock()

    @property
    def held(self) -> tuple[str, int]:
        """What holds the credential: the run and its fence."""
        return self.run.id, self.fence

    @property
    def mark(self) -> str:
        """Our mark on what this run creates."""
        return f"revoker-{self.run.id}"

    def ask(self, do: Callable[[Pool], Awaitable[T]]) -> T:
        """Run one async piece of work with a small egress pool of its own. Raises Parked for a canary that is left alone again."""
        self.bait()
        return with_pool(self.work, do)

    def bait(self) -> None:
        """Raise Parked when this is a canary and its override has ended: it is neither asked nor changed any more."""
        mark = self.run.fingerprint
        if "canary" in self.entry and not canaries.allowed(self.work.store, [mark], self.now):
            raise Parked(
                "The override for this canary has ended.",
                fingerprint=mark,
                safe="nothing more was sent",
                next=f"revoker canary allow {mark}, then revoker resume; or revoker cancel",
            )

    def reader(self, pool: Pool) -> Reader:
        """A Reader for the leaked credential."""
        return pool.reader(self.provider, credential=self.credential)

    def past(self) -> list[JournalRow]:
        """The step's journal rows since it was last settled."""
        return run_rows.unsettled(run_rows.journal(self.work.store, self.run.id), self.step["id"])

    def tries(self) -> int:
        """How often this step has gone out to the provider."""
        rows = run_rows.journal(self.work.store, self.run.id)
        return sum(1 for row in rows if row.step == self.step["id"] and "call" in row.data)

    def write(self, phase: str, data: Mapping[str, Any]) -> None:
        """Make a journal row durable; an intent is refused when the fencing token is not ours any more."""
        run_rows.append_journal(self.work.store, self.run.id, self.step["id"], phase, self.fence, dict(data), self.now)

    def audited(self, event: str, data: Mapping[str, Any]) -> None:
        """Make an audit record durable. Raises AuditError, and then nothing may change."""
        facts = {"run": self.run.id, "plan": self.run.plan_digest, "fingerprint": self.run.fingerprint, "step": self.step["id"]}
        audit.append(self.work.store, event, {**facts, **data}, self.now)

    def intend(self, action: Action, target: str, **more: Any) -> None:
        """Write down what is about to be done: the audit log first, then the journal."""
        reach(f"{self.step['id']}: before intent")
        self.audited("intent", {"action": action.id, "target": target})
        reach(f"{self.step['id']}: audited")
        self.write("intent", {"action": action.id, "target": target, **more})
        reach(f"{self.step['id']}: after intent")

    def settle(self, data: Mapping[str, Any]) -> None:
        """Write down what came of it: the audit log, then the journal, and with that the matter is settled."""
        reach(f"{self.step['id']}: before outcome")
        self.audited("outcome", {name: data[name] for name in ("result", "target", "already", "version") if name in data})
        self.write("outcome", data)
        reach(f"{self.step['id']}: after outcome")

    def allow(self) -> None:
        """Called by egress right before each changing call. Raises Parked when it may not go out now."""
        store, now, provider = self.work.store, self.now, self.provider.id
        if stop := switches.told(store):
            raise Parked(f"The kill switch is on ({stop}).", safe="nothing was sent", next="revoker start, then revoker resume")
        self.wanted()
        self.bait()
        limits = self.work.settings.limits
        most, total = limits.per_provider_per_hour, limits.per_hour
        if not switches.count_mutation(store, provider, now, limit=most, total=total):
            raise Parked(
                f"{provider} has had {most} changes within the hour, or all providers together {total}.",
                safe="nothing was sent",
                next="revoker resume after a while, or raise [limits]; workers go on by themselves",
            )
        self.audited("call", {"provider": provider})
        self.write("intent", {"call": True})
        reach(f"{self.step['id']}: before call")

    def wanted(self) -> None:
        """Raise Parked when a person cancelled the run meanwhile: whoever cancels lists only calls that were written down before."""
        if run_rows.get_run(self.work.store, self.run.id).state == "cancelled":
            raise Parked("The run was cancelled.", fingerprint=self.run.fingerprint, safe="nothing more was sent")

    def still(self) -> None:
        """Called by egress when the first bytes of a change are about to leave. Raises Parked: then none did."""
        reach(f"{self.step['id']}: before sending")
        self.wanted()
        if self.work.pulse is not None:
            self.work.pulse.check()


def was_called(past: Sequence[JournalRow]) -> bool:
    """True when a change may have reached the provider and its outcome is not known."""
    return any("call" in row.data for row in past)


def planned_bound(turn: Turn) -> Bound:
    """The target as it was planned, to look at it; never to change it."""
    step = turn.step
    return Bound(turn.credential, step["target"], Proof(step["proof"]), step["how"], step["account"], dict(step["extra"]))


def planned_action(turn: Turn) -> Action:
    """The action of the step. Raises NotBound when the provider does not offer it any more."""
    for action in turn.kind.actions:
        if action.id == turn.step["action"] and action.effect.value == turn.step["effect"]:
            return action
    raise NotBound(f"{turn.kind.id} has no action {turn.step['action']} any more.", next="revoker plan, and approve the new one")


async def rebound(turn: Turn, action: Action, reader: Reader) -> Bound | Unbound:
    """Bind again right before a change.

    Raises NotBound when another target than the approved one comes out, or when the credential must not be touched any more.
    Raises Parked when none comes out and an answer stayed away: the same question may have an answer later.
    """
    only = [action.id]
    row = rows_of.select(turn.work.store, Selection(fingerprint=(turn.run.fingerprint,)))[0]
    if action.effect is not Effect.RESTORE:  # giving back what was taken by mistake stays possible
        still_ours(turn, row)
    accepted, where = row.live_at is not None, turn.provider.id
    settings = turn.work.settings
    leaked = await asyncio.to_thread(responder.leaked, turn.work.store, settings, turn.provider)
    listening = Listening(reader)
    asking = listening.as_reader()
    found: Bindings = await bind_all(
        turn.kind, turn.credential, asking, settings, provider=where, accepted=accepted, only=only, leaked=leaked
    )
    found = await with_remembered(found, turn.work.store, row, kind=turn.kind, cred=turn.credential, reader=asking)
    target = found[action.id]
    if isinstance(target, Unbound) and listening.unanswered:
        raise listening.parked(f"{action.id} could not be bound again", turn.run.fingerprint)
    if isinstance(target, Bound) and not same_target(turn.step, target):
        raise NotBound(
            f"{action.id} would hit another target now than the approved one.",
            fingerprint=turn.run.fingerprint,
            safe="nothing was sent",
            next="revoker plan, and approve the new one",
        )
    return target


def still_ours(turn: Turn, row: CredentialRow) -> None:
    """Raise NotBound, before anybody is asked, for what became a canary, somebody else's or an accepted one since the approval."""
    settings, why = turn.work.settings, ""
    if gate.is_own_canary(turn.credential, settings) and "canary" not in turn.entry:  # an override that was approved stands in it
        why = "is on the list of canaries now"
    elif gate.is_foreign(turn.provider.id, row.identity, settings):
        why = "belongs to an account that is not among yours"
    elif row.status in (Status.ACCEPTED, Status.SKIPPED):
        why = f"is {row.status.value} now"
    if why:
        raise NotBound(
            f"The credential {why}.",
            fingerprint=turn.run.fingerprint,
            safe="nothing was sent",
            next=f"revoker cancel {turn.run.id}",
        )


def outlives(turn: Turn, action: Action) -> timedelta | None:
    """How long at the most sessions outlive the old credential, once this action took it away; None when none do."""
    if action.effect is not Effect.REVOKE and not action.replaces:
        return None
    return max((rest.lasts for rest in turn.kind.residual if rest.lasts is not None), default=None)


def with_pool(work: Work, do: Callable[[Pool], Awaitable[T]]) -> T:
    """Run one async piece of work with a small egress pool of its own."""

    async def main() -> T:
        from revoker.egress.http import open_pool

        async with open_pool(work.settings, clock=work.clock, concurrency=4) as pool:
            return await do(pool)

    return asyncio.run(main())
