from __future__ import annotations

import json
import logging

import pytest

from revoker import log
from revoker.model import Secret


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.mark.row("S-9")
def test_known_fields_stay_and_others_are_named_only(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(json=True)
    fingerprint = "fp_" + "0a" * 16
    log.get_logger("x").warning("slow", fingerprint=fingerprint, body="the value", seconds=1.5)
    (line,) = lines(capsys)
    assert line["fingerprint"] == fingerprint
    assert line["seconds"] == 1.5
    assert line["dropped"] == ["body"]
    assert "the value" not in json.dumps(line)


@pytest.mark.row("S-9")
def test_what_looks_like_a_secret_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(json=True)
    random_looking = "Ab3" * 10
    log.get_logger("x").error(
        "failed", error=f"bad {random_looking}", path=f"https://me:{random_looking}@host/x", reason=Secret("hunter2")
    )
    (line,) = lines(capsys)
    assert random_looking not in json.dumps(line)
    assert "me:" not in json.dumps(line)
    assert line["reason"] == "<Secret>"


def test_quiet_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(json=True)
    log.get_logger("x").info("detail")
    assert lines(capsys) == []
    log.configure(debug=True, json=True)
    log.get_logger("x").info("detail")
    assert [line["event"] for line in lines(capsys)] == ["detail"]
    log.configure()


@pytest.mark.row("S-3")
def test_the_libraries_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(debug=True)
    for name in ("httpx", "botocore.auth", "dbos", "hvac", "urllib3.connectionpool", "sqlalchemy.engine", *log.SILENT):
        logging.getLogger(name).error("Authorization: hunter2")
    log.configure()
    assert "hunter2" not in capsys.readouterr().err


FORGED = 'a.env\n{"event": "approved", "approver": "mallory"}\r\n\u2028{"event": "x"}\x1b[2J\x85\x00'


@pytest.mark.row("I-4")
@pytest.mark.parametrize("as_json", [True, False])
def test_a_name_forges_no_record(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """One record is one line, whatever stands in its fields, and what was forged is text in a field."""
    log.configure(json=as_json)
    log.get_logger("x").warning("slow", reason=FORGED, path=FORGED, step=FORGED)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert len(said.splitlines()) == 1, "no other line ending either"
    assert not [c for c in said.rstrip("\n") if ord(c) < 32 or 127 <= ord(c) < 160]
    if as_json:
        record = json.loads(said)
        assert record["event"] == "slow"
        assert "approver" not in record
