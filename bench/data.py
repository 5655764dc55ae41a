"""What the benchmarks feed: fake tokens and TruffleHog lines, made from random bits."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def tokens(prefix: str, count: int, *, live_share: float = 0.5) -> list[str]:
    """Unique tokens of the benchmark provider."""
    rng = random.Random(prefix)
    return [f"{prefix}_{'L' if rng.random() < live_share else 'D'}{rng.getrandbits(124):031x}" for _ in range(count)]


def write_list(path: Path, values: list[str]) -> Path:
    """A plain list of values, which both tools read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"token = {value}\n" for value in values))
    return path


def write_csv(path: Path, values: list[str]) -> Path:
    """The same values as our CSV input."""
    path.write_text(
        "kind,secret,file,line\n" + "".join(f"{kind_of(value)},{value},list.txt,{at}\n" for at, value in enumerate(values, 1))
    )
    return path


def kind_of(value: str) -> str:
    return {"rvb": "bench_token", "rvs": "bench_polite_token", "rvl": "bench_limited_token"}[value[:3]]


def github_token(rng: random.Random) -> str:
    """A value with GitHub's shape and checksum."""
    body = "".join(rng.choices(BASE62, k=30))
    check, digits = zlib.crc32(body.encode()), ""
    while check:
        check, rest = divmod(check, 62)
        digits = BASE62[rest] + digits
    return f"ghp_{body}{digits.rjust(6, '0')}"


def trufflehog(path: Path, lines: int, unique: int) -> Path:
    """A TruffleHog JSON lines report: `lines` findings of `unique` values, each at another place."""
    rng = random.Random(lines)
    values = [github_token(rng) for _ in range(unique)]
    with path.open("w") as out:
        out.writelines(_lines(rng, values, lines))
    return path


def _lines(rng: random.Random, values: list[str], lines: int) -> Iterator[str]:
    for number in range(lines):
        value = values[number] if number < len(values) else rng.choice(values)
        git = {
            "commit": f"{rng.getrandbits(160):040x}",
            "file": f"services/app-{number % 997}/config/{number}.env",
            "email": "Dev <dev@acme.example>",
            "repository": "https://github.com/acme/mono.git",
            "timestamp": "2026-11-01 10:00:00 +0000",
            "line": number % 400 + 1,
        }
        yield (
            json.dumps(
                {
                    "SourceMetadata": {"Data": {"Git": git}},
                    "SourceID": 1,
                    "SourceType": 16,
                    "SourceName": "trufflehog - git",
                    "DetectorType": 8,
                    "DetectorName": "Github",
                    "DetectorDescription": "GitHub is a web-based platform.",
                    "DecoderName": "PLAIN",
                    "Verified": False,
                    "VerificationFromCache": False,
                    "Raw": value,
                    "RawV2": "",
                    "Redacted": "",
                    "ExtraData": None,
                    "StructuredData": None,
                }
            )
            + "\n"
        )
