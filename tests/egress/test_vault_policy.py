"""The three policies on a real OpenBao: with a token of each role everything of the role works, and everything else is refused."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import DestinationSettings, Settings, VaultSettings
from revoker.egress import vault_policy
from revoker.egress.vault import open_vault
from revoker.errors import AuthorityError, ConfigError
from revoker.lab.servers import bao_call
from revoker.model import Secret
from tests.egress.vaults import call, config, mounted, status, token_with

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

PAGE = Path(__file__).parents[2] / "docs" / "vault-policies.md"
FIELDS = {"secret": "value"}
EXAMPLE = vault_policy.EXAMPLE


def places(*paths: str) -> tuple[DestinationSettings, ...]:
    return tuple(DestinationSettings("aws_access_key", path, FIELDS) for path in paths)


@pytest.mark.parametrize("role", vault_policy.ROLES)
def test_the_page_shows_what_the_command_prints(role: str) -> None:
    page = PAGE.read_text()
    assert vault_policy.text(role, EXAMPLE, openbao=True) in page
    assert vault_policy.text(role, EXAMPLE, openbao=False) in page


def test_without_destinations_there_is_no_rotator_and_no_path_breaks_out_of_its_quotes() -> None:
    with pytest.raises(ConfigError, match="No destination"):
        vault_policy.text("rotator", Settings(vault=EXAMPLE.vault), openbao=False)
    with pytest.raises(ConfigError, match="cannot stand"):
        vault_policy.text("rotator", Settings(vault=EXAMPLE.vault, destinations=places('secret/a" {}')), openbao=False)


def test_a_reference_in_a_path_becomes_one_part_and_no_more() -> None:
    made = vault_policy.text(
        "rotator", Settings(vault=EXAMPLE.vault, destinations=places("secret/aws/{account}/key")), openbao=False
    )
    assert 'path "secret/data/aws/+/key"' in made


def test_scan_stands_in_openbao_s_variant_alone() -> None:
    assert '"scan"' not in vault_policy.text("finder", EXAMPLE, openbao=False)
    assert vault_policy.text("finder", EXAMPLE, openbao=True).count('"scan"') == 2


@pytest.mark.slow
def test_a_policy_with_an_unknown_capability_is_refused_whole(openbao: OpenBao) -> None:
    """So Vault, which does not know `scan`, would refuse OpenBao's variant: that is why there are two texts."""
    bad = vault_policy.text("finder", EXAMPLE, openbao=True).replace('"scan"', '"survey"')
    assert bao_call(openbao, "PUT", "sys/policies/acl/unknown-word", {"policy": bad})[0] == 400


@pytest.mark.slow
@pytest.mark.parametrize("variant", [False, True])
def test_finder_reads_everything_and_changes_nothing(openbao: OpenBao, *, variant: bool) -> None:
    two, one = mounted(openbao, 2), mounted(openbao, 1)
    call(openbao, "POST", f"{two}/data/a/b", {"data": {"k": "v"}})
    call(openbao, "POST", f"{two}/data/a/b", {"data": {"k": "w"}})
    call(openbao, "POST", f"{one}/a/b", {"k": "v"})
    settings = Settings(vault=VaultSettings(openbao.url, mount=two, kv1=(one,)))
    token = token_with(openbao, vault_policy.text("finder", settings, openbao=variant))

    def may(method: str, path: str, body: Any = None) -> bool:
        found = status(openbao, token, method, path, body)
        return found != 403

    good: list[tuple[Any, ...]] = [
        ("GET", f"{two}/metadata/?list=true"),
        ("GET", f"{two}/metadata/a/?list=true"),
        ("GET", f"{two}/metadata/a/b"),
        ("GET", f"{two}/data/a/b?version=1"),
        ("GET", f"{one}/?list=true"),
        ("GET", f"{one}/a/b"),
        ("POST", "sys/audit-hash/file", {"input": "x"}),
        ("GET", f"sys/internal/ui/mounts/{two}/a/b"),
    ]
    assert [one for one in good if not may(*one)] == []
    assert may("GET", f"{two}/metadata/?scan=true") is variant
    assert may("GET", f"{one}/?scan=true") is variant
    bad: list[tuple[Any, ...]] = [
        ("POST", f"{two}/data/a/b", {"data": {}}),
        ("DELETE", f"{two}/data/a/b"),
        ("PUT", f"{two}/destroy/a/b", {"versions": [1]}),
        ("PUT", f"{two}/undelete/a/b", {"versions": [1]}),
        ("POST", f"{two}/metadata/a/b", {"custom_metadata": {}}),
        ("DELETE", f"{two}/metadata/a/b"),
        ("POST", f"{one}/a/b", {"k": "x"}),
        ("DELETE", f"{one}/a/b"),
        ("GET", "secret/data/other"),
        ("GET", "secret/metadata/?list=true"),
        *outside(),
    ]
    assert [one for one in bad if may(*one)] == []


@pytest.mark.slow
def test_rotator_does_a_whole_rotation_and_nothing_beside_it(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"billing-{secrets.token_hex(3)}"
    here, legacy = f"secret/{name}/aws", f"{mounted(openbao, 1)}/aws"
    declared = config(openbao.url, monkeypatch, kv1=(legacy.split("/", maxsplit=1)[0],), destinations=places(here, legacy))
    token = token_with(openbao, vault_policy.text("rotator", declared, openbao=False))
    call(openbao, "POST", f"secret/data/{name}/aws", {"data": {"value": "old", "port": 5432}})
    call(openbao, "POST", legacy, {"value": "old", "other": "kept"})
    vault = open_vault(config(openbao.url, monkeypatch, token))
    rotate(vault, here)
    assert call(openbao, "GET", f"secret/data/{name}/aws")["data"]["data"] == {"value": "new", "port": 5432}
    rotate(vault, legacy)
    assert call(openbao, "GET", legacy)["data"] == {"value": "new", "other": "kept"}
    for other in ("secret/payroll/aws", f"secret/{name}/aws2", legacy + "2"):
        with pytest.raises(AuthorityError, match="forbids"):
            vault.read(other)
        with pytest.raises(AuthorityError, match="forbids"):
            vault.write(other, {"value": Secret("x")}, cas=0)
    bad: list[tuple[Any, ...]] = [
        ("GET", "secret/metadata/?list=true"),
        ("GET", f"secret/metadata/{name}/?list=true"),
        ("DELETE", f"secret/metadata/{name}/aws"),
        ("PUT", f"secret/undelete/{name}/aws", {"versions": [1]}),
        ("POST", "sys/audit-hash/file", {"input": "x"}),
        ("POST", "auth/token/lookup", {"token": "x"}),
        ("POST", "auth/token/revoke-accessor", {"accessor": "x"}),
        *outside(),
    ]
    assert [one for one in bad if status(openbao, token, *one) != 403] == []


@pytest.mark.slow
def test_handing_over_is_a_right_of_its_own(openbao: OpenBao) -> None:
    made = call(openbao, "POST", "auth/token/create", {"policies": ["default"]})["auth"]["accessor"]
    for handover, status_of in ((False, 403), (True, 200)):
        token = token_with(openbao, vault_policy.text("rotator", EXAMPLE, openbao=False, handover=handover))
        assert status(openbao, token, "POST", "auth/token/lookup-accessor", {"accessor": made}) == status_of
        assert (status(openbao, token, "POST", "auth/token/revoke-accessor", {"accessor": made}) == 403) is not handover


def rotate(vault: Any, path: str) -> None:
    """Every call that a run makes at a destination."""
    before, at = vault.read(path), vault.newest(path)
    version = vault.change(path, before, {"value": Secret("new")}, at)
    vault.set_metadata(path, {"revoker_run": "run_1"})
    after = vault.read(path)
    assert after is not None
    assert after.version == version
    assert {"create", "read", "update"} <= vault.capabilities([path])[path]
    vault.metadata(path)
    vault.destroy(path, [at])


@pytest.mark.slow
def test_killer_looks_up_and_ends_and_reads_no_secret(openbao: OpenBao) -> None:
    bao_call(openbao, "POST", "sys/auth/approle", {"type": "approle"})  # 400 when another test did it: one server for all
    bao_call(openbao, "POST", "sys/mounts/database", {"type": "database"})
    role = f"app-{secrets.token_hex(3)}"
    call(openbao, "POST", f"auth/approle/role/{role}", {"token_policies": "default", "token_ttl": "1h"})
    made = call(openbao, "POST", f"auth/approle/role/{role}/secret-id", {})["data"]
    leaked = call(openbao, "POST", "auth/token/create", {"policies": ["default"]})["auth"]
    token = token_with(openbao, vault_policy.text("killer", EXAMPLE, openbao=False))
    base, by = f"auth/approle/role/{role}", {"secret_id_accessor": made["secret_id_accessor"]}
    good: list[tuple[Any, ...]] = [
        ("POST", "auth/token/lookup", {"token": leaked["client_token"]}),
        ("POST", "auth/token/lookup-accessor", {"accessor": leaked["accessor"]}),
        ("GET", "auth/token/accessors?list=true"),
        ("POST", "sys/capabilities", {"token": leaked["client_token"], "paths": ["secret/data/a"]}),
        ("POST", "sys/capabilities-accessor", {"accessor": leaked["accessor"], "paths": ["secret/data/a"]}),
        ("POST", "auth/token/revoke-accessor", {"accessor": leaked["accessor"]}),
        ("GET", "auth/approle/role?list=true"),
        ("GET", f"{base}/role-id"),
        ("POST", f"{base}/role-id", {"role_id": f"changed-{role}"}),
        ("GET", f"{base}/secret-id?list=true"),
        ("POST", f"{base}/secret-id/lookup", {"secret_id": made["secret_id"]}),
        ("POST", f"{base}/secret-id-accessor/lookup", by),
        ("POST", f"{base}/secret-id", {}),
        ("POST", f"{base}/secret-id-accessor/destroy", by),
        ("GET", "identity/entity/id/none"),
        ("POST", "sys/leases/lookup", {"lease_id": "database/creds/none/x"}),
        ("POST", "sys/leases/revoke", {"lease_id": "database/creds/none/x"}),
        ("GET", "sys/leases/lookup/database/creds/none/?list=true"),
        ("POST", "sys/leases/revoke-prefix/database/creds/none", {}),
        ("POST", "database/rotate-role/none"),
        ("GET", "database/static-creds/none"),
        ("POST", "database/rotate-root/none"),
    ]
    assert [one for one in good if status(openbao, token, *one) == 403] == []
    bad: list[tuple[Any, ...]] = [
        ("GET", "secret/data/billing/aws"),
        ("POST", "secret/data/billing/aws", {"data": {}}),
        ("GET", "secret/metadata/?list=true"),
        ("POST", "sys/audit-hash/file", {"input": "x"}),
        ("POST", "sys/leases/revoke-force/database/creds/none", {}),
        ("POST", "sys/leases/revoke-prefix/auth/approle/login", {}),
        ("POST", base, {"token_policies": "root"}),
        ("DELETE", base),
        ("GET", "database/creds/any"),
        ("POST", "database/roles/any", {}),
        *outside(),
    ]
    assert [one for one in bad if status(openbao, token, *one) != 403] == []


def outside() -> list[tuple[Any, ...]]:
    """What none of the three may do."""
    return [
        ("POST", "sys/seal", {}),
        ("GET", "sys/policies/acl?list=true"),
        ("PUT", "sys/policies/acl/mine", {"policy": 'path "*" { capabilities = ["read"] }'}),
        ("GET", "sys/mounts"),
        ("POST", "sys/mounts/mine", {"type": "kv"}),
        ("GET", "sys/audit"),
        ("POST", "auth/token/create", {"policies": ["root"]}),
        ("POST", "auth/token/revoke", {"token": "x"}),
        ("POST", "sys/auth/mine", {"type": "approle"}),
    ]
