"""Vault's kinds against a real OpenBao: what is live, what is bound, what a revocation takes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings
from revoker.model import Bound, Credential, Secret, Unbound, Validity
from revoker.sdk import may_query
from tests.providers import real
from tests.providers.catalogue import OWNERS

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

RIGHTS = """
path "auth/token/lookup" { capabilities = ["update"] }
path "auth/token/lookup-accessor" { capabilities = ["update"] }
path "auth/token/revoke-accessor" { capabilities = ["update"] }
path "auth/token/accessors" { capabilities = ["list", "sudo"] }
path "auth/token/accessors/" { capabilities = ["list", "sudo"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "auth/approle/role" { capabilities = ["list"] }
path "auth/approle/role/+/role-id" { capabilities = ["read"] }
path "auth/approle/role/+/secret-id" { capabilities = ["update", "list"] }
path "auth/approle/role/+/secret-id/lookup" { capabilities = ["update"] }
path "auth/approle/role/+/secret-id-accessor/lookup" { capabilities = ["update"] }
path "auth/approle/role/+/secret-id-accessor/destroy" { capabilities = ["update"] }
path "identity/entity/id/*" { capabilities = ["read", "update"] }
"""


def call(bao: OpenBao, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> dict[str, Any]:
    from revoker.lab.servers import bao_call

    status, answer = bao_call(bao, method, path, body, token=token)
    assert status < 300, (status, answer)
    return answer


@pytest.fixture(scope="module")
def known(openbao: OpenBao) -> Settings:
    """A configuration whose authority has the rights that the actions name, and no more."""
    call(openbao, "POST", "sys/policies/acl/revoker-killer", {"policy": RIGHTS})
    call(openbao, "POST", "sys/policies/acl/idle", {"policy": 'path "secret/nothing" { capabilities = ["read"] }'})
    from revoker.lab.servers import bao_call

    enabled, answer = bao_call(openbao, "POST", "sys/auth/approle", {"type": "approle"}, token=openbao.token)
    assert enabled < 300 or "already in use" in str(answer)  # the server is shared by all tests of the run
    for role in ("billing", "deploy"):
        call(openbao, "POST", f"auth/approle/role/{role}", {"token_policies": "idle", "token_ttl": "1h"})
    killer = call(openbao, "POST", "auth/token/create", {"policies": ["revoker-killer"], "ttl": "1h"})["auth"]["client_token"]
    return real.settings("vault", openbao.url, {"token": killer})


def token(openbao: OpenBao, **options: Any) -> Credential:
    made = call(openbao, "POST", "auth/token/create", {"policies": ["idle"], "ttl": "1h", **options})["auth"]
    return Credential("vault_token", "fp_test", Secret(made["client_token"]))


def secret_id(openbao: OpenBao, role: str) -> Credential:
    role_id = call(openbao, "GET", f"auth/approle/role/{role}/role-id")["data"]["role_id"]
    made = call(openbao, "POST", f"auth/approle/role/{role}/secret-id")["data"]
    return Credential("vault_approle_secret_id", "fp_test", Secret(made["secret_id"]), {"role_id": role_id})


def test_only_lookups_are_reads() -> None:
    provider, _ = OWNERS["vault_token"]
    body = {"secret_id": "made-up"}
    assert may_query(provider.reads, "/v1/auth/approle/role/deploy/secret-id/lookup", body)
    assert not may_query(provider.reads, "/v1/auth/approle/role/deploy/secret-id/lookup", body | {"ttl": "1h"})
    for path in (
        "/v1/auth/approle/role/deploy/secret-id",
        "/v1/auth/approle/role/deploy/secret-id/destroy",
        "/v1/auth/approle/role/a/b/secret-id/lookup",
        "/v1/auth/approle/role//secret-id/lookup",
        "/v1/auth/approle/role/../secret-id/lookup",
        "/v1/auth/token/revoke",
        "/v1/auth/token/lookup/x",
    ):
        assert not may_query(provider.reads, path, body), path
        assert not may_query(provider.reads, path), path


@pytest.mark.slow
def test_a_token_is_live_until_it_is_revoked(openbao: OpenBao, known: Settings) -> None:
    cred = token(openbao)
    verdict = real.verify(known, cred)
    assert (verdict.validity, verdict.reason) == (Validity.LIVE, "authenticated")
    assert verdict.identity is not None
    assert verdict.identity.scopes == ("default", "idle")
    assert verdict.identity.expires_at is not None
    to = real.bound(known, cred, "revoke")
    assert real.observe(known, to, "revoke") is False
    assert not real.change(known, to, "revoke").already
    assert real.observe(known, to, "revoke") is True
    assert real.verify(known, cred).validity is Validity.DEAD
    assert isinstance(real.bind(known, cred, "revoke"), Unbound)


@pytest.mark.slow
def test_a_second_revocation_says_that_nothing_was_there(openbao: OpenBao, known: Settings) -> None:
    cred = token(openbao)
    to = real.bound(known, cred, "revoke")
    real.change(known, to, "revoke")
    assert real.change(known, to, "revoke").already


@pytest.mark.slow
def test_a_check_by_the_authority_burns_no_use_and_one_by_itself_does(openbao: OpenBao, known: Settings) -> None:
    cred = token(openbao, num_uses=2)
    for _ in range(4):
        assert real.verify(known, cred).validity is Validity.LIVE
    alone = real.without_authority(known)
    assert real.verify(alone, cred).validity is Validity.LIVE
    last = real.verify(alone, cred)
    assert (last.validity, last.reason) == (Validity.DEAD, "used_up"), "that was its last use"
    assert real.verify(known, cred).validity is Validity.DEAD, "whether the server has ended it by now or is about to"
    assert real.verify(alone, cred).validity is Validity.UNKNOWN, "refused, and this server does not say why"


@pytest.mark.slow
def test_a_token_bound_elsewhere_is_live(openbao: OpenBao, known: Settings) -> None:
    call(openbao, "POST", "auth/token/roles/far", {"token_bound_cidrs": ["10.1.2.3/32"], "allowed_policies": "idle"})
    made = call(openbao, "POST", "auth/token/create/far", {"policies": ["idle"]})["auth"]["client_token"]
    cred = Credential("vault_token", "fp_test", Secret(made))
    assert real.verify(known, cred).validity is Validity.LIVE
    verdict = real.verify(real.without_authority(known), cred)
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "refused_or_bound")


@pytest.mark.slow
def test_a_batch_token_has_no_target(openbao: OpenBao, known: Settings) -> None:
    cred = token(openbao, type="batch")
    assert real.verify(known, cred).validity is Validity.LIVE
    for action in ("revoke", "revoke_self"):
        found = real.bind(known, cred, action)
        assert isinstance(found, Unbound)
        assert found.reason == "batch_token"


@pytest.mark.slow
def test_a_token_revokes_itself_and_its_children(openbao: OpenBao, known: Settings) -> None:
    call(openbao, "POST", "sys/policies/acl/parent", {"policy": 'path "auth/token/create" { capabilities = ["update"] }'})
    parent = token(openbao, policies=["parent"])
    made = call(openbao, "POST", "auth/token/create", {"ttl": "1h"}, parent.secret.reveal())["auth"]["client_token"]
    child = Credential("vault_token", "fp_child", Secret(made))
    real.change(known, real.bound(known, parent, "revoke_self"), "revoke_self")
    assert real.verify(known, parent).validity is Validity.DEAD
    assert real.verify(known, child).validity is Validity.DEAD


@pytest.mark.slow
def test_a_disabled_entity_stops_its_tokens_and_can_be_enabled(openbao: OpenBao, known: Settings) -> None:
    leaked = secret_id(openbao, "billing")
    login = {"role_id": leaked.parts["role_id"], "secret_id": leaked.secret.reveal()}
    cred = Credential(
        "vault_token", "fp_test", Secret(call(openbao, "POST", "auth/approle/login", login)["auth"]["client_token"])
    )
    to = real.bound(known, cred, "suspend_entity")
    real.change(known, to, "suspend_entity")
    verdict = real.verify(known, cred)
    assert (verdict.validity, verdict.reason) == (Validity.DEAD, "entity_disabled")
    assert real.observe(known, to, "suspend_entity") is True
    real.change(known, real.bound(known, cred, "restore_entity"), "restore_entity")
    assert real.verify(known, cred).validity is Validity.LIVE


@pytest.mark.slow
@pytest.mark.parametrize("parts", [True, False], ids=["with role-id", "without role-id"])
def test_a_secret_id_is_found_in_its_role_and_destroyed(openbao: OpenBao, known: Settings, parts: bool) -> None:
    cred, other = secret_id(openbao, "deploy"), secret_id(openbao, "deploy")
    if not parts:
        cred = Credential(cred.kind, cred.fingerprint, cred.secret)
    verdict = real.verify(known, cred)
    assert (verdict.validity, verdict.reason) == (Validity.LIVE, "known")
    assert verdict.identity is not None
    assert verdict.identity.principal == "approle/deploy"
    to = real.bound(known, cred, "revoke")
    assert real.observe(known, to, "revoke") is False
    real.change(known, to, "revoke")
    assert real.observe(known, to, "revoke") is True
    assert real.verify(known, cred).reason == "unknown_secret_id"
    assert real.verify(known, other).validity is Validity.LIVE, "another one of the same role was touched"


@pytest.mark.slow
def test_without_an_authority_a_secret_id_is_not_tried(openbao: OpenBao, known: Settings) -> None:
    verdict = real.verify(real.without_authority(known), secret_id(openbao, "deploy"))
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "no_safe_check")


@pytest.mark.slow
def test_a_role_id_of_another_server_decides_nothing(openbao: OpenBao, known: Settings) -> None:
    cred = secret_id(openbao, "deploy")
    stranger = Credential(cred.kind, cred.fingerprint, cred.secret, {"role_id": "00000000-0000-0000-0000-000000000000"})
    assert real.verify(known, stranger).validity is Validity.UNKNOWN


@pytest.mark.slow
def test_a_new_secret_id_carries_our_mark_and_can_be_taken_back(openbao: OpenBao, known: Settings) -> None:
    cred = secret_id(openbao, "deploy")
    to = real.bound(known, cred, "issue")
    made = real.change(known, to, "issue").issued
    assert made is not None
    fresh = Credential(cred.kind, "fp_new", made.secret, cred.parts)
    assert real.verify(known, fresh).validity is Validity.LIVE
    marked = [one.target for one in real.siblings(known, to, "issue") if one.name == "revoker-run-1"]
    assert marked == [made.target]
    real.change(known, Bound(fresh, made.target, to.proof, "made by this test", None, to.extra), "revoke")
    assert real.verify(known, fresh).validity is Validity.DEAD
    assert real.verify(known, cred).validity is Validity.LIVE


@pytest.mark.slow
def test_the_sweep_ends_the_tokens_of_one_role_alone(openbao: OpenBao, known: Settings) -> None:
    ours, theirs = secret_id(openbao, "deploy"), secret_id(openbao, "billing")

    def logged_in(pair: Credential) -> Credential:
        login = {"role_id": pair.parts["role_id"], "secret_id": pair.secret.reveal()}
        made = call(openbao, "POST", "auth/approle/login", login)["auth"]["client_token"]
        return Credential("vault_token", "fp_login", Secret(made))

    mine, other = logged_in(ours), logged_in(theirs)
    real.change(known, real.bound(known, ours, "revoke"), "revoke")
    assert real.verify(known, mine).validity is Validity.LIVE, "a token outlives the secret-id that made it"
    receipt = real.change(known, real.bound(known, ours, "end_sessions"), "end_sessions")
    assert not receipt.already
    assert real.verify(known, mine).validity is Validity.DEAD
    assert real.verify(known, other).validity is Validity.LIVE


@pytest.mark.slow
def test_the_authority_s_rights_are_read(openbao: OpenBao, known: Settings) -> None:
    held = real.rights(known, "vault")
    assert held
    assert all(held.values()), held
    weak = real.settings("vault", openbao.url, {"token": token(openbao).secret.reveal()})
    assert not any(real.rights(weak, "vault").values())
