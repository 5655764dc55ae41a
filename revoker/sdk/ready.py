"""Ready-made parts for provider files: how a secret rides, a one-call check, a one-call revoke."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from revoker.errors import ActionFailed, OutcomeUnknown, Postponed
from revoker.model import NOTHING, Bound, Credential, Effect, Identity, Proof, Receipt, Secret, Unbound, Validity, Verdict
from revoker.sdk.answers import Answer, Check, decided, declares, judge
from revoker.sdk.asking import Auth, Reader, Reply, evidence, with_code
from revoker.sdk.shapes import Binder, Observer, Verifier


def bearer(secret: Secret) -> Auth:
    """`Authorization: Bearer <secret>`."""
    return Auth("Authorization", "Bearer {}", secret)


def header(name: str, secret: Secret, template: str = "{}") -> Auth:
    """The secret in a header of its own."""
    return Auth(name, template, secret)


def basic(user: str, secret: Secret) -> Auth:
    """HTTP Basic with a public user name and a secret password."""
    return Auth("Authorization", "Basic {}", secret, user)


def probe(
    path: str,
    answers: Iterable[Answer],
    *,
    auth: Callable[[Secret], Auth] = bearer,
    headers: Mapping[str, str] = NOTHING,
    params: Mapping[str, str] = NOTHING,
    identity: Callable[[Reply], Identity | None] | None = None,
    host: str | None = None,
    code: Callable[[Reply], str | None] | None = None,
) -> Check:
    """A check of one GET with the credential itself. `code` reads the provider's own error code where it hides deep."""
    declared = tuple(answers)

    @declares(*declared)
    async def verify(cred: Credential, api: Reader) -> Verdict:
        reply = await api.get(path, auth=auth(cred.secret), headers=headers, params=params, host=host)
        return judge(with_code(reply, code) if code else reply, declared, api.now, identity)

    return verify


Place = TypeVar("Place")


async def anywhere(places: Iterable[Place], ask: Callable[[Place], Awaitable[Verdict]]) -> Verdict:
    """Ask one place after the other: live where one lets it in, dead only when every one refused it."""
    refused: Verdict | None = None
    unclear: Verdict | None = None
    for place in places:
        verdict = await ask(place)
        if verdict.validity is Validity.LIVE:
            return verdict
        if verdict.validity is Validity.DEAD:
            refused = verdict
        else:
            unclear = unclear or verdict
    return unclear or refused or Verdict(Validity.UNKNOWN, "no_answer")


@declares(decided(Validity.UNKNOWN, "no_safe_check", "nothing is asked: every call costs, writes, or makes another secret"))
async def no_safe_check(cred: Credential, api: Reader) -> Verdict:
    """The check of a kind that no harmless call can check: every one costs, writes, or makes another secret."""
    return Verdict(Validity.UNKNOWN, "no_safe_check")


def at_its_host(
    path: str,
    answers: Iterable[Answer],
    *,
    auth: Callable[[Credential], Auth],
    headers: Mapping[str, str] = NOTHING,
    identity: Callable[[Reply], Identity | None] | None = None,
) -> Check:
    """A check of one GET at the host that came with the credential (Kind.host_from = "host")."""
    declared = tuple(answers)

    @declares(*declared)
    async def verify(cred: Credential, api: Reader) -> Verdict:
        reply = await api.get(path, auth=auth(cred), headers=headers, host=cred.parts.get("host"))
        return judge(reply, declared, api.now, identity)

    return verify


def everywhere(
    hosts: Iterable[str],
    path: str,
    answers: Iterable[Answer],
    *,
    auth: Callable[[Secret], Auth] = bearer,
    headers: Mapping[str, str] = NOTHING,
    params: Mapping[str, str] = NOTHING,
    identity: Callable[[Reply], Identity | None] | None = None,
) -> Check:
    """A check of the same GET at each of a provider's regions: live where one says so, dead only when all say so."""
    regions, declared = tuple(hosts), tuple(answers)

    @declares(*declared)
    async def verify(cred: Credential, api: Reader) -> Verdict:
        async def ask(host: str) -> Verdict:
            reply = await api.get(path, auth=auth(cred.secret), headers=headers, params=params, host=host)
            return judge(reply, declared, api.now, identity)

        return await anywhere(regions, ask)

    return verify


def identity_from(
    *, account: str = "", principal: str = "", scopes: str = "", expires_at: str = "", last_used_at: str = ""
) -> Callable[[Reply], Identity | None]:
    """Read an identity from dotted paths of the body."""

    def read(reply: Reply) -> Identity:
        listed = reply.pick(scopes) if scopes else None
        return Identity(
            account=text_at(reply, account),
            principal=text_at(reply, principal),
            scopes=tuple(str(s) for s in listed) if isinstance(listed, list) else (),
            expires_at=time_at(reply, expires_at),
            last_used_at=time_at(reply, last_used_at),
        )

    return read


def text_at(reply: Reply, path: str) -> str | None:
    """The text or number at a path, as text; None for anything else."""
    found = reply.pick(path) if path else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None


def time_at(reply: Reply, path: str) -> datetime | None:
    """The time at a path: ISO 8601 or Unix seconds; None for anything else."""
    found = reply.pick(path) if path else None
    try:
        if isinstance(found, int) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
        if isinstance(found, str):
            when = datetime.fromisoformat(found)
            return when if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def bound_as_itself(how: str) -> Binder:
    """Bind where the secret is the request's own credential or body: nothing else can be hit."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, how)

    return bind


def bound_by_part(part: str, how: str) -> Binder:
    """Bind to an id that is a part of the credential itself."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        if part not in cred.parts:
            return Unbound("no_match", f"the finding has no {part}")
        return Bound(cred, cred.parts[part], Proof.EMBEDDED, how)

    return bind


def seen_dead(verify: Verifier) -> Observer:
    """Observe a revocation by the credential itself: in effect when its own check is refused."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        verdict = await verify(bound.credential, api)
        return {Validity.DEAD: True, Validity.LIVE: False}.get(verdict.validity)

    return observe


def safe_id(value: object, pattern: str = r"[\w.:@-]{1,200}") -> str:
    """An id from a reply that may go into a path. Raises ActionFailed when it is no id."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(pattern, text) or ".." in text:
        raise ActionFailed("The provider answered with an id that does not look like one; nothing was sent.")
    return text


def receipt(
    action: str,
    effect: Effect,
    bound: Bound,
    reply: Reply,
    now: datetime,
    *,
    done: Iterable[int],
    already: Iterable[int] = (),
    detail: str = "",
    told: Callable[[Reply], str] | None = None,
) -> Receipt:
    """A receipt for a declared answer to a change.

    `told` reads the outcome (`done`, `already`, `refused`, or anything else for unclear) from the body of a `done` status,
    for providers whose status says nothing. Raises ActionFailed on a definitive refusal (4xx), Postponed when the provider only
    asks for a pause or could not be reached, OutcomeUnknown on anything else.
    """
    seen = evidence(reply, now)
    outcome = _outcome(reply, set(done), set(already), told)
    if outcome in ("done", "already"):
        return Receipt(action, effect, bound.target, already=outcome == "already", detail=detail, evidence=seen)
    if outcome == "refused":
        code = seen.code or reply.status or reply.trouble
        raise (Postponed if is_for_now(reply) else ActionFailed)(
            f"{seen.host} refused {action} ({code}).",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed by this call",
            next="revoker resume tries again; workers do so by themselves" if is_for_now(reply) else "",
        )
    raise OutcomeUnknown(
        f"{seen.host} gave no clear answer to {action} ({reply.status or reply.trouble}).",
        fingerprint=bound.credential.fingerprint,
        next="revoker resume looks at the state before it tries again",
    )


UNREACHED = ("connect", "timeout", "disconnected", "rate_limited")  # nothing was sent; the next try may get through
THROTTLED = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException")  # AWS says it with a 400


def is_for_now(reply: Reply) -> bool:
    """Whether a refused change was refused for the moment only: no way to the provider, or a pause that it asked for.

    RFC 6585 section 4 (429); RFC 9110 section 10.2.3 (Retry-After);
    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """
    if reply.trouble == "not_sent":
        return reply.code in UNREACHED
    return reply.status == 429 or reply.retry_after is not None or reply.code in THROTTLED


def _outcome(reply: Reply, done: set[int], already: set[int], told: Callable[[Reply], str] | None) -> str:
    if reply.trouble == "not_sent":
        return "refused"
    if reply.trouble is not None:
        return ""  # a login page or a broken body under a good status confirms nothing
    if reply.status in done:
        return told(reply) if told else "done"
    if reply.status in already:
        return "already"
    return "refused" if reply.status is not None and 400 <= reply.status < 500 else ""
