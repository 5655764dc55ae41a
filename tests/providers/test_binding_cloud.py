"""No change without a proven target: clouds, Git hosts and CI. The proof is a value, a certificate or the token's own answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from revoker.model import Bound, Credential, Proof, Secret, Unbound, Validity
from revoker.sdk import Reply
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, always, in_turn, reply_of, run
from tests.providers.samples import NOW, credential_of
from tests.providers.test_binding import answers, bind, secret

GCP_LIST = "/robot/v1/metadata/x509/ci@acme-prod.iam.gserviceaccount.com"
KEY_ID = "0123456789" * 4
STORAGE = "/subscriptions/s1/providers/Microsoft.Storage/storageAccounts?api-version=2026-09-01"
RESOURCE = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/db"
KEYS = f"{RESOURCE}/listKeys?api-version=2026-09-01"


def pem(body: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(body).decode()}\n-----END CERTIFICATE-----\n"


# Cloudflare


@pytest.mark.parametrize("action", ["suspend", "revoke", "rotate", "revoke_self"])
def test_a_cloudflare_token_names_itself_even_when_it_is_disabled(action: str) -> None:
    said = {"result": {"id": "tok1", "status": "disabled"}}
    found, _ = bind("cloudflare_api_token", action, answers({"/client/v4/user/tokens/verify": said}))
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == ("tok1", Proof.SELF_ENDPOINT)


def test_a_cloudflare_account_token_is_looked_up_in_the_operators_account_only() -> None:
    route = {"/client/v4/accounts/acc1/tokens/verify": {"result": {"id": "tok1", "status": "active"}}}
    found, _ = bind("cloudflare_account_token", "revoke", answers(route), account_id="acc1")
    assert isinstance(found, Bound)
    assert found.account == "acc1"
    other, reader = bind("cloudflare_account_token", "revoke", answers(route))
    assert isinstance(other, Unbound)
    assert not reader.sent


# Google Cloud


def test_a_service_account_key_is_bound_by_the_public_half_of_its_certificate() -> None:
    found, _ = bind("gcp_service_account_key", "suspend", answers({GCP_LIST: {KEY_ID: pem(b"\1" + b"\xc5" * 256)}}))
    assert isinstance(found, Bound)
    assert (found.target, found.account, found.proof) == (KEY_ID, "acme-prod", Proof.UNIQUE_HASH)


@pytest.mark.parametrize("rows", [{}, {KEY_ID: pem(b"\xc4" * 256)}, {"9" * 40: pem(b"\xc5" * 256)}, {KEY_ID: "no certificate"}])
def test_a_file_that_names_the_key_of_another_binds_nothing(rows: dict[str, str]) -> None:
    found, _ = bind("gcp_service_account_key", "revoke", answers({GCP_LIST: rows}))
    assert isinstance(found, Unbound)


@pytest.mark.parametrize("value", ["{}", '{"private_key": "x"}', '{"private_key": 7}', "[]"])
def test_a_key_file_without_a_key_is_never_asked_about(value: str) -> None:
    _, kind = OWNERS["gcp_service_account_key"]
    cred = Credential(kind.id, "fp_test", Secret(value), {})
    assert any(check(cred, FakeReader(OWNERS[kind.id][0], always(Reply(""))).now) for check in kind.offline)


# Azure


def storage(rows: list[dict[str, Any]], name: str = "db") -> Any:
    return answers({STORAGE: {"value": [{"id": RESOURCE, "name": name}]}, KEYS: {"keys": rows}})


@pytest.mark.row("W-1")
def test_a_storage_key_is_bound_to_the_key_that_has_its_value() -> None:
    rows = [{"keyName": "key1", "value": "another"}, {"keyName": "key2", "value": secret("azure_storage_account_key")}]
    found, reader = bind("azure_storage_account_key", "rotate", storage(rows), subscription="s1")
    assert isinstance(found, Bound)
    assert (found.target, found.proof, found.extra["resource"]) == ("key2", Proof.UNIQUE_HASH, RESOURCE)
    assert all(sent.how in ("get", "query") for sent in reader.sent)


def test_a_storage_key_that_is_not_listed_binds_nothing() -> None:
    for script in (storage([{"keyName": "key1", "value": "another"}]), storage([], name="elsewhere"), answers({})):
        found, _ = bind("azure_storage_account_key", "rotate", script, subscription="s1")
        assert isinstance(found, Unbound)


def test_a_storage_key_signs_its_request_and_stays_at_home() -> None:
    provider, kind = OWNERS["azure_storage_account_key"]
    cred = credential_of(kind)
    reader = FakeReader(provider, always(Reply("", 500)))
    run(kind.verify(cred, reader))
    (sent,) = reader.sent
    text = f"GET{chr(10) * 12}x-ms-date:{sent.headers['x-ms-date']}\nx-ms-version:{sent.headers['x-ms-version']}\n"
    text += "/db/\ncomp:list\nmaxresults:1"
    mac = hmac.new(base64.b64decode(cred.secret.reveal()), text.encode(), hashlib.sha256).digest()
    assert sent.bearer() == f"db:{base64.b64encode(mac).decode()}"
    assert sent.headers["x-ms-date"] == "Tue, 24 Nov 2026 12:00:00 GMT"


def test_the_checksum_of_a_storage_key_agrees_with_one_that_others_accept() -> None:
    made = bytes.fromhex(
        "9e55a2f01762e72fb21e582ca8a333a3b1ccd79b4c29c2d5ee10a6252591"
        "5595eeed437626b34d8c122bdd5e720e20928b48228a7dc3586346f804ad"
        "e4a6611c"
    )
    checks = OWNERS["azure_storage_account_key"][1].offline
    for raw, good in ((made, True), (b"x" + made[1:], False)):
        cred = Credential("azure_storage_account_key", "fp_test", Secret(base64.b64encode(raw).decode()), {})
        assert all(check(cred, NOW) is None for check in checks) is good


def test_three_characters_of_an_entra_secret_bind_nothing() -> None:
    rows = [{"keyId": "k1", "hint": secret("azure_entra_client_secret")[:3], "displayName": "ci"}]
    holder = {"value": [{"id": "o1", "appId": "made-up-client_id", "passwordCredentials": rows}]}
    script = answers({"/v1.0/applications": holder, "/v1.0/servicePrincipals": holder})
    found, _ = bind("azure_entra_client_secret", "revoke", script)
    assert isinstance(found, Unbound)
    assert (found.reason, "k1 (ci)" in found.detail) == ("label_only", True)
    principal, _ = bind("azure_entra_client_secret", "suspend_principal", script)
    assert isinstance(principal, Unbound)
    assert (principal.reason, "o1" in principal.detail) == ("pair_not_proven", True)


def test_a_shared_access_signature_tells_its_own_end() -> None:
    _, kind = OWNERS["azure_sas_token"]
    now = FakeReader(OWNERS[kind.id][0], always(Reply(""))).now
    for end, over in (("2026-11-24T11:59:59Z", True), ("2026-11-25", False), ("soon", False)):
        value = f"sv=2023-01-03&se={end}&sr=c&sp=rl&" + "sig=" + "a1" * 22
        verdicts = [check(Credential(kind.id, "fp_test", Secret(value), {}), now) for check in kind.offline]
        assert any(v is not None and v.validity is Validity.DEAD for v in verdicts) is over, end


# Lists that hold whole values


def test_a_heroku_token_is_found_among_its_users_authorisations_by_its_value() -> None:
    rows = [{"id": f"a{n}", "access_token": {"token": secret("heroku_api_key", n)}} for n in range(3)]
    found, _ = bind("heroku_api_key", "revoke", answers({"/oauth/authorizations": rows}))
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == ("a0", Proof.UNIQUE_HASH)
    for listed in (rows[1:], [rows[0], rows[0]], [{"id": "a0", "access_token": None}], ["x"]):
        other, _ = bind("heroku_api_key", "revoke", answers({"/oauth/authorizations": listed}))
        assert isinstance(other, Unbound)


# Lists that hold beginnings, ends and names only

LABELS = [
    ("linode_token", {"/v4/profile/tokens": lambda v: {"pages": 1, "data": [{"id": 7, "label": "ci", "token": v[:16]}]}}),
    ("gitea_token", {"/api/v1/user": lambda v: {"login": "acme"}, "/api/v1/users/acme/tokens": lambda v: [
        {"id": 7, "name": "ci", "token_last_eight": v[-8:]}]}),
    ("pulumi_token", {"/api/user/tokens": lambda v: {"tokens": [{"id": 7, "description": "ci"}]}}),
    ("azure_devops_pat", {
        "/acme/_apis/connectionData": lambda v: {"authenticatedUser": {"id": "u1", "subjectDescriptor": "aad.x"}},
        "/acme/_apis/tokenadmin/personalaccesstokens/aad.x": lambda v: {"value": [{"authorizationId": 7, "displayName": "ci"}]},
    }),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "table"), LABELS, ids=[kind for kind, _ in LABELS])
@pytest.mark.row("W-1")
def test_what_only_looks_like_it_is_named_to_a_person_and_bound_by_nobody(kind: str, table: dict[str, Any]) -> None:
    script = answers({path: body(secret(kind)) for path, body in table.items()})
    found, _ = bind(kind, "revoke", script, username="admin", organization="acme")
    assert isinstance(found, Unbound)
    assert (found.reason, "7 (ci)" in found.detail) == ("label_only", True), found


# Terraform and Argo CD


def terraform(service: bool, *ids: str, **more: Any) -> Any:
    me = {"data": {"id": "user-1", "attributes": {"username": "acme", "is-service-account": service}}}
    listed = {"data": [{"id": id} for id in ids], **more}
    return answers({"/api/v2/account/details": me, "/api/v2/users/user-1/authentication-tokens": listed})


def test_the_only_listed_token_of_a_person_is_named_and_not_bound() -> None:
    found, _ = bind("terraform_cloud_token", "revoke", terraform(False, "at-1"))
    assert isinstance(found, Unbound)
    assert (found.reason, "at-1 of acme" in found.detail) == ("only_candidate", True)
    several = terraform(False, "at-1", "at-2")
    for script in (several, terraform(True, "at-1"), terraform(False), terraform(False, "at-1", links={"next": "/2"})):
        other, _ = bind("terraform_cloud_token", "revoke", script)
        assert isinstance(other, Unbound)


def test_what_an_argocd_token_says_of_itself_counts_after_the_server_accepted_it() -> None:
    place = "/api/v1/session/userinfo"
    found, _ = bind("argocd_token", "revoke", answers({place: {"loggedIn": True, "username": "ci"}}))
    assert isinstance(found, Bound)
    assert (found.target, found.extra["place"]) == ("made-up-jti", "/api/v1/account/ci")
    other, _ = bind("argocd_token", "revoke", answers({place: {"loggedIn": False}}))
    assert isinstance(other, Unbound)


# Refusals that are no deaths


def test_one_refusal_of_several_is_no_death() -> None:
    provider, kind = OWNERS["cloudflare_legacy_token"]
    refused = reply_of({"status": 401, "body": {"errors": [{"code": 1000}]}})
    blocked = reply_of({"status": 403, "body": {"errors": [{"code": 9109}]}})
    reader = FakeReader(provider, in_turn([refused, blocked]), settings={"account_id": "acc1"})
    assert run(kind.verify(credential_of(kind), reader)).validity is Validity.UNKNOWN
