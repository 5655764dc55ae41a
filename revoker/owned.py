"""Whose a credential is, asked of the operator's own API before a byte of the credential leaves.

The operator's authority asks about its own accounts and lists; the credential itself says nothing and is sent nowhere.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from revoker import catalog, responder
from revoker.config import Settings
from revoker.errors import RevokerError
from revoker.gate import Claim
from revoker.log import get_logger
from revoker.model import NOTHING, Credential, Owned, Secret, Verdict
from revoker.sdk import Kind
from revoker.sdk.asking import Auth, Reader, Reply
from revoker.store import canaries, incidents
from revoker.store import owned as owned_rows

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.store.database import Store

Kept = dict[Hashable, "asyncio.Future[Reply]"]
MOST_KEPT = 1000  # answers of one provider that a sweep remembers: its lists are the same for all credentials
DOUBTFUL = 429  # from here on a status says nothing about what was asked

log = get_logger(__name__)


def claims(store: Store, fingerprints: Sequence[str], now: datetime) -> Mapping[str, Claim]:
    """What speaks for each of some credentials being ours, apart from their values and their places."""
    attested, known = incidents.attested_members(store, fingerprints, now), owned_rows.owned_among(store, fingerprints)
    bait = canaries.allowed(store, fingerprints, now)
    return {
        mark: Claim(attested=mark in attested, owned=known[mark].owned if mark in known else None, canary=mark in bait)
        for mark in fingerprints
    }


class Owners:
    """One sweep's questions about whose credentials are."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._kept: dict[str, Kept] = {}
        self._usable: dict[str, bool] = {}

    def may_ask(self, kind: Kind, verdict: Verdict) -> bool:
        """True for a credential that nothing shows to be ours, of a provider where an authority of ours can look."""
        if kind.owner is None or verdict.reason != "not_owned" or not self._settings.ownership.ask_authority:
            return False
        provider = catalog.provider_of(kind.id)
        if provider.id not in self._usable:  # an authority that leaked itself may speak for somebody else
            named = kind.owner.authority in self._settings.authority.get(provider.id, {})
            self._usable[provider.id] = named and not responder.leaked(self._store, self._settings, provider)
        return self._usable[provider.id]

    async def ask(self, pool: Pool, kind: Kind, cred: Credential) -> Owned | None:
        """What the provider says to our authority; None when it does not show this credential, or does not answer. Never raises."""
        provider = catalog.provider_of(kind.id)
        if kind.owner is None:
            return None
        kept = self._kept.setdefault(provider.id, {})
        try:
            return await kind.owner.look(cred, AsAuthority(pool.reader(provider), cred, kept).as_reader())
        except RevokerError as error:
            log.warning("owner_not_asked", fingerprint=cred.fingerprint, kind=kind.id, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a provider file's bug must not end the sweep of all others
            log.error("owner_check_crashed", fingerprint=cred.fingerprint, kind=kind.id, error=type(error).__name__)  # noqa: TRY400
        return None


class AsAuthority:
    """A Reader that speaks as the operator's authority alone: GET and AWS reads, signed by it, with nothing of the secret inside.

    All else is answered with `refused_by_policy`. An answer that tells something is asked for once in a sweep.
    """

    def __init__(self, reader: Reader, cred: Credential, kept: Kept) -> None:
        self._reader, self._kept = reader, kept
        self._secrets = [form for one in (cred.secret, *cred.secret_parts.values()) if one for form in _forms(one)]
        self._own: list[Secret] = []

    def as_reader(self) -> Reader:
        """The same, as what providers take."""
        return cast("Reader", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name) if name in ("now", "setting") else self._refuse

    def authority(self, name: str) -> Secret | None:
        """A secret of the authority; only these may sign what is asked here."""
        found = self._reader.authority(name)
        self._own += [found] if found is not None else []
        return found

    async def get(
        self,
        path: str,
        *,
        auth: Auth | None = None,
        params: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        host: str | None = None,
    ) -> Reply:
        """A GET that the authority signs; what anybody may see proves nothing."""
        if auth is None or not any(auth.value.same_as(own) for own in self._own):
            return await self._refuse()
        if self._carries([path, *params.values(), *headers.values()]):
            return await self._refuse()
        key = (path, host, auth.header, auth.user, *sorted(params.items()), *sorted(headers.items()))
        return await self._once(key, lambda: self._reader.get(path, auth=auth, params=params, headers=headers, host=host))

    async def aws_read(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        """An AWS call that reads, signed by the authority."""
        if as_ is not None or self._carries([str(value) for value in params.values()]):
            return await self._refuse()
        key = (service, operation, repr(sorted(params.items())))
        return await self._once(key, lambda: self._reader.aws_read(service, operation, **params))

    def _carries(self, sent: list[str]) -> bool:
        return any(secret in text for one in sent for text in (one, unquote(one)) for secret in self._secrets)

    async def _once(self, key: Hashable, ask: Callable[[], Awaitable[Reply]]) -> Reply:
        known = self._kept.get(key)
        if known is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            known = self._kept[key] = asyncio.ensure_future(ask())
        try:
            reply = await known
        except BaseException:
            self._kept.pop(key, None)
            raise
        if reply.trouble is not None or (reply.status or 0) >= DOUBTFUL:
            self._kept.pop(key, None)
        return reply

    async def _refuse(self, *_args: Any, **_more: Any) -> Reply:
        return Reply("", trouble="refused_by_policy", at=self._reader.now)


def _forms(secret: Secret) -> Iterator[str]:
    """How a secret could stand in a request: as it is, and in base64."""
    raw = secret.reveal()
    yield raw
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw.encode()).decode().rstrip("=")
