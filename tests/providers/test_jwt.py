"""JSON Web Tokens: what they say offline, which kind wins, and an issuer on loopback that is asked and told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from revoker import catalog
from revoker.model import Credential, Secret, Unbound, Validity
from revoker.providers.jwt import facts, is_over, no_token
from tests.providers import real
from tests.providers.catalogue import KINDS
from tests.providers.samples import value_of

NOW = datetime.now(UTC)
ISSUER = "https://idp.acme.example"
WORDS = {"client_id": "revoker", "client_secret": "made-up", "issuer": ISSUER, "introspection": "/oauth2/introspect", "revocation": "/oauth2/revoke"}  # fmt: skip


def token(algorithm: str = "HS256", **claims: Any) -> Credential:
    """A token that a real library signed."""
    said = {"iss": ISSUER, "sub": "alice", "aud": "billing", "jti": "j-1", **claims}
    secret = Secret(jwt.encode(said, "k" * 64, algorithm=algorithm, headers={"kid": "key-7"}))
    return Credential("jwt", "fp_test", secret, facts(secret))


def test_a_token_says_who_made_it_for_whom_and_how_it_is_signed() -> None:
    parts = token("HS512", exp=1_900_000_000).parts
    assert parts == {
        "issuer": ISSUER,
        "subject": "alice",
        "audience": "billing",
        "jti": "j-1",
        "algorithm": "HS512",
        "kid": "key-7",
        "expires": "2030-03-17T17:46:40+00:00",
    }


@pytest.mark.parametrize(("ago", "over"), [(-60, False), (60, False), (299, False), (301, True), (86_400, True)])
def test_a_token_is_dead_after_its_end_and_some_minutes_for_the_clocks(ago: int, over: bool) -> None:
    verdict = is_over(token(exp=int(NOW.timestamp()) - ago), NOW)
    assert (verdict is not None) == over
    if verdict is not None:
        assert (verdict.validity, verdict.reason) == (Validity.DEAD, "expired_offline")


@pytest.mark.parametrize("end", [True, "1", None, 0, -1, float("inf")])
def test_an_end_that_is_none_kills_nothing(end: Any) -> None:
    import base64

    body = base64.urlsafe_b64encode(json.dumps({"iss": ISSUER, "exp": end}).encode()).decode().rstrip("=")
    head, _, sign = token().secret.reveal().split(".")
    assert is_over(Credential("jwt", "fp", Secret(f"{head}.{body}.{sign}")), NOW) is None


def test_a_tutorials_token_and_a_broken_one_are_not_asked_about() -> None:
    for claims, reason in (({"sub": "1234567890", "name": "John Doe"}, "example"), ({}, None)):
        verdict = no_token(token(**claims), NOW)
        assert (verdict.reason if verdict else None) == reason
    broken = no_token(Credential("jwt", "fp", Secret("eyJub25zZW5zZQ.eyJub25zZW5zZQ." + "A" * 43)), NOW)
    assert broken is not None
    assert broken.reason == "malformed"


def test_a_vendors_own_kind_wins() -> None:
    value = token().secret.reveal()
    assert catalog.name_kinds(value) == ("jwt",)
    assert catalog.name_kinds(value, label="jwt", scanner="gitleaks") == ("jwt",)
    for provider, kind in KINDS:
        if kind.id != "jwt" and (value := value_of(kind)).startswith("eyJ") and value.count(".") == 2:
            named = catalog.name_kinds(value, variable=f"{provider.id}_{kind.id}".upper())
            assert named[0] == kind.id or not named or named[-1] == "jwt", (kind.id, named)
            assert "jwt" not in named[:-1]


@contextmanager
def issuer() -> Iterator[tuple[str, set[str], list[str]]]:
    """A small RFC 7662 and RFC 7009 server: its address, its active tokens, what it was asked."""
    active: set[str] = set()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            value, path = form["token"][0], self.path
            asked.append(path)
            if not self.headers.get("Authorization", "").startswith("Basic "):
                return self._answer(401, {"error": "invalid_client"})
            if path == "/oauth2/revoke":
                active.discard(value)
                return self._answer(200, {})
            told = {"active": True, "username": "alice", "iss": ISSUER} if value in active else {"active": False}
            return self._answer(200, told)

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", active, asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_named_issuer_is_asked_and_told_and_nobody_else() -> None:
    cred = token(exp=int((NOW + timedelta(hours=1)).timestamp()))
    stranger = token(iss="https://elsewhere.example")
    with issuer() as (url, active, asked):
        known = real.settings("jwt", url, WORDS)
        active.add(cred.secret.reveal())
        verdict = real.verify(known, cred)
        assert (verdict.validity, verdict.reason) == (Validity.LIVE, "active")
        assert verdict.identity is not None
        assert verdict.identity.principal == "alice"
        assert real.verify(known, stranger).reason == "issuer_not_named"
        assert real.verify(known, token(nbf=int(NOW.timestamp()) + 3600)).reason == "not_yet_valid"
        assert asked == ["/oauth2/introspect"]
        found = real.bind(known, stranger, "revoke")
        assert isinstance(found, Unbound)
        assert found.reason == "not_ours"
        to = real.bound(known, cred, "revoke")
        assert real.observe(known, to, "revoke") is False
        assert real.change(known, to, "revoke").target == "j-1"
        assert real.observe(known, to, "revoke") is True
        assert real.verify(known, cred).validity is Validity.DEAD
        odd = real.settings("jwt", url, WORDS | {"introspection": "/anything"})
        assert real.verify(odd, cred).reason == "refused_by_policy"
        assert "/anything" not in asked


def test_without_an_issuer_a_token_stays_unknown() -> None:
    assert real.verify(real.settings("jwt", None, {}), token()).reason == "issuer_not_named"
    assert real.verify(real.settings("jwt", None, {"issuer": ISSUER}), token()).reason == "no_introspection"
    assert real.verify(real.settings("jwt", None, WORDS), token()).reason == "no_endpoint"
