"""One login without a database. Every number here is from documentation: no SQL Server was at hand to try them on."""

from urllib.parse import unquote

from revoker.sdk import (
    Answer,
    Bound,
    Credential,
    Identity,
    Observer,
    Proof,
    Reader,
    Reply,
    Unbound,
    Validity,
    Verdict,
    decided,
    declares,
    evidence,
    no_authority,
    skip,
    text_at,
)

ENGINE = "mssql"
AUTHORITY = "password"
DISABLED = "login_disabled"

AFTER_PASSWORD = {"4060": "no_database_right", "18487": "password_expired", "18488": "must_change_password"}
# 18456 hides why: a wrong password, a user who lives in one database only, a server that takes no SQL logins.
UNSURE = {"18456": "login_failed", "18486": "locked_out", "40615": "host_refused", "40532": "server_unclear"}


def verdict_of(reply: Reply, api: Reader) -> Verdict:
    """No number of SQL Server tells a wrong password from the rest, so none is taken as a proof of death but 18470."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    code, user = reply.code, text_at(reply, "user")
    if code is None and not user:
        return Verdict(Validity.UNKNOWN, "no_answer", seen)
    if code is None:
        scopes = tuple(f"server role {name}" for name in ("sysadmin",) if reply.pick(name) == 1)
        known = (*scopes, f"server {text_at(reply, 'version') or 'of an unknown version'}")
        return Verdict(Validity.LIVE, "authenticated", seen, Identity(principal=user, scopes=known))
    if code == "18470":
        return Verdict(Validity.DEAD, DISABLED, seen)
    if code in AFTER_PASSWORD:
        return Verdict(Validity.LIVE, AFTER_PASSWORD[code], seen)
    return Verdict(Validity.UNKNOWN, UNSURE.get(code, "undeclared_error"), seen)


ANSWERS = (
    decided(Validity.LIVE, "authenticated", "logged in"),
    Answer(None, Validity.DEAD, DISABLED, codes=("18470",)),
    *(Answer(None, Validity.LIVE, reason, codes=(code,)) for code, reason in AFTER_PASSWORD.items()),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One login, one question, without a retry."""
    return verdict_of(await api.login(ENGINE, cred), api)


def user_of(cred: Credential) -> str:
    """The login's name, as the server knows it."""
    return unquote(cred.parts.get("user", ""))


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The login is a part of the URI. Nothing is asked, so that it can still be told when the password is changed."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    user, where = user_of(cred), f"{cred.parts.get('host', '')}:{cred.parts.get('port') or 1433}"
    if not user or not user.isprintable() or len(user) > 128:
        return Unbound("no_match", "the URI names no login")
    if user.casefold() in ((api.setting("user") or "").casefold(), "sa"):
        return Unbound("own_authority", "this is the login that we act with, or sa; change it by hand")
    how = f"the login {user} at {where} is named in the leaked URI itself"
    return Bound(cred, user, Proof.EMBEDDED, how, None, {"server": where})


async def bind_working(cred: Credential, api: Reader) -> Bound | Unbound:
    """The same, and the leaked password opens it right now, or would if it were not disabled."""
    found = await bind(cred, api)
    if isinstance(found, Unbound):
        return found
    verdict = await verify(cred, api)
    if verdict.validity is Validity.LIVE or verdict.reason == DISABLED:
        return found
    return Unbound("not_live", f"the leaked password does not open this login now ({verdict.reason})")


def is_disabled(*, wanted: bool) -> Observer:
    """Log in once more, and see whether the login is disabled, or open."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        verdict = await verify(bound.credential, api)
        if verdict.validity not in (Validity.LIVE, Validity.DEAD):
            return None
        return (verdict.reason == DISABLED) is wanted

    return observe


async def is_refused(bound: Bound, api: Reader) -> bool | None:
    """True when the old password is refused. 18456 alone proves no death, but after our own change it is its effect."""
    verdict = await verify(bound.credential, api)
    if verdict.reason == "login_failed":
        return True
    return False if verdict.validity is Validity.LIVE else None
