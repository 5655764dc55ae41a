"""Rows S-2, S-9, I-9 and W-8: a value that stands in every field of a report is in no sink; a bug anywhere tells its type alone."""

from __future__ import annotations

import json
import zipfile
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from revoker import secrets
from revoker.config import load_settings
from revoker.errors import ExitCode, StoreError
from revoker.lab import samples
from revoker.lab.trust import forms
from revoker.notify import body_of
from revoker.store import credentials, events, open_store, schema
from revoker.store.database import writing
from tests.cli.conftest import Space, empty, space

__all__ = ["empty", "space"]  # fixtures

ALPHABET = "".join(chr(code) for code in range(0x21, 0x7F)) + "äß€語"
values = st.text(ALPHABET, min_size=24, max_size=60).map(lambda text: "Zq7" + text)
SINKS = (
    ("status", "--all"),
    ("status", "--json"),
    ("report", "--format", "text"),
    ("report", "--format", "md"),
    ("report", "--format", "csv"),
    ("report", "--format", "html"),
    ("report", "--format", "json"),
    ("plan", "--status", "new", "--playbook", "guided"),
    ("audit", "export"),
    ("metrics",),
    ("runs",),
)


def reported(value: str, number: int) -> dict[str, Any]:
    """A finding of gitleaks in which every text repeats the value."""
    again = dict.fromkeys(("RuleID", "Description", "Match", "Author", "Email", "Message", "Fingerprint"), f"a {value} b")
    places = {"File": f"logs/{quote(value, safe='')}/{value}.txt", "Commit": value, "SymlinkFile": value}
    link = f"https://git.example/x?token={quote(value, safe='')}"
    return {**again, **places, "Secret": value, "Link": link, "Date": value, "StartLine": number, "ValidationStatus": value}


@pytest.mark.slow
@settings(max_examples=2, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(values, min_size=8, max_size=16, unique=True))
@pytest.mark.row("S-9")
def test_a_value_that_every_field_repeats_is_in_no_sink(empty: Space, found: list[str]) -> None:
    (empty.folder / "report.json").write_text(json.dumps([reported(value, at) for at, value in enumerate(found)]))
    said = [empty.cli("--debug", "ingest", "report.json", "--format", "gitleaks", "--title", "t", "--attest", "ours")]
    incident = empty.cli("status", "--json").json["credentials"][0]["incident"]
    said += [empty.cli("--debug", *sink) for sink in SINKS]
    (empty.folder / "pack.zip").unlink(missing_ok=True)
    said.append(empty.cli("evidence", incident, "-o", "pack.zip"))
    assert [one.code for one in said if one.code in (ExitCode.BUG, ExitCode.SETUP)] == []
    with zipfile.ZipFile(empty.folder / "pack.zip") as pack:
        packed = b"".join(pack.read(name) for name in pack.namelist())
    store = open_store(load_settings(empty.folder / "revoker.toml"))
    (empty.folder / "report.json").unlink()
    held = b"".join(path.read_bytes() for path in empty.folder.iterdir() if path.is_file())
    text = "".join(one.out + one.err for one in said).encode() + packed + held + b"".join(map(body_of, events.undelivered(store)))
    assert len(credentials.select(store)) >= len(found)
    assert [value for value in found for form in set(forms(value)) if form in text] == []


POINTS = (
    ("ingest", "revoker.secrets.fingerprint"),
    ("ingest", "revoker.store.intake.seal"),
    ("ingest", "revoker.audit.append"),
    ("verify", "revoker.store.credentials.unseal"),
    ("verify", "revoker.gate.why_not"),
    ("verify", "revoker.egress.http.open_pool"),
    ("verify", "revoker.egress.reader.PoolReader.get"),
    ("verify", "revoker.egress.transport.Connections.send"),
    ("plan", "revoker.runs.digests.canonical"),
    ("report", "revoker.report.collect.collect"),
    ("audit export", "revoker.audit.export"),
)


@pytest.mark.row("S-2")
def test_a_bug_anywhere_tells_no_local_and_no_message(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of each layer breaks with the secret in a local, in its message and in what caused it."""
    broken, unreached = [], []
    secret = space.plant("GROQ", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "ours")

    def fails(*_: object, **__: object) -> None:
        local = secret
        broken.append(local)
        try:
            int(local)
        except ValueError as error:
            raise RuntimeError(f"it failed with {local}") from error

    for command, target in POINTS:
        (space.folder / "leak.env").write_text(f"NEW={samples.make('groq_api_key')}\nOLD={secret}\n")
        count = len(broken)
        with monkeypatch.context() as patch:
            patch.setattr(target, fails)
            more = ["leak.env", "--attest", "ours"] if command == "ingest" else []
            said = [space.cli(*command.split(), *more), space.cli("--debug", *command.split(), *more)]
        text = "".join(one.out + one.err for one in said)
        unreached += [target] if len(broken) == count else []
        assert secret not in text, target
        assert secret[::-1] not in text
    assert unreached == []
    files = b"".join(path.read_bytes() for path in space.folder.iterdir() if path.is_file() and path.name != "leak.env")
    assert secret.encode() not in files


@pytest.mark.row("I-9")
def test_a_report_that_says_live_and_ours_opens_no_gate(space: Space) -> None:
    value = space.plant("GROQ", "groq", "groq_api_key")
    claim = {"account": "acme", "owner": "us", "attested": "true", "rotation_guide": "yes"}
    entry = {"DetectorName": "Groq", "Verified": True, "Raw": value, "ExtraData": claim, "SourceMetadata": {"Data": {}}}
    (space.folder / "claims.jsonl").write_text(json.dumps(entry) + "\n")
    assert space.cli("ingest", "claims.jsonl").code == ExitCode.DONE
    space.cli("verify")
    (row,) = space.cli("status", "--all", "--json").json["credentials"]
    assert (row["status"], space.fakes["groq"].log.all()) == ("skipped", [])
    doubled = json.dumps(entry)[:-1] + ', "Raw": "another"}'
    (space.folder / "doubled.jsonl").write_text(doubled + "\n")
    assert space.cli("ingest", "doubled.jsonl", "--format", "trufflehog").code == ExitCode.PARTIAL
    assert len(space.cli("status", "--all", "--json").json["credentials"]) == 1


@pytest.mark.row("W-8", "S-7")
def test_a_row_of_another_tenant_s_store_does_not_open_and_is_not_found(empty: Space) -> None:
    text = (empty.folder / "revoker.toml").read_text()
    other = empty.folder / "other"
    other.mkdir(mode=0o700)
    (other / "revoker.toml").write_text(text)
    settings_ = load_settings(empty.folder / "revoker.toml"), load_settings(other / "revoker.toml")
    ours, theirs = (open_store(one, create=True) for one in settings_)
    (empty.folder / "leak.env").write_text(f"KEY={samples.make('groq_api_key')}\n")
    empty.cli("ingest", "leak.env")
    (row,) = credentials.select(ours)
    assert credentials.select(theirs) == []
    assert ours.id != theirs.id
    with ours.engine.connect() as source, writing(theirs) as target:
        target.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for table in schema.metadata.sorted_tables:
            if table.name in ("incidents", "credentials", "tallies", "sealed_values"):
                for copied in source.execute(table.select()).mappings():
                    target.execute(table.insert().values(**copied))
    assert [one.fingerprint for one in credentials.select(theirs)] == [row.fingerprint]
    with pytest.raises(StoreError):
        credentials.unseal_credential(theirs, row.fingerprint)
    value = credentials.unseal_credential(ours, row.fingerprint).secret
    assert secrets.fingerprint(theirs.keys, row.kind, value) != row.fingerprint
