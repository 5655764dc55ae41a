"""A new secret goes to a person in a wrapping token of a real OpenBao: taken once, in time, by the right one, or not at all."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest

from revoker import audit
from revoker.cli.app import run as cli
from revoker.egress import vault_wrapping
from revoker.errors import AuthorityError, RevokerError, UsageError
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Secret
from revoker.playbook import load_playbooks
from revoker.playbook.reading import parse
from revoker.runs import handover
from revoker.store import runs
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_steps import fresh_login, go, leak, start, vault_config, vault_value

pytestmark = pytest.mark.slow
BOOK = parse(
    "hand",
    {
        "title": "Rotate and hand over",
        "effects": ["issue", "revoke"],
        "step": [
            {"id": "replace", "do": "issue", "into": "destination"},
            {"id": "works", "do": "verify", "of": "new", "expect": "live"},
            {"id": "person", "do": "hand_over", "for": "5m"},
            {"id": "remove", "do": "revoke"},
            {"do": "prove"},
        ],
    },
)
LATE = timedelta(minutes=6)


class Scene:
    """A run whose new secret waits for a person."""

    def __init__(self, site: Site, bao: OpenBao) -> None:
        self.site, self.bao = site, bao
        leak(site, bao)
        self.run = start(site, BOOK)
        self.row = go(site, self.run)
        assert self.row.state == "waiting", self.row.message

    def make(self, who: str = "erin") -> Secret:
        return handover.make(self.site.store, self.site.settings, self.run, who=who, now=utc_now())

    def take(self, token: Secret, who: str = "erin") -> Any:
        return handover.take(self.site.store, self.site.settings, self.run, token, who=who, now=utc_now())

    def accessor(self) -> str:
        (one,) = handover.waiting(self.site.store)
        return one.accessor

    @property
    def new(self) -> str:
        return str(vault_value(self.bao)["data"]["KEY"])

    def check_nothing_kept(self, *tokens: Secret) -> None:
        """Neither the secret nor a wrapping token stands in any file of ours, the journal or the audit log."""
        said = str(runs.journal(self.site.store, self.run))
        for value in (self.new, *(token.reveal() for token in tokens)):
            assert value not in said
            for path in self.site.folder.rglob("*"):
                assert not path.is_file() or value.encode() not in path.read_bytes(), path
        assert audit.check(self.site.store).ok


@pytest.fixture
def scene(build: Build, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("FAKERY_VAULT", openbao.token)
    bao_call(openbao, "DELETE", "secret/metadata/fakery")
    site = build(vault_config(openbao))
    fresh_login(site)
    return Scene(site, openbao)


def test_it_is_taken_once_and_the_run_goes_on(scene: Scene) -> None:
    (one,) = handover.waiting(scene.site.store)
    assert (one.path, one.accessor) == ("secret/fakery", "")
    token = scene.make()
    for _ in range(3):  # looking uses nothing up
        assert vault_wrapping.made_from(scene.site.settings, token) == "secret/data/fakery"
    assert scene.take(token)["KEY"] == scene.new
    with pytest.raises(RevokerError):
        vault_wrapping.unwrap(scene.site.settings, token)
    assert go(scene.site, scene.run).state == "done"
    assert scene.site.fakery.changes == ["issue key-2", "revoke key-1"]
    scene.check_nothing_kept(token)


def test_the_old_one_is_not_touched_while_it_waits(scene: Scene) -> None:
    scene.make()
    assert go(scene.site, scene.run).state == "waiting"
    assert scene.site.fakery.changes == ["issue key-2"]


def test_one_that_somebody_opened_before_is_an_alarm(scene: Scene) -> None:
    token = scene.make()
    assert bao_call(scene.bao, "POST", "sys/wrapping/unwrap", {}, token=token.reveal())[0] == 200
    with pytest.raises(handover.Intercepted, match="not valid any more"):
        scene.take(token)
    row = go(scene.site, scene.run)
    assert row.state == "parked"
    assert "somebody else has the new secret" in row.message
    assert scene.site.fakery.changes == ["issue key-2"]
    assert any(entry.event == "handover_intercepted" for entry in audit.rows(scene.site.store))


def test_one_that_wraps_something_else_is_not_opened(scene: Scene) -> None:
    scene.make()
    other = wrapped_elsewhere(scene.bao, "sys/wrapping/wrap", {"KEY": "planted"})
    with pytest.raises(handover.Intercepted, match="it wraps sys/wrapping/wrap"):
        scene.take(Secret(other))
    assert bao_call(scene.bao, "POST", "sys/wrapping/lookup", {"token": other})[0] == 200, "it was opened"


def test_another_token_of_the_same_path_is_noticed(scene: Scene) -> None:
    scene.make()
    other = wrapped_elsewhere(scene.bao, "secret/data/fakery")
    with pytest.raises(handover.Intercepted, match="another token"):
        scene.take(Secret(other))


def wrapped_elsewhere(bao: OpenBao, path: str, body: dict[str, Any] | None = None) -> str:
    import http.client

    connection = http.client.HTTPConnection(bao.url.removeprefix("http://"), timeout=10)
    headers = {"X-Vault-Token": bao.token, "X-Vault-Wrap-TTL": "300"}
    connection.request("POST" if body else "GET", f"/v1/{path}", json.dumps(body) if body else None, headers)
    made = json.loads(connection.getresponse().read())["wrap_info"]["token"]
    connection.close()
    return str(made)


def test_not_taken_in_time_it_is_cancelled_and_can_be_offered_again(scene: Scene) -> None:
    token, accessor = scene.make(), scene.accessor()
    row = go(scene.site, scene.run, later=LATE)
    assert row.state == "parked"
    assert "erin did not take the new secret in time; the wrapping token was cancelled" in row.message
    assert vault_wrapping.is_there(scene.site.settings, accessor) is False
    assert vault_wrapping.made_from(scene.site.settings, token) is None
    assert scene.site.fakery.changes == ["issue key-2"]
    assert go(scene.site, scene.run).state == "waiting", "offered again"
    assert scene.take(scene.make())["KEY"] == scene.new
    assert go(scene.site, scene.run).state == "done"


def test_nobody_asks(scene: Scene) -> None:
    row = go(scene.site, scene.run, later=LATE)
    assert row.state == "parked"
    assert "Nobody asked" in row.message
    with pytest.raises(UsageError):
        scene.make()


def test_gone_without_a_word_counts_as_stolen(scene: Scene) -> None:
    token = scene.make()
    bao_call(scene.bao, "POST", "sys/wrapping/unwrap", {}, token=token.reveal())
    row = go(scene.site, scene.run, later=LATE)
    assert row.state == "parked"
    assert "nobody said that they took it" in row.message


def test_whoever_unwraps_it_elsewhere_says_so(scene: Scene) -> None:
    token = scene.make()
    with pytest.raises(UsageError, match="Nobody has unwrapped"):
        handover.taken_elsewhere(scene.site.store, scene.site.settings, scene.run, who="erin", now=utc_now())
    bao_call(scene.bao, "POST", "sys/wrapping/unwrap", {}, token=token.reveal())
    handover.taken_elsewhere(scene.site.store, scene.site.settings, scene.run, who="erin", now=utc_now())
    assert go(scene.site, scene.run).state == "done"


def test_a_second_one_cancels_the_first(scene: Scene) -> None:
    first, second = scene.make("erin"), scene.make("frank")
    assert vault_wrapping.made_from(scene.site.settings, first) is None
    assert scene.take(second, "frank")["KEY"] == scene.new


def test_a_token_that_could_not_be_cancelled_is_not_made(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = 'path "secret/*" { capabilities = ["read"] }'
    bao_call(scene.bao, "PUT", "sys/policies/acl/hand-reader", {"policy": policy})
    made = bao_call(scene.bao, "POST", "auth/token/create", {"policies": ["hand-reader"]})[1]["auth"]["client_token"]
    monkeypatch.setenv("FAKERY_VAULT", made)
    fresh_login(scene.site)
    with pytest.raises(AuthorityError, match="may not look up and cancel"):
        scene.make()
    fresh_login(scene.site)


def test_the_commands(scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def revoker(*args: str) -> tuple[int, str]:
        code = cli(["--config", str(scene.site.config), "vault", "handover", *args])
        return code, capsys.readouterr().out

    code, out = revoker("list", "--json")
    assert code == 12
    assert json.loads(out)["waiting"][0]["run"] == scene.run
    assert cli(["--config", str(scene.site.config), "runs", "--json"]) == 12
    (row,) = json.loads(capsys.readouterr().out)["runs"]
    assert row["waits_for"] == "a person: revoker vault handover list"
    beginning = scene.run[:12]  # a unique beginning names a run here as everywhere
    code, token = revoker("make", beginning, "--as", "erin")
    assert code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    code, out = revoker("take", beginning, "--field", "KEY", "--as", "erin")
    assert (code, out.strip()) == (0, scene.new)
    assert go(scene.site, scene.run).state == "done"
    assert revoker("list")[0] == 0
    scene.check_nothing_kept(Secret(token.strip()))


def test_the_shipped_playbook_hands_over_before_the_old_one_goes() -> None:
    dos = [step.do for step in load_playbooks()["rotate-and-hand-over"].steps]
    assert dos.index("verify") < dos.index("hand_over") < dos.index("revoke")


@pytest.mark.parametrize("lasts", ["1m", "2h"])
def test_a_hand_over_is_short(lasts: str) -> None:
    steps = [
        {"do": "issue", "into": "destination"},
        {"do": "verify", "of": "new", "expect": "live"},
        {"do": "hand_over", "for": lasts},
    ]
    with pytest.raises(RevokerError, match="5 to 60 minutes"):
        parse("hand", {"title": "x", "effects": ["issue"], "step": steps})
