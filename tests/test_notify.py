"""Events reach a real receiver, signed, once each, and wait while it is down."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from revoker.config import NetworkSettings, NotifySettings, Settings, StoreSettings
from revoker.errors import ConfigError
from revoker.notify import deliver
from revoker.store import events
from revoker.store.database import Store, open_store

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


@dataclass
class Receiver:
    url: str = ""
    status: int = 200
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    seen = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.posts.append((dict(self.headers.items()), body))
            self.send_response(seen.status)
            self.send_header("Location", seen.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield seen
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HOOK_SECRET", "of the test")
    tmp_path.chmod(0o700)
    return replace(
        Settings(),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/revoker.db", key=f"file:{tmp_path}/revoker.key"),
        network=NetworkSettings(None, None, (ip_network("127.0.0.1/32"),), None),
        notify=NotifySettings(receiver.url + "/hook?team=red", "env:HOOK_SECRET"),
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    opened = open_store(settings, create=True)
    events.emit(opened, "credential.resurrected", {"fingerprint": "fp_1"}, NOW)
    events.emit(opened, "credential.dead", {"fingerprint": "fp_2"}, NOW)
    return opened


@pytest.mark.row("W-9")
def test_signed_and_once(store: Store, settings: Settings, receiver: Receiver) -> None:
    assert deliver(store, settings=settings, clock=lambda: NOW) == 2
    assert deliver(store, settings=settings, clock=lambda: NOW) == 0
    assert [json.loads(body)["payload"]["fingerprint"] for _, body in receiver.posts] == ["fp_1", "fp_2"]
    for headers, body in receiver.posts:
        signed = headers["X-Revoker-Timestamp"].encode() + b"." + body
        mac = hmac.new(b"of the test", signed, hashlib.sha256).hexdigest()
        assert headers["X-Revoker-Signature"] == f"sha256={mac}"


@pytest.mark.parametrize("status", [302, 400, 500])
@pytest.mark.row("F28")
def test_what_is_not_taken_waits(store: Store, settings: Settings, receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert deliver(store, settings=settings, clock=lambda: NOW) == 0
    assert len(receiver.posts) == 1  # no redirect was followed, and nothing overtakes what waits
    receiver.status = 204
    assert deliver(store, settings=settings, clock=lambda: NOW) == 2
    assert [json.loads(body)["id"] for _, body in receiver.posts][1:] == [1, 2]


@pytest.mark.row("F28")
def test_an_hour_of_errors_loses_and_doubles_nothing(store: Store, settings: Settings, receiver: Receiver) -> None:
    receiver.status = 500
    for minute in range(60):
        assert deliver(store, settings=settings, clock=lambda at=NOW + timedelta(minutes=minute): at) == 0  # type: ignore[misc]
    assert len(events.undelivered(store)) == 2
    receiver.status, refused = 200, len(receiver.posts)
    assert deliver(store, settings=settings, clock=lambda: NOW + timedelta(hours=1)) == 2
    assert [json.loads(body)["id"] for _, body in receiver.posts[refused:]] == [1, 2]
    assert {json.loads(body)["id"] for _, body in receiver.posts[:refused]} <= {1}
    assert deliver(store, settings=settings, clock=lambda: NOW + timedelta(hours=2)) == 0


@pytest.mark.row("F28")
def test_a_receiver_that_is_down_holds_up_nothing(store: Store, settings: Settings) -> None:
    down = replace(settings, notify=NotifySettings("http://127.0.0.1:9/hook", "env:HOOK_SECRET"))
    assert deliver(store, settings=down, clock=lambda: NOW) == 0
    assert len(events.undelivered(store)) == 2


@pytest.mark.row("W-9")
def test_unsigned_posts_are_refused(store: Store, settings: Settings, receiver: Receiver) -> None:
    with pytest.raises(ConfigError, match="no secret"):
        deliver(store, settings=replace(settings, notify=NotifySettings(receiver.url, None)), clock=lambda: NOW)
