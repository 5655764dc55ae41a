"""Checks of GitHub tokens: one GET, and what its refusals mean."""

from collections.abc import Callable
from datetime import UTC, datetime

from revoker.sdk import (
    Credential,
    Identity,
    Reader,
    Reply,
    Validity,
    Verdict,
    Verifier,
    bearer,
    dead,
    decided,
    declares,
    expired_offline,
    judge,
    jwt_claims,
    live,
    text_at,
    unsure,
)

VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

# Refusals of GitHub that only a working token gets. Rate limits and lock-outs come as 403 too, and are told apart first.
RESTRICTED = (
    live(403, "sso_required", says="SAML enforcement"),
    live(403, "restricted", says="Resource not accessible by"),
    live(403, "ip_allow_list", says="IP allow list"),
    live(403, "account_suspended", says="account was suspended"),
    dead(401, "refused", says="Bad credentials"),
)
LOCKED_OUT = "maximum number of login attempts"
LOCKED = decided(Validity.UNKNOWN, "login_lockout", f"the text says {LOCKED_OUT!r}", status=403)
LIMITED = decided(Validity.UNKNOWN, "rate_limited", "no calls are left, or the answer says when to come again", status=403)


def whoami(reply: Reply) -> Identity:
    """The user; scopes of classic and OAuth tokens, and the end, from headers. Orgs are left open: a user has many."""
    scopes = reply.headers.get("x-oauth-scopes", "")
    end = reply.headers.get("github-authentication-token-expiration")
    return Identity(
        principal=text_at(reply, "login"),
        scopes=tuple(scope.strip() for scope in scopes.split(",") if scope.strip()),
        expires_at=_end(end) if end else None,
    )


def _end(text: str) -> datetime | None:
    """`2027-01-01 10:00:00 UTC`, or with an offset."""
    try:
        when = datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def installation(reply: Reply) -> Identity:
    """The account that the app is installed in."""
    return Identity(account=text_at(reply, "repositories.0.owner.login"))


def check(path: str, has: str, identity: Callable[[Reply], Identity]) -> Verifier:
    """One GET. After several bad logins GitHub refuses good ones too for a while: that answer decides nothing."""
    answers = (live(200, has=[has]), *RESTRICTED)

    @declares(LOCKED, LIMITED, *answers)
    async def verify(cred: Credential, api: Reader) -> Verdict:
        reply = await api.get(path, auth=bearer(cred.secret), headers=VERSION)
        if reply.status in (403, 429) and reply.trouble is None:
            if LOCKED_OUT in reply.text.casefold():
                return judge(reply, [unsure(reply.status, "login_lockout", json=False)], api.now)
            if reply.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in reply.headers or "rate limit" in reply.text:
                return judge(reply, [unsure(reply.status, "rate_limited", json=False)], api.now)
        return judge(reply, answers, api.now, identity)

    return verify


as_user = check("/user", "login", whoami)
as_installation = check("/installation/repositories", "total_count", installation)


def expired_token(cred: Credential, now: datetime) -> Verdict | None:
    """The long form of an installation token is a JWT behind its app id, with its own end."""
    parts = cred.secret.reveal().split("_", 2)
    end = jwt_claims(parts[2]).get("exp") if len(parts) == 3 else None
    return expired_offline() if isinstance(end, int) and end < now.timestamp() else None
