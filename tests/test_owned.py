"""The Reader that speaks as our own authority alone: nothing of the leaked secret passes it, and each list is read once."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from revoker import owned, responder
from revoker.config import OwnershipSettings, Settings
from revoker.errors import ActionFailed
from revoker.log import configure
from revoker.model import Credential, Owned, Secret, Validity, Verdict
from revoker.owned import AsAuthority, Kept, Owners
from revoker.sdk import Kind, Provider, Reader, Reply, basic, bearer, header
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, Script, Sent, always

PROVIDER, _ = OWNERS["openrouter_api_key"]
OUR, LEAKED, TOKEN = (secrets.token_hex(16) + end for end in ("/+ x", "/+ x", "/+ xy"))  # base64 without and with padding
CRED = Credential("openrouter_api_key", "fp_test", Secret(LEAKED), {"key_id": "AK1"}, {"session_token": Secret(TOKEN)})
FINE = Reply("", 200, json={})


def reader(script: Script | None = None, kept: Kept | None = None) -> tuple[Any, FakeReader]:
    words = {"management_key": OUR, "another": "another of ours"}
    inner = FakeReader(PROVIDER, script or always(FINE), authority=words, settings={"project": "p1"})
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
    if reply.trouble != "refused_by_policy":
        return False
    assert (reply.host, reply.at, inner.sent) == ("", inner.now, [])
    return True


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
        "base64 without its end": lambda api: api.get(
            f"/v1/keys/{base64.b64encode(secret.encode()).decode().rstrip('=')}", auth=OURS
        ),
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


def test_what_it_asks_is_what_was_asked_and_each_question_is_its_own() -> None:
    """An answer is kept for the same question alone: another page, host, header or signer is another question."""
    kept: Kept = {}
    api, inner = reader(kept=kept)
    host = PROVIDER.hosts[0]
    asks: list[dict[str, Any]] = [
        {"path": "/a"},
        {"path": "/b"},
        {"path": "/a", "params": {"x": "1"}},
        {"path": "/a", "params": {"x": "2"}},
        {"path": "/a", "headers": {"X": "1"}},
        {"path": "/a", "headers": {"X": "2"}},
        {"path": "/a", "host": host},
        {"path": "/a", "auth": basic("us", Secret(OUR))},
        {"path": "/a", "auth": basic("them", Secret(OUR))},
        {"path": "/a", "auth": header("X-Key", Secret(OUR))},
    ]
    calls = [("iam", "ListUsers", {}), ("sts", "ListUsers", {}), ("iam", "ListRoles", {}), ("iam", "ListUsers", {"Marker": "2"})]

    async def work() -> None:
        api.authority("management_key")
        for _ in range(2):
            for one in asks:
                await api.get(**{"auth": OURS, **one})
            for service, operation, params in calls:
                await api.aws_read(service, operation, **params)

    run(work)
    got = [sent for sent in inner.sent if sent.how == "get"]
    assert [(sent.path, sent.params, sent.headers) for sent in got] == [
        (one["path"], one.get("params", {}), one.get("headers", {})) for one in asks
    ]
    assert [sent.auth for sent in got] == [one.get("auth", OURS) for one in asks]
    assert [(sent.path, sent.params) for sent in inner.sent if sent.how == "aws_read"] == [
        (f"{service}:{operation}", params) for service, operation, params in calls
    ]
    assert len(kept) == len(asks) + len(calls)


def test_the_host_is_handed_on() -> None:
    seen: list[Any] = []

    class Watching(FakeReader):
        async def get(self, path: str, *, host: str | None = None, **more: Any) -> Reply:
            seen.append(host)
            return await super().get(path, host=host, **more)

    inner = Watching(PROVIDER, always(FINE), authority={"management_key": OUR})
    api: Any = AsAuthority(inner, CRED, {})
    api.authority("management_key")
    run(lambda: api.get("/a", auth=OURS, host=PROVIDER.hosts[0]))
    assert seen == [PROVIDER.hosts[0]]


def test_its_clock_its_settings_and_all_its_secrets_are_the_authority_s_own() -> None:
    api, inner = reader()
    assert (api.now, api.setting("project"), api.as_reader()) == (inner.now, "p1", api)
    assert api.authority("none of ours") is None
    assert [api.authority(name).reveal() for name in ("management_key", "another")] == [OUR, "another of ours"]
    for value in (OUR, "another of ours"):
        assert run(partial(api.get, f"/{len(value)}", auth=bearer(Secret(value)))) is FINE


class Pool:
    """Gives each provider a Reader, and remembers whom it was for."""

    def __init__(self) -> None:
        self.readers: dict[str, FakeReader] = {}

    def reader(self, provider: Provider) -> FakeReader:
        words = dict.fromkeys(provider.authority, OUR)
        self.readers[provider.id] = FakeReader(provider, always(FINE), authority=words)
        return self.readers[provider.id]


def owners(settings: Settings) -> Owners:
    store: Any = None
    return Owners(store, settings)


def ask(kind: Kind, cred: Credential, *, made: Owners | None = None, pool: Any = None) -> Owned | None:
    where: Any = pool or Pool()
    found: Owned | None = run(lambda: (made or owners(Settings())).ask(where, kind, cred))
    return found


def looking(kind: Kind, look: Any) -> Kind:
    assert kind.owner is not None
    return replace(kind, owner=replace(kind.owner, look=look))


@pytest.mark.parametrize(
    ("error", "event"), [(ActionFailed("no"), "owner_not_asked"), (ZeroDivisionError(LEAKED), "owner_check_crashed")]
)
def test_a_look_that_fails_shows_nothing_and_is_logged_without_its_words(
    error: Exception, event: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def look(_cred: Credential, _api: Reader) -> Owned | None:
        raise error

    configure(json=True)
    assert ask(looking(OWNERS[CRED.kind][1], look), CRED) is None
    said = json.loads(capsys.readouterr().err)
    wanted = {"event": event, "fingerprint": "fp_test", "kind": CRED.kind, "error": type(error).__name__}
    assert {name: said[name] for name in wanted} == wanted
    assert LEAKED not in str(said)


def test_the_answers_of_two_providers_are_kept_apart() -> None:
    async def look(_cred: Credential, api: Reader) -> Owned | None:
        names = ("management_key", "api_key")
        auth = next(bearer(found) for name in names if (found := api.authority(name)) is not None)
        return Owned("seen") if (await api.get("/v1/keys", auth=auth)).status == 200 else None

    pool, made = Pool(), owners(Settings())
    for id in ("openrouter_api_key", "sendgrid_key"):
        assert ask(looking(OWNERS[id][1], look), replace(CRED, kind=id), made=made, pool=pool) == Owned("seen")
    assert [len(one.sent) for one in pool.readers.values()] == [1, 1]
    assert ask(replace(OWNERS["groq_api_key"][1], owner=None), CRED) is None


@pytest.mark.parametrize(
    ("id", "reason", "change", "may"),
    [
        ("openrouter_api_key", "not_owned", {}, True),
        ("openrouter_api_key", "host_not_owned", {}, False),
        ("openrouter_api_key", "canary", {}, False),
        ("openrouter_api_key", "not_owned", {"authority": {}}, False),
        ("openrouter_api_key", "not_owned", {"authority": {"openrouter": {"other": "x"}}}, False),
        ("openrouter_api_key", "not_owned", {"ownership": OwnershipSettings(ask_authority=False)}, False),
        ("groq_api_key", "not_owned", {"authority": {"groq": {"management_key": "x"}}}, False),
    ],
)
def test_who_may_be_asked_about(
    id: str, reason: str, change: dict[str, Any], *, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responder, "leaked", lambda *_: {})
    settings = replace(Settings(), **{"authority": {"openrouter": {"management_key": "env:X"}}, **change})
    assert owners(settings).may_ask(OWNERS[id][1], Verdict(Validity.SKIPPED, reason)) is may


@pytest.mark.parametrize("last", [Reply("", 429), RuntimeError("broken")])
def test_an_answer_that_made_room_for_another_is_forgotten_once(monkeypatch: pytest.MonkeyPatch, last: Reply | Exception) -> None:
    monkeypatch.setattr(owned, "MOST_KEPT", 1)
    kept: Kept = {}

    def script(_sent: Sent) -> Reply:
        if isinstance(last, Exception):
            raise last
        return last

    api, _ = reader(script, kept=kept)

    async def work() -> list[Any]:
        api.authority("management_key")
        asks = [api.get("/v1/keys", auth=OURS, params={"page": page}) for page in "12"]
        return list(await asyncio.gather(*asks, return_exceptions=True))

    assert run(work) == [last, last]
    assert kept == {}
