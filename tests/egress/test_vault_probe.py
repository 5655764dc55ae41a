"""What a server is and can do: asked of a real OpenBao, and read from what Vault Community and Enterprise answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from revoker.egress.vault_probe import COMMUNITY, ENTERPRISE, OPENBAO, UNKNOWN, features_of, numbers, probe, product_of
from revoker.lab.servers import bao_call
from tests.egress.conftest import Server, answer, answering
from tests.egress.vaults import call, opened, token_with

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao


@pytest.mark.slow
def test_openbao_is_known_by_health_and_catalogue(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe(opened(openbao.url, monkeypatch, openbao.token))
    assert (found.product, found.sealed, found.standby) == (OPENBAO, False, False)
    assert numbers(found.version) >= (2, 3)
    assert {name: found.has(name) for name in ("scan", "namespaces", "patch", "cloud engines", "'invalid token' text")} == {
        "scan": True,
        "namespaces": True,
        "patch": True,
        "cloud engines": False,
        "'invalid token' text": False,
    }


@pytest.mark.slow
def test_what_the_table_says_of_openbao_is_so(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """9.14: each claim of features_of is tried on the server itself."""
    found = probe(opened(openbao.url, monkeypatch, openbao.token))
    assert not {"aws", "gcp", "azure", "ldap"} & (found.plugins["secret"] | found.plugins["auth"] - {"ldap", "jwt"})
    assert {"kv", "transit", "pki", "ssh"} <= found.plugins["secret"]
    status, said = bao_call(openbao, "POST", "sys/mounts/aws-try", {"type": "aws"})
    assert (status, "plugin not found" in json.dumps(said)) == (400, True)
    assert bao_call(openbao, "GET", "sys/namespaces?list=true")[0] in (200, 404)
    dead = bao_call(openbao, "GET", "auth/token/lookup-self", token="s.none")
    assert "invalid token" not in json.dumps(dead[1])
    assert call(openbao, "POST", "auth/token/create", {"policies": ["default"]})["auth"]["client_token"].startswith("s.")
    assert bao_call(openbao, "PUT", "sys/audit/by-api", {"type": "file", "options": {"file_path": "/nowhere"}})[0] == 400


@pytest.mark.slow
def test_a_token_without_the_catalogue_still_tells_openbao(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_with(openbao, 'path "secret/data/one" { capabilities = ["read"] }')
    found = probe(opened(openbao.url, monkeypatch, token))
    assert (found.product, dict(found.plugins)) == (OPENBAO, {})


@pytest.mark.parametrize(
    ("health", "built", "product"),
    [
        ({"version": "1.18.0"}, "v1.18.0+builtin.vault", COMMUNITY),
        ({"version": "1.18.0+ent"}, "v1.18.0+builtin.vault", ENTERPRISE),
        ({"version": "1.17.2", "enterprise": True}, "", ENTERPRISE),
        ({"version": "2.7.2"}, "v2.7.2+builtin.bao", OPENBAO),
        ({"version": "2.7.2"}, "", UNKNOWN),
        ({}, "", UNKNOWN),
    ],
)
def test_products(health: dict[str, object], built: str, product: str) -> None:
    assert product_of(health, str(health.get("version") or ""), built) == product


def test_what_cannot_be_told_is_not_claimed() -> None:
    assert {one.has for one in features_of(UNKNOWN, "2.7.2")} == {None}
    assert {one.name: one.has for one in features_of(COMMUNITY, "1.18.0")}["scan"] is False
    assert {one.name: one.has for one in features_of(ENTERPRISE, "1.18.0+ent")}["namespaces"] is True
    assert {one.name: one.has for one in features_of(COMMUNITY, "1.18.0")}["namespaces"] is False
    assert all(one.instead for one in features_of(OPENBAO, "2.7.2"))


@pytest.mark.parametrize("status", [429, 472, 473, 501, 503])
def test_health_answers_with_many_statuses(status: int, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"version": "1.18.0", "sealed": True, "standby": status == 429}).encode()
    found = probe(opened(serve(answering(answer(status, body))).url, monkeypatch))
    assert (found.sealed, found.version) == (True, "1.18.0")
