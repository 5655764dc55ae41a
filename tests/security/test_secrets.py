"""Rows S-4, S-5, S-6, S-7, S-10 and S-11 by themselves: the Secret type, memory of the process, deleted values, files, CI."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revoker.errors import ExitCode
from revoker.lab import samples
from revoker.model import Secret
from revoker.secrets import derive_keys, fingerprint
from revoker.store import credentials, open_store
from tests.cli.conftest import Space, empty, space

__all__ = ["empty", "space"]  # fixtures

VALUE = "S3ntinel" + "q7" * 12
WRITING = (
    ("report", "-o", "out/report.html"),
    ("evidence", "INCIDENT", "-o", "out/evidence.zip"),
    ("audit", "export", "-o", "out/audit.jsonl"),
)


@dataclasses.dataclass
class Holder:
    """A dataclass that holds a secret, as a careless author would write it."""

    secret: Secret


REFUSED: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "format": format,
    "f-string": lambda secret: f"{secret}",
    "percent": lambda secret: "%s" % secret,  # noqa: UP031 - what must fail
    "json": json.dumps,
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "vars": vars,
    "asdict": lambda secret: dataclasses.asdict(Holder(secret)),
    "equal": lambda secret: secret == Secret(VALUE),
    "unequal": lambda secret: secret != VALUE,
    "hash": hash,
    "set": lambda secret: {secret},
    "key": lambda secret: {secret: 1},
    "equal holders": lambda secret: Holder(secret) == Holder(Secret(VALUE)),
}


@pytest.mark.parametrize("way", REFUSED)
@pytest.mark.row("S-4")
def test_a_secret_refuses_every_way_out(way: str) -> None:
    with pytest.raises(TypeError) as caught:
        REFUSED[way](Secret(VALUE))
    assert VALUE not in str(caught.value)


@pytest.mark.row("S-4")
def test_what_shows_a_secret_shows_a_mask(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(VALUE)
    logging.getLogger("a test").warning("%r %r", secret, {"deep": [Holder(secret)]})
    shown = [repr(secret), f"{secret!r}", f"{Holder(secret)}", ascii([secret]), caplog.text]
    assert all("Secret(***)" in one and VALUE not in one for one in shown)
    assert bool(secret)
    assert not bool(Secret(""))


@given(st.text(min_size=4, max_size=80), st.sampled_from(("groq_api_key", "aws_access_key", "slack_bot_token")))
@pytest.mark.row("S-5")
def test_what_people_see_is_not_made_of_the_value(value: str, kind: str) -> None:
    """The same value has another name under another key: nothing of it is readable without the key."""
    names = {fingerprint(derive_keys({1: bytes([n]) * 32}), kind, Secret(value)) for n in range(4)}
    assert len(names) == 4
    assert repr(Secret(value)) == "Secret(***)"


@pytest.mark.parametrize("kind", ["groq_api_key", "openai_project_key", "slack_bot_token"])
@pytest.mark.row("S-5")
def test_no_listing_shares_more_with_a_value_than_its_issuer_s_prefix(kind: str, empty: Space) -> None:
    value = samples.make(kind)
    (empty.folder / "leak.env").write_text(f"KEY={value}\n")
    empty.cli("ingest", "leak.env")
    listed = empty.cli("status", "--json").json["credentials"][0]["fingerprint"]
    said = [empty.cli("status", "--all"), empty.cli("show", listed), empty.cli("report", "--format", "csv")]
    body = value.rpartition("-")[2].rpartition("_")[2]
    text = "".join(one.out + one.err for one in said)
    assert listed[:10] in text
    assert not [body[at : at + 6] for at in range(len(body) - 5) if body[at : at + 6] in text]


HELD = (
    "import sys, time; from revoker.cli.hardening import harden; from revoker.model import Secret; harden();"
    "held = Secret(sys.stdin.readline()); print('ready', flush=True); time.sleep(60)"
)


@pytest.mark.slow
@pytest.mark.row("S-6")
def test_aborted_in_the_middle_it_leaves_no_core(tmp_path: Path) -> None:
    with holding(tmp_path) as held:
        held.send_signal(signal.SIGABRT)
        assert held.wait(20) == -signal.SIGABRT
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can become another user")
@pytest.mark.row("S-6")
def test_another_user_cannot_read_its_memory(tmp_path: Path) -> None:
    with holding(tmp_path) as held:
        code = f"import os; os.setgid(65534); os.setuid(65534); open('/proc/{held.pid}/mem', 'rb')"
        tried = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
        assert "PermissionError" in tried.stderr
        held.kill()


def holding(folder: Path) -> subprocess.Popen[str]:
    """A hardened process that holds a secret and waits, in a folder of its own."""
    root = Path(__file__).parents[2]
    made = subprocess.Popen(
        [sys.executable, "-c", HELD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert made.stdin
    assert made.stdout
    made.stdin.write(VALUE + "\n")
    made.stdin.flush()
    assert made.stdout.readline() == "ready\n"
    return made


@pytest.mark.row("S-7")
def test_a_deleted_value_is_in_no_page_of_the_database(empty: Space) -> None:
    """Neither its plain text nor its ciphertext: not in the file, its WAL, its journal or a free page."""
    from revoker.config import load_settings
    from revoker.store import schema
    from revoker.store.database import reading

    (empty.folder / "leak.env").write_text("".join(f"K{n}={samples.make('groq_api_key')}\n" for n in range(50)))
    empty.cli("ingest", "leak.env")
    store = open_store(load_settings(empty.folder / "revoker.toml"))
    with reading(store) as connection:
        blobs = [
            bytes(row[0])
            for row in connection.execute(schema.sealed_values.select().with_only_columns(schema.sealed_values.c.blob))
        ]
    assert len(blobs) == 50
    assert held(empty.folder, blobs) > 0, "the search finds them while they are there"
    assert credentials.purge(store, [row.fingerprint for row in credentials.select(store)]) == 50
    assert held(empty.folder, blobs) == 0
    store.engine.dispose()
    assert held(empty.folder, blobs) == 0


def held(folder: Path, blobs: list[bytes]) -> int:
    """How many of these stand in the database's files."""
    files = [path.read_bytes() for path in folder.glob("revoker.db*")]
    return sum(any(blob[3:] in file for file in files) for blob in blobs)


@pytest.mark.row("S-10")
def test_every_file_is_private_whatever_the_umask(space: Space) -> None:
    incident = prepared(space)
    old = os.umask(0)
    try:
        for args in WRITING:
            done = space.cli(*(incident if one == "INCIDENT" else one for one in args))
            assert done.code != ExitCode.USAGE, done.err
    finally:
        os.umask(old)
    made = [path for path in space.folder.rglob("*") if path.is_file() and path.suffix not in (".env", ".toml", ".pub")]
    assert len([path for path in made if path.parent.name == "out"]) == len(WRITING)
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in made if path.stat().st_mode & 0o077} == {}


@pytest.mark.parametrize("args", WRITING, ids=lambda args: args[0])
@pytest.mark.row("S-10")
def test_a_planted_link_is_not_written_through(args: tuple[str, ...], space: Space) -> None:
    incident = prepared(space)
    (space.folder / "target").write_text("keep")
    (space.folder / args[-1]).symlink_to(space.folder / "target")
    done = space.cli(*(incident if one == "INCIDENT" else one for one in args))
    assert done.code in (ExitCode.USAGE, ExitCode.SETUP), done.err
    assert (space.folder / "target").read_text() == "keep"


def prepared(space: Space) -> str:
    """One verified key in an incident, and a folder to write into; gives the incident."""
    space.plant("GROQ", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    (space.folder / "out").mkdir(mode=0o700)
    incident: str = space.cli("status", "--json").json["credentials"][0]["incident"]
    return incident


@pytest.mark.row("S-11")
def test_nothing_is_written_for_a_ci_system(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (
        "GITHUB_STEP_SUMMARY",
        "GITHUB_OUTPUT",
        "GITHUB_ENV",
        "GITHUB_PATH",
        "BITBUCKET_PIPELINES_VARIABLES_PATH",
        "BASH_ENV",
    )
    for name in names:
        (space.folder / name).touch()
        monkeypatch.setenv(name, str(space.folder / name))
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION"):
        monkeypatch.setenv(name, "true")
    secret = space.plant("GROQ", "groq", "groq_api_key")
    said = [space.cli("ingest", "leak.env", "--attest", "ours")]
    said += [space.cli(*args) for args in (["verify"], ["status"], ["plan"], ["report"])]
    assert {name: (space.folder / name).read_text() for name in names} == dict.fromkeys(names, "")
    text = "".join(one.out + one.err for one in said)
    assert secret not in text
    assert not [mark for mark in ("::set-output", "::add-mask", "::error", "##vso[", "##teamcity[") if mark in text]
