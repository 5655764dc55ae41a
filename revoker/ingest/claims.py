"""From a report's raw fields to a Finding. Every field is a claim of a stranger: typed, cleaned and capped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from revoker.ingest import pem
from revoker.ingest.problems import Problems
from revoker.model import NOTHING, Finding, Location, Secret, ValueState

LONGEST_VALUE = 64 * 1024
LONGEST_TEXT = 1024
HIDDEN = "***"

MASKED = re.compile(r"requires login|<[a-z_ -]+>", re.IGNORECASE)
HASH = re.compile(r"(?:sha\d+|md5|hmac)[:-]|\$(?:2[aby]|argon2\w*|scrypt|pbkdf2[\w-]*|[156y])\$|\{S?SHA\d*\}", re.IGNORECASE)
USERINFO = re.compile(r"(?<=://)[^/@\s]*@")


def state_of(value: str) -> ValueState:
    """Whether a reported value is the secret itself, or what a scanner left of it."""
    if not value:
        return ValueState.ABSENT
    if "****" in value or value.endswith("...") or "…" in value or "•••" in value:
        return ValueState.MASKED
    if "REDACTED" in value.upper() or MASKED.fullmatch(value):
        return ValueState.MASKED
    if HASH.match(value):
        return ValueState.HASHED
    return ValueState.RAW


def text(found: object, longest: int = LONGEST_TEXT) -> str | None:
    """A claim as one clean line, or None: no control characters, no direction marks, capped."""
    if not isinstance(found, str) or not found:
        return None
    if len(found) > longest:
        found = found[:longest]
    return found if found.isprintable() else "".join(c for c in found if c.isprintable()) or None


def whole(found: object) -> int | None:
    """A line number, or None."""
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
        found = int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**31 else None


def table(found: object) -> Mapping[str, Any]:
    """An object of a report, or an empty one."""
    return found if isinstance(found, dict) else NOTHING


def path(found: object) -> str | None:
    """A file's path; `./x` and `x` are the same place."""
    cleaned = text(found)
    return None if cleaned is None else cleaned.removeprefix("file://").removeprefix("./")


def url(found: object) -> str | None:
    """A repository's address without the login that git remotes often hold, and without `.git`."""
    cleaned = text(found)
    if cleaned is not None and "@" in cleaned:
        cleaned = USERINFO.sub("", cleaned)
    return None if cleaned is None else cleaned.removesuffix(".git")


@lru_cache(maxsize=4096)
def moment(found: str) -> datetime | None:
    """A commit's time: ISO 8601, or `2026-11-02 10:00:00 +0000`."""
    try:
        when = datetime.fromisoformat(found.replace(" +", "+").replace(" -", "-").strip())
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return when if 1990 < when.year < 2200 else None


def finding(
    rule: str,
    value: str,
    place: Location,
    problems: Problems,
    *,
    parts: Mapping[str, str] = NOTHING,
    secret_parts: Mapping[str, Secret] = NOTHING,
    reported: str | None = None,
    at: object = None,
) -> Finding | None:
    """A Finding of cleaned claims. None, and a counted problem, for a value that cannot be a secret."""
    value = value.strip()
    cut = False
    if "PRIVATE KEY" in value and pem.mentions_key(value[: 2 * LONGEST_VALUE]):
        whole_key = pem.canonical(value[: 2 * LONGEST_VALUE])
        value, cut = whole_key or value, whole_key is None
    if len(value) > LONGEST_VALUE:
        problems.add("value_too_long")
        return None
    if "\ufffd" in value or "\0" in value or not _encodable(value):
        problems.add("damaged")
        return None
    state = ValueState.PARTIAL if cut else state_of(value)
    secret = Secret(value) if state is ValueState.RAW else None
    if secret is not None:
        place, rule, reported = _without(value, place), rule.replace(value, HIDDEN), reported and reported.replace(value, HIDDEN)
        parts = {name: part for name, part in parts.items() if value not in part} if parts else parts
    when = moment(at) if isinstance(at, str) and len(at) < 40 else None
    return Finding(rule, place, secret, state, parts, secret_parts, reported, when)


def _encodable(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without(value: str, place: Location) -> Location:
    """Take the secret, also in the form that it has in an address, out of every text of a place that repeats it."""
    known = (place.file, place.commit, place.image, place.layer, place.repository)
    shapes = {value, quote(value, safe="")}
    if not any(shape in text for text in known if text for shape in shapes):
        return place
    hidden = [text and _hide(text, shapes) for text in known]
    file, commit, image, layer, repository = hidden
    return Location(place.source, file, place.line, commit, image, layer, repository)


def _hide(text: str, shapes: Iterable[str]) -> str:
    for shape in shapes:
        text = text.replace(shape, HIDDEN)
    return text


def variable_before(match: object) -> str | None:
    """The name that a value is assigned to, in the piece of the source that a scanner quotes."""
    if not isinstance(match, str):
        return None
    found = re.match(r"""[\s"'{,]{0,20}(?:export\s+)?([A-Za-z_][\w.-]{0,80})["']?\s{0,20}(?::=|=>|[:=])""", match)
    return found[1] if found else None
