"""What we suspended ourselves, and whether it still is: by the provider's own record, not by the credential's answers.

A suspension of some kinds leaves the credential an answer that only a known one gets (Google: this address may not use it). The
answer alone shows nothing: the restriction may be somebody else's, or ours that somebody loosened. The record shows it, read with
the operator's authority alone. What it does not show, and what cannot be read, is no suspension: a live answer stays an alarm,
for a needless one ends with the next look that the record answers, and a missed one does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from revoker import catalog, responder
from revoker.config import Settings
from revoker.errors import RevokerError
from revoker.lifecycle import is_held
from revoker.log import get_logger
from revoker.model import SUSPENDED_BY_US, Bound, Credential, Effect, Proof, Validity, Verdict
from revoker.owned import AsAuthority
from revoker.sdk import Action, Kind
from revoker.store import plans
from revoker.store import runs as run_rows

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.store.credentials import CredentialRow
    from revoker.store.database import Store

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Suspension:
    """One suspension that the provider acknowledged."""

    run_id: str
    action: Action
    target: Bound


async def by_record(
    store: Store, settings: Settings, pool: Pool, row: CredentialRow, *, kind: Kind, cred: Credential, verdict: Verdict
) -> Verdict:
    """The verdict; or, of a live answer that our suspension leaves, `suspended_by_us` where the record shows that it is in effect.

    Never raises: what cannot be looked up shows nothing.
    """
    leaves = {reason for action in kind.actions for reason in action.leaves}
    if verdict.validity is not Validity.LIVE or verdict.reason not in leaves or not is_held(row.status, row.contained_at):
        return verdict
    try:
        last = next(suspensions(store, row.fingerprint, kind, cred), None)
        if last is not None and verdict.reason in last.action.leaves and _may_look(store, settings, kind, last.action):
            # A memory of its own: the record is read anew each time, since an answer from before shows nothing.
            api = AsAuthority(pool.reader(catalog.provider_of(kind.id)), cred, {})
            return replace(verdict, reason=SUSPENDED_BY_US) if await _is_in_effect(last, api) else verdict
    except RevokerError as error:
        log.warning("suspension_not_seen", fingerprint=cred.fingerprint, kind=kind.id, error=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - a provider file's bug must not end the sweep of all others
        log.error("suspension_check_crashed", fingerprint=cred.fingerprint, kind=kind.id, error=type(error).__name__)  # noqa: TRY400
    return verdict


def _may_look(store: Store, settings: Settings, kind: Kind, action: Action) -> bool:
    """False without an authority, and for one that leaked itself: whoever holds it could have written the record."""
    provider = catalog.provider_of(kind.id)
    named = action.authority in settings.authority.get(provider.id, {})
    return named and not responder.leaked(store, settings, provider)


async def _is_in_effect(last: Suspension, api: AsAuthority) -> bool:
    """True only when the record says so; an observer that cannot tell says nothing."""
    return last.action.observe is not None and await last.action.observe(last.target, api.as_reader()) is True


def suspensions(store: Store, fingerprint: str, kind: Kind, cred: Credential) -> Iterator[Suspension]:
    """What approved runs suspended, as it was planned, to look at it; the newest first."""
    offered = {action.id: action for action in kind.actions if action.effect is Effect.SUSPEND}
    for run in reversed(run_rows.list_runs(store, fingerprint=[fingerprint])):
        document = plans.load_plan(store, run.plan_digest).document
        steps: list[Mapping[str, Any]] = next(
            (e["steps"] for e in document["credentials"] if e["fingerprint"] == fingerprint), []
        )
        done = {row.step for row in run_rows.journal(store, run.id) if _acknowledged(row)}
        for step in (step for step in reversed(steps) if step["id"] in done):
            if step["action"] not in offered:
                return  # what is not offered any more cannot be looked at, and an older one is not what stands now
            target = Bound(cred, step["target"], Proof(step["proof"]), step["how"], step["account"], dict(step["extra"]))
            yield Suspension(run.id, offered[step["action"]], target)


def _acknowledged(row: run_rows.JournalRow) -> bool:
    said = (row.phase, row.data.get("result"), row.data.get("effect"))
    return said == ("outcome", "done", Effect.SUSPEND.value)
