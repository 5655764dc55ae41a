"""KV on a real OpenBao: the facts of the field that the client rests on (versions, check-and-set, PATCH, deletion), and documents without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from revoker.egress.vault import CasConflict, Vault
from revoker.egress.vault_kv import Kv, changed, declared, leaves, merge_patch, name_of, sealed, secret_of, steps_of
from revoker.errors import ConfigError, Parked
from revoker.lab.servers import bao_call
from revoker.model import Secret
from tests.egress.vaults import call, mounted, opened, token_with

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao


def told(tree: Any) -> Any:
    """A sealed document as plain JSON."""
    if isinstance(tree, Secret):
        return tree.reveal()
    if isinstance(tree, dict):
        return {name: told(inner) for name, inner in tree.items()}
    return [told(inner) for inner in tree] if isinstance(tree, list) else tree


DOCUMENT = {"a": "x", "b": {"c": ["y", {"d": "z", "n": None}], "k": True}, "port": 5432, "odd/~name": "w"}


def test_every_text_has_a_name_that_leads_back_to_it() -> None:
    found = secret_of(DOCUMENT, 1, {}, 2)
    names = {name: leaf.reveal() for name, leaf in leaves(found.tree)}
    assert names == {"a": "x", "/b/c/0": "y", "/b/c/1/d": "z", "odd/~name": "w"}
    for name, text in names.items():
        at = found.at(name)
        assert at is not None
        assert at.reveal() == text
        assert told(changed(found.tree, {name: Secret("new")})) != DOCUMENT
    assert name_of(("/lead",)) == "/~1lead"
    assert steps_of("/~1lead") == ("/lead",)
    assert [found.at(name) for name in ("/b/c/9", "/b/c/x", "/a/b", "none")] == [None] * 4


def test_a_change_leaves_all_else_as_it_is_and_a_patch_holds_nothing_else() -> None:
    tree = sealed(DOCUMENT)
    assert told(changed(tree, {"/b/c/1/d": Secret("new")})) == {**DOCUMENT, "b": {"c": ["y", {"d": "new", "n": None}], "k": True}}
    assert told(merge_patch(tree, {"a": Secret("new")})) == {"a": "new"}
    assert told(merge_patch(tree, {"/b/c/1/d": Secret("new")})) == {"b": {"c": ["y", {"d": "new", "n": None}]}}
    assert told(merge_patch({}, {"/n/m": Secret("new"), "/n/o": Secret("too")})) == {"n": {"m": "new", "o": "too"}}
    for name in ("/b/c/2", "/a/b", "/port/x", "/b/c/x"):
        with pytest.raises(ConfigError, match="no place"):
            changed(tree, {name: Secret("new")})


def test_mounts_of_several_parts_and_of_version_1() -> None:
    assert declared("team/kv/a/b", ["secret", "team/kv"], []) == Kv("team/kv", 2)
    assert declared("legacy/a", ["secret"], ["legacy"]) == Kv("legacy", 1)
    assert declared("other/a", ["secret"], []) == Kv("other", 2)
    assert Kv("team/kv").api("team/kv/a/b", "metadata") == "/v1/team/kv/metadata/a/b"
    assert Kv("legacy", 1).api("legacy/a") == "/v1/legacy/a"


@pytest.mark.slow
class TestOnOpenBao:
    """What OpenBao answers, and what the client makes of it."""

    @pytest.fixture
    def kv(self, openbao: OpenBao) -> str:
        return mounted(openbao)

    @pytest.fixture
    def vault(self, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Vault:
        return opened(openbao.url, monkeypatch, openbao.token)

    def test_a_path_that_demands_check_and_set_refuses_a_write_without(self, openbao: OpenBao, vault: Vault, kv: str) -> None:
        call(openbao, "POST", f"{kv}/metadata/a", {"cas_required": True})
        assert bao_call(openbao, "POST", f"{kv}/data/a", {"data": {"k": "v"}})[0] == 400
        assert vault.write(f"{kv}/a", {"k": Secret("v")}, 0) == 1
        with pytest.raises(CasConflict):
            vault.change(f"{kv}/a", vault.read(f"{kv}/a"), {"k": Secret("w")}, 7)

    def test_a_change_is_a_patch_and_without_the_right_the_whole(
        self, openbao: OpenBao, kv: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for capabilities in ('"read", "patch"', '"read", "create", "update"'):
            call(openbao, "POST", f"{kv}/data/b", {"data": {"k": "old", "deep": {"x": [1, 2.5, "y"]}, "flag": False}})
            limited = opened(
                openbao.url, monkeypatch, token_with(openbao, f'path "{kv}/data/*" {{ capabilities = [{capabilities}] }}')
            )
            before = limited.read(f"{kv}/b")
            assert before is not None
            assert limited.change(f"{kv}/b", before, {"k": Secret("new")}, before.version) == before.version + 1
            after = call(openbao, "GET", f"{kv}/data/b")["data"]["data"]
            assert after == {"k": "new", "deep": {"x": [1, 2.5, "y"]}, "flag": False}

    def test_deleted_destroyed_and_unknown_are_told_apart(self, openbao: OpenBao, vault: Vault, kv: str) -> None:
        path = f"{kv}/c"
        for number in range(3):
            vault.write(path, {"k": Secret(str(number))}, number)
        call(openbao, "DELETE", f"{kv}/data/c")
        assert (vault.read(path), vault.newest(path)) == (None, 3)
        status, said = bao_call(openbao, "GET", f"{kv}/data/c")
        assert (status, bool(said["data"]["metadata"]["deletion_time"])) == (404, True)
        call(openbao, "POST", f"{kv}/undelete/c", {"versions": [3]})
        assert vault.read(path) is not None
        vault.destroy(path, [1])
        assert bao_call(openbao, "POST", f"{kv}/undelete/c", {"versions": [1]})[0] == 204
        assert bao_call(openbao, "GET", f"{kv}/data/c?version=1")[1]["data"]["metadata"]["destroyed"] is True
        assert vault.read(path, 1) is None
        assert bao_call(openbao, "GET", f"{kv}/data/none") == (404, {"errors": []})
        assert vault.newest(f"{kv}/none") == 0

    def test_subkeys_show_the_structure_without_values_and_old_versions_are_trimmed(self, openbao: OpenBao, kv: str) -> None:
        call(openbao, "POST", f"{kv}/metadata/d", {"max_versions": 2})
        for number in range(3):
            call(openbao, "POST", f"{kv}/data/d", {"data": {"k": f"value-{number}", "in": {"x": "y"}}})
        assert call(openbao, "GET", f"{kv}/subkeys/d")["data"]["subkeys"] == {"k": None, "in": {"x": None}}
        assert sorted(call(openbao, "GET", f"{kv}/metadata/d")["data"]["versions"]) == ["2", "3"]

    def test_custom_metadata_of_others_stays_by_patch_or_by_its_own_check_and_set(
        self, openbao: OpenBao, vault: Vault, kv: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vault.write(f"{kv}/e", {"k": Secret("v")}, 0)
        call(openbao, "POST", f"{kv}/metadata/e", {"custom_metadata": {"owner": "billing"}})
        vault.set_metadata(f"{kv}/e", {"revoker_run": "1"})
        policy = f'path "{kv}/metadata/*" {{ capabilities = ["read", "create", "update"] }}'
        limited = opened(openbao.url, monkeypatch, token_with(openbao, policy))
        limited.set_metadata(f"{kv}/e", {"revoker_run": "2"})
        assert call(openbao, "GET", f"{kv}/metadata/e")["data"]["custom_metadata"] == {"owner": "billing", "revoker_run": "2"}
        stale = limited.metadata(f"{kv}/e")
        vault.set_metadata(f"{kv}/e", {"team": "a"})
        monkeypatch.setattr(limited, "metadata", lambda _path: stale)
        with pytest.raises(CasConflict, match="same moment"):
            limited.set_metadata(f"{kv}/e", {"revoker_run": "3"})
        assert call(openbao, "GET", f"{kv}/metadata/e")["data"]["custom_metadata"]["team"] == "a"

    def test_scan_lists_the_tree_and_list_goes_by_pages(self, openbao: OpenBao, kv: str) -> None:
        for name in ("a/1", "a/2", "a/b/3", "z"):
            call(openbao, "POST", f"{kv}/data/{name}", {"data": {"k": "v"}})
        assert sorted(call(openbao, "GET", f"{kv}/metadata/?scan=true")["data"]["keys"]) == ["a/1", "a/2", "a/b/3", "z"]
        assert call(openbao, "GET", f"{kv}/metadata/a/?list=true&limit=2&after=1")["data"]["keys"] == ["2", "b/"]
        assert bao_call(openbao, "GET", f"{kv}/metadata/none/?list=true")[0] == 404

    def test_version_1_refuses_when_somebody_wrote_meanwhile_and_keeps_an_older_copy(
        self, openbao: OpenBao, vault: Vault
    ) -> None:
        path = f"{mounted(openbao, 1)}/a"
        call(openbao, "POST", path, {"k": "old", "n": 1})
        before = vault.read(path)
        call(openbao, "POST", path, {"k": "theirs", "n": 1})
        with pytest.raises(CasConflict, match="somebody else"):
            vault.change(path, before, {"k": Secret("new")}, 0)
        call(openbao, "POST", path + ".before-revoker", {"k": "of an earlier run"})
        with pytest.raises(Parked, match="before an earlier change"):
            vault.change(path, vault.read(path), {"k": Secret("new")}, 0)
        assert call(openbao, "GET", path)["data"] == {"k": "theirs", "n": 1}
        assert (vault.metadata(path), vault.newest(path)) == (None, 0)

    def test_a_transit_hmac_is_the_same_only_with_its_key_version(self, openbao: OpenBao) -> None:
        bao_call(openbao, "POST", "sys/mounts/transit", {"type": "transit"})  # 400 when another test did it
        name = f"transit/keys/{mounted(openbao)}"
        call(openbao, "POST", name)

        def hmac(**more: Any) -> str:
            return str(call(openbao, "POST", name.replace("keys", "hmac"), {"input": "eA==", **more})["data"]["hmac"])

        first = hmac()
        call(openbao, "POST", f"{name}/rotate")
        assert hmac() != first
        assert hmac(key_version=1) == first
