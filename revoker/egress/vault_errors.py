"""What an answer of Vault means when it is no good one: parked, forbidden, unknown, or wrongly configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from revoker.egress.line import Answer
from revoker.egress.replies import parse_json
from revoker.errors import AuthorityError, ConfigError, OutcomeUnknown, Parked, RevokerError

RESUME = "when Vault is back, the same command again; runs that parked go on with revoker resume"
PARTS = ("data", "auth", "wrap_info")
NOTHING_CHANGED = "nothing was changed in Vault"


def error_of(answer: Answer, what: str, *, changes: bool) -> RevokerError:
    """The error that an answer means."""
    if answer.status == 403:
        return AuthorityError(
            f"Vault forbids us to {what}.",
            safe=NOTHING_CHANGED,
            next="revoker doctor shows the missing rights, revoker vault policy the policy",
        )
    if answer.status == 503 or (answer.status in (429, 472, 473)):
        why = "is sealed or in maintenance" if answer.status == 503 else f"cannot answer now ({answer.status})"
        return Parked(f"Vault {why}.", safe=NOTHING_CHANGED, next=RESUME)
    if answer.status >= 500 and changes:
        return OutcomeUnknown(f"Vault failed ({answer.status}) while it was to {what}.", next="read it back before writing again")
    if answer.status >= 500:
        return Parked(f"Vault failed ({answer.status}) while it was to {what}.", safe=NOTHING_CHANGED, next=RESUME)
    if 300 <= answer.status < 400:
        return ConfigError(
            f"Vault answered with a redirect ({answer.status}).", safe=NOTHING_CHANGED, next="set [vault] addr to the active node"
        )
    return AuthorityError(
        f"Vault refused to {what} ({answer.status}).", safe=NOTHING_CHANGED, next="check the mount, the path and [vault] kv1"
    )


def unreachable(reason: str, *, sent: bool = True) -> Parked:
    """Nothing came back from Vault, and with `sent` False nothing reached it. Waiting does not help a wrong certificate."""
    if reason == "tls" and not sent:
        return Parked(
            "Vault's certificate is of an authority that is not trusted, for another name, or out of date.",
            safe="nothing was sent to Vault, not even the token",
            next="put Vault's authority into the file of [network] ca_bundle and the certificate's name into [vault] addr; "
            "then revoker resume",
        )
    return Parked(f"Vault cannot be reached ({reason}).", safe=NOTHING_CHANGED, next=RESUME)


def good(answer: Answer, what: str, *, changes: bool = False) -> Mapping[str, Any]:
    """The body of a good answer; any other answer as the error that it means."""
    if answer.status in (200, 204):
        body = body_of(answer)
        if answer.status == 204 or body or not changes:
            return body
        raise OutcomeUnknown(f"Vault's answer to {what} cannot be read.", next="read it back before writing again")
    raise error_of(answer, what, changes=changes)


def body_of(answer: Answer) -> Mapping[str, Any]:
    """The JSON object of an answer; empty when it holds none, or its parts are no objects: Vault's always are."""
    try:
        body = parse_json(answer.body.decode("utf-8", "replace")) if answer.body else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, Mapping) or any(not isinstance(body.get(part) or {}, Mapping) for part in PARTS):
        return {}
    return body


@contextmanager
def readable(what: str, *, changes: bool = False) -> Iterator[None]:
    """Say what it means that a good answer has not the form of Vault's: something else answered in its place."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        if changes:
            raise OutcomeUnknown(
                f"The answer to {what} has not the form of Vault's.", next="read it back before writing again"
            ) from None
        raise Parked(
            f"The answer to {what} has not the form of Vault's.",
            safe=NOTHING_CHANGED,
            next="check [vault] addr and what stands in front of it, then revoker resume",
        ) from None
