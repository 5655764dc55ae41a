"""Offline checks: what a value says about itself before anybody is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from datetime import datetime

from revoker.model import Credential, Verdict
from revoker.sdk.answers import expired_offline, skip
from revoker.sdk.shapes import OfflineCheck

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(number: int, width: int) -> str:
    """A number in base 62 (0-9A-Za-z), left-padded with zeros."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits.rjust(width, "0")


def crc32_base62(body: str) -> str:
    """The six-character checksum at the end of GitHub and npm tokens."""
    return base62(zlib.crc32(body.encode()), 6)


def checksum(right: Callable[[str], bool]) -> OfflineCheck:
    """Skip a value whose own checksum is wrong: it is a typo, a truncation or a fixture."""

    def check(cred: Credential, now: datetime) -> Verdict | None:
        return None if right(cred.secret.reveal()) else skip("malformed")

    return check


def crc32_suffix(value: str) -> bool:
    """True when the last six characters are the CRC-32 of what stands between `_` and them."""
    body = value.split("_", 1)[-1]
    return len(body) > 6 and crc32_base62(body[:-6]) == body[-6:]


def jwt_claims(value: str) -> dict[str, object]:
    """The unverified claims of a JWT, or an empty dict."""
    parts = value.split(".")
    if len(parts) != 3 or len(parts[1]) > 16_384:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def expired_jwt(cred: Credential, now: datetime) -> Verdict | None:
    """Dead when the JWT's own `exp` is over."""
    end = jwt_claims(cred.secret.reveal()).get("exp")
    if isinstance(end, int | float) and not isinstance(end, bool) and 0 < end < now.timestamp():
        return expired_offline()
    return None


EXAMPLE = re.compile(r"EXAMPLE|CHANGE_?ME|PLACEHOLDER|YOUR[_-]|X{8,}|DUMMY|^(.)\1*$", re.IGNORECASE)


def example_value(cred: Credential, now: datetime) -> Verdict | None:
    """Skip documentation examples and placeholders; they are never sent anywhere."""
    return skip("example") if EXAMPLE.search(cred.secret.reveal()) else None


def known_examples(*digests: str) -> OfflineCheck:
    """Skip the values that a vendor prints in its documentation, named by their SHA-256 so that no scanner meets them here."""

    def check(cred: Credential, now: datetime) -> Verdict | None:
        digest = hashlib.sha256(cred.secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()
        return skip("example") if digest in digests else None

    return check
