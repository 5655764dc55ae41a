"""`vault find` by reading: every secret of a scope, every version, each leaf compared by HMAC.

It goes through the paths in order and notes what it found after each group, so that it can be stopped and go on with `after`.
Nothing that is read stays anywhere: a value is hashed, compared and dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from revoker.egress.vault_kv import Kv
from revoker.egress.vault_reads import Unread, VaultReads
from revoker.locate.needles import Match, Needles
from revoker.store import homes
from revoker.store.database import Store
from revoker.store.homes import Home

GROUP = 64  # paths that are read together, and noted together


@dataclass(frozen=True, slots=True)
class Scope:
    """What is searched: a mount, and what is below one folder of it (`` for all)."""

    kv: Kv
    folder: str = ""

    @property
    def shown(self) -> str:
        """The scope as people write it."""
        return f"{self.kv.mount}/{self.folder}".strip("/")


@dataclass(frozen=True, slots=True)
class Options:
    """How a search goes. `after` is the last path that an earlier one finished; `most` paths at the most (0: all)."""

    newest: bool = False
    after: str = ""
    most: int = 0
    estimate: bool = False


@dataclass
class Search:
    """What came of it, and what it cost. `unread` are paths or folders that we may not or could not read."""

    homes: list[Home] = field(default_factory=list)
    paths: int = 0
    reads: int = 0
    deleted: int = 0  # versions that are deleted, not destroyed: nobody can read what they hold
    unread: list[str] = field(default_factory=list)
    last: str = ""
    stopped: bool = False  # at `most`
    by: dict[str, str] = field(default_factory=dict)  # scope -> scan, list


@dataclass
class Work:
    """One search that is going on. `known` are the paths that an earlier one noted."""

    reads: VaultReads
    store: Store
    needles: Needles
    options: Options
    found: Search
    known: set[str] = field(default_factory=set)


Progress = Callable[[Search, int], None]


async def search(
    reads: VaultReads, store: Store, needles: Needles, scopes: Sequence[Scope], options: Options, found: Search, told: Progress
) -> None:
    """Search all scopes; `found` grows while it goes on, so that an interrupted search still tells what it saw."""
    work = Work(reads, store, needles, options, found)
    work.known = {home.path for some in homes.homes_of(store, needles.fingerprints).values() for home in some}
    for scope in sorted(scopes, key=lambda one: one.shown):
        group: list[str] = []
        async for path in _paths(reads, scope, options.after, found):
            group.append(path)
            if options.most and found.paths + len(group) >= options.most:
                found.stopped = True
                break
            if len(group) == GROUP:
                await _group(work, scope.kv, group)
                told(found, reads.requests)
                group = []
        await _group(work, scope.kv, group)
        told(found, reads.requests)
        if found.stopped:
            return


async def _paths(reads: VaultReads, scope: Scope, after: str, found: Search) -> AsyncIterator[str]:
    """The secrets of a scope in order, from the first one after `after`."""
    whole = await reads.tree(scope.kv, scope.folder)
    found.by[scope.shown] = "scan" if whole is not None else "list"
    if whole is not None:
        for path in whole:
            if f"{scope.kv.mount}/{path}" > after:
                yield path
        return
    async for path in _walk(reads, scope.kv, scope.folder, after, found):
        yield path


async def _walk(reads: VaultReads, kv: Kv, folder: str, after: str, found: Search) -> AsyncIterator[str]:
    """Folder by folder, without a deep stack: a folder's own folders are put in its place."""
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        if at and not at.endswith("/"):
            if f"{kv.mount}/{at}" > after:
                yield at
            continue
        whole = f"{kv.mount}/{at}"
        if whole < after and not after.startswith(whole):
            continue
        names = await reads.names(kv, at)
        if names is None:
            found.unread.append(whole)
            continue
        waiting += [at + name for name in reversed(names)]


async def _group(work: Work, kv: Kv, group: Sequence[str]) -> None:
    """Read some paths at once, and note what they hold."""
    found = work.found
    if group and not work.options.estimate:
        held = await asyncio.gather(*(_look(work, kv, path) for path in group))
        for path, here in zip(group, held, strict=True):
            await asyncio.to_thread(_note, work, home_path(kv, path), here)
    found.paths += len(group)
    found.last = f"{kv.mount}/{group[-1]}" if group else found.last


def _note(work: Work, path: str, held: list[Home] | None) -> None:
    """Keep what a path holds, and take off the list what it does not hold any more."""
    if held is None:
        work.found.unread.append(path)
        return
    if path in work.known and not work.options.newest:
        gone = set(work.needles.fingerprints) - {home.fingerprint for home in held}
        homes.forget(work.store, path, gone)
    if held:
        homes.record(work.store, path, held)
        work.found.homes += held


def home_path(kv: Kv, path: str) -> str:
    """A path as requests carry it: with its mount, and what is no plain character encoded."""
    return quote(f"{kv.mount}/{path}", safe="/")


async def _look(work: Work, kv: Kv, path: str) -> list[Home] | None:
    """The homes at one path, over its versions; None when it could not be read."""
    try:
        if kv.version == 1 or work.options.newest:
            return await _newest(work, kv, path)
        return await _all(work, kv, path)
    except Unread:
        return None


async def _newest(work: Work, kv: Kv, path: str) -> list[Home]:
    secret = await work.reads.read(kv, path)
    work.found.reads += 1
    if secret is None:
        return []
    seen = [(secret.version, match) for match in work.needles.matches(secret.tree)]
    return _homes(work.reads, kv, path, seen, secret.version)


async def _all(work: Work, kv: Kv, path: str) -> list[Home]:
    facts = await work.reads.versions(kv, path) or {}
    newest, seen = int(facts.get("current_version") or 0), list[tuple[int, Match]]()
    for number, version in sorted((facts.get("versions") or {}).items(), key=lambda item: int(item[0])):
        if version.get("destroyed"):
            continue
        secret = await work.reads.read(kv, path, int(number))
        work.found.reads += 1
        if secret is None:
            work.found.deleted += 1
            continue
        seen += [(int(number), match) for match in work.needles.matches(secret.tree)]
    return _homes(work.reads, kv, path, seen, newest)


def _homes(reads: VaultReads, kv: Kv, path: str, seen: Sequence[tuple[int, Match]], newest: int) -> list[Home]:
    """One home for each field, with the versions that hold the value there."""
    by_field: dict[tuple[str, str, str], list[int]] = {}
    for version, match in seen:
        by_field.setdefault((match.needle.fingerprint, match.field, match.needle.part), []).append(version)
    return [
        Home(fp, home_path(kv, path), name, part, kv.version, tuple(versions), newest in versions, "scan", reads.now)
        for (fp, name, part), versions in by_field.items()
    ]
