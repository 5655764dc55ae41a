"""Fake values made at test time from the patterns of the catalogue, and reports that hold them."""

from __future__ import annotations

import csv
import importlib
import io
import json
import random
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from revoker import catalog
from revoker.sdk import crc32_base62
from tests.providers import samples as whole

c: Any = importlib.import_module("re._constants")  # private, and the only description of a pattern there is
parser: Any = importlib.import_module("re._parser")

COMMIT = "8302346b780ce6bf64ee282c1e98d8f7bdc8b261"
REPOSITORY = "https://github.example/acme/payments-api"
PRINTABLE = [ord(x) for x in string.ascii_letters + string.digits]


@dataclass(frozen=True)
class Seen:
    """A secret at a place, as a test wants it reported."""

    value: str
    rule: str = "some-rule"
    file: str = "config/app.yaml"
    line: int = 1
    commit: str = COMMIT


WHOLE_FILES = (
    "gcp_service_account_key",
    "gcp_application_default_credentials",
    "ssh_private_key",
    "tls_private_key",
)  # a document, which no pattern can make


def value(kind_id: str, rng: random.Random) -> str:
    """A value of a kind's shape, with a right checksum where the kind has one."""
    if kind_id in WHOLE_FILES:
        return whole.MAKERS[kind_id]("")
    made = from_pattern(catalog.kinds()[kind_id].pattern, rng)
    if kind_id.startswith(("github_classic", "github_oauth_token", "github_user", "npm_")):
        prefix, body = made.split("_", 1)
        made = f"{prefix}_{body[:-6]}{crc32_base62(body[:-6])}"
    return made


def aws_pair(rng: random.Random, prefix: str = "AKIA") -> tuple[str, str]:
    """A key id and a secret."""
    key_id = prefix + "".join(rng.choices(string.ascii_uppercase + "234567", k=16))
    secret = "b" + "".join(rng.choices(string.ascii_letters + string.digits + "/+", k=37)) + "zQ"
    return key_id, secret


def aws_token(rng: random.Random) -> str:
    return "IQoJ" + "".join(rng.choices(string.ascii_letters + string.digits + "/+", k=300))


def from_pattern(pattern: str, rng: random.Random) -> str:
    """A text that a regular expression matches as a whole."""
    made = "".join(_emit(parser.parse(pattern), rng, {}))
    assert re.fullmatch(pattern, made), pattern
    return made


def _emit(tree: Iterable[Any], rng: random.Random, groups: dict[int, str]) -> Iterable[str]:
    for op, arg in tree:
        if op is c.LITERAL:
            yield chr(arg)
        elif op is c.ANY:
            yield chr(rng.choice(PRINTABLE))
        elif op in (c.IN, c.NOT_LITERAL, c.CATEGORY):
            yield chr(_one_of(op, arg, rng))
        elif op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            low, high, inner = arg
            for _ in range(rng.randint(low, min(high, low + 8))):
                yield from _emit(inner, rng, groups)
        elif op is c.SUBPATTERN:
            text = "".join(_emit(arg[3], rng, groups))
            groups[arg[0]] = text
            yield text
        elif op is c.BRANCH:
            yield from _emit(rng.choice(arg[1]), rng, groups)
        elif op is c.ATOMIC_GROUP:
            yield from _emit(arg, rng, groups)
        elif op is c.GROUPREF:
            yield groups[arg]
        else:
            assert op in (c.AT, c.ASSERT, c.ASSERT_NOT), op  # looks around, and takes nothing


def _one_of(op: Any, arg: Any, rng: random.Random) -> int:
    items = arg if op is c.IN else [(op, arg)]
    negated = items[0][0] in (c.NEGATE, c.NOT_LITERAL)
    visible = PRINTABLE + [ord(x) for x in "_-/+=.:@~%"]
    fits = [n for n in visible if _in(items, n) is not negated] or [n for n in (ord(" "),) if _in(items, n) is not negated]
    assert fits, items
    return rng.choice(fits)


def _in(items: Any, n: int) -> bool:
    for op, arg in items:
        if op in (c.LITERAL, c.NOT_LITERAL) and n == arg:
            return True
        if op is c.RANGE and arg[0] <= n <= arg[1]:
            return True
        if op is c.CATEGORY:
            word, digit = chr(n).isalnum() or chr(n) == "_", chr(n).isdigit()
            known = {c.CATEGORY_DIGIT: digit, c.CATEGORY_NOT_DIGIT: not digit, c.CATEGORY_WORD: word}
            known |= {
                c.CATEGORY_NOT_WORD: not word,
                c.CATEGORY_SPACE: chr(n).isspace(),
                c.CATEGORY_NOT_SPACE: not chr(n).isspace(),
            }
            if known[arg]:
                return True
    return False


def gitleaks_entry(seen: Seen) -> dict[str, Any]:
    return {
        "RuleID": seen.rule,
        "Description": "d",
        "StartLine": seen.line,
        "EndLine": seen.line,
        "StartColumn": 2,
        "EndColumn": 9,
        "Match": f"{seen.rule} = {seen.value}",
        "Secret": seen.value,
        "File": seen.file,
        "SymlinkFile": "",
        "Commit": seen.commit,
        "Link": f"{REPOSITORY}/blob/{seen.commit}/{seen.file}#L{seen.line}",
        "Entropy": 3.5,
        "Author": "Dana Fake",
        "Email": "dana@example.com",
        "Date": "2026-11-02T10:00:00Z",
        "Message": "add config",
        "Tags": [],
        "Fingerprint": f"{seen.commit}:{seen.file}:{seen.rule}:{seen.line}",
    }


def gitleaks_json(seen: Sequence[Seen]) -> bytes:
    return json.dumps([gitleaks_entry(one) for one in seen], indent=1).encode()


def gitleaks_csv(seen: Sequence[Seen]) -> bytes:
    return table([gitleaks_entry(one) | {"Tags": ""} for one in seen])


def table(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def trufflehog_entry(seen: Seen) -> dict[str, Any]:
    git = {
        "commit": seen.commit,
        "file": seen.file,
        "email": "Dana Fake <dana@example.com>",
        "repository": REPOSITORY.replace("https://", "https://dana:hidden@") + ".git",
        "timestamp": "2026-11-02 10:00:00 +0000",
        "line": seen.line,
    }
    return {
        "SourceMetadata": {"Data": {"Git": git}},
        "SourceID": 1,
        "DetectorName": seen.rule,
        "DecoderName": "PLAIN",
        "Verified": True,
        "Raw": seen.value,
        "RawV2": "",
        "ExtraData": None,
        "SecretParts": {"key": seen.value},
    }


def trufflehog_jsonl(seen: Sequence[Seen]) -> bytes:
    return jsonl(trufflehog_entry(one) for one in seen)


def kingfisher_entry(seen: Seen) -> dict[str, Any]:
    git = {
        "repository_url": REPOSITORY,
        "commit": {"id": seen.commit, "date": "2026-11-02", "committer": {"name": "Dana Fake"}},
        "file": {"path": seen.file},
    }
    return {
        "rule": {"name": seen.rule, "id": seen.rule},
        "finding": {
            "snippet": seen.value,
            "fingerprint": "14837081435755491480",
            "confidence": "medium",
            "entropy": "4.65",
            "validation": {"outcome": "verified_active", "status": "Active", "response": ""},
            "line": seen.line,
            "path": "./" + seen.file,
            "git_metadata": git,
        },
    }


def kingfisher_json(seen: Sequence[Seen]) -> bytes:
    summary = {"kingfisher_version": "1.112.0", "summary": {"findings": len(seen)}}
    return json.dumps({"findings": [kingfisher_entry(one) for one in seen], "metadata": summary}).encode()


def kingfisher_jsonl(seen: Sequence[Seen]) -> bytes:
    return jsonl([*(kingfisher_entry(one) for one in seen), {"audit": {"schema": "kingfisher.repository-audit.v1"}}])


def betterleaks_entry(seen: Seen) -> dict[str, Any]:
    return {
        "rule_id": seen.rule,
        "match": {"full": f"x = {seen.value}", "value": seen.value, "fingerprint": "00"},
        "attributes": {"git.sha": seen.commit, "git.remote_url": REPOSITORY, "git.date": "2026-11-02T10:00:00Z"},
        "location": {"path": seen.file, "start_line": seen.line},
    }


def betterleaks_json(seen: Sequence[Seen]) -> bytes:
    document = {"schema_version": "1", "findings": [betterleaks_entry(one) for one in seen], "scan": {"state": "complete"}}
    return json.dumps(document, indent=1).encode()


def betterleaks_jsonl(seen: Sequence[Seen]) -> bytes:
    entries: list[dict[str, Any]] = [{"schema_version": "1", "finding": betterleaks_entry(one)} for one in seen]
    return jsonl([*entries, {"schema_version": "1", "scan": {"state": "complete"}}])


def plain_csv(seen: Sequence[Seen]) -> bytes:
    return table(
        [
            {
                "type": s.rule,
                "secret": s.value,
                "secret2": "",
                "file": s.file,
                "line": s.line,
                "repository": REPOSITORY,
                "commit": s.commit,
            }
            for s in seen
        ]
    )


def jsonl(entries: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


WITH_PLACES = {
    "gitleaks": gitleaks_json,
    "gitleaks-csv": gitleaks_csv,
    "trufflehog": trufflehog_jsonl,
    "kingfisher": kingfisher_json,
    "kingfisher-lines": kingfisher_jsonl,
    "betterleaks": betterleaks_json,
    "betterleaks-lines": betterleaks_jsonl,
    "csv": plain_csv,
}


def sarif_json(seen: Sequence[Seen]) -> bytes:
    results = [
        {
            "ruleId": one.rule,
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": one.file},
                        "region": {"startLine": one.line, "snippet": {"text": one.value}},
                    }
                }
            ],
            "partialFingerprints": {"commitSha": one.commit, "date": "2026-11-02T10:00:00Z"},
        }
        for one in seen
    ]
    driver = {"name": "some tool", "rules": [{"id": "x", "results": 5}]}
    return json.dumps(
        {"$schema": "https://x.example/sarif-2.1.0.json", "runs": [{"tool": {"driver": driver}, "results": results}]}
    ).encode()


def github_json(seen: Sequence[Seen]) -> bytes:
    return json.dumps(
        [
            {
                "html_url": f"{REPOSITORY}/security/secret-scanning/1",
                "secret_type": one.rule,
                "secret_type_display_name": "X",
                "secret": one.value,
                "validity": "active",
                "first_location_detected": {"path": one.file, "start_line": one.line, "commit_sha": one.commit},
            }
            for one in seen
        ]
    ).encode()


def gitlab_json(seen: Sequence[Seen]) -> bytes:
    found = [
        {
            "name": "a name",
            "raw_source_code_extract": one.value,
            "identifiers": [{"type": "gitleaks_rule_id", "value": one.rule}],
            "location": {"file": one.file, "start_line": one.line, "commit": {"sha": one.commit, "date": "2026-11-02T10:00:00Z"}},
        }
        for one in seen
    ]
    return json.dumps({"version": "15.2.1", "vulnerabilities": found, "scan": {"type": "secret_detection"}}).encode()


def _ggshield_entity(one: Seen) -> dict[str, Any]:
    occurrence = {"match": one.value, "type": "apikey", "line_start": one.line}
    return {"filename": one.file, "incidents": [{"type": one.rule, "validity": "valid", "occurrences": [occurrence]}]}


def ggshield_json(seen: Sequence[Seen]) -> bytes:
    entities = [{"filename": "clean.txt", "incidents": []}, *(_ggshield_entity(one) for one in seen)]
    return json.dumps({"id": "/src", "entities_with_incidents": entities, "secrets_engine_version": "2"}).encode()


def ggshield_commits_json(seen: Sequence[Seen]) -> bytes:
    scans = [{"id": one.commit, "type": "commit", "entities_with_incidents": [_ggshield_entity(one)]} for one in seen]
    return json.dumps({"id": "x", "scans": scans, "secrets_engine_version": "2"}).encode()


ALL = WITH_PLACES | {
    "sarif": sarif_json,
    "github": github_json,
    "gitlab": gitlab_json,
    "ggshield": ggshield_json,
    "ggshield-commits": ggshield_commits_json,
}
