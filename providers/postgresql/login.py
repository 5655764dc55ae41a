"""One login is one attempt, and the server's SQLSTATE decides. The role's name is a part of the URI."""

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
    time_at,
)

ENGINE = "postgresql"
AUTHORITY = "password"
DISABLED = "login_disabled"

# The server checks the password first: these codes come only after it was right.
AFTER_PASSWORD = {"3D000": "no_such_database", "42501": "no_connect_right", "55000": "database_closed"}
UNSURE = {"57P03": "starting_up", "28000": "host_refused"}


def verdict_of(reply: Reply, api: Reader) -> Verdict:
    """A wrong password, an unknown role, an expired one and one without a password look the same: 28P01."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    if reply.code is None:
        return _welcomed(reply, api)
    code, said = reply.code, reply.text.casefold()
    if code == "28P01":
        return Verdict(Validity.DEAD, "refused", seen)
    if code == "28000" and "not permitted to log in" in said:
        return Verdict(Validity.DEAD, DISABLED, seen)  # the password is right and the role is shut: it can be opened again
    if code in AFTER_PASSWORD:
        return Verdict(Validity.LIVE, AFTER_PASSWORD[code], seen)
    if code == "53300" and "connections for role" in said:
        return Verdict(Validity.LIVE, "role_connection_limit", seen)
    return Verdict(Validity.UNKNOWN, UNSURE.get(code, "server_full" if code == "53300" else "undeclared_error"), seen)


def _welcomed(reply: Reply, api: Reader) -> Verdict:
    """Logged in. A server that asked for no password proves nothing about one."""
    seen = evidence(reply, api.now)
    if not text_at(reply, "user"):
        return Verdict(Validity.UNKNOWN, "no_answer", seen)
    if reply.pick("used_password") is False:
        return Verdict(Validity.UNKNOWN, "no_password_needed", seen)
    rights = tuple(
        right for right in ("superuser", "createrole", "createdb", "replication", "bypassrls") if reply.pick(right) is True
    )
    who = Identity(principal=text_at(reply, "user"), scopes=rights, expires_at=time_at(reply, "valid_until"))
    return Verdict(Validity.LIVE, "authenticated", seen, who)


ANSWERS = (
    decided(Validity.LIVE, "authenticated", "logged in, with the password"),
    decided(Validity.UNKNOWN, "no_password_needed", "the server asked for no password, which proves nothing about one"),
    Answer(None, Validity.DEAD, "refused", codes=("28P01",)),
    Answer(None, Validity.DEAD, DISABLED, codes=("28000",), says="not permitted to log in"),
    *(Answer(None, Validity.LIVE, reason, codes=(code,)) for code, reason in AFTER_PASSWORD.items()),
    Answer(None, Validity.LIVE, "role_connection_limit", codes=("53300",), says="connections for role"),
    Answer(None, Validity.UNKNOWN, "server_full", codes=("53300",)),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One login, read-only, without a retry."""
    return verdict_of(await api.login(ENGINE, cred), api)


def role_of(cred: Credential) -> str:
    """The role's name, as the server knows it."""
    return unquote(cred.parts.get("user", ""))


def server_of(cred: Credential) -> str:
    """`host:port`."""
    return f"{cred.parts.get('host', '')}:{cred.parts.get('port') or 5432}"


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The role is a part of the URI. Nothing is asked, so that it can still be told when the password is changed."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    role = role_of(cred)
    if not role or "\0" in role:
        return Unbound("no_match", "the URI names no role")
    if role == api.setting("user"):
        return Unbound("own_authority", "this is the role that we act with; change it by hand")
    how = f"the role {role} at {server_of(cred)} is named in the leaked URI itself"
    return Bound(cred, role, Proof.EMBEDDED, how, None, {"server": server_of(cred)})


async def bind_working(cred: Credential, api: Reader) -> Bound | Unbound:
    """The same, and the leaked password opens it right now: a made-up URI with our role's name changes nothing."""
    found = await bind(cred, api)
    if isinstance(found, Unbound):
        return found
    verdict = await verify(cred, api)
    if verdict.validity is Validity.LIVE or verdict.reason == DISABLED:
        return found
    return Unbound("not_live", f"the leaked password does not open this role now ({verdict.reason})")


def says(reason: str) -> Observer:
    """Log in once more, and see whether the role is refused for this reason."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        verdict = await verify(bound.credential, api)
        if verdict.validity is Validity.UNKNOWN or verdict.validity is Validity.SKIPPED:
            return None
        return verdict.reason == reason

    return observe


async def is_open(bound: Bound, api: Reader) -> bool | None:
    """True when the role may log in again."""
    shut = await says(DISABLED)(bound, api)
    return None if shut is None else not shut
