"""What `revoker vault find` does and says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker.cli import output
from revoker.cli.session import Session, now
from revoker.errors import ExitCode, RevokerError, UsageError

if TYPE_CHECKING:
    from revoker.egress.vault import Vault
    from revoker.locate.audit_log import Access, AuditSearch
    from revoker.locate.needles import Needles
    from revoker.locate.walk import Progress, Scope, Search
    from revoker.model import Credential
    from revoker.store.credentials import Selection
    from revoker.store.homes import Home

SHORT = 12  # characters of a fingerprint in a table
MOST_UNREAD = 20  # paths that are named


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options of a search through Vault."""

    mounts: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    newest: bool = False
    estimate: bool = False
    after: str = ""
    limit: int = 0


def by_reading(session: Session, selection: Selection, chosen: Chosen, *, as_json: bool) -> ExitCode:
    """Search by reading every secret of the scope."""
    from revoker.locate.needles import Needles
    from revoker.locate.walk import Search

    needles, found, cost, began = Needles(_wanted(session, selection)), Search(), [0], time.monotonic()
    try:
        with output.progress("Reading Vault") as bar:

            def told(state: Search, requests: int) -> None:
                cost[0] = requests
                if bar is not None:
                    bar(state.paths, 0)

            _search(session, needles, chosen, found, told)
    except (RevokerError, KeyboardInterrupt):
        if found.last:
            output.tell(f"{found.paths} secrets were searched; what was found is kept. Go on with: --after '{found.last}'")
        raise
    nothing = not (found.paths or chosen.after)  # an empty search finds nothing: that is no good news
    whole = not (found.unread or found.deleted or found.stopped or nothing)
    spent = {"paths": found.paths, "reads": found.reads, "requests": cost[0], "seconds": round(time.monotonic() - began, 1)}
    if as_json:
        output.document(
            _document(needles.fingerprints, found.homes, (), {**spent, "lines": 0})
            | {"scopes": [{"scope": name, "by": by} for name, by in found.by.items()], "unread": found.unread}
            | {"deleted": found.deleted, "complete": whole, "after": found.last if found.stopped else None}
        )
    else:
        if nothing:
            output.line("No secret stands there, or our token may see none: nothing was searched.")
        else:
            _tell(found.homes, ())
        _tell_cost(found, spent, chosen)
    return ExitCode.DONE if whole or chosen.estimate else ExitCode.UNKNOWN


def _search(session: Session, needles: Needles, chosen: Chosen, found: Search, told: Progress) -> None:
    from revoker import audit
    from revoker.egress.vault_reads import finder, open_reads
    from revoker.locate.walk import Options, search

    vault, server = finder(session.settings)
    scopes = _scopes(session, vault, chosen)
    data = {"scopes": [one.shown for one in scopes], "credentials": len(needles.fingerprints)}
    audit.append(session.store, "vault_find", data, now())
    wanted = Options(chosen.newest, chosen.after, chosen.limit, chosen.estimate)

    async def read() -> None:
        async with open_reads(session.settings, vault, server, now) as reads:
            await search(reads, session.store, needles, scopes, wanted, found, told)

    asyncio.run(read())


def _scopes(session: Session, vault: Vault, chosen: Chosen) -> list[Scope]:
    """The parts of Vault to search: --under, else --mount, else the mounts of [vault]. The server tells each one's KV version."""
    from revoker.egress import vault_policy
    from revoker.locate.walk import Scope

    mounts = chosen.mounts or () if chosen.under else chosen.mounts or [kv.mount for kv in vault_policy.mounts(session.settings)]
    found = [Scope(vault.kv(name.strip("/") + "/any")) for name in mounts]
    for path in chosen.under:
        kv = vault.kv(path)
        rest = path.strip("/").removeprefix(kv.mount).strip("/")
        found.append(Scope(kv, f"{rest}/" if rest else ""))
    return list(dict.fromkeys(found))


def by_audit_log(session: Session, selection: Selection, file: Path, device: str, *, as_json: bool) -> ExitCode:
    """Search an audit log for what its device wrote of the leaked values."""
    from revoker.egress.vault import open_vault
    from revoker.egress.vault_reads import as_finder
    from revoker.locate import audit_log
    from revoker.model import Secret

    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    credentials, began = _wanted(session, selection), time.monotonic()
    vault = open_vault(as_finder(session.settings))
    wanted = audit_log.hashes(vault, device, credentials)
    own = audit_log.hash_of(vault, device, Secret(vault.lookup_self().accessor))
    with output.progress("Reading the audit log") as bar:
        found = audit_log.search(file, wanted, vault.kv, now(), own=own, told=bar)
    _keep(session, found.homes.values())
    spent: dict[str, float] = {"paths": 0, "reads": 0, "requests": len(wanted) + 1, "lines": found.lines}
    spent["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        output.document(
            _document([cred.fingerprint for cred in credentials], found.homes.values(), found.accesses, spent)
            | {"scopes": [{"scope": str(file), "by": "audit"}], "unread": [], "deleted": 0}
            | {"complete": not found.unreadable, "after": None}
        )
    else:
        _tell(list(found.homes.values()), found.accesses)
        _tell_log(found, spent)
    return ExitCode.UNKNOWN if found.unreadable else ExitCode.DONE


def _keep(session: Session, found: Iterable[Home]) -> None:
    """Keep what a log told of a path, unless it was read itself: a scan knows more."""
    from revoker.store import homes

    by_path: dict[str, list[Home]] = {}
    for home in found:
        by_path.setdefault(home.path, []).append(home)
    for path, some in by_path.items():
        known = homes.homes_of(session.store, {home.fingerprint for home in some})
        scanned = {one.fingerprint for held in known.values() for one in held if one.path == path and one.how == "scan"}
        homes.record(session.store, path, [home for home in some if home.fingerprint not in scanned])


def _wanted(session: Session, selection: Selection) -> list[Credential]:
    """The chosen credentials that have a value. Raises UsageError when there is none."""
    from revoker.store import credentials

    rows = credentials.select(session.store, selection)
    found = list(credentials.unseal_many(session.store, [row.fingerprint for row in rows]))
    if not found:
        raise UsageError("No credential with a value was chosen.", next="revoker status lists them")
    return found


def _document(
    fingerprints: Sequence[str], found: Iterable[Home], accesses: Iterable[Access], cost: Mapping[str, Any]
) -> dict[str, Any]:
    from revoker.report import json_document

    return {
        "schema": json_document.schema("vault-find"),
        "credentials": len(fingerprints),
        "homes": [json_document.home(one) for one in found],
        "accesses": [asdict(one) for one in accesses],
        "cost": dict(cost),
    }


def _tell(found: Sequence[Home], accesses: Sequence[Access]) -> None:
    from revoker.report.story import home
    from revoker.report.terminal import Table

    if not found and not accesses:
        output.line("None of the leaked values was found.")
    if found:
        rows = [(one.fingerprint[:SHORT], one.path, one.field, one.part, home(one.versions, newest=one.newest)) for one in found]
        output.table(Table(("credential", "path", "field", "part", "where"), rows, fold=("path",)))
    if accesses:
        lines = [
            (
                one.at,
                one.fingerprint[:SHORT],
                one.path,
                one.operation,
                one.remote,
                one.display_name,
                one.accessor[-12:],
                "us" if one.ours else "",
            )
            for one in accesses
        ]
        names = ("time", "credential", "path", "what", "from", "name", "accessor", "")
        output.table(Table(names, lines, fold=("path", "name")))


def _tell_cost(found: Search, spent: Mapping[str, Any], chosen: Chosen) -> None:
    how = ", ".join(f"{name} by {by}" for name, by in found.by.items())
    if chosen.estimate:
        rate = "one request" if chosen.newest else "two requests, and one for each older version"
        output.line(f"{spent['paths']} secrets ({how}); each costs {rate}. {spent['requests']} requests were made to list them.")
    else:
        output.line(
            f"{spent['paths']} secrets, {spent['reads']} reads, {spent['requests']} requests, {spent['seconds']} s ({how})."
        )
    for path in found.unread[:MOST_UNREAD]:
        output.line(f"  not read: {path}")
    if len(found.unread) > MOST_UNREAD:
        output.line(f"  and {len(found.unread) - MOST_UNREAD} more")
    if found.deleted:
        output.line(f"  {found.deleted} versions are deleted, not destroyed: an undelete would bring back what they hold")
    if found.stopped:
        output.line(f"  stopped at --limit; go on with --after '{found.last}'")


def _tell_log(found: AuditSearch, spent: Mapping[str, Any]) -> None:
    output.line(
        f"{found.lines} lines, {spent['requests']} requests, {spent['seconds']} s; {len(found.accesses)} lines hold a leaked value."
    )
    if found.unreadable:
        output.line(f"  {found.unreadable} lines could not be read")
