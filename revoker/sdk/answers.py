"""Declared answers: the only way to `live` or `dead`. Everything undeclared is `unknown` with a reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revoker.model import Credential, Identity, Validity, Verdict
from revoker.sdk.asking import Reader, Reply, evidence
from revoker.sdk.shapes import Kind, Verifier


@dataclass(frozen=True, slots=True)
class Answer:
    """One declared answer: a status and, where the status alone decides nothing, a code or a text.

    `at` names the place of the provider's own code in the body (`error.code`), `codes` its values;
    `says` is a text that the body must hold (last resort: wording changes); `has` are dotted paths that must
    be there, so that an empty or foreign 200 is not `live`. An answer without a status comes from what is no HTTP
    (a database's login), or from a rule that fields cannot hold: `when` says it in words.
    """

    status: int | None
    validity: Validity
    reason: str
    at: str = ""
    codes: tuple[str, ...] = ()
    says: str = ""
    has: tuple[str, ...] = ()
    json: bool = True  # the body must be JSON: an object, or a list that `has` looks into
    page: str = ""  # the vendor's page that says so; "" for the kind's own
    when: str = ""  # a rule beside the fields, in words, for an answer that the check's own code decides

    def readable(self, body: Any) -> bool:
        """An object; or a list, when `has` says what must stand in it. A bare text or number is nobody's answer."""
        return isinstance(body, Mapping) or (isinstance(body, list) and bool(self.has))

    def fits(self, reply: Reply) -> bool:
        if reply.status != self.status or (self.json and not self.readable(reply.json)):
            return False
        if self.codes and str(reply.pick(self.at) if self.at else reply.code) not in self.codes:
            return False
        if self.says and self.says.casefold() not in reply.text.casefold():
            return False
        return all(reply.pick(path) is not None for path in self.has)


def live(
    status: int = 200,
    reason: str = "authenticated",
    *,
    at: str = "",
    codes: Iterable[str] = (),
    says: str = "",
    has: Iterable[str] = (),
    json: bool = True,
    page: str = "",
) -> Answer:
    """Declare an answer that only a working credential gets."""
    return Answer(status, Validity.LIVE, reason, at, tuple(codes), says, tuple(has), json, page)


def dead(
    status: int = 401,
    reason: str = "refused",
    *,
    at: str = "",
    codes: Iterable[str] = (),
    says: str = "",
    has: Iterable[str] = (),
    json: bool = True,
    page: str = "",
) -> Answer:
    """Declare a definitive refusal of this very credential."""
    return Answer(status, Validity.DEAD, reason, at, tuple(codes), says, tuple(has), json, page)


def unsure(
    status: int, reason: str, *, at: str = "", codes: Iterable[str] = (), says: str = "", json: bool = True, page: str = ""
) -> Answer:
    """Name the reason of an answer that decides nothing, so that a person reads more than a number."""
    return Answer(status, Validity.UNKNOWN, reason, at, tuple(codes), says, (), json, page)


def decided(validity: Validity, reason: str, when: str, *, status: int | None = None, page: str = "") -> Answer:
    """Declare, in words, a verdict that a check reaches by its own code: from a listing, a login, two answers together."""
    return Answer(status, validity, reason, page=page, when=when)


@dataclass(frozen=True, slots=True)
class Check:
    """A verifier together with the answers that it knows: what `revoker providers show` and docs/providers.md print."""

    ask: Verifier
    answers: tuple[Answer, ...]

    def __call__(self, cred: Credential, api: Reader) -> Awaitable[Verdict]:
        return self.ask(cred, api)


def declares(*answers: Answer) -> Callable[[Verifier], Check]:
    """Write, above a check of one's own, the answers that it judges by."""
    return lambda ask: Check(ask, answers)


def declared(kind: Kind) -> tuple[Answer, ...]:
    """The answers that a kind's check declares, in the order in which they are tried."""
    return kind.verify.answers if isinstance(kind.verify, Check) else ()


def judge(
    reply: Reply, answers: Iterable[Answer], now: datetime, identity: Callable[[Reply], Identity | None] | None = None
) -> Verdict:
    """Turn a reply into a verdict by the first declared answer that fits it."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen, retry_after=reply.retry_after)
    for answer in answers:
        if answer.fits(reply):
            who = identity(reply) if identity and answer.validity is Validity.LIVE else None
            return Verdict(answer.validity, answer.reason, seen, who, reply.retry_after)
    return Verdict(Validity.UNKNOWN, undeclared(reply), seen, retry_after=reply.retry_after)


def undeclared(reply: Reply) -> str:
    """The reason slug of an answer that the provider file does not declare."""
    status = reply.status
    if status is None:
        return "no_answer"
    if status == 429:
        return "rate_limited"
    if status >= 500:
        return "server_error"
    if 300 <= status < 400:
        return "redirect"
    if reply.json is None:
        return "not_json"
    return f"undeclared_{status}"


def skip(reason: str) -> Verdict:
    """A verdict without a call."""
    return Verdict(Validity.SKIPPED, reason)


def expired_offline() -> Verdict:
    """Dead by its own signed or embedded end; the provider was not asked."""
    return Verdict(Validity.DEAD, "expired_offline")
