"""On a terminal: questions are asked on it, tables are framed, bars go to stderr; and doctor on a real OpenBao."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import time

import pytest

from revoker.errors import ExitCode
from revoker.lab import samples
from revoker.lab.fakes import FakeKey
from revoker.lab.servers import OpenBao
from tests.cli.conftest import Space

pytestmark = pytest.mark.slow


def on_terminal(space: Space, args: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal of its own; each question is answered once."""
    ours, theirs = pty.openpty()
    env = {"PATH": os.environ["PATH"], "HOME": str(space.folder), "TERM": "xterm", "COLUMNS": "160", "LINES": "50"}
    argv = [sys.executable, "-m", "revoker", *args, "--config", "revoker.toml"]
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=space.folder, env=env, start_new_session=True
    )
    os.close(theirs)
    said, left, end = "", dict(answers), time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                said += os.read(ours, 65536).decode(errors="replace")
            except OSError:
                break
        elif process.poll() is not None:
            break
        for question in [one for one in left if one in said]:
            os.write(ours, (left.pop(question) + "\n").encode())
    os.close(ours)
    return process.wait(10), said


def test_respond_asks_why_it_is_ours_and_whether_to_go_on(space: Space) -> None:
    secret = space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    ask = ["respond", "leak.env", "--playbook", "guided"]
    code, said = on_terminal(space, ask, {"yours to check": "our laptop", "Carry out": "n"})
    assert code == ExitCode.WAITING
    assert "1 live" in said
    assert secret not in said
    assert space.cli("runs", "--json").json["runs"] == []
    code, said = on_terminal(space, ask, {"yours to check": "our laptop", "Carry out": "y"})
    assert code == ExitCode.WAITING
    assert "1 waiting" in said
    assert space.cli("runs", "--json").json["runs"][0]["state"] == "waiting"


def test_a_table_is_framed_and_says_the_state_in_words(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "ours")
    code, said = on_terminal(space, ["verify"], {})
    assert code == ExitCode.LIVE
    assert "● live" in said
    assert "\x1b[1;31m" in said
    assert "\x1b]8" not in said


def test_doctor_tells_rights_at_vault_and_at_a_provider(space: Space, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = samples.chars("abcdef0123456789", 40)
    space.fakes["openai"].book.add(FakeKey("authority-openai", admin, "authority"))
    monkeypatch.setenv("TEST_BAO_TOKEN", openbao.token)
    monkeypatch.setenv("TEST_OPENAI_ADMIN", admin)
    with (space.folder / "revoker.toml").open("a") as config:
        config.write(f'[vault]\naddr = "{openbao.url}"\ntoken = "env:TEST_BAO_TOKEN"\n')
        config.write('[authority.openai]\nadmin_key = "env:TEST_OPENAI_ADMIN"\n')
        config.write(
            '[[destination]]\nkind = "openai_project_key"\npath = "secret/web/openai"\nfields = { secret = "OPENAI_API_KEY" }\n'
        )
    (space.folder / "nothing.json").write_text("[]")
    space.cli("ingest", "nothing.json", "--format", "gitleaks")
    found = space.cli("doctor", "--json")
    checks = {one["check"]: one for one in found.json["checks"]}
    assert checks["vault"]["ok"] is True
    rights = [one["ok"] for name, one in checks.items() if name.startswith("vault secret/web/openai ")]
    assert rights
    assert all(rights)
    assert "authority openai" in checks
    assert admin not in found.out + found.err
    assert openbao.token not in found.out + found.err
    assert not space.fakes["openai"].log.changes()
    hosts = space.cli("doctor", "--hosts").out.splitlines()
    assert any(host.startswith("127.0.0.1:") for host in hosts)


def test_runs_are_followed_live(space: Space) -> None:
    """The live table says for whom a run waits, and ends by itself when nothing is left to follow."""
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    digest = space.cli("plan", "--playbook", "guided", "--json").json["digest"]
    assert space.cli("apply", digest).code == ExitCode.WAITING
    run = space.cli("runs", "--json").json["runs"][0]
    assert run["waits_for"].startswith("a person")
    assert run["since"] is not None
    canceller = threading.Timer(4.0, lambda: space_cancel(space, run["id"]))
    canceller.start()
    code, said = on_terminal(space, ["runs", "--follow"], {})
    canceller.join()
    assert code == ExitCode.DONE, said
    assert "1 runs: 1 waiting" in said
    assert "a person" in said
    assert "1 cancelled" in said


def space_cancel(space: Space, run: str) -> None:
    argv = [sys.executable, "-m", "revoker", "cancel", run, "--config", "revoker.toml"]
    subprocess.run(argv, cwd=space.folder, check=True, capture_output=True, timeout=60)
