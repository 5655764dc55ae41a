"""What an AWS key id says by itself: its type, its account, and whether that account is a trap."""

import base64
import binascii
import re
from datetime import datetime

from revoker.sdk import Credential, Verdict, skip

KEY_ID = re.compile(r"A[KS]IA[A-Z2-7]{16}")
HOLDS_ACCOUNT = "QRSTUVWXYZ234567"  # the fifth character of ids that carry their account; older ids do not
MASK, SHIFT = 0x7FFF_FFFF_FF80, 7
NAMES = ("AIDA", "AROA", "AGPA", "AIPA", "ANPA", "ANVA", "ASCA", "APKA")  # ids of users, roles, groups: no credentials

# Accounts whose keys are bait: any call with such a key, even the most harmless, raises an alarm at its owner.
THINKST = frozenset(
    {
        "052310077262", "171436882533", "266735846894", "534261010715", "595918472158",
        "717712589309", "730335385048", "819147034852", "893192397702", "992382622183",
    }
)  # fmt: skip
OTHER_BAIT = frozenset(
    {
        "044858866125", "251535659677", "344043088457", "351906852752", "390477818340", "426127672474", "427150556519",
        "439872796651", "445142720921", "465867158099", "637958123769", "693412236332", "732624840810", "735421457923",
        "959235150393", "982842642351",
    }
)  # fmt: skip


def account_in(key_id: str) -> str | None:
    """The twelve-digit account that a key id carries, or None for old ids and for what is no key id."""
    if not KEY_ID.fullmatch(key_id) or key_id[4] not in HOLDS_ACCOUNT:
        return None
    try:
        head = int.from_bytes(base64.b32decode(key_id[4:])[:6], "big")
    except binascii.Error:
        return None
    return f"{(head & MASK) >> SHIFT:012d}"


def account_of(cred: Credential) -> str | None:
    """The account of a credential, read offline."""
    return account_in(cred.parts.get("key_id", ""))


def is_canary(account: str | None) -> bool:
    """True for an account that is known to hold bait only."""
    return account in THINKST or account in OTHER_BAIT


def canary(cred: Credential, now: datetime) -> Verdict | None:
    """Skip bait before anything is sent."""
    return skip("canary") if is_canary(account_of(cred)) else None


def no_credential(cred: Credential, now: datetime) -> Verdict | None:
    """Skip the ids of users and roles, and the examples of the documentation."""
    key_id = cred.parts.get("key_id", "")
    if key_id.endswith("EXAMPLE"):
        return skip("example")
    return skip("malformed") if key_id.startswith(NAMES) else None


def half_a_session(cred: Credential, now: datetime) -> Verdict | None:
    """A temporary key works only with its session token."""
    return skip("incomplete") if cred.parts.get("key_id", "").startswith("ASIA") else None
