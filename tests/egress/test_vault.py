"""The rotation store against a real OpenBao: versions, conflicts, and every way it can say no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import VaultSettings
from revoker.egress import vault as module
from revoker.egress.vault import CasConflict, Vault, open_vault
from revoker.errors import AuthorityError, ConfigError, EgressRefused, OutcomeUnknown, Parked
from revoker.model import Secret
from tests.egress.conftest import Seen, Server, answer, answering, settings

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao


@pytest.fixture(autouse=True)
def fresh_sessions() -> Iterator[None]:
    module._sessions.clear()
    yield
    module._sessions.clear()


def opened(url: str, monkeypatch: pytest.MonkeyPatch, value: str = "fake") -> Vault:
    monkeypatch.setenv("LAB_VAULT", value)
    return open_vault(settings(vault=VaultSettings(addr=url, token="env:LAB_VAULT"), timeout=3))


def call(server: OpenBao, method: str, path: str, body: Any = None) -> Any:
    from revoker.lab.servers import bao_call

    status, found = bao_call(server, method, path, body)
    assert status in (200, 204), (status, found)
    return found


@pytest.mark.slow
def test_versions_conflicts_and_destruction(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, path = opened(openbao.url, monkeypatch, openbao.token), "secret/egress/one"
    assert vault.read(path) is None
    assert vault.metadata(path) is None
    assert vault.write(path, {"key": Secret("first")}, 0) == 1
    with pytest.raises(CasConflict):
        vault.write(path, {"key": Secret("again")}, 0)
    assert vault.write(path, {"key": Secret("second")}, 1) == 2
    found = vault.read(path)
    assert found is not None
    assert (found.version, found.data["key"].reveal()) == (2, "second")
    vault.set_metadata(path, {"revoker_run": "r1"})
    vault.destroy(path, [1])
    metadata = vault.metadata(path)
    assert metadata is not None
    assert metadata["custom_metadata"] == {"revoker_run": "r1"}
    assert metadata["versions"]["1"]["destroyed"] is True
    assert vault.capabilities([path])[path] == {"root"}
    assert "root" in vault.lookup_self().policies


@pytest.mark.slow
@pytest.mark.row("F5")
def test_forbidden_and_expired_are_told_apart(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    made = call(openbao, "POST", "auth/token/create", {"policies": ["default"], "ttl": "1h"})["auth"]
    vault = opened(openbao.url, monkeypatch, made["client_token"])
    with pytest.raises(AuthorityError):
        vault.read("secret/egress/one")
    assert vault.capabilities(["secret/egress/one"])["secret/egress/one"] == {"deny"}
    call(openbao, "POST", "auth/token/revoke", {"token": made["client_token"]})
    with pytest.raises(Parked, match="expired"):
        vault.read("secret/egress/one")


@pytest.mark.slow
def test_approle_logs_in_again_when_its_token_ends(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    from revoker.lab.servers import bao_call

    bao_call(openbao, "POST", "sys/auth/approle", {"type": "approle"})  # 400 when another test did it: one server for all
    call(openbao, "PUT", "sys/policies/acl/egress", {"policy": 'path "secret/*" { capabilities = ["create", "read", "update"] }'})
    call(openbao, "POST", "auth/approle/role/egress", {"token_policies": "egress", "token_ttl": "1h"})
    role = call(openbao, "GET", "auth/approle/role/egress/role-id")["data"]["role_id"]
    secret = call(openbao, "POST", "auth/approle/role/egress/secret-id", {})["data"]["secret_id"]
    monkeypatch.setenv("LAB_ROLE", role)
    monkeypatch.setenv("LAB_SECRET_ID", secret)
    config = VaultSettings(addr=openbao.url, auth="approle", role_id="env:LAB_ROLE", secret_id="env:LAB_SECRET_ID")
    vault = open_vault(settings(vault=config, timeout=3))
    assert vault.write("secret/egress/approle", {"key": Secret("v")}, 0) == 1
    first = vault.session.token()
    assert first is not None
    call(openbao, "POST", "auth/token/revoke", {"token": first.reveal()})
    assert vault.read("secret/egress/approle") is not None
    monkeypatch.setenv("LAB_SECRET_ID", "00000000-0000-0000-0000-000000000000")
    module._sessions.clear()
    with pytest.raises(AuthorityError, match="AppRole"):
        open_vault(settings(vault=config, timeout=3)).read("secret/egress/approle")


@pytest.mark.slow
@pytest.mark.row("F5")
def test_sealed_parks(monkeypatch: pytest.MonkeyPatch) -> None:
    from revoker.lab.servers import openbao as start

    with start() as server:
        vault = opened(server.url, monkeypatch, server.token)
        vault.write("secret/a/b", {"key": Secret("v")}, 0)
        call(server, "PUT", "sys/seal")
        with pytest.raises(Parked, match="sealed"):
            vault.read("secret/a/b")
        with pytest.raises(Parked, match="sealed"):
            vault.write("secret/a/b", {"key": Secret("v")}, 1)


def test_unreachable_parks(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Parked, match="connect"):
        opened("http://127.0.0.1:9", monkeypatch).read("secret/a/b")


@pytest.mark.row("F4")
def test_a_lost_answer_to_a_write_is_unknown(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(seen: Seen, _reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        if seen.line.startswith("POST"):
            out.close()
        else:
            out.write(answer(200, b'{"data": {"ttl": 0}}'))

    server = serve(cut)
    with pytest.raises(OutcomeUnknown):
        opened(server.url, monkeypatch).write("secret/a/b", {"key": Secret("v")}, 0)
    asked = [" ".join(seen.line.split()[:2]) for seen in server.seen]
    assert asked == ["GET /v1/auth/token/lookup-self", "GET /v1/sys/internal/ui/mounts/secret/a/b", "POST /v1/secret/data/a/b"]


@pytest.mark.row("N-4", "N-5")
def test_redirects_are_not_followed_and_ambient_tokens_not_sent(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = serve(answering(answer()))
    first = serve(answering(answer(307, b"", {"Location": second.url + "/v1/secret/data/a/b"})))
    for name, value in {
        "VAULT_TOKEN": "ambient",
        "VAULT_ADDR": second.url,
        "VAULT_NAMESPACE": "ambient",
        "HTTP_PROXY": second.url,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="redirect"):
        opened(first.url, monkeypatch, "ours").read("secret/a/b")
    assert second.seen == []
    assert all(seen.headers["x-vault-token"] == "ours" for seen in first.seen)
    assert b"ambient" not in b"".join(seen.head for seen in first.seen)


@pytest.mark.row("F5")
def test_the_token_is_renewed_at_two_thirds(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"data": {"ttl": 90, "renewable": true, "policies": []}, "auth": {"lease_duration": 90, "renewable": true}}'
    server, now = serve(answering(answer(200, body))), [0.0]
    monkeypatch.setenv("LAB_VAULT", "t")
    vault = Vault(settings(vault=VaultSettings(addr=server.url, token="env:LAB_VAULT")), monotonic=lambda: now[0])
    vault.lookup_self()
    now[0] = 59.0
    vault.lookup_self()
    assert not [seen for seen in server.seen if "renew-self" in seen.line]
    now[0] = 61.0
    vault.lookup_self()
    assert len([seen for seen in server.seen if "renew-self" in seen.line]) == 1


@pytest.mark.parametrize("path", ["secret", "", "/", "secret/a/../../sys/seal", "secret/a?list=true#x", "secret/a b"])
def test_paths_stay_below_their_mount(path: str, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(answering(answer()))
    with pytest.raises((ConfigError, EgressRefused)):
        opened(server.url, monkeypatch).read(path)
    assert not [seen for seen in server.seen if "lookup-self" not in seen.line]


ODD = (b"{}", b"[]", b"7", b"<html>", b'{"data": 7}', b'{"data": []}', b'{"data": {"data": 7, "metadata": 7}}', b'{"data": {"version": "x"}}',
       b'{"data": {"path": "secret/", "type": "kv", "options": 7}}', b'{"data": {"ttl": "soon", "policies": 7}}')  # fmt: skip


@pytest.mark.row("F15", "N-10")
def test_what_is_no_answer_of_vault_is_an_error_for_people(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else may answer in Vault's place: each call ends in an error of ours, and a write in `outcome unknown`."""
    for body in ODD:
        vault = opened(serve(answering(answer(200, body))).url, monkeypatch)
        calls: tuple[Callable[[], object], ...] = (
            lambda vault=vault: vault.read("secret/a"),  # type: ignore[misc]
            lambda vault=vault: vault.newest("secret/a"),  # type: ignore[misc]
            lambda vault=vault: vault.metadata("secret/a"),  # type: ignore[misc]
            lambda vault=vault: vault.capabilities(["secret/a"]),  # type: ignore[misc]
            vault.lookup_self,
        )
        for call in calls:
            with suppress(Parked):
                call()
        with suppress(OutcomeUnknown, Parked):
            vault.write("secret/a", {"key": Secret("v")}, 0)
