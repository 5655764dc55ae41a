"""Response wrapping: a read whose answer one person may open once. We keep the accessor alone.

A lookup needs no token and uses nothing up; any other call with a wrapping token does.
https://developer.hashicorp.com/vault/docs/concepts/response-wrapping
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from revoker.config import Settings
from revoker.egress.vault import Vault, open_vault
from revoker.egress.vault_errors import body_of, error_of, good
from revoker.errors import AuthorityError, OutcomeUnknown, Parked
from revoker.model import Secret

LOOK = "auth/token/lookup-accessor"
END = "auth/token/revoke-accessor"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A wrapping token that was just made."""

    token: Secret = field(repr=False)
    accessor: str
    creation_path: str
    ttl: timedelta


def creation_path(settings: Settings, path: str) -> str:
    """What a token that wraps a read of `mount/path` must say of itself."""
    return open_vault(settings).kv(path).api(path).removeprefix("/v1/")


def may_cancel(settings: Settings) -> None:
    """Ask before anything is wrapped whether it can be taken back. Raises AuthorityError."""
    vault = open_vault(settings)
    answer = vault.session.ask("POST", "/v1/sys/capabilities-self", {"paths": [LOOK, END]})
    held = good(answer, "ask for rights")
    held = held.get("data") or held
    if any(not {"update", "root"} & set(held.get(path) or ()) for path in (LOOK, END)):
        raise AuthorityError(
            "The Vault token may not look up and cancel what it wraps.",
            safe="nothing was wrapped",
            next=f"allow update on {LOOK} and {END}; docs/vault.md, handing a secret to a person",
        )


def wrap_read(settings: Settings, path: str, version: int, ttl: timedelta) -> Wrapped:
    """Read one version of `mount/path` into a wrapping token. Raises what Vault's answer means."""
    vault = open_vault(settings)
    kv = vault.kv(path)
    query = f"?version={version}" if kv.version == 2 else ""
    headers = {"X-Vault-Wrap-TTL": f"{int(ttl.total_seconds())}s"}
    answer = vault.session.ask("GET", kv.api(path) + query, changes=True, headers=headers)
    info = good(answer, f"wrap {path}", changes=True).get("wrap_info")
    if not isinstance(info, Mapping) or not info.get("token") or not info.get("accessor"):
        raise OutcomeUnknown("Vault gave no wrapping token.", next="try again; one that was lost ends by itself")
    lasts = timedelta(seconds=int(info.get("ttl") or 0))
    return Wrapped(Secret(str(info["token"])), str(info["accessor"]), str(info.get("creation_path") or ""), lasts)


def is_there(settings: Settings, accessor: str) -> bool:
    """True while the wrapping token was neither used, cancelled nor expired."""
    answer = open_vault(settings).session.ask("POST", f"/v1/{LOOK}", {"accessor": accessor})
    if answer.status in (400, 403) and b"invalid accessor" in answer.body:
        return False
    return bool(good(answer, "look up a wrapping token").get("data"))


def cancel(settings: Settings, accessor: str) -> None:
    """Revoke it, and see that it is gone. Raises Parked when it is not."""
    vault = open_vault(settings)
    good(vault.session.ask("POST", f"/v1/{END}", {"accessor": accessor}, changes=True), "cancel a wrapping token", changes=True)
    if is_there(settings, accessor):
        raise Parked("A wrapping token is still there after its revocation.", next="revoker resume looks again")


def made_from(settings: Settings, token: Secret) -> str | None:
    """The creation path of a wrapping token, without using it; None when it is not valid (any more)."""
    answer = open_vault(settings).session.plain("POST", "/v1/sys/wrapping/lookup", {"token": token})
    if answer.status == 400 and b"not valid" in answer.body:
        return None
    return str((good(answer, "look up a wrapping token").get("data") or {}).get("creation_path") or "")


def unwrap(settings: Settings, token: Secret) -> Mapping[str, Any]:
    """Open it, once: the secret's document as text. Raises AuthorityError when somebody was faster."""
    vault: Vault = open_vault(settings)
    answer = vault.session.plain("POST", "/v1/sys/wrapping/unwrap", {}, token=token)
    if answer.status != 200:
        raise error_of(answer, "unwrap", changes=True)
    data = body_of(answer).get("data") or {}
    inner = data.get("data")
    found: Mapping[str, Any] = inner if isinstance(inner, Mapping) and "metadata" in data else data
    return found


def ends_at(made: Wrapped, now: datetime) -> datetime:
    """When it ends by itself."""
    return now + made.ttl
