"""Ready-made parts for finding a target in a provider's list: pages, redacted hints, the authority that may look."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from revoker.errors import ActionFailed
from revoker.model import NOTHING, Bound, Credential, Owned, Secret, Unbound
from revoker.sdk.asking import Auth, Reader, Reply
from revoker.sdk.ready import bearer
from revoker.sdk.shapes import Binder, Lister, Observer, OwnerLook

MOST_PAGES = 200  # a list longer than this is not read to its end, and then nothing is bound
GAP = re.compile(r"\.{2,}|…|\*{2,}")


class ListUnread(Exception):
    """A list could not be read to its end, so that "exactly one" cannot be claimed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("a list could not be read to its end")
        self.reply = reply

    def unbound(self) -> Unbound:
        """Why there is no target, in words for the plan."""
        return Unbound("refused", f"{self.reply.host} did not give the whole list ({self.reply.status or self.reply.trouble})")


async def pages(
    ask: Callable[[str | None], Awaitable[Reply]], rows: str, following: Callable[[Reply], str | None]
) -> AsyncIterator[Any]:
    """All rows of a paged list. `ask` gets the cursor, `rows` is their dotted path, `following` reads the next cursor.

    Raises ListUnread for a page that is not a 200 with a list, and for a list that does not end.
    """
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        reply = await ask(cursor)
        found = reply.pick(rows) if reply.status == 200 and reply.trouble is None else None
        if not isinstance(found, list):
            raise ListUnread(reply)
        for row in found:
            if isinstance(row, Mapping):
                yield row
        before, cursor = cursor, following(reply)
        if cursor is None:
            return
        if cursor == before:
            break
    raise ListUnread(reply)


def hint_fits(hint: object, value: Secret) -> bool:
    """True when a redacted form (`sk-abc...wxyz`) could be this value: its beginning and its end are the same."""
    parts = GAP.split(hint) if isinstance(hint, str) else []
    if len(parts) < 2 or not parts[-1]:
        return False
    raw = value.reveal()
    return len(raw) >= len(parts[0]) + len(parts[-1]) and raw.startswith(parts[0]) and raw.endswith(parts[-1])


def by_hint(cred: Credential, candidates: Iterable[tuple[str, object]]) -> Unbound:
    """What a list of redacted forms proves: never a target, but whom a person should look at.

    `candidates` are (what to show for it, its redacted form). A first and a last few characters are a label, not a proof.
    """
    fitting = [shown for shown, hint in candidates if hint_fits(hint, cred.secret)]
    if not fitting:
        return Unbound("no_match", "no listed key begins and ends like this one")
    if len(fitting) > 1:
        return Unbound("several_matches", "keys that begin and end like this one: " + ", ".join(sorted(fitting)[:20]))
    return Unbound("label_only", f"the only key that begins and ends like this one: {fitting[0]}; a person must confirm it")


def named_by_hint(authority: str, look: Callable[[Reader], Awaitable[Iterable[tuple[str, object]]]]) -> Binder:
    """A binder over a list of redacted forms: it finds whom a person should look at, and binds nothing."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        if api.authority(authority) is None:
            return no_authority(authority)
        try:
            return by_hint(cred, await look(api))
        except ListUnread as unread:
            return unread.unbound()

    return bind


def only_candidate(shown: str) -> Unbound:
    """A list with one entry proves nothing: no page says that it holds every sort of token. A person must confirm it."""
    return Unbound("only_candidate", f"the only one listed: {shown}; a person must confirm it")


def unproven_pair(shown: str) -> Unbound:
    """An id that stood beside the secret may be anybody's where no call uses both: a person must confirm it."""
    return Unbound("pair_not_proven", f"{shown} came beside the secret, and no check uses both; a person must confirm it")


def shown_by(bind: Binder) -> OwnerLook:
    """Ours is what this binder finds: it looks into what the authority alone may see, and needs nothing of the secret there."""

    async def owned(cred: Credential, api: Reader) -> Owned | None:
        found = await bind(cred, api)
        return Owned(f"our own authority: {found.how}", found.account) if isinstance(found, Bound) else None

    return owned


def as_authority(api: Reader, name: str, auth: Callable[[Secret], Auth] = bearer) -> Auth:
    """The operator's own credential for this provider. Raises ActionFailed when it is not configured."""
    secret = api.authority(name)
    if secret is None:
        raise ActionFailed(f"No authority `{name}` is configured for this provider.", safe="nothing was sent")
    return auth(secret)


def no_authority(name: str) -> Unbound:
    """Why nothing can be looked up without the operator's own credential."""
    return Unbound("no_authority", f"configure `{name}` for this provider")


def last_id(reply: Reply) -> str | None:
    """The next cursor of the lists that answer with `has_more` and `last_id`."""
    cursor = reply.pick("last_id") if reply.pick("has_more") is True else None
    return cursor if isinstance(cursor, str) else None


def absent(lister: Lister) -> Observer:
    """Observe a delete: it is in effect when the target is listed no more."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        there = await lister(bound, api)
        return None if there is None else bound.target not in {sibling.target for sibling in there}

    return observe


def opposite(observe: Observer) -> Observer:
    """Observe the undo of a change: in effect when the change is not."""

    async def look(bound: Bound, api: Reader) -> bool | None:
        seen = await observe(bound, api)
        return None if seen is None else not seen

    return look


def can_read(
    authority: str,
    rights: Mapping[str, str],
    *,
    auth: Callable[[Secret], Auth] = bearer,
    headers: Mapping[str, str] = NOTHING,
    host: str | None = None,
) -> Callable[[Reader], Awaitable[Mapping[str, bool | None]]]:
    """Check an authority by reading only: right -> a path that it opens. None where the answer decides nothing."""

    async def check(api: Reader) -> Mapping[str, bool | None]:
        held: dict[str, bool | None] = {}
        for right, path in rights.items():
            reply = await api.get(path, auth=as_authority(api, authority, auth), headers=headers, host=host)
            held[right] = {200: True, 401: False, 403: False}.get(reply.status or 0) if reply.trouble is None else None
        return held

    return check
