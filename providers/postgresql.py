"""PostgreSQL: login roles by their URI. One login is one attempt; the server's SQLSTATE decides.

A new password is chosen here, stored first, and sent as its SCRAM verifier: the server and its log never see it.
"""

import base64
import hashlib
import hmac
import secrets
import string
from datetime import timedelta
from urllib.parse import unquote

from revoker.sdk import (
    Action,
    ActionFailed,
    Bound,
    Budget,
    Credential,
    Effect,
    Identity,
    Issued,
    Kind,
    Manual,
    Mutation,
    Observer,
    OutcomeUnknown,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Residual,
    Secret,
    Unbound,
    Validity,
    Verdict,
    Writer,
    evidence,
    example_value,
    no_authority,
    skip,
    text_at,
    time_at,
)

ENGINE = "postgresql"
AUTHORITY = "password"
DOCS = "https://www.postgresql.org/docs/current/errcodes-appendix.html"
ALTER_DOCS = "https://www.postgresql.org/docs/current/sql-alterrole.html"
KILL_DOCS = "https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL"
NEEDS = "CREATEROLE and ADMIN OPTION on the role (GRANT role TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE)"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40
ITERATIONS = 4096
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


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """The SCRAM-SHA-256 verifier that stands in pg_authid (RFC 5803). The password must be plain ASCII, as ours are."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"


def choose(bound: Bound) -> Issued:
    """A new password of the role, as a URI in the form of the leaked one."""
    parts = dict(bound.credential.parts)
    host = f"[{parts['host']}]" if ":" in parts.get("host", "") else parts.get("host", "")
    password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    user, port, database = parts.get("user", ""), parts.get("port") or "5432", parts.get("database") or parts.get("user", "")
    return Issued(bound.target, Secret(f"postgresql://{user}:{password}@{host}:{port}/{database}"), parts)


def password_in(uri: Secret) -> str:
    """The password of a URI of our own."""
    return unquote(uri.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2])


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


async def change_password(bound: Bound, api: Writer) -> Receipt:
    """ALTER ROLE with the verifier of the stored password. Open sessions go on until they are ended."""
    if api.chosen is None:
        raise ActionFailed("No new password was chosen and stored.", safe="nothing was sent")
    proof = verifier(password_in(api.chosen.secret), secrets.token_bytes(16))
    reply = await api.sql(ENGINE, f"ALTER ROLE {quoted(bound.target)} PASSWORD '{proof}'")
    return _receipt("change_password", Effect.ISSUE, bound, reply, api)


def set_login(action: str, effect: Effect, word: str) -> Mutation:
    """ALTER ROLE ... LOGIN or NOLOGIN."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        reply = await api.sql(ENGINE, f"ALTER ROLE {quoted(bound.target)} {word}")
        return _receipt(action, effect, bound, reply, api)

    return run


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Terminate every session of the role; a client that reconnects needs the new password."""
    statement = (
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 2000)) FROM pg_stat_activity "
        "WHERE usename = %s AND pid <> pg_backend_pid()"
    )
    reply = await api.sql(ENGINE, statement, [bound.target])
    return _receipt("end_sessions", Effect.END_SESSIONS, bound, reply, api)


def _receipt(action: str, effect: Effect, bound: Bound, reply: Reply, api: Writer) -> Receipt:
    """A statement either succeeded, or was refused with a code and changed nothing, or its answer was lost."""
    seen = evidence(reply, api.now)
    if reply.trouble is None and reply.code is None and reply.status in (None, 200):
        return Receipt(action, effect, bound.target, evidence=seen)
    if reply.trouble == "not_sent" or (reply.trouble is None and reply.code is not None):
        raise ActionFailed(
            f"{seen.host} refused {action} ({seen.code or reply.trouble}).",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed by this call",
            next=f"the authority needs {NEEDS}" if reply.code == "42501" else "",
        )
    raise OutcomeUnknown(f"The answer to {action} was lost ({reply.trouble}).", fingerprint=bound.credential.fingerprint)


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


PROVIDER = Provider(
    id="postgresql",
    title="PostgreSQL",
    hosts=(),
    docs="https://www.postgresql.org/docs/current/",
    authority={AUTHORITY: f"the password of a role with {NEEDS}, and pg_signal_backend", "user": "the name of that role"},
    kinds=(
        Kind(
            id="postgresql_uri",
            title="PostgreSQL login (URI)",
            pattern=r"postgres(?:ql)?://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@\[?(?P<host>[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})\]?"
            r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=DOCS,
            identity="the role, what it may do, and the end of its password",
            propagation=Propagation(
                timedelta(minutes=1), source="a new password holds at once; poolers keep old ones for a while"
            ),
            manual=Manual(
                url=ALTER_DOCS,
                steps=(
                    "As an administrator: \\password ROLE in psql, which sends a verifier and not the password.",
                    "End its sessions: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ROLE'.",
                    "Change the password in every pooler (PgBouncer keeps its own list).",
                    "Look for roles, functions and grants that were made with it.",
                ),
                notify="the owner of the database",
            ),
            needs=("user", "host"),
            offline=(example_value,),
            actions=(
                Action(
                    "change_password",
                    Effect.ISSUE,
                    change_password,
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    replaces=True,
                    choose=choose,
                    observe=says("refused"),
                ),
                Action(
                    "suspend",
                    Effect.SUSPEND,
                    set_login("suspend", Effect.SUSPEND, "NOLOGIN"),
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    undo="restore",
                    observe=says(DISABLED),
                ),
                Action(
                    "restore",
                    Effect.RESTORE,
                    set_login("restore", Effect.RESTORE, "LOGIN"),
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    undo="suspend",
                    observe=is_open,
                ),
                Action(
                    "end_sessions",
                    Effect.END_SESSIONS,
                    end_sessions,
                    bind,
                    "pg_signal_backend",
                    KILL_DOCS,
                    authority=AUTHORITY,
                ),
            ),
            residual=(Residual("sessions that are open now", None, "end_sessions"),),
            budget=Budget(per_second=2, in_flight=2),
            host_from="host",
            effects_of_check="one login, written to the server's log when it logs connections",
            irreversible_loss="",
        ),
    ),
)
