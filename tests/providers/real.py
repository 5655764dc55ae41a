"""Checks, bindings and changes through the real egress, against servers of this machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

from revoker.config import NetworkSettings, OwnershipSettings, Settings
from revoker.egress.http import open_pool, writer
from revoker.model import Bound, Credential, Issued, Receipt, Unbound, Verdict
from revoker.sdk import Action, Sibling
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import run


def clock() -> datetime:
    return datetime.now(UTC)


def settings(provider: str, endpoint: str | None, authority: dict[str, str], *hosts: str) -> Settings:
    """A configuration for one provider on this machine."""
    return Settings(
        network=NetworkSettings(allow=(ip_network("127.0.0.1/32"),)),
        endpoints={provider: endpoint} if endpoint else {},
        authority={provider: authority} if authority else {},
        ownership=OwnershipSettings(hosts=hosts),
    )


def without_authority(known: Settings) -> Settings:
    return replace(known, authority={})


def action_of(kind: str, id: str) -> Action:
    return next(action for action in OWNERS[kind][1].actions if action.id == id)


def verify(known: Settings, cred: Credential) -> Verdict:
    """One check."""
    provider, kind = OWNERS[cred.kind]

    async def work() -> Verdict:
        async with open_pool(known, clock=clock) as pool:
            return await kind.verify(cred, pool.reader(provider, credential=cred))

    return run(work())


def bind(known: Settings, cred: Credential, action: str) -> Bound | Unbound:
    """Look for an action's target."""
    provider, _ = OWNERS[cred.kind]

    async def work() -> Bound | Unbound:
        async with open_pool(known, clock=clock) as pool:
            return await action_of(cred.kind, action).bind(cred, pool.reader(provider, credential=cred))

    return run(work())


def bound(known: Settings, cred: Credential, action: str) -> Bound:
    """An action's target, which must be there."""
    found = bind(known, cred, action)
    assert isinstance(found, Bound), found
    return found


def change(known: Settings, to: Bound, action: str, chosen: Issued | None = None) -> Receipt:
    """One change of a bound target."""
    provider, _ = OWNERS[to.credential.kind]

    async def work() -> Receipt:
        async with open_pool(known, clock=clock) as pool:
            api = writer(pool, provider, to, mark="revoker-run-1", chosen=chosen, allow=lambda: None)
            return await action_of(to.credential.kind, action).run(to, api)

    return run(work())


def observe(known: Settings, to: Bound, action: str) -> bool | None:
    """Whether a change is in effect."""
    provider, _ = OWNERS[to.credential.kind]
    look = action_of(to.credential.kind, action).observe
    assert look is not None

    async def work() -> bool | None:
        async with open_pool(known, clock=clock) as pool:
            return await look(to, pool.reader(provider, credential=to.credential))

    return run(work())


def siblings(known: Settings, to: Bound, action: str) -> list[Sibling]:
    """All credentials that stand where an action makes one."""
    provider, _ = OWNERS[to.credential.kind]
    look = action_of(to.credential.kind, action).siblings
    assert look is not None

    async def work() -> list[Sibling]:
        async with open_pool(known, clock=clock) as pool:
            return list(await look(to, pool.reader(provider, credential=to.credential)) or ())

    return run(work())


def rights(known: Settings, provider_id: str) -> dict[str, bool | None]:
    """What a provider's look at the authority says."""
    provider = next(one for one, _ in OWNERS.values() if one.id == provider_id)
    check = provider.check_authority
    assert check is not None

    async def work() -> dict[str, bool | None]:
        async with open_pool(known, clock=clock) as pool:
            return dict(await check(pool.reader(provider)))

    return run(work())
