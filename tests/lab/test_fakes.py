"""The fakes keep state as the providers do: what is deleted is refused, later or at once, and every touch is written down."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from revoker.lab.fakes import VENDORS, Fake, FakeKey, fakes
from revoker.lab.samples import make


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Fake]]:
    with fakes(lags={"github": 0.3}, limits={"openai": 1.0}) as started:
        yield started


def call(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
) -> tuple[int, Any, Mapping[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310 - the lab's own address
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            text = answer.read()
            return answer.status, json.loads(text) if text else None, dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null"), dict(error.headers)


def test_every_vendor_refuses_a_key_it_does_not_know(running: dict[str, Fake]) -> None:
    assert set(running) == set(VENDORS)
    status, body, _ = call(running["groq"].url + "/openai/v1/models", headers={"Authorization": "Bearer nobody"})
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


def test_a_revoked_github_token_lags_before_it_is_refused(running: dict[str, Fake]) -> None:
    fake = running["github"]
    key = fake.book.add(FakeKey("1", make("github_classic_pat")))
    me = {"Authorization": f"Bearer {key.secret}"}
    assert call(fake.url + "/user", headers=me)[0] == 200
    assert call(fake.url + "/credentials/revoke", "POST", me, {"credentials": [key.secret]})[0] == 403
    assert call(fake.url + "/credentials/revoke", "POST", None, {"credentials": [key.secret]})[0] == 202
    assert call(fake.url + "/user", headers=me)[0] == 200
    time.sleep(0.35)
    assert call(fake.url + "/user", headers=me)[1]["message"] == "Bad credentials"
    assert [seen.key for seen in fake.log.changes()] == ["1"]


def test_openai_answers_429_with_retry_after(running: dict[str, Fake]) -> None:
    fake = running["openai"]
    key = fake.book.add(FakeKey("key_1", make("openai_project_key")))
    answers = [call(fake.url + "/v1/models", headers={"Authorization": f"Bearer {key.secret}"}) for _ in range(3)]
    limited = [headers for status, _, headers in answers if status == 429]
    assert limited
    assert limited[0]["Retry-After"] == "1"


def test_docker_hub_takes_changes_from_the_password_only(running: dict[str, Fake]) -> None:
    fake = running["docker_hub"]
    stranger = fake.book.add(FakeKey("u-0", make("docker_hub_pat"), account="stranger"))
    key = fake.book.add(FakeKey("u-1", make("docker_hub_pat")))
    owner = fake.book.add(FakeKey("u-2", make("password"), "authority"))
    tokens = [call(fake.url + "/v2/auth/token", "POST", None, {"identifier": "acme", "secret": k.secret}) for k in (key, owner)]
    pat, session = ({"Authorization": f"Bearer {body['access_token']}"} for _, body, _ in tokens)
    assert call(fake.url + "/v2/access-tokens/u-1", "DELETE", pat)[0] == 403
    assert call(fake.url + "/v2/access-tokens", headers=session)[1]["results"][0]["uuid"] == stranger.id
    assert call(fake.url + "/v2/access-tokens/u-1", "PATCH", session, {"is_active": False})[0] == 200
    assert call(fake.url + "/v2/auth/token", "POST", None, {"identifier": "acme", "secret": key.secret})[0] == 401


def test_gitlab_rotates_a_token_by_itself(running: dict[str, Fake]) -> None:
    fake = running["gitlab"]
    key = fake.book.add(FakeKey("11", make("gitlab_pat")))
    path = fake.url + "/api/v4/personal_access_tokens/self"
    status, body, _ = call(path + "/rotate", "POST", {"PRIVATE-TOKEN": key.secret})
    assert status == 200
    assert call(path, headers={"PRIVATE-TOKEN": key.secret})[0] == 401
    assert call(path, headers={"PRIVATE-TOKEN": body["token"]})[1]["active"] is True


def test_slack_says_no_with_a_200(running: dict[str, Fake]) -> None:
    fake = running["slack"]
    key = fake.book.add(FakeKey("U1", make("slack_bot_token")))
    me = {"Authorization": f"Bearer {key.secret}"}
    assert call(fake.url + "/api/auth.revoke", "POST", me)[1] == {"ok": True, "revoked": True}
    assert call(fake.url + "/api/auth.test", "POST", me)[1] == {"ok": False, "error": "token_revoked"}
