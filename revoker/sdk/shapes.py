"""The shapes of a provider: what a file in providers/ declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from revoker.model import NOTHING, Bound, Credential, Effect, Issued, Owned, Receipt, Secret, Unbound, Verdict
from revoker.sdk.asking import Reader, Writer
from revoker.sdk.reads import Read

Verifier = Callable[[Credential, Reader], Awaitable[Verdict]]
Binder = Callable[[Credential, Reader], Awaitable["Bound | Unbound"]]
Mutation = Callable[[Bound, Writer], Awaitable[Receipt]]
Observer = Callable[[Bound, Reader], Awaitable["bool | None"]]
OfflineCheck = Callable[[Credential, datetime], "Verdict | None"]
OwnerLook = Callable[[Credential, Reader], Awaitable["Owned | None"]]
LastUsed = Callable[[Bound, Reader], Awaitable["datetime | None"]]
Lister = Callable[[Bound, Reader], Awaitable["Sequence[Sibling] | None"]]


@dataclass(frozen=True, slots=True)
class Sibling:
    """One credential that stands where an `issue` makes a new one. Holds ids only."""

    target: str
    name: str = ""  # its name, label or description at the provider: where Writer.mark may stand
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One change that a provider offers for a kind."""

    id: str
    effect: Effect
    run: Mutation
    bind: Binder
    needs: str  # the least right, in the provider's words
    docs: str
    by: str = "authority"  # whose credential acts: "self" (the leaked one) or "authority"
    authority: str = ""  # the name in [authority.<provider>] that must be there; "" when by is self
    undo: str | None = None  # the id of the action that takes it back
    replaces: bool = False  # an issue that kills the old value at once (a password change)
    choose: Callable[[Bound], Issued] | None = None  # we choose the new value; it is stored before the call
    observe: Observer | None = None  # True: the change is in effect; False: it is not; None: cannot tell
    experimental: bool = False  # an unconfirmed claim; off unless the operator allows it
    confirm: str = ""  # experimental: one line on how to confirm it, with a credential of one's own
    wide: str = ""  # what else it takes: only a playbook that names it uses it, and it needs the approvals of `delete`
    siblings: Lister | None = None  # issue: all that stand there now, so that a lost new one is found; None: cannot tell
    leaves: tuple[
        str, ...
    ] = ()  # suspend: reasons of live answers that a suspended one still gets; `observe` tells it from a free one


@dataclass(frozen=True, slots=True)
class Propagation:
    """How long a killed credential may still be accepted, and how many refusals prove its death."""

    window: timedelta
    refusals: int = 2
    source: str = "not documented; our margin"


@dataclass(frozen=True, slots=True)
class Residual:
    """What outlives the credential, and for how long at the most."""

    what: str
    lasts: timedelta | None  # None: until it is ended by hand
    ended_by: str = ""  # the action id or the manual step that ends it


@dataclass(frozen=True, slots=True)
class Manual:
    """What a person does where no API can, and what proves it."""

    url: str
    steps: tuple[str, ...]
    notify: str = ""
    proves: str = "revoker verifies the credential again and sees it refused"


@dataclass(frozen=True, slots=True)
class OwnerCheck:
    """How the operator's own API tells whether a credential is the operator's: with the authority alone, by GET and AWS reads."""

    look: OwnerLook  # None where it shows no such credential; nothing of the secret is sent
    authority: str  # the name in [authority.<provider>] that must be there
    needs: str  # the least right, in the provider's words


@dataclass(frozen=True, slots=True)
class Budget:
    """How fast we may ask a provider, from one process."""

    per_second: float = 20.0
    in_flight: int = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of credential of a provider."""

    id: str
    title: str
    pattern: str  # anchored at both ends by the catalogue; named groups become public parts
    verify: Verifier
    docs: str
    identity: str  # what a live answer tells, or why it tells nothing
    propagation: Propagation
    manual: Manual
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NOTHING)  # scanner -> its rule ids
    needs: tuple[str, ...] = ()  # public parts that must be there (key_id, username, host)
    needs_secret: tuple[str, ...] = ()  # secret parts that must be there (session_token)
    offline: tuple[OfflineCheck, ...] = ()
    actions: tuple[Action, ...] = ()
    residual: tuple[Residual, ...] = ()
    budget: Budget = Budget()
    requests: int = 1  # the most requests one check makes
    check_needs: str = ""  # the authority's right that the check uses; "" where the credential asks for itself alone
    account: Callable[[Credential], str | None] | None = None  # the owning account, read offline
    owner: OwnerCheck | None = None  # how the operator's own API tells whose it is
    proves_pair: bool = False  # the check sends the public parts and the secret together: `live` says that they belong together
    host_from: str | None = None  # the part that names the host, for self-hosted things; must be owned
    also_at: str = ""  # who else issues values of this form: "self-managed GitLab"; a refusal here says nothing of those
    seldom_elsewhere: bool = False  # with also_at: without any sign of another server, a refusal counts
    local_refusals: tuple[
        str, ...
    ] = ()  # reasons of refusals that may be about our address: dead only where it was accepted before
    effects_of_check: str = "logged at the provider like any read"
    irreversible_loss: str = ""  # what a revoke takes with it, for the plan
    derived: Callable[[Secret], Mapping[str, str]] | None = (
        None  # public parts that are worked out from the value, such as a fingerprint
    )
    only_named_places: bool = (
        False  # checked only where the operator says: a refusal there kills nothing that was never accepted there
    )
    last_used: LastUsed | None = None  # when the authority last saw the one with the target's id used, by anybody
    fallback: bool = False  # the shape is sure and many vendors share it: a vendor's own kind wins
    ambiguous: bool = False  # the pattern is weak: only a scanner's label or a variable name may choose it


@dataclass(frozen=True, slots=True)
class Provider:
    """A service that issues credentials; one file in providers/ holds one."""

    id: str
    title: str
    hosts: tuple[str, ...]  # the only hosts that may be dialled, unless the operator's [endpoints] says otherwise
    docs: str
    kinds: tuple[Kind, ...]
    reads: tuple[Read, ...] = ()  # the POSTs that only read, by path and body
    operator_hosts: tuple[str, ...] = ()  # names of servers that only the operator can place, by a table in [endpoints]
    authority: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # name -> what it is, for doctor and docs
    obtain: str = ""  # how a person makes such an authority, at the provider, with no more than the least rights
    check_authority: Callable[[Reader], Awaitable[Mapping[str, bool | None]]] | None = None  # right -> held, read-only
