"""What `revoker doctor` says of an authority whose provider does not answer."""

from __future__ import annotations

import pytest

from revoker.errors import ExitCode
from tests.cli.conftest import Space

CONFIG = """[network]
allow = ["127.0.0.1/32"]
[endpoints]
aws = "http://127.0.0.1:9"
[authority.aws]
secret_access_key = "env:LAB_SECRET"
access_key_id = "AKIALAB"
"""


def test_no_answer_is_no_refusal(empty: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", "not a real one")
    config = empty.folder / "revoker.toml"
    config.write_text(config.read_text() + CONFIG)
    (empty.folder / "leak.env").write_text("")
    empty.cli("ingest", "leak.env")
    said = empty.cli("doctor", "--json")
    told = next(one for one in said.json["checks"] if one["check"] == "authority aws")
    assert told["ok"] is None
    assert "STS did not answer the authority (connect)" in told["detail"]
    assert told["next"] == "the provider gave no answer that tells; revoker doctor asks again"
    assert said.code == ExitCode.UNKNOWN
