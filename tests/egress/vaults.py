"""A real OpenBao as the tests of Vault use it: limited tokens, settings that reach it, mounts of their own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings, VaultSettings
from revoker.egress.vault import Vault, open_vault
from revoker.lab.servers import bao_call
from tests.egress.conftest import settings

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao


def call(server: OpenBao, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
    """One call that must succeed, as root unless another token is given."""
    status, found = bao_call(server, method, path, body, token=token)
    assert status in (200, 204), (method, path, status, found)
    return found


def status(server: OpenBao, token: str, method: str, path: str, body: Any = None) -> int:
    """The status of one call with a token."""
    return bao_call(server, method, path, body, token=token)[0]


def mounted(server: OpenBao, version: int = 2) -> str:
    """A KV mount of its own."""
    name = f"kv{version}-{secrets.token_hex(4)}"
    call(server, "POST", f"sys/mounts/{name}", {"type": "kv", "options": {"version": str(version)}})
    return name


def enabled(server: OpenBao, method: str, path: str) -> None:
    """An auth method at a path of its own."""
    call(server, "POST", f"sys/auth/{path}", {"type": method})


def token_with(server: OpenBao, policy: str, **more: Any) -> str:
    """A token that holds this policy (and `default`)."""
    name = f"p-{secrets.token_hex(4)}"
    call(server, "PUT", f"sys/policies/acl/{name}", {"policy": policy})
    made = call(server, "POST", "auth/token/create", {"policies": [name], "ttl": "10m", **more})
    return str(made["auth"]["client_token"])


def config(url: str, monkeypatch: pytest.MonkeyPatch, value: str = "fake", **more: Any) -> Settings:
    """Settings with a [vault] that logs in with this token."""
    name = f"LAB_{secrets.token_hex(4).upper()}"
    monkeypatch.setenv(name, value)
    destinations = more.pop("destinations", ())
    return settings(vault=VaultSettings(addr=url, token=f"env:{name}", **more), timeout=5, destinations=destinations)


def opened(url: str, monkeypatch: pytest.MonkeyPatch, value: str = "fake", **more: Any) -> Vault:
    """An opened Vault with this token."""
    return open_vault(config(url, monkeypatch, value, **more))
