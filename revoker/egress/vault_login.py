"""Logging in at Vault: token, AppRole (the secret-id may be response-wrapped), JWT or OIDC, Kubernetes.

A secret-id may be good for one login only, and a wrapping token is good for one unwrapping: neither is ever sent a second
time after it was refused or its answer was lost.
https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle
https://developer.hashicorp.com/vault/docs/concepts/response-wrapping#response-wrapping-token-validation
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from revoker.config import Settings, VaultSettings
from revoker.egress.line import Answer
from revoker.egress.vault_errors import NOTHING_CHANGED, good
from revoker.errors import AuthorityError, ConfigError, OutcomeUnknown, Parked, UnresolvedReference
from revoker.model import Secret
from revoker.references import resolve

LARGEST = 64 * 1024  # bytes of a service-account token
NEW_SECRET_ID = "give it a new secret-id, then go on; destroy the old one by its accessor"  # noqa: S105 - a sentence
LOGINS = {"approle": "AppRole", "jwt": "JWT", "kubernetes": "Kubernetes"}


class Sender(Protocol):
    """One call without our own token: (method, path, body, token). Raises Parked, or OutcomeUnknown when `once`."""

    def __call__(self, method: str, path: str, body: Any, token: Secret | None, *, once: bool) -> Answer: ...


class Spent(set[str]):
    """Hashes of the secret-ids and wrapping tokens that were used up or may have been, in this process."""

    def note(self, value: Secret) -> None:
        """Never send this one again."""
        self.add(_digest(value))

    def holds(self, value: Secret) -> bool:
        """True when this one was used up."""
        return _digest(value) in self


def log_in(settings: Settings, vault: VaultSettings, send: Sender, spent: Spent, unwrapped: dict[str, Secret]) -> Secret:
    """A token, by the configured method. `unwrapped` keeps what a wrapping token gave, for the next login of this process.

    Raises AuthorityError when Vault refuses, Parked when it cannot answer or a secret-id is used up.
    """
    if vault.auth == "token":
        return _reference(settings, "token", vault.token)
    if vault.auth == "approle":
        return _by_approle(settings, vault, send, spent, unwrapped)
    jwt = _reference(settings, "jwt", vault.jwt) if vault.auth == "jwt" else service_account_token(vault.jwt_file)
    return _granted(vault, send("POST", _path(vault), {"role": _role(vault), "jwt": jwt}, None, once=False))


def service_account_token(path: Path) -> Secret:
    """A pod's token. The kubelet replaces the file, so it is read at each login; links and its wide mode are its own way."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise UnresolvedReference(
            f"The service-account token {path} cannot be read: {error.strerror}.", next="set [vault] jwt_file"
        ) from None
    if len(raw) > LARGEST or not raw.strip():
        raise UnresolvedReference(f"The file {path} holds no service-account token.", next="set [vault] jwt_file")
    return Secret(raw.decode("utf-8", "replace").strip())


def _by_approle(settings: Settings, vault: VaultSettings, send: Sender, spent: Spent, unwrapped: dict[str, Secret]) -> Secret:
    role_id = _reference(settings, "role_id", vault.role_id)
    secret_id = _reference(settings, "secret_id", vault.secret_id)
    if vault.secret_id_path is not None:
        secret_id = _unwrapped(secret_id, vault.secret_id_path, send, spent, unwrapped)
    if spent.holds(secret_id):
        raise Parked("The AppRole secret-id was used up or refused before.", safe="nothing was sent", next=NEW_SECRET_ID)
    try:
        answer = send("POST", _path(vault), {"role_id": role_id, "secret_id": secret_id}, None, once=True)
    except OutcomeUnknown:
        spent.note(secret_id)
        raise Parked(
            "The answer to the AppRole login was lost; the secret-id may be used up, so it is not sent again.",
            safe=NOTHING_CHANGED,
            next=NEW_SECRET_ID,
        ) from None
    if answer.status in (400, 403):
        spent.note(secret_id)
    return _granted(vault, answer)


def _unwrapped(wrapping: Secret, path: str, send: Sender, spent: Spent, unwrapped: dict[str, Secret]) -> Secret:
    """What a wrapping token holds, opened once; only when it was made at the expected path."""
    known = unwrapped.get(_digest(wrapping))
    if known is not None:
        return known
    if spent.holds(wrapping):
        raise Parked("The wrapped secret-id was opened, or tried, before.", safe="nothing was sent", next=NEW_SECRET_ID)
    _check_wrapping(send("POST", "/v1/sys/wrapping/lookup", {"token": wrapping}, None, once=False), path)
    spent.note(wrapping)
    try:
        body = good(send("POST", "/v1/sys/wrapping/unwrap", {}, wrapping, once=True), "unwrap the secret-id", changes=True)
    except OutcomeUnknown:
        raise Parked(
            "The answer to the unwrapping of the secret-id was lost; it cannot be opened twice.",
            safe=NOTHING_CHANGED,
            next=NEW_SECRET_ID,
        ) from None
    found = (body.get("data") or {}).get("secret_id")
    if not isinstance(found, str):
        raise AuthorityError("The wrapping token held no secret-id.", safe=NOTHING_CHANGED, next=NEW_SECRET_ID)
    unwrapped[_digest(wrapping)] = Secret(found)
    return unwrapped[_digest(wrapping)]


def _check_wrapping(answer: Answer, path: str) -> None:
    """A wrapping token that is gone was opened by somebody else; one of another path was made by somebody else."""
    if answer.status in (400, 403, 404):
        raise AuthorityError(
            "The wrapped secret-id is not valid any more: it expired, or somebody else has opened it.",
            safe="it was not opened by us, and nothing was changed",
            next="unless it simply expired, take it for leaked: destroy it by its accessor and make a new one",
        )
    made_at = (good(answer, "look the wrapped secret-id up").get("data") or {}).get("creation_path")
    if made_at != path.strip("/"):
        raise AuthorityError(
            "The wrapped secret-id was made at another path than [vault] secret_id_path says.",
            safe="it was not opened, and nothing was changed",
            next="take it for forged: find out who handed it over",
        )


def _granted(vault: VaultSettings, answer: Answer) -> Secret:
    if answer.status in (400, 401, 403):
        raise AuthorityError(
            f"Vault refused the {LOGINS[vault.auth]} login.",
            safe=NOTHING_CHANGED,
            next=f"check [vault] auth, role and what logs in; Vault's own audit log says more than its answer ({answer.status})",
        )
    auth: Mapping[str, Any] = good(answer, "log in").get("auth") or {}
    if not isinstance(auth.get("client_token"), str):
        raise AuthorityError("Vault's answer to the login holds no token.", safe=NOTHING_CHANGED)
    return Secret(auth["client_token"])


def _path(vault: VaultSettings) -> str:
    return f"/v1/auth/{(vault.auth_mount or vault.auth).strip('/')}/login"


def _role(vault: VaultSettings) -> str:
    if not vault.role:
        raise ConfigError("[vault] role is missing.", next=f"set it to the {LOGINS[vault.auth]} role that revoker logs in as")
    return vault.role


def _reference(settings: Settings, name: str, reference: str | None) -> Secret:
    if not reference:
        raise ConfigError(f"[vault] {name} is missing.", next=f"set {name} in [vault] to a reference such as env:NAME")
    return resolve(reference, settings)


def _digest(value: Secret) -> str:
    return hashlib.sha256(value.reveal().encode("utf-8", "surrogatepass")).hexdigest()
