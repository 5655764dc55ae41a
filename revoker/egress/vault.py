"""Vault and OpenBao as the place where new secrets go: KV version 2 with check-and-set.

What can go wrong has one name each: sealed, expired and unreachable park a run, forbidden is the authority's matter,
a lost answer to a write is unknown and is read back, a version that moved on is a conflict.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from revoker.config import Settings, VaultSettings, base
from revoker.egress import vault_http
from revoker.egress.limits import tls_context
from revoker.egress.line import Answer, Line, Lost, NotSent
from revoker.egress.policy import from_url
from revoker.egress.replies import parse_json
from revoker.egress.requests import user_agent
from revoker.errors import AuthorityError, ConfigError, EgressRefused, OutcomeUnknown, Parked, RevokerError
from revoker.model import Secret
from revoker.references import resolve

RENEW_AT = 1 / 3  # of the lifetime left
RESUME = "revoker resume, when Vault is back"
NOTHING_CHANGED = "nothing was changed in Vault"


class CasConflict(RevokerError):
    """Somebody else wrote a newer version since we read: nothing was written."""


@dataclass(frozen=True, slots=True, eq=False)
class VaultSecret:
    """One version of a secret. `metadata` is the version's own: created_time, custom_metadata."""

    data: Mapping[str, Secret]
    version: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """The token that acts. Times in seconds; `ttl` 0 means that it does not end."""

    policies: tuple[str, ...]
    ttl: int
    renewable: bool
    display_name: str
    accessor: str
    expires_at: datetime | None = None


@dataclass
class _Session:
    """The token of one server, shared by all that open it in this process."""

    token: Secret | None = None
    renew_at: float = float("inf")  # monotonic seconds
    lock: threading.Lock = field(default_factory=threading.Lock)


_sessions: dict[VaultSettings, _Session] = {}


class Vault:
    """An opened Vault. Each method is one call (two after a 403), and raises what the module says."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        if settings.vault is None:
            raise ConfigError("No Vault is configured.", next="add [vault] with its addr")
        self._settings, self._vault, self._monotonic = settings, settings.vault, monotonic
        self._where = from_url(settings.vault.addr)
        self._session = _sessions.setdefault(settings.vault, _Session())
        ca = base(settings) / settings.vault.ca if settings.vault.ca is not None else settings.network.ca_bundle
        self._line = Line(tls_context(ca), settings.network.allow, None)  # it is inside: never through the proxy

    def read(self, path: str) -> VaultSecret | None:
        """The newest version of `mount/path`; None when there is none, or it was deleted or destroyed."""
        answer = self._call("GET", _kv(path, "data"))
        if answer.status == 404:
            return None
        body = self._good(answer, f"read {path}")["data"]
        data = {str(k): Secret(v if isinstance(v, str) else json.dumps(v)) for k, v in (body.get("data") or {}).items()}
        return VaultSecret(data, int(body["metadata"]["version"]), body["metadata"])

    def write(self, path: str, data: Mapping[str, Secret], cas: int) -> int:
        """Write a new version if the newest one is still `cas` (0: none); gives the new version's number."""
        answer = self._call("POST", _kv(path, "data"), {"data": dict(data), "options": {"cas": cas}}, changes=True)
        if answer.status == 400 and b"check-and-set" in answer.body:
            raise CasConflict(
                f"{path} has another version in Vault than {cas}.",
                safe="nothing was written",
                next="look at the newest version; revoker resume reads it again",
            )
        return int(self._good(answer, f"write {path}", changes=True)["data"]["version"])

    def metadata(self, path: str) -> Mapping[str, Any] | None:
        """The metadata of a path (versions, custom_metadata, current_version); None when there is no such path."""
        answer = self._call("GET", _kv(path, "metadata"))
        if answer.status == 404:
            return None
        found: Mapping[str, Any] = self._good(answer, f"read the metadata of {path}")["data"]
        return found

    def set_metadata(self, path: str, custom: Mapping[str, str]) -> None:
        """Replace the custom metadata of a path."""
        answer = self._call("POST", _kv(path, "metadata"), {"custom_metadata": dict(custom)}, changes=True)
        self._good(answer, f"write the metadata of {path}", changes=True)

    def destroy(self, path: str, versions: Sequence[int]) -> None:
        """Destroy versions for good."""
        answer = self._call("PUT", _kv(path, "destroy"), {"versions": list(versions)}, changes=True)
        self._good(answer, f"destroy versions of {path}", changes=True)

    def capabilities(self, paths: Sequence[str]) -> Mapping[str, set[str]]:
        """What our token may do with the data of each `mount/path`."""
        if not paths:
            return {}
        real = {path: _kv(path, "data").removeprefix("/v1/") for path in paths}
        body = self._good(self._call("POST", "/v1/sys/capabilities-self", {"paths": list(real.values())}), "ask for rights")
        found = body.get("data") or body
        return {path: set(found.get(name) or ()) for path, name in real.items()}

    def lookup_self(self) -> WhoAmI:
        """Who our token is."""
        body = self._good(self._call("GET", "/v1/auth/token/lookup-self"), "look up our own token")["data"]
        expires = body.get("expire_time")
        return WhoAmI(
            policies=tuple(body.get("policies") or ()),
            ttl=int(body.get("ttl") or 0),
            renewable=bool(body.get("renewable")),
            display_name=str(body.get("display_name") or ""),
            accessor=str(body.get("accessor") or ""),
            expires_at=_time(expires) if isinstance(expires, str) else None,
        )

    def call(self, method: str, path: str, body: Any = None, *, changes: bool = True) -> Mapping[str, Any]:
        """Any other call of Vault's API (`/v1/transit/...`): the parsed body of its good answer, empty for a 204."""
        return self._good(self._call(method, path, body, changes=changes), f"{method} a path of Vault", changes=changes)

    def _call(self, method: str, path: str, body: Any = None, *, changes: bool = False) -> Answer:
        """One call with our token; a token that is near its end is renewed before, an expired login is made again once."""
        answer = self._send(method, path, body, self._token(), changes=changes)
        if answer.status == 403 and self._is_expired():
            self._session.token = None  # the next call looks its reference up again
            if self._vault.auth != "approle":
                raise Parked(
                    "The Vault token has expired.", safe=NOTHING_CHANGED, next="give it a new token, then revoker resume"
                )
            answer = self._send(method, path, body, self._token(), changes=changes)
        return answer

    def _is_expired(self) -> bool:
        """A 403 says either "not you" or "not any more"; lookup-self tells them apart."""
        token = self._session.token
        return token is not None and self._send("GET", "/v1/auth/token/lookup-self", None, token).status == 403

    def _send(self, method: str, path: str, body: Any, token: Secret | None, *, changes: bool = False) -> Answer:
        limit = self._settings.verify.timeout.total_seconds()
        agent = user_agent(self._settings)
        client = vault_http.client(self._line, self._where, token, self._vault.namespace, agent=agent, limit=limit)
        try:
            return vault_http.send(client, method, path, body)
        except NotSent as error:
            raise _unreachable(error.reason) from None
        except EgressRefused:
            raise
        except Lost as error:
            if not changes:
                raise _unreachable(error.reason) from None
            raise OutcomeUnknown(
                f"Vault's answer to a write was lost ({error.reason}).", next="read it back before anything is written again"
            ) from None

    def _token(self) -> Secret:
        """The token, from its reference or by AppRole; renewed at two thirds of its life."""
        with self._session.lock:
            if self._session.token is None:
                self._session.token = self._login()
                self._plan_renewal()
            elif self._monotonic() >= self._session.renew_at:
                self._renew()
            return self._session.token

    def _login(self) -> Secret:
        if self._vault.auth == "token":
            return self._reference("token", self._vault.token)
        role_id = self._reference("role_id", self._vault.role_id)
        secret_id = self._reference("secret_id", self._vault.secret_id)
        answer = self._send("POST", "/v1/auth/approle/login", {"role_id": role_id, "secret_id": secret_id}, None)
        if answer.status in (400, 403):
            raise AuthorityError(
                "Vault refused the AppRole login.", safe=NOTHING_CHANGED, next="check role_id and secret_id in [vault]"
            )
        return Secret(str(self._good(answer, "log in")["auth"]["client_token"]))

    def _plan_renewal(self) -> None:
        token = self._session.token
        answer = self._send("GET", "/v1/auth/token/lookup-self", None, token)
        body = _body(answer) if answer.status == 200 else {}
        self._note_life((body.get("data") or {}).get("ttl"), (body.get("data") or {}).get("renewable"))

    def _renew(self) -> None:
        answer = self._send("POST", "/v1/auth/token/renew-self", {}, self._session.token)
        auth = (_body(answer).get("auth") or {}) if answer.status == 200 else {}
        self._note_life(auth.get("lease_duration"), auth.get("renewable"))

    def _note_life(self, ttl: object, renewable: object) -> None:
        lasts = isinstance(ttl, int) and ttl > 0 and bool(renewable)
        self._session.renew_at = self._monotonic() + ttl * (1 - RENEW_AT) if lasts and isinstance(ttl, int) else float("inf")

    def _reference(self, name: str, reference: str | None) -> Secret:
        if not reference:
            raise ConfigError(f"[vault] {name} is missing.", next=f"set {name} in [vault] to a reference such as env:NAME")
        return resolve(reference, self._settings)

    def _good(self, answer: Answer, what: str, *, changes: bool = False) -> Mapping[str, Any]:
        """The body of a good answer; any other answer as the error that it means."""
        if answer.status in (200, 204):
            body = _body(answer)
            if answer.status == 204 or body or not changes:
                return body
            raise OutcomeUnknown(f"Vault's answer to {what} cannot be read.", next="read it back before writing again")
        raise _error(answer, what, changes=changes)


def _error(answer: Answer, what: str, *, changes: bool) -> RevokerError:
    if answer.status == 403:
        return AuthorityError(
            f"Vault forbids us to {what}.",
            safe=NOTHING_CHANGED,
            next="revoker doctor shows the missing rights, docs/vault.md the policy",
        )
    if answer.status == 503 or (answer.status in (429, 472, 473)):
        why = "is sealed or in maintenance" if answer.status == 503 else f"cannot answer now ({answer.status})"
        return Parked(f"Vault {why}.", safe=NOTHING_CHANGED, next=RESUME)
    if answer.status >= 500 and changes:
        return OutcomeUnknown(f"Vault failed ({answer.status}) while it was to {what}.", next="read it back before writing again")
    if answer.status >= 500:
        return Parked(f"Vault failed ({answer.status}) while it was to {what}.", safe=NOTHING_CHANGED, next=RESUME)
    if 300 <= answer.status < 400:
        return ConfigError(
            f"Vault answered with a redirect ({answer.status}).", safe=NOTHING_CHANGED, next="set [vault] addr to the active node"
        )
    return AuthorityError(
        f"Vault refused to {what} ({answer.status}).", safe=NOTHING_CHANGED, next="check the mount, the path and KV version 2"
    )


def _unreachable(reason: str) -> Parked:
    return Parked(f"Vault cannot be reached ({reason}).", safe=NOTHING_CHANGED, next=RESUME)


def _body(answer: Answer) -> Mapping[str, Any]:
    try:
        body = parse_json(answer.body.decode("utf-8", "replace")) if answer.body else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, Mapping) else {}


def _kv(path: str, part: str) -> str:
    """`secret/billing/aws` as the API's path of its data, metadata or versions."""
    mount, _, rest = path.strip("/").partition("/")
    if not mount or not rest:
        raise ConfigError(f"{path!r} is no path of a KV secret.", next="write it with its mount: secret/billing/aws")
    return f"/v1/{mount}/{part}/{rest}"


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def open_vault(settings: Settings) -> Vault:
    """The configured Vault; it logs in at its first call. Raises ConfigError without [vault]."""
    return Vault(settings)
