"""Looks a public key up in an `authorized_keys` file, as sshd(8) reads it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from revoker.sdk import ssh_fingerprint

KEY = re.compile(r"(?:ssh-|ecdsa-|sk-)[\w@.-]{2,60}\s+[A-Za-z0-9+/]{20,}={0,2}")
OPTIONS = re.compile(r'(?:[^\s"]|"(?:\\"|[^"])*")+')  # one word, in which quotes may hold blanks
EXPIRY = re.compile(r'(?:^|,)expiry-time="?(\d{8})(\d{2})?(\d{2})?(\d{2})?(Z)?"?', re.IGNORECASE)


def listed(text: str, fingerprint: str, now: datetime) -> str:
    """`listed` when a line takes this key, `listed_expired` when only lines do that are over, `not_listed` otherwise.

    A line of a certificate authority (`cert-authority`) counts: whoever holds that key signs himself in.
    """
    found = [_over(options, now) for options, key in _lines(text) if ssh_fingerprint(key) == fingerprint]
    if not found:
        return "not_listed"
    return "listed_expired" if all(found) else "listed"


def _lines(text: str) -> list[tuple[str, str]]:
    """(options, `type base64`) of each line that holds a key."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        options = ""
        if KEY.match(bare) is None:
            word = OPTIONS.match(bare)
            options = word[0] if word else ""
            bare = bare[len(options) :].lstrip()
        key = KEY.match(bare)
        if key is not None:
            found.append((options, key[0]))
    return found


def _over(options: str, now: datetime) -> bool:
    """True when the line's `expiry-time` is over. A time without `Z` is the server's local one: a day is added to be sure."""
    end = EXPIRY.search(options)
    if end is None:
        return False
    try:
        when = datetime.strptime(end[1] + "".join(part or "00" for part in end.groups()[1:4]), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    seconds = (now - when).total_seconds()
    return seconds > (0 if end[5] else 86_400)
