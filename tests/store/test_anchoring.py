"""Anchors in a real Vault, and stamps of a real time-stamp authority (OpenSSL's) on this machine."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revoker import anchoring, audit
from revoker.config import AuditSettings, NetworkSettings, Settings, StoreSettings, VaultSettings
from revoker.lab.servers import bao_call
from revoker.store import Store, open_store
from tests.store.conftest import NOW

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

pytestmark = pytest.mark.slow
OURS = NetworkSettings(allow=(ip_network("127.0.0.1/32"),))
CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """OpenSSL's time-stamp authority behind HTTP."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, 0
        self._run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Stamp CA")
        self._run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamps")
        (folder / "ext").write_text("extendedKeyUsage = critical,timeStamping\nkeyUsage = critical,digitalSignature\n")
        signed = ("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-extfile", "ext")
        self._run(*signed, "-out", "tsa.pem")
        (folder / "serial").write_text("01")
        (folder / "conf").write_text(CONFIG.format(folder=folder))

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=60)

    def answer(self, query: bytes) -> bytes:
        self.asked += 1
        (self.folder / "query").write_bytes(query)
        keys = ("-signer", "tsa.pem", "-inkey", "tsa.key")
        self._run("ts", "-reply", "-config", "conf", "-queryfile", "query", *keys, "-out", "answer")
        return (self.folder / "answer").read_bytes()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[Authority, str]]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no time-stamp authority")
    (tmp_path / "tsa").mkdir()
    one = Authority(tmp_path / "tsa")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            body = one.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield one, f"http://127.0.0.1:{server.server_port}/stamp"
    server.shutdown()
    server.server_close()


def opened(place: Path, **audit_settings: object) -> Store:
    settings = Settings(
        store=StoreSettings(url=f"sqlite:///{place}/revoker.db"),
        network=OURS,
        audit=AuditSettings(place / "anchors", **audit_settings),  # type: ignore[arg-type]
        path=place / "revoker.toml",
    )
    return open_store(settings, create=True)


@pytest.mark.row("W-12")
def test_a_time_stamp_over_the_head_verifies_and_no_other(tmp_path: Path, authority: tuple[Authority, str]) -> None:
    one, url = authority
    store = opened(tmp_path, timestamp_url=url, timestamp_ca=one.folder / "ca.pem")
    for n in range(3):
        audit.append(store, "e", {"n": n}, NOW)
    _, places = anchoring.anchor(store, store.settings, NOW)
    assert [(place.place, place.ok) for place in places] == [("file", True), ("time-stamp authority", True)], places
    assert one.asked == 1
    check = anchoring.check(store, store.settings)
    assert check.ok, check.problems
    assert "1 time stamps verify." in check.notes
    lines = (tmp_path / "anchors").read_text().replace('"count":3', '"count":2')
    (tmp_path / "anchors").write_text(lines)
    moved = anchoring.check(store, store.settings)
    assert any("does not verify" in problem for problem in moved.problems)


def test_a_stamp_of_another_authority_is_refused(tmp_path: Path, authority: tuple[Authority, str]) -> None:
    one, url = authority
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    store = opened(tmp_path, timestamp_url=url, timestamp_ca=stranger.folder / "ca.pem")
    audit.append(store, "e", {}, NOW)
    _, places = anchoring.anchor(store, store.settings, NOW)
    assert [place.ok for place in places] == [True, False]
    assert "does not verify" in places[1].detail
    assert one.asked == 1


def test_an_authority_that_is_down_is_said_and_holds_nothing_up(tmp_path: Path) -> None:
    store = opened(tmp_path, timestamp_url="http://127.0.0.1:9/", timestamp_ca=tmp_path / "ca.pem")
    audit.append(store, "e", {}, NOW)
    places = anchoring.anchor_afar(store, store.settings, NOW)
    assert [place.ok for place in places] == [True, False]
    assert "did not answer" in places[1].detail


@pytest.mark.row("W-12", "F20")
def test_vault_knows_when_the_log_was_cut(tmp_path: Path, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAO", openbao.token)
    store = opened(tmp_path, anchor_vault=f"secret/{tmp_path.name}/audit")
    settings = replace(store.settings, vault=VaultSettings(openbao.url, token="env:BAO"))
    for n in range(4):
        audit.append(store, "e", {"n": n}, NOW)
    assert all(place.ok for place in anchoring.anchor(store, settings, NOW)[1])
    held = bao_call(openbao, "GET", f"secret/data/{tmp_path.name}/audit")[1]["data"]["data"]
    assert held["count"] == "4"
    assert anchoring.check(store, settings).ok
    (tmp_path / "anchors").unlink()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_log WHERE seq > 2")
    cut = anchoring.check(store, settings)
    assert any("the end was cut off" in problem for problem in cut.problems)
    _, places = anchoring.anchor(store, settings, NOW)
    assert any(place.place == "vault" and not place.ok and "cut" in place.detail for place in places)
