"""Each --json document is one document on stdout and fits its schema; the reference pages are what the program says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource

from revoker.cli import reference
from revoker.cli.app import command
from revoker.cli.commands import ENTRIES
from revoker.errors import ExitCode
from tests.cli.conftest import Result, Space

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = DOCS / "schemas"


@cache
def registry() -> Any:
    common = json.loads((SCHEMAS / "common.json").read_text())
    made: Registry[Any] = Registry()
    return made.with_resource("common.json", Resource.from_contents(common))


def check(name: str, said: Result) -> None:
    """Stdout is exactly one document of that schema."""
    doc = json.loads(said.out)
    assert said.out.count("\n") == 1
    assert said.out.isascii()
    assert doc["schema"] == f"revoker/{name}/1"
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    problems = [
        f"{error.json_path}: {error.message[:200]}"
        for error in Draft202012Validator(schema, registry=registry()).iter_errors(doc)
    ]
    assert not problems


def test_every_schema_is_one_and_names_its_command() -> None:
    for path in SCHEMAS.glob("*.json"):
        schema = json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == path.name


def test_every_command_with_json_has_a_schema() -> None:
    missing = []
    for name in ENTRIES:
        found = command(name)
        inner = [(f"{name}-{one}", made) for one, made in getattr(found, "commands", {}).items()]
        for path, one in [(name, found), *inner]:
            if any("--json" in param.opts for param in one.params) and not (SCHEMAS / f"{path}.json").exists():
                missing.append(path)
    assert not missing


def test_documents_of_an_empty_store(empty: Space) -> None:
    (empty.folder / "nothing.json").write_text("[]")
    check("ingest", empty.cli("ingest", "nothing.json", "--format", "gitleaks", "--json"))
    for name in ("status", "runs", "orphans", "metrics", "report", "providers", "playbooks", "recheck", "verify"):
        check(name, empty.cli(name, "--json"))
    check("doctor", empty.cli("doctor", "--offline", "--json"))
    check("audit-verify", empty.cli("audit", "verify", "--json"))
    check("providers-show", empty.cli("providers", "show", "aws_access_key", "--json"))
    check("providers-hosts", hosts := empty.cli("providers", "hosts", "--json"))
    assert {row["configured"] for row in hosts.json["hosts"]} == {None}
    check("playbooks-show", empty.cli("playbooks", "show", "contain", "--json"))
    check("watch", empty.cli("watch", "--rounds", "1", "--json"))


@pytest.mark.slow
def test_documents_of_a_whole_response(space: Space) -> None:
    for name, provider, kind in (
        ("A", "groq", "groq_api_key"),
        ("B", "openai", "openai_project_key"),
        ("C", "slack", "slack_bot_token"),
    ):
        space.plant(name, provider, kind)
    space.plant("D", "huggingface", "huggingface_token", state="deleted")
    check("ingest", space.cli("ingest", "leak.env", "--attest", "ours", "--as", "alice", "--json"))
    check("verify", space.cli("verify", "--json"))
    plan = space.cli("plan", "--playbook", "revoke-now", "--as", "carol", "--json")
    check("plan", plan)
    digest = plan.json["digest"]
    for name in ("alice", "bob"):
        check("approve", space.cli("approve", digest, "--as", name, "--key", f"{name}.key", "--json"))
    check("apply", space.cli("apply", digest, "--json"))
    check("resume", space.cli("resume", "--force", "--json"))
    for name in ("status", "runs", "orphans", "metrics", "report", "recheck"):
        check(name, space.cli(name, "--json"))
    fingerprint = space.cli("status", "--json").json["credentials"][0]["fingerprint"]
    check("show", space.cli("show", fingerprint, "--json"))
    check("accept", space.cli("accept", fingerprint, "--why", "test tenant", "--as", "alice", "--json"))
    check("respond", space.cli("respond", "leak.env", "--plan-only", "--json"))


def test_every_exit_code_has_a_meaning() -> None:
    assert set(reference.MEANING) == set(ExitCode)


@pytest.mark.parametrize("name", sorted(reference.documents()))
def test_the_reference_pages_are_current(name: str) -> None:
    assert (DOCS / name).read_text() == reference.documents()[name], "run: python -m revoker.cli.reference"
