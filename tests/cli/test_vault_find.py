"""`revoker vault find` and `vault policy` on a real OpenBao: by reading (KV 1 and 2, all versions, nested) and by its audit log."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from revoker.egress import vault, vault_policy
from revoker.lab import samples
from revoker.lab.servers import OpenBao, bao_call
from revoker.lab.servers import openbao as start
from tests.cli.conftest import Result, Space
from tests.cli.test_documents import check

pytestmark = pytest.mark.slow
KIND = "groq_api_key"


@dataclass(frozen=True)
class Lab:
    """A workspace with a leaked value, and a server of its own with an audit log."""

    space: Space
    server: OpenBao
    log: Path
    value: str
    fingerprint: str
    environment: pytest.MonkeyPatch

    def act_as(self, policy: str) -> None:
        """Find with a token that holds this policy alone."""
        self.environment.setenv("LAB_FINDER", token_with(self.server, policy))
        vault._sessions.clear()

    def put(self, path: str, data: Any) -> None:
        assert bao_call(self.server, "POST", path, data)[0] in (200, 204)

    def find(self, *args: str) -> Result:
        return self.space.cli("vault", "find", *args, "--json")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenBao, Path]]:
    log = tmp_path_factory.mktemp("audit") / "audit.log"
    with start(log) as server:
        yield server, log


@pytest.fixture
def lab(empty: Space, audited: tuple[OpenBao, Path], monkeypatch: pytest.MonkeyPatch) -> Lab:
    server, log = audited
    for mount, version in (("secret", 2), ("legacy", 1), ("team/kv", 2)):
        bao_call(server, "DELETE", f"sys/mounts/{mount}")
        assert bao_call(server, "POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": str(version)}})[0] == 204
    monkeypatch.setenv("LAB_FINDER", server.token)
    vault._sessions.clear()
    with (empty.folder / "revoker.toml").open("a") as config:
        config.write('[network]\nallow = ["127.0.0.0/8"]\n[ownership]\nassume = true\n')
        config.write(f'[vault]\naddr = "{server.url}"\ntoken = "env:LAB_VAULT"\nfinder = "env:LAB_FINDER"\n')
        config.write('mounts = ["team/kv"]\nkv1 = ["legacy"]\nper_second = 5000\n')
    value = samples.make(KIND)
    (empty.folder / "leak.env").write_text(f"KEY={value}\n")
    assert empty.cli("ingest", "leak.env").code == 0
    found = empty.cli("status", "--json").json["credentials"][0]["fingerprint"]
    return Lab(empty, server, log, value, found, monkeypatch)


def token_with(server: OpenBao, policy: str) -> str:
    name = f"p-{secrets.token_hex(4)}"
    assert bao_call(server, "PUT", f"sys/policies/acl/{name}", {"policy": policy})[0] == 204
    return str(
        bao_call(server, "POST", "auth/token/create", {"policies": [name], "display_name": "ci"})[1]["auth"]["client_token"]
    )


def places(said: Result) -> set[tuple[str, str, tuple[int, ...], bool]]:
    return {(one["path"], one["field"], tuple(one["versions"]), one["newest"]) for one in said.json["homes"]}


def plant(lab: Lab) -> None:
    lab.put("secret/data/billing/api", {"data": {"KEY": lab.value, "port": 1}})
    lab.put("secret/data/billing/api", {"data": {"KEY": "another", "port": 1}})
    lab.put("secret/data/deep/a/b/c", {"data": {"list": [{"x": 1}, {"y": ["no", lab.value]}]}})
    lab.put("team/kv/data/one", {"data": {"tab\tand/slash": lab.value + "\n"}})
    lab.put("legacy/app/groq", {"value": lab.value})
    for number in range(70):
        lab.put(f"secret/data/noise/n{number:03}", {"data": {"k": f"v{number}"}})


EVERYWHERE = {
    ("secret/billing/api", "KEY", (1,), False),
    ("secret/deep/a/b/c", "/list/1/y/1", (1,), True),
    ("team/kv/one", "tab\tand/slash", (1,), True),
    ("legacy/app/groq", "value", (0,), True),
}


@pytest.mark.parametrize("variant", ["scan", "list"])
def test_find_reads_all_versions_nested_values_and_both_engines(lab: Lab, variant: str) -> None:
    """With a token that holds the finder's policy alone; without `scan` in it the tree is listed folder by folder."""
    from revoker.config import load_settings

    plant(lab)
    settings = load_settings(lab.space.folder / "revoker.toml")
    policy = vault_policy.text("finder", settings, openbao=variant == "scan")
    lab.act_as(policy)
    said = lab.find()
    check("vault-find", said)
    assert said.code == 0
    assert places(said) == EVERYWHERE
    assert {one["by"] for one in said.json["scopes"]} == {variant}
    cost = said.json["cost"]
    assert (cost["paths"], cost["reads"]) == (74, 75)
    assert cost["requests"] >= 75 + 73
    assert lab.value not in said.out + said.err
    shown = lab.space.cli("show", lab.fingerprint)
    assert "in Vault: secret/billing/api KEY (secret; version 1, not in use any more)" in shown.out
    check("show", lab.space.cli("show", lab.fingerprint, "--json"))
    assert not [path for path in lab.space.folder.iterdir() if path.suffix == ".db" and lab.value.encode() in path.read_bytes()]


def test_find_in_a_part_of_it_and_again(lab: Lab) -> None:
    plant(lab)
    assert {one[0] for one in places(lab.find("--under", "secret/deep"))} == {"secret/deep/a/b/c"}
    assert {one[0] for one in places(lab.find("--mount", "legacy"))} == {"legacy/app/groq"}
    assert {one[0] for one in places(lab.find("--newest"))} == {"secret/deep/a/b/c", "team/kv/one", "legacy/app/groq"}
    lab.put("legacy/app/groq", {"value": "rotated by hand"})
    assert places(lab.find("--mount", "legacy")) == set()
    listed = {one["path"] for one in lab.space.cli("show", lab.fingerprint, "--json").json["vault"]}
    assert "legacy/app/groq" not in listed  # what was looked for and is not there any more is forgotten
    assert "secret/deep/a/b/c" in listed


@pytest.mark.parametrize("where", [("--mount", "secrets"), ("--under", "secrets/billing"), ("--under", "secret/biling")])
def test_a_mistyped_place_is_no_clean_answer(lab: Lab, where: tuple[str, str]) -> None:
    """Nothing is found where nothing is; that must not read as good news."""
    plant(lab)
    said = lab.space.cli("vault", "find", *where)
    assert said.code == 11
    assert "None of the leaked values was found" not in said.out
    assert "nothing was searched" in said.out
    found = lab.find(*where)
    assert (found.code, found.json["complete"]) == (11, False)


def test_a_mount_that_is_not_there_is_told_beside_those_that_are(lab: Lab) -> None:
    plant(lab)
    said = lab.space.cli("vault", "find", "--mount", "secret", "--mount", "secrets")
    assert said.code == 11
    assert "not read: secrets/" in said.out
    assert "secret/billing/api" in said.out


def test_doctor_shows_the_rights_where_the_value_was_found(lab: Lab) -> None:
    """A plan rotates in place there: what the rotator lacks must be seen before."""
    plant(lab)
    assert lab.find().code == 0
    rights = 'path "secret/+/deep/*" { capabilities = ["create", "read", "update"] }'
    lab.environment.setenv("LAB_VAULT", token_with(lab.server, rights))
    checks = {one["check"]: one for one in lab.space.cli("doctor", "--json").json["checks"]}
    assert checks["vault secret/deep/a/b/c data"]["ok"] is True
    assert "vault secret/billing/api data" not in checks, "the value is not in use there"
    assert checks["vault legacy/app/groq"]["ok"] is False
    assert "revoker vault policy rotator --found" in checks["vault legacy/app/groq"]["next"]


def test_a_search_that_was_stopped_goes_on_where_it_was(lab: Lab) -> None:
    plant(lab)
    first = lab.find("--mount", "secret", "--limit", "2")
    assert (first.code, first.json["complete"], first.json["after"]) == (11, False, "secret/deep/a/b/c")
    rest = lab.find("--mount", "secret", "--after", first.json["after"])
    assert (rest.code, rest.json["cost"]["paths"]) == (0, 70)
    assert places(first) == {one for one in EVERYWHERE if one[0].startswith("secret/")}


def test_an_estimate_reads_no_secret(lab: Lab) -> None:
    plant(lab)
    said = lab.space.cli("vault", "find", "--estimate")
    assert said.code == 0
    assert "74 secrets" in said.out
    assert lab.find("--estimate").json["cost"]["reads"] == 0


def test_what_cannot_be_read_is_said_and_is_not_a_clean_answer(lab: Lab) -> None:
    plant(lab)
    bao_call(lab.server, "DELETE", "secret/data/deep/a/b/c")
    said = lab.find("--mount", "secret")
    assert (said.code, said.json["deleted"], said.json["complete"]) == (11, 1, False)
    policy = 'path "secret/metadata/*" { capabilities = ["list", "read"] }\npath "secret/metadata/" { capabilities = ["list"] }'
    lab.act_as(policy + '\npath "secret/data/noise/*" { capabilities = ["read"] }')
    blind = lab.space.cli("vault", "find", "--mount", "secret")
    assert blind.code == 11
    assert "None of the leaked values was found" in blind.out
    assert "not read: secret/billing/api" in blind.out


def test_find_by_the_audit_log_tells_the_path_and_who_read_it(lab: Lab) -> None:
    """The token may ask for hashes and nothing else: no secret is read."""
    plant(lab)
    reader = token_with(lab.server, 'path "secret/*" { capabilities = ["read"] }')
    bao_call(lab.server, "GET", "secret/data/deep/a/b/c", token=reader)
    bao_call(lab.server, "GET", "secret/data/billing/api?version=1", token=reader)
    lab.act_as('path "sys/audit-hash/+" { capabilities = ["update"] }')
    said = lab.find("--audit-log", str(lab.log))
    check("vault-find", said)
    assert said.code == 0
    found = {(path, field): newest for path, field, _, newest in places(said)}
    assert found[("secret/deep/a/b/c", "/list/1/y/1")] is True
    assert found[("secret/billing/api", "KEY")] is False  # written over later
    assert found[("legacy/app/groq", "value")] is True
    readers = [one for one in said.json["accesses"] if one["operation"] == "read"]
    assert {one["path"] for one in readers} == {"secret/data/deep/a/b/c", "secret/data/billing/api"}
    assert {one["display_name"] for one in readers} == {"token-ci"}
    assert all(one["accessor"].startswith("hmac-sha256:") and one["remote"] == "127.0.0.1" and one["at"] for one in readers)
    assert not [one for one in said.json["accesses"] if "audit-hash" in one["path"]]
    assert lab.value.encode() not in lab.log.read_bytes()
    assert lab.value not in said.out + said.err


def test_a_part_that_is_empty_does_not_stop_the_search_by_the_audit_log(lab: Lab) -> None:
    """An AWS key of an .env file has a part without a text, and the server hashes no empty text."""
    ids, keys = samples.chars(string.ascii_uppercase, 16), samples.chars(samples.ALNUM, 40)
    (lab.space.folder / "aws.env").write_text(f"AWS_ACCESS_KEY_ID=AKIA{ids}\nAWS_SECRET_ACCESS_KEY={keys}\n")
    assert lab.space.cli("ingest", "aws.env").code == 0
    lab.put("secret/data/aws", {"data": {"id": f"AKIA{ids}", "key": keys}})
    said = lab.find("--audit-log", str(lab.log), "--kind", "aws_access_key")
    assert said.code == 0, said.err
    assert {one["path"] for one in said.json["accesses"]} == {"secret/data/aws"}


def test_an_audit_log_of_another_device_or_with_broken_lines(lab: Lab, tmp_path: Path) -> None:
    import gzip

    plant(lab)
    assert lab.find("--audit-log", str(lab.log), "--device", "none").code == 2
    broken = tmp_path / "audit.log.gz"
    hits = [line for line in lab.log.read_bytes().splitlines() if b"groq" in line]
    with gzip.open(broken, "wb") as out:
        out.write(b"prefix from a collector: " + hits[-1] + b"\n" + b"x" * (17 << 20) + b"\n" + hits[-1] + b"\n")
    said = lab.find("--audit-log", str(broken))
    assert (said.code, said.json["cost"]["lines"]) == (11, 3)


def test_usage(lab: Lab) -> None:
    assert lab.find("--audit-log", "x", "--newest").code == 2
    assert lab.find("--kind", "stripe_secret_key").code == 2
    assert lab.space.cli("vault", "policy", "king").code == 2
    for flag in ("--found", "--handover"):
        assert "for the rotator" in lab.space.cli("vault", "policy", "killer", flag).err
    plant(lab)
    lab.find()
    made = lab.space.cli("vault", "policy", "rotator", "--found")
    assert 'path "secret/data/deep/a/b/c"' in made.out
    assert 'path "legacy/app/groq.before-revoker"' in made.out
    assert json.loads(lab.space.cli("show", lab.fingerprint, "--json").out)["vault"]


def test_doctor_says_which_server_it_is_and_what_the_token_lacks(lab: Lab) -> None:
    config = lab.space.folder / "revoker.toml"
    config.write_text(
        config.read_text()
        + '[[destination]]\nkind = "groq_api_key"\npath = "secret/app/groq"\n'
        + '[[destination]]\nkind = "groq_api_key"\naccount = "x"\npath = "secret/{account}/groq"\n'
    )
    policy = 'path "secret/data/app/groq" { capabilities = ["read", "create", "update"] }'
    lab.environment.setenv("LAB_VAULT", token_with(lab.server, policy))
    vault._sessions.clear()
    said = lab.space.cli("doctor", "--json")
    check("doctor", said)
    rows = {one["check"]: one for one in said.json["checks"]}
    assert rows["vault server"]["detail"].startswith("OpenBao 2.")
    assert rows["vault scan"]["detail"] == "yes"
    assert rows["vault cloud engines"]["detail"].startswith("no: ")
    assert "may not read sys/plugins/catalog" in rows["vault plugins"]["detail"]
    assert rows["vault secret/app/groq data"]["ok"] is True
    assert rows["vault secret/app/groq destroy"]["ok"] is False
    assert "revoker vault policy rotator" in rows["vault secret/app/groq destroy"]["next"]
    assert not [name for name in rows if "{" in name]
    assert said.code == 3
