"""The rounds of `revoker watch`: alone on SQLite, shared on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from revoker.cli.watching import cron
from revoker.errors import ExitCode, UsageError
from revoker.lab.servers import PostgreSQL, run_sql
from tests.cli.conftest import Space


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (1, "*/1 * * * * *"),
        (30, "*/30 * * * * *"),
        (60, "0 */1 * * * *"),
        (900, "0 */15 * * * *"),
        (3600, "0 0 */1 * * *"),
        (21600, "0 0 */6 * * *"),
    ],
)
def test_a_pause_becomes_a_schedule(seconds: int, line: str) -> None:
    assert cron(timedelta(seconds=seconds)) == line


@pytest.mark.parametrize("seconds", [0, 7, 90, 2700, 100_000])
def test_a_pause_that_divides_nothing_is_refused(seconds: int) -> None:
    with pytest.raises(UsageError):
        cron(timedelta(seconds=seconds))


@pytest.mark.slow
def test_a_watch_goes_on_with_a_run_when_the_person_acted(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    digest = space.cli("plan", "--playbook", "guided", "--json").json["digest"]
    assert space.cli("apply", digest).code == ExitCode.WAITING
    run = space.cli("runs", "--json").json["runs"][0]["id"]
    space.fakes["slack"].book.change("id-SLACK_BOT_TOKEN", "deleted")
    assert space.cli("resume", run, "--done", "--as", "alice").code in (ExitCode.DONE, ExitCode.WAITING)
    watched = space.cli("watch", "--rounds", "3", "--every", "1s", "--json")
    assert watched.code == ExitCode.DONE
    assert watched.out.count('"revoker/watch/1"') == 3
    assert space.cli("status", "--json").json["counts"]["dead"] == 1
    assert space.cli("runs", "--json").json["runs"][0]["state"] == "done"


@pytest.mark.slow
def test_on_postgresql_the_engine_gives_out_the_rounds(space: Space, postgresql: PostgreSQL) -> None:
    run_sql(postgresql, "CREATE DATABASE watched")
    address = f"postgresql+psycopg://{postgresql.user}:{postgresql.password}@{postgresql.host}:{postgresql.port}/watched"
    (space.folder / "address").touch(mode=0o600)
    (space.folder / "address").write_text(address)
    config = space.folder / "revoker.toml"
    config.write_text(config.read_text().replace('url = "sqlite:///revoker.db"', 'url = "file:address"'))
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    assert space.cli("ingest", "leak.env", "--attest", "ours").code == ExitCode.DONE
    argv = [sys.executable, "-m", "revoker", "watch", "--rounds", "2", "--every", "1s", "--json", "--config", str(config)]
    watched = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=90)  # one engine a process
    assert watched.returncode == ExitCode.DONE, watched.stderr
    assert watched.stdout.count('"revoker/watch/1"') == 2
    assert space.cli("status", "--json").json["counts"]["live"] == 1
