"""Secrets stay off the command line and out of every output; foreign text never acts; errors tell a type, not a value."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from revoker.cli import arguments
from revoker.cli.app import app, command, run
from revoker.cli.commands import ENTRIES
from revoker.errors import ExitCode, StoreError
from revoker.lab import samples
from tests.cli.conftest import Space
from tests.report.samples import HOSTILE

SENTINEL = "SENTINEL" + "x9" * 8


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its path, the inner ones too."""
    for name in ENTRIES:
        found = command(name)
        yield name, found
        yield from ((f"{name} {inner}", one) for inner, one in getattr(found, "commands", {}).items())


def ran(*args: str, stdin: bytes = b"", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """The real program in a process of its own."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder or "/nonexistent")}
    return subprocess.run(
        [sys.executable, "-m", "revoker", *args], input=stdin, capture_output=True, check=False, cwd=folder, env=env, timeout=60
    )


@pytest.mark.row("S-1")
def test_no_option_takes_a_secret() -> None:
    words = ("secret", "token", "password", "passphrase", "credential", "value")
    found = [("revoker", typer.main.get_command(app)), *commands()]
    names = [f"{path} {option}" for path, one in found for param in one.params for option in [*param.opts, param.name]]
    assert len(names) > 100
    assert not [name for name in names if any(word in name.rsplit(" ", 1)[1].lower() for word in words)]


def test_key_options_take_files_only() -> None:
    keys = [param for _, one in commands() for param in one.params if param.name == "key"]
    assert len(keys) >= 4
    assert all(param.metavar == "FILE" for param in keys)


@pytest.mark.parametrize("kind", [kind for kind in samples.MAKERS if kind != "password"])
@pytest.mark.row("S-1")
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    secret = samples.make(kind)
    for args in (
        ["verify", secret],
        ["ingest", secret],
        ["ingest", "leak.env", "--title", secret],
        ["show", f"--json={secret}"],
        [secret],
    ):
        assert run(args) == ExitCode.USAGE
        said = capsys.readouterr()
        assert secret not in said.out + said.err
        assert "looks like a secret" in said.err
        assert "revoker ingest" in said.err


def test_a_secret_without_a_known_shape_is_refused_too(capsys: pytest.CaptureFixture[str]) -> None:
    refused = sum(run(["show", f"aB3{samples.make('password')}"]) == ExitCode.USAGE for _ in range(50))
    assert refused == 50
    assert "not repeated" in capsys.readouterr().err


@pytest.mark.parametrize(
    "plain",
    [
        "fp_" + "0123456789abcdef" * 2,
        "ab12" * 16,
        "INC-20261124-1",
        "reports/2026-11/Gitleaks-Report-17.json",
        "run_" + "0a1b2c3d" * 4,
        "kingfisher-report-of-2026.jsonl",
        "ours: ticket SEC-1234, approved by Alice",
    ],
)
def test_names_that_belong_on_a_command_line_are_taken(plain: str) -> None:
    assert not arguments.is_secret_like(plain)


def test_an_existing_file_is_never_taken_for_a_secret(tmp_path: Path) -> None:
    odd = tmp_path / ("Ab3" * 10)
    odd.touch()
    assert not arguments.is_secret_like(str(odd))


def test_long_arguments_are_not_repeated_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = "correct-horse-battery-staple"
    assert run(["verify", unknown]) == ExitCode.USAGE
    assert unknown not in capsys.readouterr().err


@pytest.mark.parametrize(
    "target", ["revoker.config.load_settings", "revoker.store.open_store", "revoker.store.credentials.counts"]
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
@pytest.mark.row("S-2")
def test_an_unexpected_error_tells_its_type_and_never_a_value(
    target: str, debug: list[str], empty: Space, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty.folder / "nothing.json").write_text("[]")
    empty.cli("ingest", "nothing.json", "--format", "gitleaks")

    def fails(*args: object, **more: object) -> None:
        local = SENTINEL
        try:
            int(local)
        except ValueError as error:
            raise RuntimeError(f"it failed with {local}") from error

    monkeypatch.setattr(target, fails)
    said = empty.cli("status", *debug)
    assert said.code == ExitCode.BUG
    assert SENTINEL not in said.out + said.err
    assert "RuntimeError" in said.err
    assert ("fails" in said.err) is bool(debug)
    assert ("ValueError" in said.err) is bool(debug)


def test_an_error_for_people_says_what_is_safe_and_what_next(empty: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **more: object) -> None:
        raise StoreError("The store\x1b[2J is away.", fingerprint="fp_1", safe="all of it", next="bring it back")

    monkeypatch.setattr("revoker.store.open_store", fails)
    said = empty.cli("status")
    assert said.code == ExitCode.SETUP
    assert said.err == "The store\\x1b[2J is away.\nCredential: fp_1\nStill safe: all of it\nNext: bring it back\n"


@pytest.mark.row("S-3")
def test_no_secret_in_any_output_at_debug(space: Space) -> None:
    for name, provider, kind in (
        ("A", "groq", "groq_api_key"),
        ("B", "openai", "openai_project_key"),
        ("C", "slack", "slack_bot_token"),
    ):
        space.plant(name, provider, kind)
    said = [
        space.cli("--debug", "ingest", "leak.env", "--attest", "ours"),
        space.cli("--debug", "verify"),
        space.cli("--debug", "plan"),
    ]
    said += [
        space.cli("--debug", *args)
        for args in (["status"], ["status", "--json"], ["report"], ["report", "--json"], ["audit", "export"])
    ]
    text = "".join(one.out + one.err for one in said)
    files = b"".join(path.read_bytes() for path in space.folder.rglob("*") if path.is_file() and path.name != "leak.env")
    for secret in space.planted.values():
        assert secret not in text
        assert secret.encode() not in files


@pytest.mark.row("I-1")
def test_hostile_names_act_in_no_command(space: Space) -> None:
    findings = [
        {
            "RuleID": name or "r",
            "Secret": samples.make("groq_api_key"),
            "Match": "x",
            "File": name,
            "StartLine": 1,
            "Commit": name,
            "Description": name,
        }
        for name in HOSTILE
    ]
    (space.folder / "hostile.json").write_text(json.dumps(findings))
    took = space.cli(
        "ingest", "hostile.json", "--format", "gitleaks", "--title", "\x1b]0;pwned\x07[/red]", "--attest", "ours \u202e"
    )
    assert took.code == ExitCode.DONE
    listed = space.cli("status", "--json").json["credentials"]
    assert len(listed) == len(HOSTILE)
    said = [
        took,
        space.cli("status", "--all"),
        space.cli("plan", "--status", "new", "--playbook", "guided"),
        space.cli("audit", "export"),
    ]
    said += [space.cli("report", "--format", form) for form in ("text", "md", "csv", "html", "json")]
    said += [space.cli("show", one["fingerprint"]) for one in listed[:20]]
    for one in said:
        assert one.code in (ExitCode.DONE, ExitCode.UNKNOWN, ExitCode.WAITING), one.err
        acting = {c for c in one.out + one.err if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
        assert not acting


@pytest.mark.slow
def test_a_report_comes_by_pipe_and_never_by_argument(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    secret = samples.make("groq_api_key")
    done = ran("ingest", "-", "--json", stdin=f"GROQ_API_KEY={secret}\n".encode(), folder=tmp_path)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert json.loads(done.stdout)["credentials"] == 1
    assert secret.encode() not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.row("S-6")
def test_the_process_leaves_no_core_and_lets_nobody_look_in() -> None:
    code = (
        "import ctypes, resource, sys; from revoker.cli.hardening import harden; harden();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("(0, 0) 0" if sys.platform == "linux" else done.stdout.strip())
    assert resource.getrlimit(resource.RLIMIT_CORE) is not None


@pytest.mark.slow
@pytest.mark.row("S-2")
def test_a_crash_outside_every_handler_shows_no_value() -> None:
    code = (
        "import threading; from revoker.cli.hardening import harden; harden()\n"
        f"def f():\n    local = '{SENTINEL}'; raise ValueError(local)\n"
        "t = threading.Thread(target=f); t.start(); t.join(); f()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert SENTINEL not in done.stdout + done.stderr
    assert done.stderr.count("ValueError") == 2


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    script = f"{sys.executable} -m revoker providers show aws_access_key --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode in (0, 141)
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
