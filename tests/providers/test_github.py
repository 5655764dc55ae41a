"""GitHub: checksums, the two long forms, look-ups by the app, and a token that is handed in at a fake."""

from __future__ import annotations

import base64
import json
import secrets
import time
from datetime import timedelta
from typing import Any

import pytest

from revoker import catalog
from revoker.lab.fakes import FakeKey, fakes
from revoker.model import Bound, Credential, Proof, Secret, Unbound, Validity
from revoker.sdk import Reply, crc32_suffix
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, FakeWriter, Script, Sent, reply_of, run
from tests.providers.samples import NOW, credential_of, value_of

PROVIDER = OWNERS["github_classic_pat"][0]
SIGNED = ["github_classic_pat", "github_oauth_token", "github_user_to_server", "github_refresh_token"]
APP = {"client_secret": "made-up"}
SETTINGS = {"client_id": "Iv1.0123456789abcdef"}


def offline(cred: Credential) -> str:
    checks = OWNERS[cred.kind][1].offline
    return next((found.reason for check in checks if (found := check(cred, NOW)) is not None), "")


def jwt_token(seconds: int) -> Credential:
    """The long form of an installation token: `ghs_<app id>_<JWT>`."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int((NOW + timedelta(seconds=seconds)).timestamp())}).encode())
    text = ".".join(("_-" + secrets.token_hex(8), claims.decode().rstrip("="), secrets.token_urlsafe(20)))
    return Credential("github_installation_token", "fp_test", Secret(f"ghs_12345_{text}"))


@pytest.mark.parametrize("kind", SIGNED)
def test_a_wrong_checksum_is_not_sent(kind: str) -> None:
    good = value_of(OWNERS[kind][1])
    assert crc32_suffix(good)
    other = "x" if good[-1] != "x" else "y"
    bad = Credential(kind, "fp_test", Secret(good[:-1] + other))
    assert offline(bad) == "malformed"
    assert offline(Credential(kind, "fp_test", Secret(good))) == ""


def test_short_installation_tokens_are_not_rejected_for_their_checksum() -> None:
    """Their long form has none, and the short one is not sure to keep it."""
    assert offline(credential_of(OWNERS["github_installation_token"][1])) == ""


def test_a_long_installation_token_knows_its_own_end() -> None:
    assert offline(jwt_token(60)) == ""
    assert offline(jwt_token(-60)) == "expired_offline"
    for cred in (jwt_token(60), jwt_token(-60)):
        assert catalog.name_kinds(cred.secret.reveal()) == ("github_installation_token",)


@pytest.mark.parametrize("kind", [*SIGNED, "github_fine_grained_pat", "github_installation_token"])
def test_a_prefix_names_one_kind(kind: str) -> None:
    assert catalog.name_kinds(value_of(OWNERS[kind][1])) == (kind,)


def test_a_git_commit_is_no_token() -> None:
    assert not [kind for kind in catalog.name_kinds(secrets.token_hex(20)) if kind.startswith("github")]


def test_a_refresh_token_is_never_tried() -> None:
    _, kind = OWNERS["github_refresh_token"]

    def refuse(sent: Sent) -> Reply:
        raise AssertionError(f"{sent.path} was asked")

    verdict = run(kind.verify(credential_of(kind), FakeReader(PROVIDER, refuse)))
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "no_safe_check")


def lookup(status: int, body: dict[str, Any], secrets_of: dict[str, str] | None = None) -> tuple[Bound | Unbound, FakeReader]:
    def answer(sent: Sent) -> Reply:
        assert sent.path == "/applications/Iv1.0123456789abcdef/token"
        assert sent.auth is not None
        assert sent.auth.user == "Iv1.0123456789abcdef"
        return reply_of({"status": status, "body": body})

    reader = FakeReader(PROVIDER, answer, authority=APP if secrets_of is None else secrets_of, settings=SETTINGS)
    cred = credential_of(OWNERS["github_oauth_token"][1])
    return run(real.action_of("github_oauth_token", "revoke_as_app").bind(cred, reader)), reader


def test_the_app_finds_its_own_token_by_the_whole_value() -> None:
    found, reader = lookup(200, {"id": 77, "user": {"login": "octocat"}, "scopes": ["repo"]})
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == ("77", Proof.SELF_ENDPOINT)
    assert "octocat" in found.how
    assert reader.sent[0].json == {"access_token": credential_of(OWNERS["github_oauth_token"][1]).secret.reveal()}


@pytest.mark.parametrize("status", [404, 401, 422, 500])
def test_a_token_of_another_app_is_not_bound(status: int) -> None:
    found, _ = lookup(status, {"message": "Not Found"})
    assert isinstance(found, Unbound)
    assert found.reason == "no_match"


def test_without_the_app_s_secret_nothing_is_asked() -> None:
    found, reader = lookup(200, {"id": 77}, {})
    assert isinstance(found, Unbound)
    assert found.reason == "no_authority"
    assert not reader.sent


def test_the_token_is_handed_in_without_any_login() -> None:
    cred = credential_of(OWNERS["github_classic_pat"][1])
    script: Script = lambda sent: reply_of({"status": 202, "body": {}})  # noqa: E731
    api = FakeWriter(PROVIDER, script, authority=APP, settings=SETTINGS)
    action = real.action_of("github_classic_pat", "revoke")
    to = run(action.bind(cred, api))
    assert isinstance(to, Bound)
    assert to.proof is Proof.SECRET_IS_CREDENTIAL
    run(action.run(to, api))
    assert [sent.auth for sent in api.sent] == [None]
    assert not any("authorization" in {name.lower() for name in sent.headers} for sent in api.sent)


@pytest.mark.slow
def test_a_token_handed_in_at_a_fake_is_refused_later() -> None:
    with fakes(["github"], lags={"github": 0.2}) as running:
        fake = running["github"]
        mine, other = (fake.book.add(FakeKey(id, value_of(OWNERS["github_classic_pat"][1], int(id)))) for id in ("1", "2"))
        known = real.settings("github", fake.url, {})
        cred = Credential("github_classic_pat", "fp_test", Secret(mine.secret))
        verdict = real.verify(known, cred)
        assert verdict.validity is Validity.LIVE
        assert verdict.identity is not None
        assert verdict.identity.scopes == ("repo", "read:org")
        to = real.bound(known, cred, "revoke")
        real.change(known, to, "revoke")
        assert real.observe(known, to, "revoke") is False, "202 says taken, not done"
        time.sleep(0.3)
        assert real.observe(known, to, "revoke") is True
        assert real.verify(known, Credential(cred.kind, "fp_2", Secret(other.secret))).validity is Validity.LIVE
        assert [seen.key for seen in fake.log.changes()] == ["1"]
