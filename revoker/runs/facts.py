"""What is known of one credential when its playbook is chosen: ownership, use, destination, targets that bind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from revoker import gate
from revoker.config import DestinationSettings, Settings
from revoker.errors import RevokerError
from revoker.model import NOTHING, Bound, Credential, Effect, Proof, Unbound
from revoker.runs.placing import Placement
from revoker.sdk import unproven_pair
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action, Binder, Kind, Provider

if TYPE_CHECKING:
    from revoker.store.credentials import CredentialRow

Bindings = Mapping[str, Bound | Unbound]
ReaderFor = Callable[[Provider, Credential], Reader]
LATELY = timedelta(days=30)
NO_PLACE = Placement()


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """All that a choice rests on. `bindings` is by action id."""

    row: CredentialRow
    provider: Provider
    kind: Kind
    credential: Credential | None = None
    owned: bool = True
    used: bool = True
    placed: Placement = NO_PLACE
    bindings: Mapping[str, Bound | Unbound] = field(default_factory=lambda: NOTHING)

    @property
    def destination(self) -> DestinationSettings | None:
        """The place in Vault for a new one."""
        return self.placed.place

    def bound_action(self, effect: Effect, named: str | None = None) -> tuple[Action, Bound] | None:
        """The first action of an effect whose target is bound; one that takes more than the credential only by its name."""
        for action in self.kind.actions:
            target = self.bindings.get(action.id)
            if action.effect is effect and _meant(action, named) and isinstance(target, Bound):
                return action, target
        return None

    def why_unbound(self, effect: Effect, named: str | None = None) -> str:
        """Why no action of an effect can act, for the plan."""
        for action in self.kind.actions:
            target = self.bindings.get(action.id)
            if action.effect is effect and _meant(action, named) and isinstance(target, Unbound):
                return f"{action.id}: {target.reason}" + (f" ({target.detail})" if target.detail else "")
        return f"{self.kind.id} has no {effect} action"


def _meant(action: Action, named: str | None) -> bool:
    return action.id == named or (named is None and not action.wide)


def used_lately(row: CredentialRow, now: datetime) -> bool:
    """False only when the provider said when it was last used and that is long ago: unknown use counts as use."""
    last = row.identity.last_used_at if row.identity else None
    return last is None or now - last < LATELY


async def bind_all(
    kind: Kind,
    cred: Credential,
    reader: Reader,
    settings: Settings,
    *,
    provider: str,
    accepted: bool,
    only: Iterable[str] = (),
    leaked: Mapping[str, str] = NOTHING,
) -> dict[str, Bound | Unbound]:
    """Bind the target of each action of a kind; a binder that several actions share is asked once.

    `accepted` says that the provider once called this very credential live; `leaked` which authorities leaked themselves.
    """
    wanted = set(only)
    asked: dict[Binder, Bound | Unbound] = {}
    found: dict[str, Bound | Unbound] = {}
    for action in kind.actions:
        if wanted and action.id not in wanted:
            continue
        why_not = _not_offered(action, reader, settings, leaked)
        if why_not is None and action.bind not in asked:
            target = _one_pair(await _bind(action, cred, reader), kind, cred, accepted=accepted)
            asked[action.bind] = _ours(target, provider, settings)
        found[action.id] = why_not or asked[action.bind]
    return found


def _not_offered(action: Action, reader: Reader, settings: Settings, leaked: Mapping[str, str]) -> Unbound | None:
    if action.experimental and not settings.limits.experimental:
        return Unbound("experimental", "it rests on a claim that we could not confirm; [limits] experimental allows it")
    if action.replaces and action.choose is None:
        return Unbound("replaces", "the provider would make the new value and end the old one in the same moment")
    if action.by == "authority" and action.authority and reader.authority(action.authority) is None:
        return Unbound("no_authority", f"configure `{action.authority}` for this provider")
    if action.by == "authority" and leaked:
        name, mark = min(leaked.items())
        return Unbound(
            "authority_leaked", f"`{name}` of this provider is itself a leaked credential ({mark}); configure another identity"
        )
    return None


async def _bind(action: Action, cred: Credential, reader: Reader) -> Bound | Unbound:
    try:
        return await action.bind(cred, reader)
    except RevokerError as error:
        return Unbound("refused", error.message)


def _one_pair(target: Bound | Unbound, kind: Kind, cred: Credential, *, accepted: bool) -> Bound | Unbound:
    """An id that only stood beside the secret is the target when a check that uses both was accepted: else it may be anybody's."""
    if not isinstance(target, Bound) or target.proof is not Proof.EMBEDDED or (kind.proves_pair and accepted):
        return target
    beside = target.target in cred.parts.values() and target.target not in cred.secret.reveal()
    return unproven_pair(target.target) if beside else target


def _ours(target: Bound | Unbound, provider_id: str, settings: Settings) -> Bound | Unbound:
    """The authority acts only in accounts that the operator declares as its own, where any are declared."""
    owned = gate.owned_accounts(provider_id, settings)
    if isinstance(target, Bound) and owned and target.account is not None and target.account not in owned:
        return Unbound("foreign_account", f"the target is in {target.account}, which is not declared as ours")
    return target
