"""What real scanners write about a small tree of fake secrets."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from revoker.ingest import Problems, pem, read_report
from revoker.ingest.naming import Namer
from revoker.ingest.pairing import pair
from revoker.model import Credential
from tests.ingest import samples
from tests.providers import samples as whole

pytestmark = pytest.mark.slow
RNG = random.Random(29)  # noqa: S311 - fake values
QUIET = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "NO_COLOR": "1"}


def program(name: str) -> str:
    """The program beside this Python, or on the path; skip without it."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with a leaked file of each sort, and what is in it."""
    key_id, secret = samples.aws_pair(RNG)
    planted = {"groq": samples.value("groq_api_key", RNG), "key_id": key_id, "secret": secret}
    root = tmp_path / "tree"
    (root / "aws").mkdir(parents=True)
    (root / "config").mkdir()
    (root / "aws" / "credentials").write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
    (root / "config" / "app.env").write_text(f'export GROQ_API_KEY="{planted["groq"]}"\n')
    key = whole.MAKERS["ssh_private_key"]("leaked")
    planted["key"] = pem.canonical(key) or ""
    forms = {"id_ed25519": key, "windows.key": key.replace("\n", "\r\n"), "k8s.yaml": "key: |\n  " + key.replace("\n", "\n  ")}
    for name, text in {**forms, "deploy.env": 'DEPLOY_KEY="' + key.replace("\n", "\\n") + '"'}.items():
        (root / name).write_bytes(text.encode() + b"\n")
    return root, planted


def keys_of(found: list[Credential], planted: dict[str, str]) -> bool:
    """True when the one planted key was found at its four places, and each time as the same credential."""
    keys = [credential for credential in found if credential.kind == "ssh_private_key"]
    return (
        {key.secret.reveal() for key in keys} == {planted["key"]}
        and len({key.fingerprint for key in keys}) == 1
        and len(keys) >= 3
    )


def credentials_in(report: Path) -> tuple[list[Credential], Problems]:
    problems = Problems()
    namer = Namer(lambda kind, value: f"{kind} {value.reveal()}")
    with report.open("rb") as stream:
        named = [namer.name(f)[1].credential for f in pair(read_report(stream, name=report.name, problems=problems))]
    return [credential for credential in named if credential is not None], problems


@pytest.mark.parametrize("format", ["json", "csv", "sarif"])
def test_gitleaks(tree: tuple[Path, dict[str, str]], tmp_path: Path, format: str) -> None:
    root, planted = tree
    report = tmp_path / f"report.{format}"
    command = [program("gitleaks"), "dir", str(root), "--report-format", format, "--report-path", str(report), "--exit-code", "0"]
    subprocess.run(command, check=True, env=QUIET, capture_output=True, timeout=60)
    found, problems = credentials_in(report)
    assert not problems.counts
    pairs = {(c.parts.get("key_id"), c.secret.reveal()) for c in found}
    assert (planted["key_id"], planted["secret"]) in pairs
    assert planted["groq"] in {c.secret.reveal() for c in found}
    assert keys_of(found, planted)


def test_gitleaks_redacted(tree: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [program("gitleaks"), "dir", str(tree[0]), "--redact", "--report-format", "json", "--report-path", str(report)]
    subprocess.run([*command, "--exit-code", "0"], check=True, env=QUIET, capture_output=True, timeout=60)
    found, problems = credentials_in(report)
    assert not found
    assert not problems.counts


@pytest.mark.parametrize("format", ["json", "jsonl", "sarif"])
def test_kingfisher(tree: tuple[Path, dict[str, str]], tmp_path: Path, format: str) -> None:
    root, planted = tree
    report = tmp_path / f"report.{format}"
    command = [program("kingfisher"), "scan", str(root), "--no-validate", "--no-update-check", "-f", format, "-o", str(report)]
    done = subprocess.run(command, check=False, env=QUIET | {"HOME": str(tmp_path)}, capture_output=True, timeout=120)
    assert done.returncode in {0, 200, 205}, done.stderr[-500:]
    found, problems = credentials_in(report)
    assert not problems.counts
    if format != "sarif":  # there it writes the key id alone
        assert (planted["key_id"], planted["secret"]) in {(c.parts.get("key_id"), c.secret.reveal()) for c in found}
    assert planted["groq"] in {c.secret.reveal() for c in found}
    assert keys_of(found, planted)
