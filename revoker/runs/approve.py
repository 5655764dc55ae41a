"""Approvals: a named person's yes to one digest, as an SSH signature over a statement that anybody can read.

The statement is built again from its fields whenever it is checked, so nothing but these fields is approved.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import audit, sshsig
from revoker.config import ApproverSettings, Settings
from revoker.errors import ApprovalRefused, UsageError
from revoker.runs import digests
from revoker.store import events, plans
from revoker.store.plans import Approval

if TYPE_CHECKING:
    from revoker.store.database import Store

LIFETIME = timedelta(hours=8)
LONGEST = timedelta(hours=24)
EMERGENCY = timedelta(hours=1)  # how long one person's yes is enough
SKEW = timedelta(minutes=5)  # how far an approver's clock may be ahead of ours
FIRST = "revoker approval, version 1"
FIELDS = ("plan", "approver", "nonce", "signed", "expires")


@dataclass(frozen=True, slots=True)
class Statement:
    """What an approver signs."""

    plan: str
    approver: str
    nonce: str
    signed_at: datetime
    expires_at: datetime
    emergency: str = ""  # the reason, when this one yes is to be enough

    def text(self) -> bytes:
        """The canonical text; this, to the byte, is signed."""
        values = (self.plan, self.approver, self.nonce, digests.instant(self.signed_at), digests.instant(self.expires_at))
        lines = [FIRST, *(f"{name}: {value}" for name, value in zip(FIELDS, values, strict=True))]
        lines += [f"emergency: {self.emergency}"] if self.emergency else []
        return "".join(line + "\n" for line in lines).encode()


def statement(digest: str, approver: str, now: datetime, emergency: str = "") -> Statement:
    """A fresh statement, single use by its nonce. One for an emergency lasts an hour. Raises UsageError for a reason of two lines."""
    if not emergency.isprintable():
        raise UsageError("The reason of an emergency is one line of plain text.")
    start = now.replace(microsecond=0)
    return Statement(digest, approver, secrets.token_hex(16), start, start + (EMERGENCY if emergency else LIFETIME), emergency)


def read_statement(text: bytes) -> Statement:
    """The statement of a file that an approver signed with ssh-keygen. Raises ApprovalRefused when a byte is off."""
    try:
        values = [line.split(": ", 1)[1] for line in text.decode().splitlines()[1:]]
        signed, expires = map(digests.parse_instant, values[3:5])
        found = Statement(values[0], values[1], values[2], signed, expires, *values[5:6])
    except (ValueError, IndexError, TypeError):
        found = None
    if found is None or found.text() != text:
        raise ApprovalRefused("This is no approval statement of revoker.", next="revoker approve PLAN --statement")
    return found


def sign_statement(said: Statement, key_file: Path, password: Callable[[], bytes] | None = None) -> str:
    """Sign with an approver's private key file; the result is what `ssh-keygen -Y sign` makes."""
    return sshsig.sign(sshsig.private_key(key_file, password), said.text())


def approve(
    store: Store,
    settings: Settings,
    digest: str,
    approver: str,
    *,
    now: datetime,
    key: Path | Ed25519PrivateKey | None = None,
    password: Callable[[], bytes] | None = None,
    said: Statement | None = None,
    signature: str | None = None,
    emergency: str = "",
) -> Approval:
    """Record one approval of a plan: signed here with `key`, or brought as a statement and its signature.

    With `emergency`, a reason, it is to be enough alone; that is told to everybody at once.

    Raises ApprovalRefused, and UsageError when neither was given.
    """
    plan = plans.load_plan(store, digest)
    full, document = plan.digest, plan.document
    if digests.digest(document) != full:
        raise ApprovalRefused("The stored plan does not fit its digest.", safe="nothing was approved", next="revoker plan")
    if key is not None:
        said = statement(full, approver, now, emergency)
        signer = sshsig.private_key(key, password) if isinstance(key, Path) else key
        signature = sshsig.sign(signer, said.text())
    if said is None or signature is None:
        raise UsageError("An approval needs a private key, or a statement and its signature.")
    given = Approval(said.plan, said.approver, signature, said.nonce, said.signed_at, said.expires_at, emergency=said.emergency)
    if said.approver != approver:
        raise ApprovalRefused(f"The statement names {said.approver}, not {approver}.")
    check(given, full, document, settings, now)
    told = {"plan": full, "approver": approver, "nonce": said.nonce}
    if said.emergency:
        told["emergency"] = said.emergency
        events.emit(store, "approval.emergency", {"plan": full, "approver": approver, "why": said.emergency}, now)
    audit.append(store, "approved", told, now)
    plans.add_approval(store, given)
    return given


def check(given: Approval, digest: str, document: Mapping[str, Any], settings: Settings, now: datetime) -> ApproverSettings:
    """Check one approval against the plan, the approvers and the clock; give the approver. Raises ApprovalRefused."""
    who = next((person for person in settings.approvers if person.name == given.approver), None)
    if who is None:
        raise ApprovalRefused(f"{given.approver} is no approver.", next="[[approver]] in the configuration names them")
    if given.plan_digest != digest:
        raise ApprovalRefused("The approval is for another plan.")
    longest = EMERGENCY if given.emergency else LONGEST
    if not timedelta() < given.expires_at - given.signed_at <= longest:
        raise ApprovalRefused(f"Such an approval lasts at most {longest.total_seconds() / 3600:.0f} hours.")
    _in_scope(who, given, document)
    if given.signed_at > now + SKEW or given.signed_at + SKEW < digests.parse_instant(document["created_at"]):
        raise ApprovalRefused("The approval was signed before the plan was made, or in the future.")
    if now >= given.expires_at or now >= digests.parse_instant(document["expires_at"]):
        raise ApprovalRefused("The approval or its plan is expired.", next="revoker plan, and approve the new one")
    said = Statement(given.plan_digest, given.approver, given.nonce, given.signed_at, given.expires_at, given.emergency)
    sshsig.verify(given.signature, said.text(), who.key)
    return who


def _in_scope(who: ApproverSettings, given: Approval, document: Mapping[str, Any]) -> None:
    """Raise ApprovalRefused for a plan that goes beyond what this person may approve."""
    if given.emergency and not who.emergency:
        raise ApprovalRefused(f"{who.name} may not approve alone in an emergency.", next="[[approver]] emergency says who may")
    for entry in document["credentials"]:
        if who.providers and entry["provider"] not in who.providers:
            raise ApprovalRefused(f"{who.name} may not approve changes at {entry['provider']}.", next="another approver")
        beyond = {step["effect"] for step in entry["steps"] if step.get("effect")} - set(who.effects)
        if who.effects and beyond:
            raise ApprovalRefused(f"{who.name} may not approve {min(beyond)}.", next="another approver")


def missing(
    given: Sequence[Approval], digest: str, document: Mapping[str, Any], settings: Settings, now: datetime
) -> tuple[int, tuple[str, ...]]:
    """How many persons' approvals are still missing, and the names of those that count.

    A person is a key: two names with one key are one person. Where two are needed, the requester is none of them.
    An approval in an emergency is enough alone, the requester's too.
    """
    wanted = int(document["approvals"])
    people: dict[str, str] = {}
    alone: list[str] = []
    for approval in given:
        try:
            who = check(approval, digest, document, settings, now)
        except ApprovalRefused:
            continue
        if approval.consumed_at is not None:
            continue
        if approval.emergency:
            alone.append(who.name)
        if wanted < 2 or who.name != document["requester"]:
            people.setdefault(who.key.split()[1], who.name)
    if wanted >= 2:
        own = {person.key.split()[1] for person in settings.approvers if person.name == document["requester"]}
        people = {key: name for key, name in people.items() if key not in own}
    if alone:
        return 0, tuple(sorted({*people.values(), *alone}))
    return max(0, wanted - len(people)), tuple(sorted(people.values()))
