"""The checks of `revoker doctor`. Each one reads; none changes anything anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from revoker.cli.session import Session, now
from revoker.cli.vault_checks import Check, vault_checks
from revoker.errors import RevokerError

if TYPE_CHECKING:
    from revoker.config import Settings
    from revoker.sdk import Provider


def all_checks(session: Session, *, offline: bool) -> list[Check]:
    """Every check in order; one that fails does not hide the next ones."""
    found = [*_guarded("configuration", lambda: _configuration(session))]
    if found[-1].ok is False:
        return found
    settings = session.settings
    found += _guarded("store", lambda: _store(session))
    found += _guarded("approvers", lambda: _approvers(settings))
    found += _guarded("ownership", lambda: _ownership(settings))
    found += _guarded("playbooks", lambda: _playbooks(settings))
    if offline:
        return found
    if settings.vault is not None:
        found += _guarded("vault", lambda: vault_checks(settings, _found_places(session)))
    for provider in _with_authority(settings):
        found += _guarded(f"authority {provider.id}", lambda provider=provider: _authority(settings, provider))  # type: ignore[misc]
    return found


def hosts(session: Session) -> list[str]:
    """What a firewall must open for this configuration."""
    from revoker.egress.hosts import hosts

    return [one.shown for one in hosts(session.settings)]


def _guarded(name: str, check: Callable[[], Iterator[Check]]) -> list[Check]:
    """The answers of a check, or its error as an answer."""
    found: list[Check] = []
    try:
        found.extend(check())
    except RevokerError as error:
        found.append(Check(name, False, error.message, error.next))
    return found


def _configuration(session: Session) -> Iterator[Check]:
    path = session.settings.path
    yield Check("configuration", True, str(path) if path else "no file: the defaults", "" if path else "revoker init writes one")


def _found_places(session: Session) -> list[str]:
    """Where leaked values stand in Vault, as `vault find` saw it; none while the store cannot be read, which has its own line."""
    from revoker.store import homes

    try:
        return homes.paths(session.store)
    except RevokerError:
        return []


def _store(session: Session) -> Iterator[Check]:
    from revoker import anchoring
    from revoker.store import orphans, switches
    from revoker.store.sealing import key_versions

    store = session.store
    yield Check("store", True, f"{store.engine.dialect.name}, the key fits")
    old = sum(count for version, count in key_versions(store).items() if version != store.keys.seal.current)
    under = f"version {store.keys.seal.current}; {old} values under an older one"
    yield Check("sealing key", not old, under, "revoker key rotate" if old else "")
    log = anchoring.check(store, session.settings)
    yield Check(
        "audit log",
        log.ok,
        f"{log.count} records" if log.ok else "; ".join(log.problems),
        "" if log.ok else "revoker audit verify",
    )
    stop = switches.told(store)
    yield Check("kill switch", not stop, f"on {stop}: nothing may change" if stop else "off", "revoker start" if stop else "")
    left = orphans.list_orphans(store)
    yield Check("orphans", not left, f"{len(left)} open", "revoker orphans" if left else "")


def _playbooks(settings: Settings) -> Iterator[Check]:
    from revoker.playbook import load_playbooks

    books = load_playbooks(settings.playbooks).values()
    own = [book.id for book in books if book.file]
    yield Check("playbooks", True, f"{len(books) - len(own)} shipped; yours: {', '.join(own) or 'none'}")


def _approvers(settings: Settings) -> Iterator[Check]:
    wanted = max(settings.approvals.values(), default=0)
    people = len({one.key.split()[1] for one in settings.approvers})
    detail = f"{people} configured, the policy asks for up to {wanted}"
    yield Check("approvers", people >= wanted, detail, "" if people >= wanted else "add [[approver]] entries")


def _ownership(settings: Settings) -> Iterator[Check]:
    own = settings.ownership
    if own.assume:
        yield Check("ownership", None, "assumed for everything: for a lab only", "take `assume` out")
        return
    declared = any((own.aws_accounts, own.github_orgs, own.openai_orgs, own.accounts, own.hosts, own.sources))
    yield Check("ownership", True, "declared" if declared else _undeclared(settings))


def _undeclared(settings: Settings) -> str:
    shows = [one.id for one in _with_authority(settings) if any(kind.owner for kind in one.kinds)]
    if not shows or not settings.ownership.ask_authority:
        return "by attestation at ingest only"
    return f"by attestation at ingest, and by what the authority shows at {', '.join(shows)}"


def _with_authority(settings: Settings) -> list[Provider]:
    from revoker import catalog

    return [one for _, one in sorted(catalog.providers().items()) if one.id in settings.authority]


NEXT = {
    True: "",
    False: "grant it, or what needs it becomes a step by hand",
    None: "the provider gave no answer that tells; revoker doctor asks again",
}


def _authority(settings: Settings, provider: Provider) -> Iterator[Check]:
    if provider.check_authority is None:
        yield Check(f"authority {provider.id}", None, "this provider offers no way to look up rights")
        return
    for right, held in asyncio.run(_rights(settings, provider)).items():
        yield Check(f"authority {provider.id}", held, right, NEXT[held])


async def _rights(settings: Settings, provider: Provider) -> dict[str, bool | None]:
    from revoker.egress.http import open_pool

    async with open_pool(settings, clock=now, concurrency=1) as pool:
        ask = provider.check_authority
        return dict(await ask(pool.reader(provider))) if ask else {}
