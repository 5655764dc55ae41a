"""The page in a real browser: foreign text runs nothing and fetches nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from revoker.report.html import html
from tests.report import samples as made

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


class _Sink(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def sink() -> Iterator[str]:
    _Sink.seen.clear()
    server = HTTPServer(("127.0.0.1", 0), _Sink)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def opened(page: Path, *options: str) -> str:
    """What the browser made of the page."""
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--virtual-time-budget=3000",
    ]
    command += [f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()]
    env = {"PATH": os.environ["PATH"], "HOME": str(page.parent)}
    return subprocess.run(command, capture_output=True, timeout=60, check=True, env=env).stdout.decode()


@pytest.mark.row("I-3")
def test_hostile_text_runs_nothing_and_fetches_nothing(tmp_path: Path, sink: str) -> None:
    text = (
        f"<img src={sink}/img onerror=\"document.title='pwned'\"><script src={sink}/js></script><script>document.title='pwned'</script>"
        f"<link rel=stylesheet href={sink}/css><iframe src={sink}/frame></iframe><style>@import url({sink}/import)</style>"
    )
    page = tmp_path / "report.html"
    page.write_text(html(made.document(text=text)).replace("…", "..."), encoding="utf-8")
    dom = opened(page, "--dump-dom")
    assert "Where the credentials stand" in dom
    assert "pwned</title>" not in dom
    assert "<iframe" not in dom
    assert not _Sink.seen


def test_the_policy_stops_what_would_get_through(tmp_path: Path, sink: str) -> None:
    """Even if escaping failed: an element planted into the page runs and fetches nothing."""
    planted = f"<img src={sink}/img><script>document.title='pwned'</script><script src={sink}/js></script><link rel=stylesheet href={sink}/css>"
    page = tmp_path / "report.html"
    page.write_text(html(made.document()).replace("<main>", f"<main>{planted}"), encoding="utf-8")
    dom = opened(page, "--dump-dom")
    assert "pwned</title>" not in dom
    assert not _Sink.seen
