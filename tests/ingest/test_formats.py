"""Each format, there and back: values, places, times, and what a scanner said."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, datetime

import pytest

from revoker.errors import ReportUnreadable, UsageError
from revoker.ingest import Problems, read_report, sniff
from revoker.ingest.formats import FORMATS
from revoker.model import Finding, ValueState
from tests.ingest import samples
from tests.ingest.samples import Seen

RNG = random.Random(7)  # noqa: S311 - fake values
VALUES = [samples.value("groq_api_key", RNG) for _ in range(3)]
SEEN = [
    Seen(VALUES[0], "rule-one", "config/.env", 2),
    Seen(VALUES[1], "rule-two", "deploy/ä b.yaml", 70_000, "a" * 40),
    Seen(VALUES[2], "rule-one", "x,y\"z'.py", 1),
]


def read(data: bytes, name: str = "report", format: str | None = None) -> tuple[list[Finding], Problems]:
    problems = Problems()
    return list(read_report(io.BytesIO(data), name=name, format=format, problems=problems)), problems


def revealed(findings: list[Finding]) -> list[str | None]:
    return [f.value.reveal() if f.value else None for f in findings]


@pytest.mark.parametrize("format", sorted(samples.WITH_PLACES))
def test_a_report_comes_back_whole(format: str) -> None:
    findings, problems = read(samples.WITH_PLACES[format](SEEN))
    assert not problems.counts
    assert revealed(findings) == VALUES
    assert [f.rule for f in findings] == [one.rule for one in SEEN]
    for finding, one in zip(findings, SEEN, strict=True):
        at = finding.location
        assert (at.file, at.line, at.commit, at.repository) == (one.file, one.line, one.commit, samples.REPOSITORY)
        assert at.source == format.split("-", maxsplit=1)[0]


@pytest.mark.parametrize("format", sorted(set(samples.ALL) - set(samples.WITH_PLACES)))
def test_reports_of_hosts_and_other_scanners_come_back_whole(format: str) -> None:
    findings, problems = read(samples.ALL[format](SEEN))
    assert not problems.counts
    assert revealed(findings) == VALUES
    for finding, one in zip(findings, SEEN, strict=True):
        at = finding.location
        assert (finding.rule, at.source, at.file, at.line) == (one.rule, format.split("-", maxsplit=1)[0], one.file, one.line)
        assert at.commit == (None if format == "ggshield" else one.commit)


def test_sarif_names_its_scanner_and_may_quote_a_whole_line() -> None:
    data = samples.sarif_json([Seen(f'api_key = "{VALUES[0]}"  # prod')]).replace(b"some tool", b"Gitleaks")
    (found,) = read(data)[0]
    assert revealed([found]) == [VALUES[0]]
    assert found.location.source == "gitleaks"
    assert found.parts["variable"] == "api_key"


def test_reports_without_values_are_counted_not_refused() -> None:
    hidden = [{"secret_type": "x", "secret_type_display_name": "X", "secret": None}]
    sarif = samples.sarif_json([Seen("x")]).replace(b'"snippet": {"text": "x"}', b'"x": 1')
    trivy = {"SchemaVersion": 2, "Results": [{"Target": "a", "Secrets": [{"RuleID": "r", "StartLine": 3}]}, {"Target": "b"}]}
    baseline = {"plugins_used": [], "results": {"a": [{"type": "r", "hashed_secret": "00", "line_number": 3}]}}
    webhook = {"action": "created", "alert": hidden[0], "repository": {"html_url": samples.REPOSITORY}}
    for document, state in (
        (hidden, ValueState.ABSENT), (webhook, ValueState.ABSENT), (trivy, ValueState.MASKED), (baseline, ValueState.HASHED),
    ):  # fmt: skip
        findings, problems = read(json.dumps(document).encode())
        assert [f.value_state for f in findings] == [state]
        assert not problems.counts
    assert [f.value_state for f in read(sarif)[0]] == [ValueState.ABSENT]


@pytest.mark.parametrize("format", sorted(samples.WITH_PLACES))
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_read_too(format: str, encoding: str) -> None:
    data = samples.WITH_PLACES[format](SEEN).decode().encode(encoding)
    findings, problems = read(data)
    assert revealed(findings) == VALUES
    assert not problems.incomplete


@pytest.mark.parametrize("format", ["gitleaks", "gitleaks-csv", "trufflehog", "betterleaks"])
def test_the_commit_date_is_kept(format: str) -> None:
    findings, _ = read(samples.WITH_PLACES[format](SEEN))
    assert {f.found_at for f in findings} == {datetime(2026, 11, 2, 10, tzinfo=UTC)}


@pytest.mark.row("I-9")
def test_what_a_scanner_says_is_a_hint_in_plain_words() -> None:
    assert read(samples.trufflehog_jsonl(SEEN))[0][0].reported == "live"
    assert read(samples.kingfisher_json(SEEN))[0][0].reported == "verified_active"
    entry = samples.trufflehog_entry(SEEN[0]) | {"Verified": False}
    said = [entry, entry | {"VerificationError": "time-out"}, entry | {"VerificationError": "more than one detector has"}]
    assert [f.reported for f in read(samples.jsonl(said))[0]] == ["unverified", "indeterminate", "not_attempted"]


def test_an_empty_list_of_findings_is_a_complete_report() -> None:
    for data in (b"[]", b" [ ]\n", b'{"findings":[],"metadata":{"kingfisher_version":"2.14.0"}}'):
        findings, problems = read(data)
        assert not findings
        assert not problems.counts


def test_pretty_printed_entries_one_after_the_other_are_read() -> None:
    data = b"\n".join(json.dumps(samples.trufflehog_entry(one), indent=2).encode() for one in SEEN)
    findings, problems = read(data)
    assert revealed(findings) == VALUES
    assert not problems.counts


@pytest.mark.parametrize(
    ("data", "name", "format"),
    [
        (b"RuleID,Commit,File,Secret\n", "x", "gitleaks"),
        (b"type,secret,file\n", "x", "csv"),
        (b"export A=b\nC=d\n", "x", "env"),
        (b"something\n", "dir/.env.production", "env"),
        (b"[default]\naws_access_key_id = x\n", "credentials", "env"),
        (b"one\ntwo\n", "x", "list"),
        (b'{"audit":{}}\n{"rule":{"id":"r"},"finding":{"snippet":"s"}}', "x", "kingfisher"),
        (b'[{"RuleID":"r","Match":"\\"runs\\": [ \\"SourceMetadata\\"","Secret":"s"}]', "x", "gitleaks"),
    ],
)
def test_the_format_is_told_by_the_first_bytes(data: bytes, name: str, format: str) -> None:
    assert sniff(data, name) == format


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'[{"rule_text_id":"np.github.1"}]', "Nosey Parker"),
        (b'{"hello":1}', "no scanner"),
        (b"\x1f\x8b\x08\x00rest", "not text"),
        (b"PK\x03\x04rest", "not text"),
        (b"<?xml version='1.0'?>", "not text"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, says: str) -> None:
    with pytest.raises(ReportUnreadable, match=says) as caught:
        read(data, "scan\x1b[31m.json")
    assert "\x1b" not in caught.value.diagnostics()
    assert caught.value.exit_code == 4


def test_a_csv_without_a_value_column_is_named() -> None:
    with pytest.raises(ReportUnreadable, match="names no column"):
        read(b"a,b,c\n1,2,3\n", "list.csv")


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no report format"):
        read(b"[]", format="paper")


@pytest.mark.parametrize(
    "mask", ["REDACTED", "gsk_abc...", "****************", "ab******yz", "[REDACTED:19e3d71d]", "requires login"]
)
def test_masked_values_are_told_from_secrets(mask: str) -> None:
    for build in samples.ALL.values():
        findings, problems = read(build([Seen(mask), Seen(VALUES[0])]))
        assert [f.value_state for f in findings] == [ValueState.MASKED, ValueState.RAW]
        assert findings[0].value is None
        assert not problems.incomplete


@pytest.mark.parametrize("hashed", ["sha256:" + "0f" * 32, "$2b$12$" + "a" * 53, "{SSHA}" + "b" * 32])
def test_hashed_values_are_told_from_secrets(hashed: str) -> None:
    findings, _ = read(samples.gitleaks_json([Seen(hashed)]))
    assert findings[0].value_state is ValueState.HASHED
    assert findings[0].value is None


def test_an_empty_value_is_absent() -> None:
    findings, _ = read(samples.gitleaks_json([Seen("")]))
    assert findings[0].value_state is ValueState.ABSENT


def test_image_and_layer_are_kept() -> None:
    docker = {"file": "/app/.env", "image": "acme/payments", "layer": "sha256:" + "1" * 64, "tag": "1.4"}
    entry = samples.trufflehog_entry(SEEN[0]) | {"SourceMetadata": {"Data": {"Docker": docker}}}
    at = read(samples.jsonl([entry]))[0][0].location
    assert (at.file, at.image, at.layer, at.line) == ("/app/.env", "acme/payments:1.4", "sha256:" + "1" * 64, None)

    archive = Seen(VALUES[0], file="image.tar!blobs/sha256/abcd!app/.env")
    at = read(samples.gitleaks_json([archive]))[0][0].location
    assert (at.file, at.image, at.layer) == ("app/.env", "image.tar", "blobs/sha256/abcd")

    at = read(samples.kingfisher_json([Seen(VALUES[0], file="image.tar | app/.env")]))[0][0].location
    assert (at.file, at.image) == ("app/.env", "image.tar")


def test_a_login_in_a_repository_address_is_dropped() -> None:
    entry = samples.trufflehog_entry(SEEN[0])
    assert "hidden" in json.dumps(entry)
    assert read(samples.jsonl([entry]))[0][0].location.repository == samples.REPOSITORY


def test_a_secret_in_a_file_name_is_taken_out() -> None:
    for build in samples.ALL.values():
        findings, _ = read(build([Seen(VALUES[0], rule=f"r-{VALUES[0]}", file=f"dir/{VALUES[0]}.txt")]))
        assert findings[0].location.file == "dir/***.txt"
        assert findings[0].rule == "r-***"


def test_control_characters_leave_no_trace() -> None:
    findings, _ = read(samples.gitleaks_json([Seen(VALUES[0], file="a\x1b[2J\u202eb\r\nc")]))
    assert findings[0].location.file == "a[2Jbc"


@pytest.mark.parametrize("line", [-1, 0, 2**63, 1.5, True, "x", None, [1]])
def test_a_line_that_is_none_is_left_out(line: object) -> None:
    entry = samples.gitleaks_entry(SEEN[0]) | {"StartLine": line}
    findings, _ = read(json.dumps([entry]).encode())
    assert findings[0].location.line is None


def test_a_plain_list_with_comments_and_pairs() -> None:
    key_id, secret = samples.aws_pair(RNG)
    text = f"# a comment\n\n{VALUES[0]}\n{key_id}:{secret}  # prod\n{secret} {key_id}\n"
    findings, problems = read(text.encode(), "found.txt")
    assert revealed(findings) == [VALUES[0], secret, secret]
    assert [dict(f.parts) for f in findings] == [{}, {"key_id": key_id}, {"key_id": key_id}]
    assert [(f.location.source, f.location.file, f.location.line) for f in findings] == [
        ("list", "found.txt", 3),
        ("list", "found.txt", 4),
        ("list", "found.txt", 5),
    ]
    assert not problems.counts


def test_every_format_has_a_reader_and_no_two_share_it() -> None:
    assert len(set(FORMATS.values())) == len(FORMATS) == 13


def test_a_connection_uri_is_taken_from_kingfishers_command() -> None:
    password = VALUES[0]
    entry = samples.kingfisher_entry(Seen(password, "betterleaks.generic-credential-uri", ".env", 4))
    uri = f"postgresql://app:{password}@127.0.0.1:5432/shop"
    told = f"kingfisher validate --rule 'betterleaks.generic-credential-uri' '{uri}'"
    with_command = {**entry, "finding": {**entry["finding"], "validate_command": told}}
    of_another = {**entry, "finding": {**entry["finding"], "validate_command": told.replace(password, "other")}}
    assert revealed(read(samples.jsonl([with_command, of_another]))[0]) == [uri, password]
