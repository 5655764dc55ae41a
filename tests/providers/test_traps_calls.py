"""Calls that no check may make, answers that only a real connection shows, and targets that prior art got wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from revoker.model import Bound, Credential, Effect, Proof, Secret, Unbound, Validity
from tests.providers import real
from tests.providers.catalogue import CASES, KINDS, OWNERS
from tests.providers.fake_api import FakeReader, FakeWriter, Sent, always, in_turn, plain, reply_of, run
from tests.providers.samples import credential_of
from tests.providers.traps import answer, credential

LOOKS_LIKE_A_READ = {
    "twilio's account holds the auth token": r"/2010-04-01/Accounts/",
    "postmark's servers hold their tokens": r"/servers?(?:$|\?)",
    "supabase reveals keys": r"reveal=true",
    "salesforce gives key and secret": r"part=keyandsecret",
    "slack's rotation consumes a token": r"tooling\.tokens\.rotate|oauth\.v2\.(?:access|exchange)",
    "slack opens a socket": r"apps\.connections\.open",
    "telegram confirms updates": r"/(?:getUpdates|logOut|close)$",
    "okta's own token has a DELETE only": r"/api-tokens/current",
    "square's revocation": r"/oauth2/revoke",
    "an approle login burns a use": r"/auth/[\w-]+/login",
    "infisical's login burns a use": r"/universal-auth/login",
    "jfrog gives the key back": r"/api/security/apiKey",
    "customers' payments": r"/v1/charges",
    "business objects": r"/services/data/v[\d.]+/query",
    "a refresh is a rotation": r"grant_type=refresh_token",
    "a client grant mints a token": r"grant_type=client_credentials",
}


CHANGES = ("send", "aws_write", "github_write", "vault_write", "sql", "command")


def asked(kind_id: str) -> list[Sent]:
    """All that a kind's check was ever seen to ask: with no answer that fits, and with each written-down one."""
    provider, kind = OWNERS[kind_id]
    words = dict.fromkeys(provider.authority, "made-up")
    found: list[Sent] = []
    scripts: list[Any] = [always(reply_of(answer(418, {})))]
    scripts += [in_turn(case.replies()) for case in CASES if case.kind == kind_id]
    options: list[dict[str, Any]] = [
        {},
        *({"authority": c.authority, "settings": c.settings} for c in CASES if c.kind == kind_id),
    ]
    options[0] = {"authority": words, "settings": words}
    for script, more in zip(scripts, options, strict=True):
        reader = FakeReader(provider, script, **more)
        run(kind.verify(credential_of(kind), reader))
        found += reader.sent
    return found


@pytest.mark.parametrize("kind", [kind.id for _, kind in KINDS])
def test_a_check_makes_no_call_that_only_looks_like_a_read(kind: str) -> None:
    for sent in asked(kind):
        assert sent.how not in CHANGES
        told = f"{sent.path}?" + "&".join(f"{name}={value}" for name, value in plain({**sent.params, **sent.form}).items())
        for why, call in LOOKS_LIKE_A_READ.items():
            assert not re.search(call, told.rstrip("?")), (kind, why, sent.path)


def test_a_vault_token_is_not_used_to_look_itself_up_where_an_administrator_can() -> None:
    """lookup-self burns a use, and its refusal has four causes."""
    provider, kind = OWNERS["vault_token"]
    reader = FakeReader(provider, always(reply_of(answer(200, {"data": {"policies": []}}))), authority={"token": "made-up"})
    cred = credential_of(kind)
    run(kind.verify(cred, reader))
    assert all(sent.bearer() == "made-up" for sent in reader.sent)
    assert not any("lookup-self" in sent.path for sent in reader.sent)


# --- over a real connection


class Server:
    """A server of one answer, which remembers what was asked."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving(status: int, headers: Mapping[str, str], body: bytes = b"") -> Iterator[Server]:
    made = Server(status, headers, body)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>"
JSON = {"Content-Type": "application/json"}
ON_THE_WIRE = {
    "a redirect is followed nowhere": (302, {"Location": "/elsewhere"}, b"", "redirect"),
    "a sign-in page under 203": (203, {"Content-Type": "text/html"}, PAGE, "html"),
    "a sign-in page under 200": (200, {"Content-Type": "text/html"}, PAGE, "html"),
    "a page under 401, whatever its type says": (401, JSON, PAGE, "html"),
    "a wall's header under 401": (401, {**JSON, "cf-mitigated": "challenge"}, b'{"error": {"code": "invalid_api_key"}}', "html"),
    "a refusal that is cut off": (
        401,
        {**JSON, "Content-Length": "500", "Connection": "close"},
        b'{"error": {"code": "invalid_api_key"',
        "truncated",
    ),
    "a name that stands twice": (200, JSON, b'{"data": [], "data": null}', "wrong_type"),
}


@pytest.mark.parametrize("kind", ["groq_api_key", "azure_devops_pat", "github_classic_pat", "gitlab_pat"])
@pytest.mark.parametrize("name", ON_THE_WIRE)
def test_what_only_a_real_connection_shows_is_no_verdict(name: str, kind: str) -> None:
    status, headers, body, reason = ON_THE_WIRE[name]
    provider, known = OWNERS[kind]
    with serving(status, headers, body) as server:
        words = {"organization": "acme"} if provider.id == "azure_devops" else {}
        verdict = real.verify(real.settings(provider.id, server.url, words), credential_of(known))
        assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, reason)
        assert "/elsewhere" not in server.paths


@pytest.mark.parametrize("kind", ["groq_api_key", "github_classic_pat", "openai_project_key", "resend_key"])
def test_a_refusal_is_not_tried_again(kind: str) -> None:
    """One attempt for each candidate: bad logins lock accounts and addresses out."""
    body = b'{"error": {"code": "invalid_api_key"}, "message": "Bad credentials", "name": "invalid_api_key"}'
    with serving(401, JSON, body) as server:
        verdict = real.verify(real.settings(OWNERS[kind][0].id, server.url, {}), credential_of(OWNERS[kind][1]))
        assert verdict.validity is Validity.DEAD
        assert len(server.paths) == 1


def test_a_secret_that_must_stand_in_an_address_stands_in_no_verdict() -> None:
    provider, kind = OWNERS["telegram_bot_token"]
    cred = credential_of(kind)
    with serving(500, JSON, b"{}") as server:
        verdict = real.verify(real.settings(provider.id, server.url, {}), cred)
        assert any(cred.secret.reveal() in path for path in server.paths)
        assert cred.secret.reveal() not in repr(verdict)


# --- which id is the leaked secret's


def bind(kind_id: str, action: str, script: Any, parts: Mapping[str, str] | None = None, **words: str) -> tuple[Any, FakeReader]:
    provider, kind = OWNERS[kind_id]
    reader = FakeReader(provider, script, authority=words, settings=words)
    chosen = next(one for one in kind.actions if one.id == action)
    return run(chosen.bind(credential(kind_id, parts or {}), reader)), reader


def test_sendgrid_the_key_is_the_one_whose_id_stands_in_it_and_never_the_first_of_the_account() -> None:
    first = reply_of(answer(200, {"result": [{"api_key_id": "first-of-the-account", "name": "somebody else's"}]}))
    found, reader = bind("sendgrid_key", "revoke", always(first), api_key="made-up")
    assert isinstance(found, Unbound)
    middle = credential_of(OWNERS["sendgrid_key"][1]).parts["key_id"]
    assert {sent.path for sent in reader.sent} == {f"/v3/api_keys/{middle}"}


@pytest.mark.parametrize("rows", [1, 2])
def test_jira_data_center_no_token_of_the_list_is_the_leaked_one(rows: int) -> None:
    listed = [{"id": number, "name": f"token {number}"} for number in range(rows)]
    found, _ = bind("atlassian_dc_pat", "revoke", always(reply_of(answer(200, listed))))
    assert isinstance(found, Unbound)
    assert "0 (token 0)" in found.detail


def test_atlas_a_key_goes_by_the_id_of_the_list_and_not_by_its_public_half() -> None:
    row = {"id": "64aaaaaaaaaaaaaaaaaaaaaa", "publicKey": "pubhalf", "desc": "ci"}
    found, _ = bind("mongodb_atlas_api_key", "revoke", always(reply_of(answer(200, {"results": [row]}))), {"key_id": "pubhalf"}, access_token="t", organization="o")  # fmt: skip
    assert isinstance(found, Unbound)
    assert "64aaaaaaaaaaaaaaaaaaaaaa" in found.detail


def test_twilio_a_key_is_deleted_as_the_account_and_never_as_a_mixed_pair() -> None:
    provider, kind = OWNERS["twilio_api_key"]
    cred = credential("twilio_api_key", {"key_id": "SK" + "0" * 32})
    writer = FakeWriter(
        provider, always(reply_of(answer(204))), authority={"auth_token": "made-up"}, settings={"account_sid": "AC1"}
    )
    action = next(one for one in kind.actions if one.id == "revoke")
    run(action.run(Bound(cred, cred.parts["key_id"], Proof.EMBEDDED, "for this test"), writer))
    (sent,) = writer.sent
    assert sent.auth is not None
    assert (sent.method, sent.auth.user, sent.bearer()) == ("DELETE", "AC1", "made-up")


def test_mapbox_the_user_stands_under_token_and_the_target_in_the_value() -> None:
    provider, kind = OWNERS["mapbox_token"]
    body = {"code": "TokenValid", "user": "somebody else", "token": {"user": "acme", "authorization": "id1"}}
    reader = FakeReader(provider, always(reply_of(answer(200, body))))
    verdict = run(kind.verify(credential_of(kind), reader))
    assert verdict.identity is not None
    assert verdict.identity.account == "acme"


def test_npm_a_token_is_named_by_its_whole_value_and_not_by_eight_characters() -> None:
    provider, kind = OWNERS["npm_token"]
    cred = credential_of(kind)
    writer = FakeWriter(provider, always(reply_of(answer(204))), authority={"session": "made-up"})
    action = next(one for one in kind.actions if one.id == "revoke")
    run(action.run(Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "for this test"), writer))
    assert writer.sent[0].path.endswith("/" + cred.secret.reveal())


@pytest.mark.parametrize(
    "kind", ["netlify_token", "render_api_key", "hetzner_token", "circleci_token", "sentry_auth_token", "pagerduty_key"]
)
def test_where_no_api_tells_which_token_leaked_a_person_deletes_it(kind: str) -> None:
    """The list of Netlify shows no values: to delete its first entry would be a guess."""
    known = OWNERS[kind][1]
    assert not known.actions
    assert known.manual.steps


def test_github_a_token_is_handed_in_without_any_login() -> None:
    """A request that is logged in gets a 403."""
    provider, kind = OWNERS["github_classic_pat"]
    cred = credential_of(kind)
    writer = FakeWriter(provider, always(reply_of(answer(202, {}))))
    action = next(one for one in kind.actions if one.id == "revoke")
    run(action.run(Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "for this test"), writer))
    assert [(sent.path, sent.auth) for sent in writer.sent] == [("/credentials/revoke", None)]


def test_tavily_a_key_is_deactivated_without_a_body_that_would_drop_a_batch() -> None:
    provider, kind = OWNERS["tavily_api_key"]
    cred = credential_of(kind)
    writer = FakeWriter(provider, always(reply_of(answer(200, {}))))
    action = next(one for one in kind.actions if one.effect is Effect.REVOKE)
    run(action.run(Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "for this test"), writer))
    assert (writer.sent[0].json, dict(writer.sent[0].form)) == (None, {})


def test_square_only_the_leaked_token_is_revoked_and_not_all_of_the_merchants() -> None:
    provider, kind = OWNERS["square_access_token"]
    cred = credential_of(kind)
    words = {"client_secret": "made-up", "client_id": "app"}
    writer = FakeWriter(provider, always(reply_of(answer(200, {"success": True}))), authority=words, settings=words)
    action = next(one for one in kind.actions if one.id == "revoke")
    run(action.run(Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "for this test"), writer))
    assert writer.sent[0].json["revoke_only_access_token"] is True


def test_gitlab_a_dead_token_is_never_rotated() -> None:
    """GitLab takes that for a theft, and revokes the healthy successor too."""
    from revoker.errors import ActionFailed

    provider, kind = OWNERS["gitlab_pat"]
    cred = Credential("gitlab_pat", "fp_1", Secret(credential_of(kind).secret.reveal()))
    writer = FakeWriter(provider, always(reply_of(answer(401, {"error": "invalid_token"}))))
    action = next(one for one in kind.actions if one.id == "rotate")
    with pytest.raises(ActionFailed, match="not live"):
        run(action.run(Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "for this test"), writer))
    assert [sent.how for sent in writer.sent] == ["get"]


# --- what an API tells of the last use and the end


@pytest.mark.parametrize(
    ("kind", "body", "names"),
    [
        ("gitlab_pat", {"id": 1, "active": True, "scopes": [], "last_used_at": "2026-11-20T10:00:00Z", "expires_at": "2027-01-01"}, ("last_used_at", "expires_at")),
        ("doppler_token", {"type": "service_token", "last_seen_at": "2026-11-20T10:00:00Z"}, ("last_used_at",)),
        ("square_access_token", {"merchant_id": "m", "expires_at": "2027-01-01T00:00:00Z"}, ("expires_at",)),
        ("buildkite_token", {"uuid": "u", "expires_at": "2027-01-01T00:00:00Z"}, ("expires_at",)),
        ("vercel_token", {"token": {"id": "t", "expiresAt": 1_796_000_000_000}}, ("expires_at",)),
        ("cloudflare_api_token", {"result": {"id": "t", "status": "active", "expires_on": "2027-01-01T00:00:00Z"}}, ("expires_at",)),
        ("openrouter_api_key", {"data": {"label": "sk-or-..", "expires_at": "2027-01-01T00:00:00Z"}}, ("expires_at",)),
    ],
)  # fmt: skip
def test_a_last_use_and_an_end_are_read_where_the_answer_tells_them(
    kind: str, body: dict[str, Any], names: tuple[str, ...]
) -> None:
    provider, known = OWNERS[kind]
    verdict = run(known.verify(credential_of(known), FakeReader(provider, always(reply_of(answer(200, body))))))
    assert verdict.identity is not None
    assert all(getattr(verdict.identity, name) is not None for name in names)
