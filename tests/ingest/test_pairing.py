"""Halves: joined where there is one way to see it, left half where there is not."""

from __future__ import annotations

import io
import json
import random
import uuid
from collections.abc import Sequence

import pytest

from revoker.ingest import read_report
from revoker.ingest.pairing import pair
from revoker.model import Finding
from tests.ingest import samples
from tests.ingest.samples import Seen

RNG = random.Random(5)  # noqa: S311 - fake values
IDS, SECRETS = zip(*(samples.aws_pair(RNG) for _ in range(6)), strict=True)
NOT_PAIRED = ""


def joined(data: bytes, name: str = "report", format: str | None = None) -> list[Finding]:
    return list(pair(read_report(io.BytesIO(data), name=name, format=format)))


def layout(lines: Sequence[str], rule: str = "aws_secret_access_key") -> dict[str, str]:
    """Which key id each secret was given. `i0 s0 - i1` is one value a line; `-` is an empty line."""
    seen = []
    for number, item in enumerate(lines, 1):
        if item != "-":
            values, said = (IDS, "aws-access-token") if item[0] == "i" else (SECRETS, "generic-api-key")
            seen.append(
                samples.gitleaks_entry(Seen(values[int(item[1])], said, "aws/credentials", number)) | {"Match": rule + " ="}
            )
    RNG.shuffle(seen)
    findings = joined(json.dumps(seen).encode())
    assert len(findings) == len(seen)
    by_secret = {f.value.reveal(): f.parts.get("key_id", NOT_PAIRED) for f in findings if f.value}
    return {f"s{n}": f"i{IDS.index(by_secret[s])}" for n, s in enumerate(SECRETS) if by_secret.get(s, NOT_PAIRED)}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("i0 s0", {"s0": "i0"}),
        ("s0 i0", {"s0": "i0"}),
        ("i0 - - - - - - - - s0", {"s0": "i0"}),
        ("i0 s0 i1 s1", {"s0": "i0", "s1": "i1"}),
        ("s0 i0 s1 i1", {"s0": "i0", "s1": "i1"}),
        ("i0 s0 - i1 s1 - i2 s2", {"s0": "i0", "s1": "i1", "s2": "i2"}),
        ("i0 s0 - - i1", {"s0": "i0"}),  # the nearer one
        ("i0 - - s0 i1", {"s0": "i1"}),
        ("i0 - s0 - i1", {}),  # equally near: nobody knows
        ("s0 - i0 s1", {"s1": "i0"}),
        ("i0 i1 s0 s1", {}),  # columns
        ("s0 s1 i0 i1", {}),
        ("i0 - - - - - - - - i1 s1 - - - - - - - - s0", {"s1": "i1"}),
        ("i0 s0 - i0", {"s0": "i0"}),  # the same key twice
        ("i0 s0 - i0 s1", {}),  # one key id with two secrets
        ("i0", {}),
        ("s0 s1", {}),
    ],
)
def test_layouts_of_a_credentials_file(lines: str, expected: dict[str, str]) -> None:
    assert layout(lines.split()) == expected


def test_a_value_that_only_looks_like_a_secret_gives_way_to_one_that_is_named() -> None:
    seen = [
        samples.gitleaks_entry(Seen(SECRETS[0], "generic-api-key", line=1)) | {"Match": "cache_key ="},
        samples.gitleaks_entry(Seen(IDS[1], "aws-access-token", line=2)),
        samples.gitleaks_entry(Seen(SECRETS[1], "generic-api-key", line=3)) | {"Match": 'secretAccessKey: "'},
    ]
    found = {f.value.reveal(): dict(f.parts) for f in joined(json.dumps(seen).encode()) if f.value}
    assert found[SECRETS[1]]["key_id"] == IDS[1]
    assert "key_id" not in found[SECRETS[0]]


def test_halves_of_different_files_or_commits_are_strangers() -> None:
    other_file = samples.gitleaks_json([Seen(IDS[0], file="a", line=1), Seen(SECRETS[0], file="b", line=1)])
    other_commit = samples.gitleaks_json([Seen(IDS[0], line=1), Seen(SECRETS[0], line=2, commit="b" * 40)])
    for data in (other_file, other_commit):
        assert all("key_id" not in f.parts for f in joined(data))


def test_a_lone_half_joins_its_pair_from_elsewhere_in_the_report() -> None:
    data = samples.gitleaks_json(
        [Seen(IDS[0], file="readme", line=7), Seen(IDS[0], file="a", line=1), Seen(SECRETS[0], file="a", line=2)]
    )
    found = joined(data)
    assert {f.value.reveal() for f in found if f.value} == {SECRETS[0]}
    assert {(f.location.file, f.location.line) for f in found} == {("readme", 7), ("a", 1), ("a", 2)}


def test_a_half_that_stays_half_says_why() -> None:
    (alone,) = joined(samples.gitleaks_json([Seen(IDS[0], "aws-access-token")]))
    assert alone.parts == {"half": "aws_id", "why_half": "incomplete"}
    both = joined(
        samples.gitleaks_json([Seen(IDS[n % 2], line=5 * (n % 2)) if n < 2 else Seen(SECRETS[0], line=3) for n in range(3)])
    )
    assert {f.parts.get("why_half") for f in both if f.parts} == {"unpaired"}


def test_two_pairs_on_one_line_are_not_guessed() -> None:
    data = samples.gitleaks_json([Seen(v, "aws-access-token", line=1) for v in (IDS[0], SECRETS[0], IDS[1], SECRETS[1])])
    assert all("key_id" not in f.parts for f in joined(data))


def test_a_temporary_key_gets_its_session_token() -> None:
    key_id, secret = samples.aws_pair(RNG, "ASIA")
    token = samples.aws_token(RNG)
    text = f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={secret}\nAWS_SESSION_TOKEN={token}\n"
    found = joined(text.encode(), ".env")
    assert {f.value.reveal() for f in found if f.value} == {secret}
    assert {f.parts["key_id"] for f in found} == {key_id}
    assert {f.secret_parts["session_token"].reveal() for f in found} == {token}


def test_docker_users_and_tokens() -> None:
    tokens = ["dckr_pat_" + "".join(RNG.choices("abcdefXYZ0189", k=27)) for _ in range(2)]
    text = f"DOCKER_USERNAME=acmebot\nDOCKER_TOKEN={tokens[0]}\nOTHER_TOKEN={tokens[1]}\n"
    found = joined(text.encode(), ".env")
    assert {f.value.reveal() for f in found if f.value} == set(tokens)
    assert {f.parts["username"] for f in found} == {"acmebot"}


def test_an_approle_and_its_secret_id() -> None:
    role, secret = str(uuid.UUID(int=RNG.getrandbits(128))), str(uuid.UUID(int=RNG.getrandbits(128)))
    (found,) = joined(f"VAULT_ROLE_ID={role}\nVAULT_SECRET_ID={secret}\n".encode(), ".env")
    assert found.value is not None
    assert (found.value.reveal(), found.parts["role_id"]) == (secret, role)


@pytest.mark.parametrize("parts", [True, False])
def test_trufflehog_brings_pairs_whole(parts: bool) -> None:
    token = "dckr_pat_" + "x1" * 14
    role, secret_id = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    cases = [
        ("AWS", IDS[0], f"{IDS[0]}:{SECRETS[0]}", {"access_key_id": IDS[0], "secret_access_key": SECRETS[0]}),
        ("Dockerhub", token, f"acmebot:{token}", {"username": "acmebot", "token": token}),
        ("HashiCorpVaultAuth", secret_id, f"{role}:{secret_id}", {"role_id": role, "secret_id": secret_id}),
    ]
    entries = [
        samples.trufflehog_entry(Seen(raw, rule)) | {"RawV2": both, "SecretParts": named if parts else None}
        for rule, raw, both, named in cases
    ]
    found = joined(samples.jsonl(entries))
    assert [(f.value.reveal() if f.value else "", dict(f.parts)) for f in found] == [
        (SECRETS[0], {"key_id": IDS[0]}),
        (token, {"username": "acmebot"}),
        (secret_id, {"role_id": role}),
    ]


def test_trufflehog_session_keys_keep_their_token() -> None:
    key_id, secret = samples.aws_pair(RNG, "ASIA")
    token = samples.aws_token(RNG)
    entry = samples.trufflehog_entry(Seen(key_id, "AWSSessionKey")) | {"RawV2": f"{key_id}:{secret}:{token}"}
    named = {"access_key_id": key_id, "secret_access_key": secret, "session_token": token}
    for variant in (entry | {"SecretParts": None}, entry | {"SecretParts": named}):
        (found,) = joined(samples.jsonl([variant]))
        assert found.value is not None
        assert found.value.reveal() == secret
        assert found.secret_parts["session_token"].reveal() == token


def test_kingfisher_2_reports_the_id_and_1_the_secret() -> None:
    two = samples.kingfisher_entry(Seen(IDS[0], "betterleaks.aws-access-token"))
    two["finding"]["dependent_captures"] = {"AWS_SECRET_ACCESS_KEY": SECRETS[0]}
    one = samples.kingfisher_entry(Seen(SECRETS[1], "kingfisher.aws.2"))
    one["finding"]["validate_command"] = f"kingfisher validate --var AWS_ACCESS_KEY_ID='{IDS[1]}' '{SECRETS[1]}'"
    bare = samples.kingfisher_entry(Seen(SECRETS[2], "kingfisher.aws.2"))
    found = joined(samples.jsonl([two, one, bare]))
    assert [(f.value.reveal() if f.value else "", f.parts.get("key_id")) for f in found] == [
        (SECRETS[0], IDS[0]),
        (SECRETS[1], IDS[1]),
        (SECRETS[2], None),
    ]
    assert found[2].parts["half"] == "aws_secret"


def test_many_halves_are_held_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revoker.ingest.pairing.MOST_HELD", 10)
    pairs = [samples.aws_pair(RNG) for _ in range(50)]
    seen = [Seen(value, "aws-access-token", f"f{n}", line) for n, two in enumerate(pairs) for line, value in enumerate(two, 1)]
    found = joined(samples.gitleaks_json(seen))
    assert len(found) == 100
    assert {(f.parts["key_id"], f.value.reveal()) for f in found if f.value} == set(pairs)
