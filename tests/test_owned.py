"""The Reader that speaks as our own authority alone: nothing of the leaked secret passes it, and each list is read once."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from revoker import owned
from revoker.model import Credential, Secret
from revoker.owned import AsAuthority, Kept
from revoker.sdk import Reply, basic, bearer, header
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, Script, Sent, always

PROVIDER, _ = OWNERS["openrouter_api_key"]
OUR, LEAKED, TOKEN = (secrets.token_hex(16) + "/+ x" for _ in range(3))
CRED = Credential("openrouter_api_key", "fp_test", Secret(LEAKED), {"key_id": "AK1"}, {"session_token": Secret(TOKEN)})
FINE = Reply("", 200, json={})


def reader(script: Script | None = None, kept: Kept | None = None) -> tuple[Any, FakeReader]:
    inner = FakeReader(PROVIDER, script or always(FINE), authority={"management_key": OUR})
    made: Any = AsAuthority(inner, CRED, {} if kept is None else kept)
    return made, inner


def run(ask: Callable[[], Any]) -> Any:
    async def wait() -> Any:
        return await ask()

    return asyncio.run(wait())


def refused(ask: Callable[[Any], Any]) -> bool:
    """Whether a question is answered without being sent."""
    api, inner = reader()
    api.authority("management_key")
    reply = run(lambda: ask(api))
    return reply.trouble == "refused_by_policy" and not inner.sent


OURS = bearer(Secret(OUR))


def test_what_our_authority_signs_goes_out() -> None:
    for auth in (OURS, header("X-Api-Key", Secret(OUR)), basic("us", Secret(OUR))):
        assert not refused(partial(AsAuthority.get, path="/v1/keys", auth=auth))
    assert not refused(lambda api: api.aws_read("iam", "ListUsers"))


@pytest.mark.row("N-5", "I-9")
@pytest.mark.parametrize("secret", [LEAKED, TOKEN], ids=["secret", "session token"])
def test_nothing_of_the_secret_goes_out(secret: str) -> None:
    forms = {
        "auth": lambda api: api.get("/v1/keys", auth=bearer(Secret(secret))),
        "path": lambda api: api.get(f"/v1/keys/{secret}", auth=OURS),
        "quoted path": lambda api: api.get(f"/v1/keys/{quote(secret, safe='')}", auth=OURS),
        "params": lambda api: api.get("/v1/keys", auth=OURS, params={"q": f"key={secret}"}),
        "headers": lambda api: api.get("/v1/keys", auth=OURS, headers={"X-Key": secret}),
        "aws": lambda api: api.aws_read("iam", "ListUsers", Marker=secret),
        "nested in aws": lambda api: api.aws_read("iam", "SimulateCustomPolicy", PolicyInputList=[secret]),
        "base64": lambda api: api.get(f"/v1/keys/{base64.b64encode(secret.encode()).decode()}", auth=OURS),
        "url-safe base64": lambda api: api.get(f"/v1/keys/{base64.urlsafe_b64encode(secret.encode()).decode()}", auth=OURS),
    }
    assert [name for name, ask in forms.items() if not refused(ask)] == []


def test_what_anybody_may_see_and_what_another_signs_is_not_asked() -> None:
    asked = {
        "unsigned": lambda api: api.get("/v1/keys"),
        "another": lambda api: api.get("/v1/keys", auth=bearer(Secret("another"))),
        "as the credential": lambda api: api.aws_read("sts", "GetCallerIdentity", as_=CRED),
        "post": lambda api: api.query("/v1/keys", auth=OURS, json={}),
        "vault": lambda api: api.vault_read("/v1/auth/token/lookup", auth=OURS),
        "login": lambda api: api.login("postgresql", CRED),
        "database": lambda api: api.ask("postgresql", "role", CRED),
        "place": lambda api: api.ask_place("ssh u@h:22", None),
    }
    assert [name for name, ask in asked.items() if not refused(ask)] == []


def test_a_list_is_read_once_for_all_credentials() -> None:
    kept: Kept = {}
    api, inner = reader(kept=kept)
    other, second = reader(kept=kept)

    async def work() -> list[Reply]:
        for one in (api, other):
            one.authority("management_key")
        asks = [one.get("/v1/keys", auth=OURS, params={"page": page}) for one in (api, other) for page in ("1", "2", "1")]
        return list(await asyncio.gather(*asks))

    assert len(run(work)) == 6
    assert (len(inner.sent), len(second.sent)) == (2, 0)


@pytest.mark.parametrize("first", [Reply("", None, trouble="timeout"), Reply("", 429), Reply("", 503), RuntimeError("broken")])
def test_what_told_nothing_is_asked_again(first: Reply | Exception) -> None:
    answers: list[Reply | Exception] = [first, FINE]

    def script(_sent: Sent) -> Reply:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    api, inner = reader(script)

    async def work() -> Reply:
        api.authority("management_key")
        try:
            await api.get("/v1/keys", auth=OURS)
        except RuntimeError:
            assert isinstance(first, Exception)
        reply: Reply = await api.get("/v1/keys", auth=OURS)
        return reply

    assert run(work) is FINE
    assert len(inner.sent) == 2


def test_no_more_than_so_many_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned, "MOST_KEPT", 3)
    kept: Kept = {}
    api, inner = reader(kept=kept)

    async def work() -> None:
        api.authority("management_key")
        for page in range(9):
            await api.get("/v1/keys", auth=OURS, params={"page": str(page)})

    run(work)
    assert (len(kept), len(inner.sent)) == (3, 9)
