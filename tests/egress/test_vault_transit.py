"""The store's root key in a real transit engine: nothing on our disk opens the store without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revoker.config import NetworkSettings, Settings, StoreSettings, VaultSettings
from revoker.egress.vault_transit import transit
from revoker.errors import RevokerError, StoreError
from revoker.lab.servers import bao_call
from revoker.model import Credential, Finding, Location, Secret
from revoker.secrets import fingerprint
from revoker.store import credentials, incidents
from revoker.store.database import open_store

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Settings:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("BAO", openbao.token)
    return replace(
        Settings(),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/revoker.db", key="vault-transit:revoker"),
        network=NetworkSettings(None, None, (ip_network("127.0.0.1/32"),), None),
        vault=VaultSettings(openbao.url, token="env:BAO"),
    )


def test_the_store_opens_with_vault_alone(settings: Settings, openbao: OpenBao) -> None:
    bao_call(openbao, "POST", "sys/mounts/transit", {"type": "transit"})  # 400 when another test did it before
    for name in ("revoker", "other"):
        bao_call(openbao, "POST", f"transit/keys/{name}", {"type": "aes256-gcm96"})
    store = open_store(settings, create=True, vault_transit=transit(settings))
    incident = incidents.open_incident(store, "leak", NOW)
    secret = Secret("a value of the test")
    cred = Credential("groq_api_key", fingerprint(store.keys, "groq_api_key", secret), secret)
    credentials.add_findings(store, [(Finding("r", Location("csv"), secret), cred)], incident.id, NOW)
    again = open_store(settings, vault_transit=transit(settings))
    assert credentials.unseal_credential(again, cred.fingerprint).secret.same_as(secret)
    other = replace(settings, store=replace(settings.store, key="vault-transit:other"))
    with pytest.raises(StoreError, match="does not belong"):
        open_store(other, vault_transit=transit(settings))
    with pytest.raises(RevokerError):
        open_store(settings)
