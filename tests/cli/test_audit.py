"""`revoker audit anchor` and `restored`, through the real command line."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from revoker.errors import ExitCode
from tests.cli.conftest import Space


def with_entries(space: Space) -> None:
    """A store with an incident, and a few entries in its log."""
    (space.folder / "nothing.json").write_text("[]")
    space.cli("ingest", "nothing.json", "--format", "gitleaks")
    space.cli("stop", "--as", "alice", "--why", "first")
    space.cli("start", "--as", "alice")


def test_anchor_tells_each_place(empty: Space) -> None:
    with_entries(empty)
    told = empty.cli("audit", "anchor", "--json")
    assert told.code == ExitCode.DONE
    assert [place["place"] for place in told.json["places"]] == ["file"]
    assert told.json["head"] in (empty.folder / "anchor.jsonl").read_text()


def test_anchor_without_a_place_says_so(empty: Space) -> None:
    config = empty.folder / "revoker.toml"
    config.write_text(config.read_text().replace('anchor_file = "anchor.jsonl"', ""))
    with_entries(empty)
    told = empty.cli("audit", "anchor")
    assert told.code == ExitCode.SETUP
    assert "names no place" in told.out


@pytest.mark.row("S-8", "W-12", "F20")
def test_a_store_that_was_put_back_needs_a_person_s_word(empty: Space) -> None:
    with_entries(empty)
    with sqlite3.connect(empty.folder / "revoker.db") as connection:
        connection.execute("VACUUM INTO ?", (str(empty.folder / "backup"),))
    assert empty.cli("audit", "restored", "--as", "alice", "--why", "no need").code == ExitCode.USAGE
    empty.cli("stop", "--as", "bob", "--why", "second")
    for name in ("revoker.db", "revoker.db-wal", "revoker.db-shm"):
        (empty.folder / name).unlink(missing_ok=True)
    shutil.copy(empty.folder / "backup", empty.folder / "revoker.db")
    (empty.folder / "revoker.db").chmod(0o600)
    refused = empty.cli("start", "--as", "alice")
    assert refused.code == ExitCode.SETUP
    assert "revoker audit restored" in refused.err
    assert empty.cli("audit", "verify").code == ExitCode.SETUP
    assert empty.cli("audit", "restored", "--as", "alice", "--why", "the disk broke").code == ExitCode.DONE
    verified = empty.cli("audit", "verify", "--json")
    assert verified.json["ok"] is True
    assert any("the disk broke" in note for note in verified.json["notes"])
    assert empty.cli("start", "--as", "alice").code == ExitCode.DONE


def test_a_damaged_export_is_told_as_one(empty: Space) -> None:
    with_entries(empty)
    assert empty.cli("audit", "export", "-o", "log.jsonl").code == ExitCode.DONE
    assert empty.cli("audit", "verify", "--keyed", "log.jsonl").code == ExitCode.DONE
    export = empty.folder / "log.jsonl"
    lines = export.read_bytes().splitlines()
    export.write_bytes(b"\n".join([lines[0], b"\xff\xfe" + lines[1], *lines[2:]]))
    told = empty.cli("audit", "verify", "log.jsonl")
    assert (told.code, "internal error" in told.err) == (ExitCode.SETUP, False)
    export.write_bytes(b"\xff\xfe")
    told = empty.cli("audit", "verify", "log.jsonl")
    assert "This is no exported audit log." in told.err
