"""Vault and OpenBao as the place where new secrets go: KV version 2 with check-and-set, and version 1 with a copy first.

What can go wrong has one name each: sealed, expired and unreachable park a run, forbidden is the authority's matter,
a lost answer to a write is unknown and is read back, a version that moved on is a conflict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revoker.config import Settings
from revoker.egress import vault_session
from revoker.egress.line import Answer
from revoker.egress.vault_errors import body_of, error_of, good, readable
from revoker.egress.vault_kv import COPY, Kv, VaultSecret, changed, checked, declared, merge_patch, secret_of
from revoker.egress.vault_session import Session
from revoker.errors import Parked, RevokerError
from revoker.model import Secret

__all__ = ["CasConflict", "Kv", "Vault", "VaultSecret", "WhoAmI", "open_vault"]

_sessions = vault_session.held
MERGE = {"Content-Type": "application/merge-patch+json"}


class CasConflict(RevokerError):
    """Somebody else wrote a newer version since we read: nothing was written."""


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """The token that acts. Times in seconds; `ttl` 0 means that it does not end."""

    policies: tuple[str, ...]
    ttl: int
    renewable: bool
    display_name: str
    accessor: str
    expires_at: datetime | None = None


class Vault:
    """An opened Vault. Each method is one call (two after a 403, one more for a mount not seen yet), and raises what the module says."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.session = Session(settings, monotonic)
        self._kv: dict[str, Kv] = {}

    def kv(self, path: str) -> Kv:
        """The engine of a path: the server's word (a token with any right below the mount may ask), else the configuration's."""
        path = checked(path)
        known = next((kv for kv in self._kv.values() if kv.holds(path)), None)
        if known is None:
            vault = self.session.vault
            known = self._mounted(path) or declared(path, (vault.mount, *vault.mounts), vault.kv1)
            self._kv[known.mount] = known
        return known

    def read(self, path: str, version: int | None = None) -> VaultSecret | None:
        """A version of `mount/path`, the newest without a number; None when there is none, or it was deleted or destroyed."""
        kv = self.kv(path)
        query = f"?version={version}" if version is not None and kv.version == 2 else ""
        answer = self.session.ask("GET", kv.api(path) + query)
        if answer.status == 404:
            return None
        body = good(answer, f"read {path}").get("data") or {}
        with readable(f"read {path}"):
            if kv.version == 1:
                return secret_of(body, 0, {}, 1)
            return secret_of(body.get("data") or {}, int(body["metadata"]["version"]), body["metadata"], 2)

    def newest(self, path: str) -> int:
        """The number of the newest version, also of a deleted or destroyed one; 0 for none. KV version 1 has no numbers."""
        kv = self.kv(path)
        if kv.version == 1:
            return 0
        answer = self.session.ask("GET", kv.api(path))
        body = body_of(answer) if answer.status == 404 else good(answer, f"read {path}")
        with readable(f"read {path}"):
            return int(((body.get("data") or {}).get("metadata") or {}).get("version") or 0)

    def write(self, path: str, data: Mapping[str, Any], cas: int) -> int:
        """Write a whole new version if the newest one is still `cas` (0: none); gives its number. Version 1 just overwrites."""
        kv = self.kv(path)
        if kv.version == 1:
            good(self.session.ask("POST", kv.api(path), dict(data), changes=True), f"write {path}", changes=True)
            return 0
        body = {"data": dict(data), "options": {"cas": cas}}
        return self._version(self.session.ask("POST", kv.api(path), body, changes=True), path, cas)

    def change(self, path: str, before: VaultSecret | None, fields: Mapping[str, Secret], cas: int) -> int:
        """Set some fields on top of `before`, which must still stand there; gives the new version's number.

        Version 2: by HTTP PATCH, so that nobody else's field is even sent, else the whole document, both with
        check-and-set. Version 1 has neither: it is read again, copied beside itself, and overwritten.
        """
        kv = self.kv(path)
        if kv.version == 1:
            return self._overwrite(path, before, fields)
        if before is not None:
            body = {"data": merge_patch(before.tree, fields), "options": {"cas": cas}}
            answer = self.session.ask("PATCH", kv.api(path), body, changes=True, headers=MERGE)
            if answer.status not in (403, 404, 405):  # no right to patch, or a server without it: nothing was changed
                return self._version(answer, path, cas)
        return self.write(path, changed(before.tree if before is not None else {}, fields), cas)

    def metadata(self, path: str) -> Mapping[str, Any] | None:
        """The metadata of a path (versions, custom_metadata, current_version); None when there is none, as in KV version 1."""
        kv = self.kv(path)
        if kv.version == 1:
            return None
        answer = self.session.ask("GET", kv.api(path, "metadata"))
        if answer.status == 404:
            return None
        found = good(answer, f"read the metadata of {path}").get("data")
        with readable(f"read the metadata of {path}"):
            return dict(found.items())  # type: ignore[union-attr]

    def set_metadata(self, path: str, custom: Mapping[str, str]) -> None:
        """Add entries to the custom metadata; those of others stay. KV version 1 has none.

        By HTTP PATCH; where that is not to be had, the whole is written, with check-and-set on OpenBao.
        """
        kv = self.kv(path)
        if kv.version == 1:
            return
        where = kv.api(path, "metadata")
        answer = self.session.ask("PATCH", where, {"custom_metadata": dict(custom)}, changes=True, headers=MERGE)
        if answer.status in (403, 404, 405):
            found = self.metadata(path) or {}
            body: dict[str, Any] = {"custom_metadata": {**(found.get("custom_metadata") or {}), **custom}}
            if "current_metadata_version" in found:  # OpenBao 2.4 and later; Vault ignores what it does not know
                body["metadata_cas"] = found["current_metadata_version"]
            answer = self.session.ask("POST", where, body, changes=True)
        if answer.status == 400 and b"check-and-set" in answer.body:
            raise CasConflict(f"The metadata of {path} was changed in the same moment.", safe="nothing was written")
        good(answer, f"write the metadata of {path}", changes=True)

    def destroy(self, path: str, versions: Sequence[int]) -> None:
        """Destroy versions for good. In KV version 1: the copy that was made before the overwriting."""
        kv = self.kv(path)
        if kv.version == 1:
            answer = self.session.ask("DELETE", kv.api(path + COPY), changes=True)
        else:
            answer = self.session.ask("PUT", kv.api(path, "destroy"), {"versions": list(versions)}, changes=True)
        good(answer, f"destroy versions of {path}", changes=True)

    def remove(self, path: str) -> None:
        """Delete a secret that we wrote where none was: version 1 for good, in version 2 the newest version."""
        kv = self.kv(path)
        good(self.session.ask("DELETE", kv.api(path), changes=True), f"delete {path}", changes=True)

    def capabilities(self, paths: Sequence[str], part: str = "data") -> Mapping[str, set[str]]:
        """What our token may do with the data (or another part) of each `mount/path`."""
        if not paths:
            return {}
        real = {path: self.kv(path).api(path, part).removeprefix("/v1/") for path in paths}
        answer = self.session.ask("POST", "/v1/sys/capabilities-self", {"paths": list(real.values())})
        body = good(answer, "ask for rights")
        with readable("ask for rights"):
            found = body.get("data") or body
            return {path: {str(one) for one in found.get(name) or ()} for path, name in real.items()}

    def lookup_self(self) -> WhoAmI:
        """Who our token is."""
        body = good(self.session.ask("GET", "/v1/auth/token/lookup-self"), "look up our own token")
        with readable("look up our own token"):
            return _who(body["data"])

    def call(self, method: str, path: str, body: Any = None, *, changes: bool = True) -> Mapping[str, Any]:
        """Any other call of Vault's API (`/v1/transit/...`): the parsed body of its good answer, empty for a 204."""
        return good(self.session.ask(method, path, body, changes=changes), f"{method} a path of Vault", changes=changes)

    def _mounted(self, path: str) -> Kv | None:
        """The mount that the server names for a path."""
        answer = self.session.ask("GET", f"/v1/sys/internal/ui/mounts/{path}")
        data = (body_of(answer).get("data") or {}) if answer.status == 200 else {}
        with readable("ask for the mount"):
            mount = str(data.get("path") or "").strip("/")
            if not mount or data.get("type") not in ("kv", "generic"):
                return None
            return Kv(mount, 2 if (data.get("options") or {}).get("version") == "2" else 1)

    def _overwrite(self, path: str, before: VaultSecret | None, fields: Mapping[str, Secret]) -> int:
        """Without versions and check-and-set: look again, copy, then write. What is lost in between, Vault cannot tell."""
        now = self.read(path)
        if not _same(before, now):
            raise CasConflict(f"{path} was written by somebody else since it was read.", safe="nothing was written")
        if now is not None:
            copied = self.read(path + COPY)
            if copied is not None and not _same(copied, now):
                raise Parked(
                    f"{path + COPY} holds what stood at {path} before an earlier change.",
                    safe="nothing was written",
                    next="look at it, delete it, then revoker resume",
                )
            self.write(path + COPY, now.tree, 0)
        return self.write(path, changed(now.tree if now is not None else {}, fields), 0)

    def _version(self, answer: Answer, path: str, cas: int) -> int:
        if answer.status == 400 and b"check-and-set" in answer.body:
            raise CasConflict(
                f"{path} has another version in Vault than {cas}.",
                safe="nothing was written",
                next="look at the newest version; revoker resume reads it again",
            )
        if answer.status == 204:  # version 2 always tells the number
            raise error_of(Answer(404, (), b""), f"write {path} as KV version 2", changes=True)
        body = good(answer, f"write {path}", changes=True)
        with readable(f"write {path}", changes=True):
            return int(body["data"]["version"])


def _same(one: VaultSecret | None, other: VaultSecret | None) -> bool:
    """True when both are none, or hold the same fields with the same values."""
    if one is None or other is None:
        return one is other
    return one.data.keys() == other.data.keys() and all(value.same_as(other.data[name]) for name, value in one.data.items())


def _who(data: Mapping[str, Any]) -> WhoAmI:
    expires = data.get("expire_time")
    return WhoAmI(
        policies=tuple(map(str, data.get("policies") or ())),
        ttl=int(data.get("ttl") or 0),
        renewable=bool(data.get("renewable")),
        display_name=str(data.get("display_name") or ""),
        accessor=str(data.get("accessor") or ""),
        expires_at=_time(expires) if isinstance(expires, str) else None,
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def open_vault(settings: Settings) -> Vault:
    """The configured Vault; it logs in at its first call. Raises ConfigError without [vault]."""
    return Vault(settings)
