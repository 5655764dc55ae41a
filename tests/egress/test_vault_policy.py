"""The policy of docs/vault.md is enough for a rotation's calls, and for nothing else; on a real OpenBao."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from revoker.config import NetworkSettings, Settings, VaultSettings
from revoker.egress.vault import open_vault
from revoker.errors import AuthorityError
from revoker.lab.servers import bao_call
from revoker.model import Secret

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "vault.md"
PLACE = "secret/billing/aws"


@pytest.fixture
def limited(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Settings:
    policy = re.findall(r"```hcl\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    bao_call(openbao, "PUT", "sys/policies/acl/revoker-page", {"policy": policy})
    _, made = bao_call(openbao, "POST", "auth/token/create", {"policies": ["revoker-page"], "ttl": "10m"})
    monkeypatch.setenv("LIMITED", made["auth"]["client_token"])
    return replace(
        Settings(),
        network=NetworkSettings(None, None, (ip_network("127.0.0.1/32"),), None),
        vault=VaultSettings(openbao.url, token="env:LIMITED"),
    )


def test_the_policy_of_the_page_is_enough_for_a_rotation(limited: Settings) -> None:
    vault = open_vault(limited)
    found = vault.read(PLACE)
    before = found.version if found else 0
    version = vault.write(PLACE, {"secret": Secret("new"), "other": Secret("kept")}, cas=before)
    vault.set_metadata(PLACE, {"revoker_run": "run_1"})
    metadata = vault.metadata(PLACE)
    assert metadata is not None
    assert metadata["custom_metadata"] == {"revoker_run": "run_1"}
    read = vault.read(PLACE)
    assert read is not None
    assert read.data["secret"].same_as(Secret("new"))
    assert {"create", "read", "update"} <= vault.capabilities([PLACE])[PLACE]
    vault.destroy(PLACE, [version])
    assert vault.read(PLACE) is None


def test_and_for_no_other_path(limited: Settings) -> None:
    with pytest.raises(AuthorityError, match="forbids"):
        open_vault(limited).write("secret/payroll/aws", {"secret": Secret("x")}, cas=0)
