"""Logging in at a real OpenBao: AppRole with a wrapped secret-id, JWT, Kubernetes, namespaces, renewal; and what is never sent twice."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revoker.config import VaultSettings
from revoker.egress.vault import Vault, open_vault
from revoker.errors import AuthorityError, ConfigError, Parked, UnresolvedReference
from revoker.model import Secret
from tests.egress.conftest import Seen, Server, answer, settings
from tests.egress.vaults import call, enabled, opened, token_with

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

POLICY = 'path "secret/data/auth/*" { capabilities = ["create", "read", "update"] }'


def login(url: str, **more: Any) -> Vault:
    return open_vault(settings(vault=VaultSettings(addr=url, **more), timeout=5))


def key_pair() -> tuple[rsa.RSAPrivateKey, str]:
    """An RSA key, and its public half in PEM."""
    key = rsa.generate_private_key(65537, 2048)
    return key, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(claims: dict[str, Any], key: rsa.RSAPrivateKey) -> str:
    """A JWT by RS256."""
    body = ".".join(_coded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return f"{body}.{_coded(key.sign(body.encode(), PKCS1v15(), SHA256()))}"


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
def policy(openbao: OpenBao) -> str:
    call(openbao, "PUT", "sys/policies/acl/auth-test", {"policy": POLICY})
    return "auth-test"


@pytest.fixture
def approle(openbao: OpenBao, policy: str) -> str:
    """A role of an AppRole mount of its own: `mount/role/name`."""
    mount = f"approle-{secrets.token_hex(4)}"
    enabled(openbao, "approle", mount)
    call(openbao, "POST", f"auth/{mount}/role/r", {"token_policies": policy, "token_ttl": "1h"})
    return f"auth/{mount}/role/r"


def wrapped(server: OpenBao, path: str, monkeypatch: pytest.MonkeyPatch, **body: Any) -> dict[str, Any]:
    """Environment and settings for a wrapped secret-id of a role."""
    role_id = call(server, "GET", f"{path}/role-id")["data"]["role_id"]
    monkeypatch.setenv("LAB_ROLE", role_id)
    monkeypatch.setenv("LAB_SECRET_ID", wrap(server, f"{path}/secret-id", body))
    found = {"auth": "approle", "auth_mount": path.split("/")[1], "role_id": "env:LAB_ROLE", "secret_id": "env:LAB_SECRET_ID"}
    return {**found, "secret_id_path": f"{path}/secret-id"}


def wrap(server: OpenBao, path: str, body: Any) -> str:
    """A wrapping token around the answer of a POST."""
    import http.client

    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.request("POST", f"/v1/{path}", json.dumps(body), {"X-Vault-Token": server.token, "X-Vault-Wrap-TTL": "5m"})
    made = json.loads(connection.getresponse().read())
    connection.close()
    return str(made["wrap_info"]["token"])


@pytest.mark.slow
def test_a_wrapped_secret_id_is_opened_once_and_serves_later_logins(
    openbao: OpenBao, approle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = login(openbao.url, **wrapped(openbao, approle, monkeypatch))
    assert vault.write("secret/auth/wrapped", {"k": Secret("v")}, vault.newest("secret/auth/wrapped")) >= 1
    call(openbao, "POST", "auth/token/revoke", {"token": vault.session.token().reveal()})
    assert vault.read("secret/auth/wrapped") is not None  # 403, one new login; the wrapping token was not opened again


@pytest.mark.slow
def test_a_wrapped_secret_id_that_somebody_opened_is_taken_for_leaked(
    openbao: OpenBao, approle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    more = wrapped(openbao, approle, monkeypatch)
    call(openbao, "POST", "sys/wrapping/unwrap", {}, token=os.environ["LAB_SECRET_ID"])
    with pytest.raises(AuthorityError, match="somebody else has opened it"):
        login(openbao.url, **more).read("secret/auth/wrapped")


@pytest.mark.slow
def test_a_wrapping_token_of_another_path_is_not_opened(openbao: OpenBao, approle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = wrapped(openbao, approle, monkeypatch)
    forged = wrap(openbao, "sys/wrapping/wrap", {"secret_id": "forged"})
    monkeypatch.setenv("LAB_SECRET_ID", forged)
    with pytest.raises(AuthorityError, match="another path"):
        login(openbao.url, **more).read("secret/auth/wrapped")
    assert call(openbao, "POST", "sys/wrapping/lookup", {"token": forged})["data"]["creation_path"] == "sys/wrapping/wrap"


@pytest.mark.slow
def test_a_single_use_secret_id_is_not_sent_a_second_time(
    openbao: OpenBao, approle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(openbao, "POST", approle, {"secret_id_num_uses": 1, "token_policies": "auth-test"})
    vault = login(openbao.url, **wrapped(openbao, approle, monkeypatch))
    vault.read("secret/auth/single")
    call(openbao, "POST", "auth/token/revoke", {"token": vault.session.token().reveal()})
    with pytest.raises(AuthorityError, match="refused the AppRole login"):
        vault.read("secret/auth/single")
    with pytest.raises(Parked, match="used up or refused before"):
        vault.read("secret/auth/single")


def test_a_lost_answer_to_an_approle_login_is_never_retried(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(_seen: Seen, _reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        out.close()

    server = serve(cut)
    monkeypatch.setenv("LAB_ROLE", "role")
    monkeypatch.setenv("LAB_SECRET_ID", secrets.token_hex(8))
    vault = login(server.url, auth="approle", role_id="env:LAB_ROLE", secret_id="env:LAB_SECRET_ID")
    with pytest.raises(Parked, match="lost"):
        vault.read("secret/a/b")
    with pytest.raises(Parked, match="used up"):
        vault.read("secret/a/b")
    assert len(server.seen) == 1


@pytest.mark.slow
def test_jwt_with_a_static_key_and_its_audience(openbao: OpenBao, policy: str, tmp_path: Path) -> None:
    mount, (private, public) = f"jwt-{secrets.token_hex(4)}", key_pair()
    enabled(openbao, "jwt", mount)
    call(openbao, "POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [public], "bound_issuer": "ci"})
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["revoker"],
        "token_policies": [policy],
        "token_ttl": "5m",
    }
    call(openbao, "POST", f"auth/{mount}/role/ci", role)
    path = tmp_path / "job.jwt"

    def attempt(audience: str) -> Vault:
        claims = {"iss": "ci", "sub": "job", "aud": audience, "exp": int(time.time()) + 300, "iat": int(time.time())}
        path.write_text(signed(claims, private))
        path.chmod(0o600)
        found = login(openbao.url, auth="jwt", auth_mount=mount, role="ci", jwt=f"file:{path}")
        found.session._held.token = None  # one server, one configuration: the token of the other audience is held
        return found

    assert (
        attempt("revoker").lookup_self().policies == (policy, "default") or "default" in attempt("revoker").lookup_self().policies
    )
    with pytest.raises(AuthorityError, match="refused the JWT login"):
        attempt("somebody-else").lookup_self()


@pytest.mark.slow
def test_kubernetes_with_a_token_review_on_loopback(
    openbao: OpenBao, policy: str, serve: Callable[..., Server], tmp_path: Path
) -> None:
    """The server's own Kubernetes plugin asks a TokenReview API; the API here knows one service account."""
    private, public = key_pair()
    account = {"namespace": "ops", "serviceaccount": {"name": "revoker", "uid": "u-1"}}
    claims = {
        "iss": "kubernetes",
        "sub": "system:serviceaccount:ops:revoker",
        "kubernetes.io": account,
        "exp": int(time.time()) + 600,
    }
    good = signed({**claims, "iat": int(time.time())}, private)

    async def review(seen: Seen, _reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        asked = json.loads(seen.body)["spec"]["token"]
        said = {"authenticated": asked == good, "user": {"username": claims["sub"], "uid": "u-1", "groups": []}}
        doc = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": said}
        out.write(answer(201, json.dumps(doc).encode(), {"Content-Type": "application/json"}))

    api, mount = serve(review), f"kube-{secrets.token_hex(4)}"
    enabled(openbao, "kubernetes", mount)
    conf = {
        "kubernetes_host": api.url,
        "token_reviewer_jwt": good,
        "disable_local_ca_jwt": True,
        "kubernetes_ca_cert": certificate(),
    }
    call(openbao, "POST", f"auth/{mount}/config", {**conf, "disable_iss_validation": True, "pem_keys": [public]})
    role = {"bound_service_account_names": ["revoker"], "bound_service_account_namespaces": ["ops"], "token_policies": [policy]}
    call(openbao, "POST", f"auth/{mount}/role/revoker", role)
    real, link = tmp_path / "..data-token", tmp_path / "token"
    real.write_text(good + "\n")
    link.symlink_to(real)  # as the kubelet lays it out
    vault = login(openbao.url, auth="kubernetes", auth_mount=mount, role="revoker", jwt_file=link)
    assert policy in vault.lookup_self().policies
    assert any("tokenreviews" in seen.line for seen in api.seen)
    real.write_text(signed({**claims, "iat": int(time.time()) - 5}, private))
    vault.session._held.token = None
    with pytest.raises(AuthorityError, match="refused the Kubernetes login"):
        vault.lookup_self()


def certificate() -> str:
    """A certificate authority that nothing here is signed by: the plugin wants one."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.x509.oid import NameOID

    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def test_a_service_account_token_that_is_not_there_names_the_key(tmp_path: Path) -> None:
    vault = login("http://127.0.0.1:9", auth="kubernetes", role="r", jwt_file=tmp_path / "none")
    with pytest.raises(UnresolvedReference, match="cannot be read") as said:
        vault.lookup_self()
    assert "jwt_file" in said.value.next


@pytest.mark.parametrize("auth", ["jwt", "kubernetes"])
def test_a_role_must_be_named(auth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").write_text("x")
    monkeypatch.setenv("LAB_JWT", "x")
    with pytest.raises(ConfigError, match="role is missing"):
        login("http://127.0.0.1:9", auth=auth, jwt="env:LAB_JWT", jwt_file=tmp_path / "t").lookup_self()


@pytest.mark.slow
def test_a_periodic_token_gets_its_whole_period_at_each_renewal(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each renewal gives 3600 s again, whatever is asked for: so two thirds are 2400 s each time."""
    made = call(openbao, "POST", "auth/token/create", {"policies": ["default"], "period": "3600s"})["auth"]["client_token"]
    asked = call(openbao, "POST", "auth/token/renew-self", {"increment": 7200}, token=made)
    assert asked["auth"]["lease_duration"] == 3600
    now = [0.0]
    vault = opened(openbao.url, monkeypatch, made)
    vault.session._monotonic = lambda: now[0]
    vault.lookup_self()
    first = vault.session._held.renew_at
    assert 2390 <= first <= 2400
    now[0] = 2401.0
    vault.lookup_self()
    assert vault.session._held.renew_at == pytest.approx(2401 + 2400)


def test_a_renewal_that_fails_is_tried_again_and_holds_nothing_up(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"data": {"ttl": 90, "renewable": true, "policies": []}}'

    async def handle(seen: Seen, _reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        out.write(answer(503, b"{}") if "renew-self" in seen.line else answer(200, body))

    server, now = serve(handle), [0.0]
    vault = opened(server.url, monkeypatch, "t")
    vault.session._monotonic = lambda: now[0]
    vault.lookup_self()
    for now[0] in (61.0, 62.0, 92.0):
        vault.lookup_self()
    assert len([seen for seen in server.seen if "renew-self" in seen.line]) == 2


@pytest.mark.slow
def test_a_token_file_that_an_agent_renews_is_read_again_after_a_403(openbao: OpenBao, tmp_path: Path) -> None:
    path = tmp_path / "sink"
    path.write_text(token_with(openbao, POLICY))
    path.chmod(0o600)
    vault = login(openbao.url, token=f"file:{path}")
    vault.read("secret/auth/agent")
    old = path.read_text()
    path.write_text(token_with(openbao, POLICY))
    call(openbao, "POST", "auth/token/revoke", {"token": old})
    assert vault.read("secret/auth/agent") is None


@pytest.mark.slow
def test_bearer_works_like_x_vault_token(openbao: OpenBao) -> None:
    import http.client

    connection = http.client.HTTPConnection(openbao.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/v1/auth/token/lookup-self", headers={"Authorization": f"Bearer {openbao.token}"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.slow
def test_namespaces_by_header_and_by_path(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace has mounts and tokens of its own; its tokens end in its id, and root looks them up with the path."""
    space = f"team{secrets.token_hex(3)}"
    call(openbao, "POST", f"sys/namespaces/{space}")
    call(openbao, "POST", f"{space}/sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    inside = opened(openbao.url, monkeypatch, openbao.token, namespace=space)
    assert inside.write("secret/auth/space", {"k": Secret("inside")}, 0) == 1
    assert call(openbao, "GET", f"{space}/secret/data/auth/space")["data"]["data"] == {"k": "inside"}
    assert opened(openbao.url, monkeypatch, openbao.token).read("secret/auth/space") is None
    made = call(openbao, "POST", f"{space}/auth/token/create", {"policies": ["default"]})["auth"]["client_token"]
    looked = call(openbao, "POST", "auth/token/lookup", {"token": made})["data"]
    assert looked["namespace_path"].strip("/") == space
    assert "." in made.removeprefix("s.")


def test_settings_of_two_identities_hold_two_tokens() -> None:
    one = settings(vault=VaultSettings(addr="http://127.0.0.1:9", token="env:A"))
    assert one.vault is not None
    other = replace(one, vault=replace(one.vault, token="env:B"))
    assert open_vault(one).session._held is not open_vault(other).session._held
