"""Leaked tokens of every sort against a real OpenBao: wrapping, batch, namespaced, accessors, role-ids, and what repeats say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings
from revoker.errors import OutcomeUnknown
from revoker.lab.servers import bao_call
from revoker.model import Bound, Credential, Proof, Secret, Unbound, Validity
from tests.providers import real
from tests.providers.catalogue import OWNERS

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

pytestmark = pytest.mark.slow
ROLE = "leaks"


def call(bao: OpenBao, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> dict[str, Any]:
    status, answer = bao_call(bao, method, path, body, token=token)
    assert status < 300, (status, answer)
    return answer


@pytest.fixture(scope="module")
def known(openbao: OpenBao) -> Settings:
    bao_call(openbao, "POST", "sys/auth/approle", {"type": "approle"})  # 400 when another test did it before
    call(openbao, "POST", f"auth/approle/role/{ROLE}", {"token_policies": "default", "token_ttl": "1h"})
    return real.settings("vault", openbao.url, {"token": openbao.token})


def leaked(value: str, kind: str = "vault_token") -> Credential:
    return Credential(kind, "fp_test", Secret(value))


def wrapped(bao: OpenBao) -> tuple[str, str]:
    """A wrapping token and its accessor, made as `X-Vault-Wrap-TTL` makes it."""
    import http.client
    import json

    connection = http.client.HTTPConnection(bao.url.removeprefix("http://"), timeout=10)
    headers = {"X-Vault-Token": bao.token, "X-Vault-Wrap-TTL": "300"}
    connection.request("POST", "/v1/sys/wrapping/wrap", json.dumps({"word": "x"}), headers)
    made = json.loads(connection.getresponse().read())["wrap_info"]
    connection.close()
    return made["token"], made["accessor"]


def test_a_wrapping_token_is_looked_at_without_being_used_and_cancelled_by_its_accessor(
    openbao: OpenBao, known: Settings
) -> None:
    value, accessor = wrapped(openbao)
    for settings in (known, real.without_authority(known)):
        for _ in range(3):
            verdict = real.verify(settings, leaked(value))
            assert (verdict.validity, verdict.reason) == (Validity.LIVE, "wrapping_token")
            assert verdict.identity is not None
            assert verdict.identity.principal == "wraps sys/wrapping/wrap"
    to = real.bound(known, leaked(value), "revoke")
    assert to.target == accessor
    real.change(known, to, "revoke")
    assert bao_call(openbao, "POST", "sys/wrapping/unwrap", {"token": value})[0] == 400
    assert real.verify(known, leaked(value)).validity is Validity.DEAD


def test_what_the_check_avoids_a_lookup_of_itself_uses_a_wrapping_token_up(openbao: OpenBao) -> None:
    value, _ = wrapped(openbao)
    assert bao_call(openbao, "GET", "auth/token/lookup-self", token=value)[0] == 403
    assert bao_call(openbao, "POST", "sys/wrapping/unwrap", {"token": value})[0] == 400


def test_asking_whether_a_token_wraps_burns_no_use_of_it(openbao: OpenBao) -> None:
    made = call(openbao, "POST", "auth/token/create", {"num_uses": 2, "ttl": "1h"})["auth"]["client_token"]
    for _ in range(3):
        assert bao_call(openbao, "POST", "sys/wrapping/lookup", {"token": made})[0] == 400
    assert call(openbao, "POST", "auth/token/lookup", {"token": made})["data"]["num_uses"] == 2


def login(bao: OpenBao, kind: str) -> str:
    call(bao, "POST", f"auth/approle/role/{ROLE}", {"token_type": kind})
    role_id = call(bao, "GET", f"auth/approle/role/{ROLE}/role-id")["data"]["role_id"]
    secret_id = call(bao, "POST", f"auth/approle/role/{ROLE}/secret-id")["data"]["secret_id"]
    made = call(bao, "POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})
    return str(made["auth"]["client_token"])


def test_a_batch_token_says_how_it_ends_and_its_entity_stops_it(openbao: OpenBao, known: Settings) -> None:
    cred = leaked(login(openbao, "batch"))
    assert bao_call(openbao, "POST", "auth/token/revoke", {"token": cred.secret.reveal()})[0] == 400
    found = real.bind(known, cred, "revoke")
    assert isinstance(found, Unbound)
    assert "it ends by itself at" in found.detail
    assert "vault-entity" in found.detail
    assert "parent" not in found.detail, "this one is an orphan"
    to = real.bound(known, cred, "suspend_entity")
    real.change(known, to, "suspend_entity")
    assert bao_call(openbao, "GET", "auth/token/lookup-self", token=cred.secret.reveal())[0] == 403
    assert real.verify(known, cred).reason == "entity_disabled"
    real.change(known, real.bound(known, cred, "restore_entity"), "restore_entity")
    assert real.verify(known, cred).validity is Validity.LIVE


def test_a_batch_token_ends_with_its_parent(openbao: OpenBao, known: Settings) -> None:
    parent = call(openbao, "POST", "auth/token/create", {"ttl": "1h", "policies": ["default"]})["auth"]["client_token"]
    call(openbao, "POST", "sys/policies/acl/makes", {"policy": 'path "auth/token/create" { capabilities = ["update"] }'})
    parent = call(openbao, "POST", "auth/token/create", {"ttl": "1h", "policies": ["makes"]})["auth"]["client_token"]
    child = call(openbao, "POST", "auth/token/create", {"type": "batch", "ttl": "1h"}, parent)["auth"]["client_token"]
    found = real.bind(known, leaked(child), "revoke")
    assert isinstance(found, Unbound)
    assert "revoking its parent ends it" in found.detail
    real.change(known, real.bound(known, leaked(parent), "revoke"), "revoke")
    assert real.verify(known, leaked(child)).validity is Validity.DEAD


def test_a_token_of_a_namespace_is_revoked_there(openbao: OpenBao, known: Settings) -> None:
    call(openbao, "POST", "sys/namespaces/team")
    made = call(openbao, "POST", "team/auth/token/create", {"ttl": "1h"})["auth"]
    cred = leaked(made["client_token"])
    assert real.verify(known, cred).validity is Validity.LIVE
    to = real.bound(known, cred, "revoke")
    assert to.extra["inside"] == "team/"
    assert bao_call(openbao, "POST", "auth/token/lookup-accessor", {"accessor": made["accessor"]})[0] == 500
    assert real.verify(known, leaked(made["accessor"], "vault_token_accessor")).reason == "another_namespace"
    real.change(known, to, "revoke")
    assert real.observe(known, to, "revoke") is True
    assert real.verify(known, cred).validity is Validity.DEAD


def test_an_accessor_ends_its_token(openbao: OpenBao, known: Settings) -> None:
    made = call(openbao, "POST", "auth/token/create", {"ttl": "1h"})["auth"]
    cred = leaked(made["accessor"], "vault_token_accessor")
    assert real.verify(known, cred).validity is Validity.LIVE
    to = real.bound(known, cred, "revoke")
    real.change(known, to, "revoke")
    assert real.verify(known, cred).reason == "unknown_accessor"
    assert real.verify(known, leaked(made["client_token"])).validity is Validity.DEAD
    assert isinstance(real.bind(known, cred, "revoke"), Unbound)


def test_a_good_answer_to_revoking_an_unknown_token_proves_nothing(openbao: OpenBao) -> None:
    assert bao_call(openbao, "POST", "auth/token/revoke", {"token": "s." + "x" * 24})[0] == 204
    assert bao_call(openbao, "POST", "auth/token/revoke-accessor", {"accessor": "x" * 24})[0] == 200


def test_destroying_a_secret_id_again_is_looked_at(openbao: OpenBao, known: Settings) -> None:
    call(openbao, "POST", f"auth/approle/role/{ROLE}", {"token_type": "service"})
    role_id = call(openbao, "GET", f"auth/approle/role/{ROLE}/role-id")["data"]["role_id"]
    value = call(openbao, "POST", f"auth/approle/role/{ROLE}/secret-id")["data"]["secret_id"]
    cred = Credential("vault_approle_secret_id", "fp_test", Secret(value), {"role_id": role_id})
    to = real.bound(known, cred, "revoke")
    real.change(known, to, "revoke")
    with pytest.raises(OutcomeUnknown):  # the server answers 500
        real.change(known, to, "revoke")
    assert real.observe(known, to, "revoke") is True


def test_a_role_id_is_found_and_changed(openbao: OpenBao, known: Settings) -> None:
    value = call(openbao, "GET", f"auth/approle/role/{ROLE}/role-id")["data"]["role_id"]
    cred = leaked(value, "vault_approle_role_id")
    verdict = real.verify(known, cred)
    assert verdict.identity is not None
    assert verdict.identity.principal == f"approle/{ROLE}"
    to = real.bound(known, cred, "change_role_id")
    choose = real.action_of(cred.kind, "change_role_id").choose
    assert choose is not None
    new = choose(to)
    real.change(known, to, "change_role_id", new)
    assert Secret(call(openbao, "GET", f"auth/approle/role/{ROLE}/role-id")["data"]["role_id"]).same_as(new.secret)
    assert real.verify(known, cred).reason == "unknown_role_id"
    assert isinstance(real.bind(known, cred, "change_role_id"), Unbound)


def test_a_recovery_token_goes_by_hand() -> None:
    kind = OWNERS["vault_recovery_token"][1]
    assert not kind.actions
    assert "recovery mode" in kind.manual.steps[0]


def test_an_entity_is_stopped_only_by_name_and_by_two_people() -> None:
    from revoker.config import Settings as Config
    from revoker.model import Effect
    from revoker.runs.facts import Facts
    from revoker.runs.planned import approvals_for

    kind = OWNERS["vault_token"][1]
    action = real.action_of("vault_token", "suspend_entity")
    assert approvals_for(action, kind, Config()) == 2
    cred = leaked("s." + "x" * 24)
    to: dict[str, Bound | Unbound] = {"suspend_entity": Bound(cred, "e-1", Proof.SELF_ENDPOINT, "x")}
    facts = Facts(row=None, provider=OWNERS["vault_token"][0], kind=kind, bindings=to)  # type: ignore[arg-type]
    assert facts.bound_action(Effect.SUSPEND) is None
    assert facts.bound_action(Effect.SUSPEND, "suspend_entity") is not None
