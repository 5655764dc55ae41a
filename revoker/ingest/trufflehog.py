"""TruffleHog 3: one JSON object a line.

`Raw` is an identifier, not always the secret, so the named SecretParts come first, and the joined RawV2 second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from revoker.ingest import claims
from revoker.ingest.records import Record, records
from revoker.ingest.source import Source
from revoker.model import NOTHING, Finding, Location, Secret

SECRET_NAMES = (
    "secret_access_key", "connection_string", "secret_id", "client_secret", "account_key", "token", "secret",
    "password", "api_key", "key",
)  # fmt: skip
PUBLIC_NAMES = {
    "access_key_id": "key_id",
    "username": "username",
    "host": "host",
    "domain": "host",
    "endpoint": "host",
    "role_id": "role_id",
    "client_id": "client_id",
    "account_name": "account_name",
    "email": "email",
    "region": "region",
    "id": "id",
}
JOINED = {"AWS": "key_id", "AWSSessionKey": "key_id", "HashiCorpVaultAuth": "role_id", "Dockerhub": "username"}


def read(source: Source) -> Iterator[Finding]:
    """Findings of a TruffleHog report."""
    for record in records(source):
        rule, raw = record.get("DetectorName"), record.get("Raw")
        if not isinstance(rule, str) or not isinstance(raw, str):
            source.problems.add("bad_record", source.name)
            continue
        found = _finding(record, rule, raw, source)
        if found is not None:
            yield found


def _finding(record: Record, rule: str, raw: str, source: Source) -> Finding | None:
    place, at = _place(record)
    value, parts, secret_parts = _value(record, rule, raw)
    reported = _reported(record)
    return claims.finding(
        rule[:200], value, place, source.problems, parts=parts, secret_parts=secret_parts, reported=reported, at=at
    )


def _value(record: Record, rule: str, raw: str) -> tuple[str, Mapping[str, str], Mapping[str, Secret]]:
    """The secret, its public parts and its secret parts."""
    named = record.get("SecretParts")
    if isinstance(named, dict) and named:
        if len(named) == 1 and isinstance(alone := named.get("key"), str) and alone:
            return alone, NOTHING, NOTHING
        return _named(named, raw)
    joined = record.get("RawV2")
    if rule in JOINED and isinstance(joined, str) and ":" in joined:
        return _split(rule, raw, joined)
    return raw, NOTHING, NOTHING


def _named(named: Mapping[str, Any], raw: str) -> tuple[str, Mapping[str, str], Mapping[str, Secret]]:
    """The secret and the parts that SecretParts tells apart by name."""
    secret = next((v for name in SECRET_NAMES if isinstance(v := named.get(name), str) and v), raw)
    parts = {ours: v for name, ours in PUBLIC_NAMES.items() if (v := claims.text(named.get(name))) and v != secret}
    session = named.get("session_token")
    return secret, parts, {"session_token": Secret(session)} if isinstance(session, str) and session else NOTHING


def _split(rule: str, raw: str, joined: str) -> tuple[str, Mapping[str, str], Mapping[str, Secret]]:
    """The halves of a RawV2 from before SecretParts: `id:secret[:token]`, or `user:token` for Docker Hub."""
    if rule == "Dockerhub":
        user = joined.replace(raw, "", 1).strip(":")
        return raw, {"username": user} if user else NOTHING, NOTHING
    first, secret, *rest = joined.split(":")
    session = {"session_token": Secret(rest[0])} if rest and rest[0] else NOTHING
    return secret, {JOINED[rule]: first}, session


def _reported(record: Record) -> str:
    """TruffleHog's own verdict in plain words; `unverified` never means dead."""
    if record.get("Verified") is True:
        return "live"
    error = record.get("VerificationError")
    if not isinstance(error, str) or not error:
        return "unverified"
    return "not_attempted" if "more than one detector" in error else "indeterminate"


def _place(record: Record) -> tuple[Location, object]:
    data = claims.table(claims.table(record.get("SourceMetadata")).get("Data"))
    kind = next(iter(data), "")
    where = claims.table(data.get(kind))
    file = claims.text(where.get("file") or where.get("filename") or where.get("link"))
    repository = claims.url(where.get("repository"))
    if repository is None and (bucket := claims.text(where.get("bucket"))):
        repository = f"{kind.casefold()[:20]}:{bucket}"
    line = claims.whole(where.get("line"))
    commit = claims.text(where.get("commit"), 80)
    place = Location("trufflehog", file, line, commit, _image(where), claims.text(where.get("layer"), 200), repository)
    return place, where.get("timestamp")


def _image(where: Mapping[str, Any]) -> str | None:
    image, tag = claims.text(where.get("image")), claims.text(where.get("tag"), 200)
    return f"{image}:{tag}" if image and tag and ":" not in image.rsplit("/", 1)[-1] else image
