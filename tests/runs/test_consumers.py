"""Consumers: told by signed posts and by a rollout, looked at before the old one goes, and heard when something breaks."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from revoker import audit
from revoker.config import load_settings
from revoker.errors import ActionFailed, ConfigError, UsageError
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Status
from revoker.playbook import Playbook, parse
from revoker.runs import moved
from revoker.runs.apply import apply
from revoker.runs.undo import undo
from revoker.runs.waits import whom
from revoker.store import events, runs
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_steps import go, leak, start, vault_config

pytestmark = pytest.mark.slow

HOOK_KEY, KUBE_TOKEN = "hook-" + "k" * 12, "kube-" + "t" * 12


def book(mode: str, within: str = "1h") -> Playbook:
    steps: list[dict[str, Any]] = [
        {"id": "replace", "do": "issue", "into": "destination"},
        {"id": "works", "do": "verify", "of": "new", "expect": "live"},
        {"do": "signal"},
        {"id": "consumers", "do": "moved", "within": within},
        {"id": "freeze", "do": "suspend"},
        {"id": "soak", "do": "wait", "for": "1h"},
        {"id": "remove", "do": "revoke"},
        {"do": "prove"},
    ]
    return parse(mode, {"title": mode, "mode": mode, "effects": ["issue", "suspend", "revoke"], "step": steps})


@dataclass
class Listener:
    """A consumer's webhook, and an API server that knows one Deployment and checks what the real one checks."""

    url: str = ""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    deployment: dict[str, Any] = field(default_factory=lambda: {"generation": 1, "annotations": {}})
    status: int = 200

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        if path == "/hook" and method == "POST":
            self.posts.append((headers, body))
            return self.status
        if path != "/apis/apps/v1/namespaces/shop/deployments/reports":
            return 404
        if headers.get("authorization") != f"Bearer {KUBE_TOKEN}":
            return 401
        if method != "PATCH" or headers.get("content-type") != "application/strategic-merge-patch+json":
            return 415
        found = json.loads(body)["spec"]["template"]["metadata"]["annotations"]
        if found != {**self.deployment["annotations"], **found} or self.deployment["annotations"] != found:
            self.deployment["generation"] += 1  # a changed template makes new pods; the same one again does not
        self.deployment["annotations"] |= found
        return self.status


@contextmanager
def listening() -> Iterator[Listener]:
    state = Listener()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status = state.take(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_PATCH = _any  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as state:
        yield state


@pytest.fixture
def vaulted(build: Build, bao: OpenBao, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in (("FAKERY_VAULT", bao.token), ("HOOK_KEY", HOOK_KEY), ("KUBE_TOKEN", KUBE_TOKEN)):
        monkeypatch.setenv(name, value)
    more = f"""consumers = ["billing", "reports", "the mail team"]
[[consumer]]
name = "billing"
webhook = "{listener.url}/hook"
secret = "env:HOOK_KEY"
[[consumer]]
name = "reports"
kubernetes = "{listener.url}"
namespace = "shop"
deployment = "reports"
token = "env:KUBE_TOKEN"
"""
    return build(vault_config(bao) + more)


def use(site: Site, key: str, at: datetime) -> None:
    """A consumer uses a key."""
    site.fakery.keys[key].used = at.isoformat()


def test_consumers_are_told_in_a_way_that_they_can_check(vaulted: Site, bao: OpenBao, listener: Listener) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, book("routine"))
    assert go(vaulted, run_id, inline=timedelta(seconds=1)).step == "consumers"
    ((headers, body),) = listener.posts
    stamp = headers["x-revoker-timestamp"]
    expected = hmac.new(HOOK_KEY.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-revoker-signature"] == f"sha256={expected}"
    said = json.loads(body)
    assert said["id"] == headers["x-revoker-id"] == f"{run_id}:signal:billing"
    assert (said["kind"], said["payload"]["path"], said["payload"]["version"]) == ("credential.rotated", "secret/fakery", 2)
    assert not any(key.value.encode() in body for key in vaulted.fakery.keys.values())
    assert listener.deployment["generation"] == 2
    assert list(listener.deployment["annotations"]) == ["kubectl.kubernetes.io/restartedAt"]
    assert any(event.payload["consumers"] == ["the mail team"] for event in events.of_kind(vaulted.store, "notify"))
    signals = [(row.data or {})["consumer"] for row in audit.rows(vaulted.store) if row.event == "signal"]
    assert signals == ["billing", "reports", "the mail team"]


def test_who_cannot_be_told_parks_a_routine_and_is_told_once_later(vaulted: Site, bao: OpenBao, listener: Listener) -> None:
    leak(vaulted, bao)
    listener.status = 503
    run_id = start(vaulted, book("routine"))
    row = go(vaulted, run_id)
    assert (row.state, row.step) == ("parked", "signal")
    assert "billing (its webhook did not take it), reports (the API server answered 503)" in row.message
    first = listener.posts[0][1]
    listener.status = 200
    assert go(vaulted, run_id, inline=timedelta(seconds=1)).step == "consumers"
    assert listener.posts[1][1] == first  # the same id and body: its receiver drops the repeat
    assert listener.deployment["generation"] == 2
    assert vaulted.fakery.changes == ["issue key-2"]


@pytest.mark.row("F23")
def test_in_an_incident_nothing_waits_beyond_the_deadline(vaulted: Site, bao: OpenBao, listener: Listener) -> None:
    """A webhook that is down and a consumer that goes on with the old one: warned of, and the old one dies."""
    _, fingerprint = leak(vaulted, bao)
    listener.status = 503
    run_id = start(vaulted, book("incident"))
    row = go(vaulted, run_id, inline=timedelta(seconds=1))
    assert (row.state, row.step) == ("waiting", "consumers")
    assert "its consumers: billing, reports, the mail team" in whom(vaulted.store, [row]).values()
    use(vaulted, "key-1", utc_now() + timedelta(minutes=30))
    for hours in (1.1, 2.3, 3.5):
        row = go(vaulted, run_id, later=timedelta(hours=hours), inline=timedelta(seconds=1))
    assert vaulted.row(fingerprint).status in (Status.DYING, Status.DEAD), row
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1", "revoke key-1"]
    (warned,) = events.of_kind(vaulted.store, "consumers.not_moved")
    assert "the old one was used" in warned.payload["why"]
    assert len(events.of_kind(vaulted.store, "signal_failed")) == 1


@pytest.mark.row("F23")
def test_in_a_routine_the_old_one_stays_until_they_moved(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, book("routine"))
    go(vaulted, run_id, inline=timedelta(seconds=1))
    row = go(vaulted, run_id, later=timedelta(hours=2), inline=timedelta(seconds=1))
    assert (row.state, row.step) == ("parked", "consumers")
    assert "nobody has used the new one yet" in row.message
    use(vaulted, "key-1", utc_now() + timedelta(hours=1))
    use(vaulted, "key-2", utc_now() + timedelta(hours=1))
    assert "the old one was used" in go(vaulted, run_id, later=timedelta(hours=2), inline=timedelta(seconds=1)).message
    assert vaulted.fakery.changes == ["issue key-2"]
    use(vaulted, "key-1", utc_now() - timedelta(days=1))
    row = go(vaulted, run_id, later=timedelta(hours=2), inline=timedelta(seconds=1))
    assert row.step == "soak"
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1"]


def test_our_own_check_of_the_new_one_is_no_consumer(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, book("routine"))
    go(vaulted, run_id, inline=timedelta(seconds=1))
    use(vaulted, "key-2", utc_now())
    row = go(vaulted, run_id, later=timedelta(minutes=10), inline=timedelta(seconds=1))
    assert (row.state, row.step) == ("waiting", "consumers")


def test_a_person_may_say_that_they_moved(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, book("routine"))
    with pytest.raises(UsageError, match="does not wait for its consumers"):
        moved.confirm(vaulted.store, run_id, who="alice", now=utc_now())
    go(vaulted, run_id, inline=timedelta(seconds=1))
    moved.confirm(vaulted.store, run_id, who="alice", now=utc_now())
    assert go(vaulted, run_id, inline=timedelta(seconds=1)).step == "soak"
    assert [(row.data or {})["by"] for row in audit.rows(vaulted.store) if row.event == "consumers_moved"] == ["alice"]


@pytest.mark.row("F24")
def test_a_suspension_is_taken_back_while_it_can_be(vaulted: Site, bao: OpenBao) -> None:
    _, fingerprint = leak(vaulted, bao)
    run_id = start(vaulted, book("incident", "1s"))
    with pytest.raises(UsageError, match="suspended nothing"):
        undo(vaulted.store, vaulted.settings, run_id, who="alice", why="billing is down", now=utc_now())
    go(vaulted, run_id, inline=timedelta(seconds=5))
    assert vaulted.row(fingerprint).status is Status.CONTAINED
    with pytest.raises(UsageError, match="what broke"):
        undo(vaulted.store, vaulted.settings, run_id, who="alice", why="", now=utc_now())
    plan = undo(vaulted.store, vaulted.settings, run_id, who="alice", why="billing is down", now=utc_now())
    assert plan.approvals == 0
    assert runs.get_run(vaulted.store, run_id).state == "cancelled"
    (back,) = apply(vaulted.store, vaulted.settings, plan.digest, utc_now())
    assert go(vaulted, back, inline=timedelta(seconds=5)).state == "done"
    assert vaulted.row(fingerprint).status is Status.LIVE
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1", "restore key-1"]
    assert go(vaulted, run_id, later=timedelta(hours=2)).state == "cancelled"
    assert vaulted.fakery.changes[-1] == "restore key-1"
    (said,) = [row.data or {} for row in audit.rows(vaulted.store) if row.event == "undo"]
    assert (said["who"], said["why"]) == ("alice", "billing is down")


@pytest.mark.row("F24")
def test_after_a_revocation_there_is_no_way_back(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, book("incident", "1s"))
    go(vaulted, run_id, inline=timedelta(seconds=5))
    go(vaulted, run_id, later=timedelta(hours=2), inline=timedelta(seconds=5))
    assert "revoke key-1" in vaulted.fakery.changes
    before = runs.get_run(vaulted.store, run_id).state
    with pytest.raises(ActionFailed, match="no way back: key-1 was revoked"):
        undo(vaulted.store, vaulted.settings, run_id, who="alice", why="billing is down", now=utc_now())
    assert runs.get_run(vaulted.store, run_id).state == before


def test_a_consumer_needs_one_whole_way(build: Build, vaulted: Site) -> None:
    for lines in ('webhook = "https://a.example"', 'kubernetes = "https://a.example"\ndeployment = "x"', ""):
        path = vaulted.folder / "other.toml"
        path.write_text(f'[[consumer]]\nname = "x"\n{lines}\n')
        with pytest.raises(ConfigError, match=r"\[\[consumer\]\] x needs"):
            load_settings(path)


def test_vault_s_audit_log_shows_who_has_read_the_new_version(
    build: Build, tmp_path_factory: pytest.TempPathFactory, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind whose provider tells no last use would need a person; the reading of the new version by its consumer is enough."""
    from revoker.egress import vault as sessions
    from revoker.lab.servers import openbao as start_openbao

    log = tmp_path_factory.mktemp("audit") / "audit.log"
    sessions._sessions.clear()
    with start_openbao(log) as server:
        monkeypatch.setenv("FAKERY_VAULT", server.token)
        monkeypatch.setenv("HOOK_KEY", HOOK_KEY)
        vault = vault_config(server).replace("[vault]", f'[vault]\naudit_log = "{log}"')
        hook = f'webhook = "{listener.url}/hook"\nsecret = "env:HOOK_KEY"\nreads_as = ["token-billing"]\n'
        site = build(f'{vault}consumers = ["billing"]\n[[consumer]]\nname = "billing"\n{hook}')
        leak(site, server)
        token = {
            name: bao_call(server, "POST", "auth/token/create", {"display_name": name, "policies": ["root"]})[1]["auth"][
                "client_token"
            ]
            for name in ("billing", "somebody")
        }
        bao_call(server, "GET", "secret/data/fakery", token=token["billing"])  # the old version
        run_id = start(site, book("routine"))
        go(site, run_id, inline=timedelta(seconds=1))
        bao_call(server, "GET", "secret/data/fakery", token=token["somebody"])
        row = go(site, run_id, later=timedelta(minutes=10), inline=timedelta(seconds=1))
        assert (row.step, row.state) == ("consumers", "waiting"), row.message
        assert "by Vault's audit log, not read yet by billing" in row.message
        bao_call(server, "GET", "secret/data/fakery", token=token["billing"])
        row = go(site, run_id, later=timedelta(minutes=20), inline=timedelta(seconds=1))
        assert row.step == "soak", row.message
    sessions._sessions.clear()
