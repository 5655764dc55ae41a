"""Private keys against real places: an OpenSSH server, TLS servers, OpenBao's PKI engine; and forges from a script."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from revoker.config import KeySettings, NetworkSettings, Settings
from revoker.model import Bound, Credential, Proof, Secret, Unbound, Validity, Verdict
from revoker.sdk import Reply, public_facts, public_half
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, Sent, reply_of, run

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao
    from revoker.lab.sshd import Sshd

Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NONE = serialization.NoEncryption()


def credential(key: Key, *, form: str = "", password: bytes | None = None) -> Credential:
    """A leaked key, in OpenSSH's form or in another."""
    kinds = {"": serialization.PrivateFormat.OpenSSH, "pkcs8": serialization.PrivateFormat.PKCS8}
    cipher = serialization.BestAvailableEncryption(password) if password else NONE
    secret = Secret(key.private_bytes(serialization.Encoding.PEM, kinds[form], cipher).decode().strip())
    return Credential("tls_private_key" if form else "ssh_private_key", "fp_test", secret, public_facts(secret))


def line_of(cred: Credential) -> str:
    half = public_half(cred.secret)
    assert half is not None
    return half.ssh


def settings(**keys: Any) -> Settings:
    return Settings(network=NetworkSettings(allow=(ip_network("127.0.0.1/32"),)), keys=KeySettings(**keys))


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    from revoker.lab import sshd

    if sshd.program() is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    with sshd.sshd() as started:
        yield started


def asked(server: Sshd, cred: Credential, **more: Any) -> tuple[Verdict, str]:
    """A verdict, and what the server logged for it."""
    before = len(server.log.read_text())
    names = {"ssh_hosts": (server.account,), "known_hosts": server.known_hosts, **more}
    verdict = real.verify(settings(**names), cred)
    end = time.monotonic() + 10
    while "isconnected" not in (log := server.log.read_text()[before:]) and "Connection closed" not in log:
        assert time.monotonic() < end, log  # sshd writes down the end of each connection
        time.sleep(0.02)
    return verdict, log


@pytest.mark.slow
@pytest.mark.parametrize("make", [Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048), lambda: ec.generate_private_key(ec.SECP256R1())])  # fmt: skip
def test_sshd_says_whether_it_would_take_a_key_and_nobody_logs_in(server: Sshd, make: Any) -> None:
    cred = credential(make())
    server.authorized_keys.write_text(f"# people\n{line_of(cred)} leaked\n")
    verdict, log = asked(server, cred)
    assert (verdict.validity, verdict.reason) == (Validity.LIVE, "accepted_by_host")
    assert verdict.identity is not None
    assert verdict.identity.principal == f"ssh {server.account}"
    assert "Postponed publickey" in log  # sshd's word for PK_OK
    assert "Accepted publickey" not in log
    assert "session opened" not in log
    server.authorized_keys.write_text("# people\n")
    verdict, log = asked(server, cred)
    assert (verdict.validity, verdict.reason) == (Validity.DEAD, "refused_everywhere")
    assert "Failed publickey" in log
    assert log.count("Failed publickey") == 1


@pytest.mark.slow
def test_a_host_whose_key_is_not_pinned_is_not_asked(server: Sshd, tmp_path: Path) -> None:
    cred = credential(Ed25519PrivateKey.generate())
    stranger = tmp_path / "known_hosts"
    stranger.write_text(f"[127.0.0.1]:{server.port} {line_of(credential(Ed25519PrivateKey.generate()))}\n")
    for known_hosts, reason in ((stranger, "host_key"), (None, "host_key")):
        verdict, log = asked(server, cred, known_hosts=known_hosts)
        assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, reason)
        assert "publickey" not in log
    missing = settings(ssh_hosts=(server.account,), known_hosts=tmp_path / "missing")
    assert real.verify(missing, cred).reason == "no_known_hosts"


@pytest.mark.slow
def test_a_host_without_public_keys_or_without_an_answer_decides_nothing() -> None:
    from revoker.lab import sshd

    if sshd.program() is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    cred = credential(Ed25519PrivateKey.generate())
    with sshd.sshd("PubkeyAuthentication no") as started:
        verdict, _ = asked(started, cred)
        assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "host_takes_no_keys")
    verdict = real.verify(settings(ssh_hosts=(started.account,)), cred)
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "connect")


@pytest.mark.slow
def test_an_address_that_is_not_allowed_is_not_dialled(server: Sshd) -> None:
    cred = credential(Ed25519PrivateKey.generate())
    server.authorized_keys.write_text(line_of(cred))
    known = replace(settings(ssh_hosts=(server.account,), known_hosts=server.known_hosts), network=NetworkSettings())
    before = server.log.read_text()
    assert real.verify(known, cred).reason == "refused_by_policy"
    assert server.log.read_text() == before


@pytest.mark.slow
def test_the_public_half_of_an_encrypted_key_proves_nothing(server: Sshd) -> None:
    cred = credential(Ed25519PrivateKey.generate(), password=b"a passphrase")
    assert cred.parts["passphrase"] == "needed"
    server.authorized_keys.write_text(line_of(cred))
    assert asked(server, cred)[0].reason == "encrypted_but_accepted"
    server.authorized_keys.write_text("")
    verdict, _ = asked(server, cred)
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "encrypted")


NOW = datetime.now(UTC)
LINES = [
    ("{key}", "listed"),
    ("{key} leaked@laptop", "listed"),
    ('command="echo \\"hi there\\"",no-pty {key}', "listed"),
    ('from="10.0.0.0/8",environment="A=b c" {key} me', "listed"),
    ('expiry-time="20200101Z" {key}', "listed_expired"),
    ('expiry-time="29990101" {key}', "listed"),
    ('expiry-time="20200101Z" {key}\n{key}', "listed"),
    ("cert-authority {key}", "listed"),
    ("# {key}", "not_listed"),
    ("", "not_listed"),
    ('command="{key}"', "not_listed"),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_an_inventory_is_read_as_sshd_reads_it(text: str, expected: str) -> None:
    from revoker.egress.authorized_keys import listed

    cred = credential(Ed25519PrivateKey.generate())
    assert listed(text.format(key=line_of(cred)), cred.parts["public_key"], NOW) == expected


def test_all_places_are_told_and_a_missing_inventory_is_no_refusal(tmp_path: Path) -> None:
    cred = credential(Ed25519PrivateKey.generate())
    for name in ("web1", "web2", "web3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "authorized_keys").write_text(line_of(cred) if name != "web2" else "")
    everywhere = (f"{tmp_path}/*/authorized_keys",)
    verdict = real.verify(settings(authorized_keys=everywhere), cred)
    assert verdict.identity is not None
    assert [place.split("/")[-2] for place in verdict.identity.scopes] == ["web1", "web3"]
    other = credential(Ed25519PrivateKey.generate())
    assert real.verify(settings(authorized_keys=everywhere), other).validity is Validity.DEAD
    for missing in (f"{tmp_path}/web9/authorized_keys", f"{tmp_path}/nothing/*"):
        verdict = real.verify(settings(authorized_keys=(*everywhere, missing)), other)
        assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "unreadable")
    assert real.verify(settings(), other).reason == "no_place_named"


def certificate(key: Any, days: int = 30) -> bytes:
    """A self-signed certificate that ends in so many days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.acme.example")])
    begin = NOW - timedelta(days=90)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(0x0A0B)
    made = builder.not_valid_before(begin).not_valid_after(NOW + timedelta(days=days)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


@contextmanager
def tls_server(folder: Path, key: Any, cert: bytes) -> Iterator[str]:
    """A TLS server that shows one certificate."""
    (folder / "cert.pem").write_bytes(cert)
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, NONE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
                with sock, context.wrap_socket(sock, server_side=True):
                    pass
            except ssl.SSLError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize("days", [30, -1])
def test_a_key_of_a_certificate_lives_as_long_as_the_certificate(tmp_path: Path, days: int) -> None:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "old.pem").write_bytes(certificate(other, -5) + certificate(key, days))
    known = settings(certificates=(str(tmp_path / "*.pem"),))
    verdict = real.verify(known, credential(key, form="pkcs8"))
    assert verdict.validity is (Validity.LIVE if days > 0 else Validity.DEAD)
    if days > 0:
        assert verdict.identity is not None
        assert verdict.identity.expires_at is not None
        assert abs(verdict.identity.expires_at - NOW - timedelta(days=days)) < timedelta(minutes=1)


@pytest.mark.parametrize("days", [30, -1])
def test_a_server_shows_whether_the_key_is_its_own(tmp_path: Path, days: int) -> None:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    with tls_server(tmp_path, key, certificate(key, days)) as at:
        known = settings(tls_hosts=(at,))
        assert real.verify(known, credential(key, form="pkcs8")).validity is (Validity.LIVE if days > 0 else Validity.DEAD)
        assert real.verify(known, credential(other, form="pkcs8")).validity is Validity.DEAD
        shut = replace(known, network=NetworkSettings())
        assert real.verify(shut, credential(key, form="pkcs8")).reason == "refused_by_policy"
    assert real.verify(known, credential(key, form="pkcs8")).reason == "connect"


def test_a_server_that_speaks_no_tls_decides_nothing() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"220 mail.acme.example ESMTP\r\n")
                sock.recv(1000)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        known = settings(tls_hosts=(f"127.0.0.1:{listener.getsockname()[1]}",))
        assert real.verify(known, credential(key, form="pkcs8")).reason == "tls"
        thread.join(5)


def bound_at(kind: str, action: str, table: dict[str, Any], cred: Credential, **words: str) -> Bound | Unbound:
    provider, known = OWNERS[kind]

    def answer(sent: Sent) -> Reply:
        found = table.get(sent.path, {"status": 403, "body": {"message": "403 Forbidden"}})
        if isinstance(found, list):
            found = {"status": 200, "body": found if sent.params.get("page") == "1" else []}
        return reply_of(found, sent.host)

    authority = {"github_token": "made-up", "gitlab_token": "made-up"}
    reader = FakeReader(provider, answer, authority=authority, settings=words)
    return run(next(one for one in known.actions if one.id == action).bind(cred, reader))


def rows(cred: Credential, *, at: int = 1) -> list[dict[str, Any]]:
    """A forge's list with this key among a few others."""
    others = [{"id": 100 + n, "key": line_of(credential(Ed25519PrivateKey.generate())) + " x"} for n in range(3)]
    return [*others[:at], {"id": 42, "key": line_of(cred) + " leaked@laptop"}, *others[at:]]


def test_a_key_at_github_is_bound_by_its_whole_fingerprint() -> None:
    cred = credential(Ed25519PrivateKey.generate())
    words = {"github_repositories": "acme/app acme/lib", "github_users": "alice"}
    table: dict[str, Any] = {
        "/user/keys": [],
        "/repos/acme/app/keys": [],
        "/repos/acme/lib/keys": rows(cred),
        "/users/alice/keys": [],
    }
    found = bound_at("ssh_private_key", "delete_github_key", table, cred, **words)
    assert isinstance(found, Bound), found
    assert (found.target, found.proof) == ("repos/acme/lib/keys/42", Proof.UNIQUE_HASH)
    table["/users/alice/keys"] = [{"id": 43, "key": line_of(cred)}]
    found = bound_at("ssh_private_key", "delete_github_key", table, cred, **words)
    assert isinstance(found, Unbound)
    assert found.reason == "several_matches"
    table["/repos/acme/lib/keys"] = []
    found = bound_at("ssh_private_key", "delete_github_key", table, cred, **words)
    assert isinstance(found, Unbound)
    assert (found.reason, "alice" in found.detail) == ("not_ours", True)
    table["/users/alice/keys"] = {"status": 500, "body": {}}
    found = bound_at("ssh_private_key", "delete_github_key", table, cred, **words)
    assert isinstance(found, Unbound)
    assert found.reason == "refused"


def test_the_users_own_key_stands_in_two_lists_and_is_one() -> None:
    cred = credential(Ed25519PrivateKey.generate())
    table = {"/user/keys": rows(cred), "/users/me/keys": rows(cred)}
    found = bound_at("ssh_private_key", "delete_github_key", table, cred, github_users="me")
    assert isinstance(found, Bound), found
    assert found.target == "user/keys/42"


def test_a_key_with_a_passphrase_binds_nothing_at_a_forge() -> None:
    cred = credential(Ed25519PrivateKey.generate(), password=b"a passphrase")
    for action in ("delete_github_key", "delete_gitlab_key"):
        found = bound_at("ssh_private_key", action, {"/user/keys": rows(cred)}, cred)
        assert isinstance(found, Unbound)
        assert found.reason == "encrypted"


def test_a_key_at_gitlab_is_bound_by_an_administrator_or_by_a_projects_maintainer() -> None:
    cred = credential(Ed25519PrivateKey.generate())
    owner = {"id": 42, "key": line_of(cred), "user": {"id": 4, "username": "alice"}}
    projects = [{"project_id": 7}, {"project_id": 8}]
    for extra, path in (
        ({}, "users/4/keys/42"),
        ({"deploy_keys_projects": projects[:1]}, "projects/7/deploy_keys/42"),
    ):
        found = bound_at(
            "ssh_private_key", "delete_gitlab_key", {"/api/v4/keys": {"status": 200, "body": {**owner, **extra}}}, cred
        )
        assert isinstance(found, Bound), found
        assert found.target == path
    several = {"/api/v4/keys": {"status": 200, "body": {**owner, "deploy_keys_projects": projects}}}
    found = bound_at("ssh_private_key", "delete_gitlab_key", several, cred)
    assert isinstance(found, Unbound)
    stranger = {**owner, "key": line_of(credential(Ed25519PrivateKey.generate()))}
    found = bound_at("ssh_private_key", "delete_gitlab_key", {"/api/v4/keys": {"status": 200, "body": stranger}}, cred)
    assert isinstance(found, Unbound)
    lists = {"/api/v4/user/keys": [], "/api/v4/projects/acme%2Fapp/deploy_keys": rows(cred)}
    found = bound_at("ssh_private_key", "delete_gitlab_key", lists, cred, gitlab_projects="acme/app")
    assert isinstance(found, Bound), found
    assert found.target == "projects/acme%2Fapp/deploy_keys/42"


def test_a_github_apps_key_says_so_with_a_token_of_its_own() -> None:
    key = rsa.generate_private_key(65537, 2048)
    cred = credential(key, form="pkcs8")
    provider, known = OWNERS["tls_private_key"]
    tables: list[tuple[dict[str, Any], Validity]] = [
        ({"status": 200, "body": {"id": 1, "slug": "acme-bot"}}, Validity.LIVE),
        ({"status": 401, "body": {"message": "A JSON web token could not be decoded"}}, Validity.DEAD),
        ({"status": 401, "body": {"message": "'Expiration time' claim ('exp') is too far in the future"}}, Validity.UNKNOWN),
        ({"status": 404, "body": {"message": "Integration not found"}}, Validity.UNKNOWN),
    ]
    for table, expected in tables:
        place = Reply("authorized_keys inventory", code="not_listed")
        reader = FakeReader(provider, lambda sent, t=table, p=place: reply_of(t) if sent.path == "/app" else p, settings={"github_apps": "Iv23acme"})  # type: ignore[misc]  # fmt: skip
        assert run(known.verify(cred, reader)).validity is expected
        import jwt

        said = jwt.decode(next(sent for sent in reader.sent if sent.path == "/app").bearer(), key.public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})  # fmt: skip
        assert said["iss"] == "Iv23acme"
        assert said["exp"] - said["iat"] <= 600


@pytest.mark.slow
def test_openbao_revokes_the_certificate_with_the_key_itself(openbao: OpenBao, tmp_path: Path) -> None:
    from tests.providers.test_vault import call

    call(openbao, "POST", "sys/mounts/pki-keys", {"type": "pki"})
    call(openbao, "POST", "pki-keys/root/generate/internal", {"common_name": "acme root", "ttl": "8760h"})
    call(openbao, "POST", "pki-keys/roles/www", {"allow_any_name": True, "key_type": "ec", "key_bits": 256})
    issued = [
        call(openbao, "POST", "pki-keys/issue/www", {"common_name": f"w{n}.acme.example", "ttl": "1h"})["data"] for n in range(3)
    ]
    rights = """path "pki-keys/revoke-with-key" { capabilities = ["update"] }
        path "pki-keys/certs" { capabilities = ["list"] }
        path "pki-keys/cert/*" { capabilities = ["read"] }"""
    call(openbao, "POST", "sys/policies/acl/keys-killer", {"policy": rights})
    token = call(openbao, "POST", "auth/token/create", {"policies": ["keys-killer"], "ttl": "1h"})["auth"]["client_token"]
    leaked = issued[1]
    secret = Secret(leaked["private_key"].strip())
    cred = Credential("tls_private_key", "fp_test", secret, public_facts(secret))
    (tmp_path / "www.pem").write_text(leaked["certificate"])
    known = replace(
        settings(certificates=(str(tmp_path / "www.pem"),)),
        endpoints={"keys": {"vault": openbao.url}},
        authority={"keys": {"vault_token": token, "pki_mount": "pki-keys"}},
    )
    assert real.verify(known, cred).reason == "certificate_valid"
    to = real.bound(known, cred, "revoke_certificate")
    assert to.extra["serials"] == leaked["serial_number"]
    assert real.observe(known, to, "revoke_certificate") is False
    for _ in range(2):  # the second time changes nothing, and is no error
        assert leaked["serial_number"] in real.change(known, to, "revoke_certificate").detail
    assert real.observe(known, to, "revoke_certificate") is True
    assert real.verify(known, cred).validity is Validity.DEAD
    again = real.bind(known, cred, "revoke_certificate")
    assert isinstance(again, Unbound)
    assert again.reason == "no_match"
    other = Secret(issued[2]["private_key"].strip())
    untouched = real.bound(known, Credential("tls_private_key", "fp_other", other, public_facts(other)), "revoke_certificate")
    assert real.observe(known, untouched, "revoke_certificate") is False
    without = real.bind(real.without_authority(known), cred, "revoke_certificate")
    assert isinstance(without, Unbound)
    assert without.reason == "no_authority"
