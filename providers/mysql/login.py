"""One login is one attempt, and the server's error number decides. The user's name is a part of the URI."""

from dataclasses import replace
from urllib.parse import unquote

from revoker.sdk import (
    Answer,
    Binder,
    Bound,
    Credential,
    Identity,
    Observer,
    Proof,
    Reader,
    Reply,
    Secret,
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

ENGINE = "mysql"
AUTHORITY = "password"
DISABLED = "login_disabled"
HERE = "refused_from_this_host"  # an account may be open to other hosts only, and the server does not tell
REFUSED = "refused"  # and the authority has looked: no account of the user holds this password
ELSEWHERE = "open_to_other_hosts"
UNCLEAR = "other_hosts_unclear"
LOOKS = ("open", "locked", "unclear")  # what the authority sees: hosts whose account holds the password, or may

# 1698 is the refusal of a plugin that takes no password. MariaDB lets a user that it does not know meet the plugin of any
# account that it has, so that nobody can tell who exists: tried on MariaDB 10.11, https://mariadb.com/kb/en/mariadb-error-code-reference/
DENIED = ("1045", "1698")
SHUT = ("4151", "3118")  # MariaDB, MySQL: said only to who has the right password
# The server checks the password first: these come only after it was right.
AFTER_PASSWORD = {
    "1044": "no_database_right",
    "1049": "no_such_database",
    "1226": "resource_limit",
    "1820": "must_change_password",
    "1862": "password_expired",
}
UNSURE = {"1130": "host_refused", "1129": "host_blocked", "1040": "server_full"}


def verdict_of(reply: Reply, api: Reader) -> Verdict:
    """A wrong password, an unknown user and a host that the account does not allow look the same: 1045 or 1698."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    code = reply.code
    if code is None:
        return _welcomed(reply, api)
    if code in DENIED:
        return Verdict(Validity.DEAD, HERE, seen)
    if code in SHUT:
        return Verdict(Validity.DEAD, DISABLED, seen)  # the password is right and the account is shut: it can be opened again
    if code in AFTER_PASSWORD:
        return Verdict(Validity.LIVE, AFTER_PASSWORD[code], seen, _identity(reply))
    return Verdict(Validity.UNKNOWN, UNSURE.get(code, "undeclared_error"), seen)


def _welcomed(reply: Reply, api: Reader) -> Verdict:
    """Logged in. A server without grant tables, or as somebody without a name, proves nothing about the password."""
    seen = evidence(reply, api.now)
    if reply.pick("version") is None:
        return Verdict(Validity.UNKNOWN, "no_answer", seen)
    if reply.pick("unguarded") is True or not text_at(reply, "user"):
        return Verdict(Validity.UNKNOWN, "no_password_needed", seen)
    return Verdict(Validity.LIVE, "authenticated", seen, _identity(reply))


def _identity(reply: Reply) -> Identity | None:
    """The account's row, its grants without the hash, and the server's version after them."""
    user, grants = text_at(reply, "user"), reply.pick("grants")
    if not user:
        return None
    listed = [str(grant) for grant in grants] if isinstance(grants, list) else []
    known = (*listed, f"server {text_at(reply, 'version') or 'of an unknown version'}")
    return Identity(principal=f"{user}@{text_at(reply, 'host') or ''}", scopes=known)


ANSWERS = (
    decided(Validity.LIVE, "authenticated", "logged in, with the password"),
    decided(
        Validity.UNKNOWN,
        "no_password_needed",
        "the server checks no grants, or took us for nobody, which proves nothing of a password",
    ),
    Answer(None, Validity.DEAD, HERE, codes=DENIED),
    decided(Validity.DEAD, REFUSED, "refused, and the authority sees no account of the user that holds the password"),
    decided(Validity.LIVE, ELSEWHERE, "refused from here, and the authority sees an account for other hosts that holds it"),
    decided(Validity.UNKNOWN, UNCLEAR, "refused from here, and an account for other hosts cannot be compared"),
    *(Answer(None, Validity.DEAD, DISABLED, codes=(code,)) for code in SHUT),
    *(Answer(None, Validity.LIVE, reason, codes=(code,)) for code, reason in AFTER_PASSWORD.items()),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One login, read-only, without a retry. Where it is refused, the authority looks whether other hosts may come in."""
    return await _elsewhere(verdict_of(await api.login(ENGINE, cred), api), cred, api)


async def _elsewhere(verdict: Verdict, cred: Credential, api: Reader) -> Verdict:
    """A refusal from this host, made sure of by the authority where there is one that may look."""
    if verdict.reason != HERE or api.authority(AUTHORITY) is None or not api.setting("user"):
        return verdict
    password = Secret(unquote(cred.secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2]))
    reply = await api.ask(ENGINE, "holders", cred, [user_of(cred), password])
    told = reply.json if isinstance(reply.json, dict) else {}
    if reply.trouble is not None or reply.code is not None or not all(isinstance(told.get(name), list) for name in LOOKS):
        return replace(verdict, validity=Validity.UNKNOWN, reason=UNCLEAR)
    held, locked, unclear = ([str(host) for host in told[name]] for name in LOOKS)
    if held:
        return replace(
            verdict, validity=Validity.LIVE, reason=ELSEWHERE, identity=Identity(principal=f"{user_of(cred)}@{held[0]}")
        )
    if [host for host in unclear if host != "%"]:  # one for every host has refused us itself
        return replace(verdict, validity=Validity.UNKNOWN, reason=UNCLEAR)
    return replace(verdict, reason=DISABLED if locked else REFUSED)


def user_of(cred: Credential) -> str:
    """The user's name, as the server knows it."""
    return unquote(cred.parts.get("user", ""))


def server_of(cred: Credential) -> str:
    """`host:port`."""
    return f"{cred.parts.get('host', '')}:{cred.parts.get('port') or 3306}"


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The user is a part of the URI. Nothing is asked, so that it can still be told when the password is changed."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    user = user_of(cred)
    if not user or not user.isprintable():
        return Unbound("no_match", "the URI names no user")
    if user == api.setting("user"):
        return Unbound("own_authority", "this is the user that we act with; change it by hand")
    how = f"the user {user} at {server_of(cred)} is named in the leaked URI itself"
    return Bound(cred, user, Proof.EMBEDDED, how, None, {"server": server_of(cred)})


def bind_working(*, mariadb: bool) -> Binder:
    """The same, the leaked password opens it right now, and the server is of this family."""

    async def bind_now(cred: Credential, api: Reader) -> Bound | Unbound:
        found = await bind(cred, api)
        if isinstance(found, Unbound):
            return found
        reply = await api.login(ENGINE, cred)
        verdict = await _elsewhere(verdict_of(reply, api), cred, api)
        if verdict.validity is not Validity.LIVE and verdict.reason != DISABLED:
            return Unbound("not_live", f"the leaked password does not open this account now ({verdict.reason})")
        if is_mariadb(text_at(reply, "version")) is not mariadb:
            return Unbound("other_server", f"the server says that it is {'MySQL' if mariadb else 'MariaDB'}")
        return found

    return bind_now


def is_mariadb(version: str | None) -> bool:
    """MariaDB says its name in its version."""
    return "mariadb" in (version or "").casefold()


def says(*reasons: str) -> Observer:
    """Log in once more, and see whether the account is refused for one of these reasons."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        verdict = await verify(bound.credential, api)
        if verdict.validity is Validity.UNKNOWN or verdict.validity is Validity.SKIPPED:
            return None
        return verdict.reason in reasons

    return observe


async def is_open(bound: Bound, api: Reader) -> bool | None:
    """True when the account may log in again."""
    shut = await says(DISABLED)(bound, api)
    return None if shut is None else not shut
