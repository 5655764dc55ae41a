"""Changes to a role. A new password is sent as its SCRAM verifier: the server and its log never see it."""

import base64
import hashlib
import hmac
import secrets
import string
from urllib.parse import unquote

from revoker.providers.postgresql.login import ENGINE
from revoker.sdk import (
    ActionFailed,
    Bound,
    Effect,
    Issued,
    Mutation,
    OutcomeUnknown,
    Receipt,
    Reply,
    Secret,
    Writer,
    evidence,
)

NEEDS = "CREATEROLE and ADMIN OPTION on the role (GRANT role TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE)"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40
ITERATIONS = 4096


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
    uri = Secret(f"postgresql://{user}:{password}@{host}:{port}/{database}")
    return Issued(bound.target, uri, parts, {"password": Secret(password)})


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
    reply = await api.command(ENGINE, f"ALTER ROLE {quoted(bound.target)} PASSWORD '{proof}'")
    return _receipt("change_password", Effect.ISSUE, bound, reply, api)


def set_login(action: str, effect: Effect, word: str) -> Mutation:
    """ALTER ROLE ... LOGIN or NOLOGIN."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        reply = await api.command(ENGINE, f"ALTER ROLE {quoted(bound.target)} {word}")
        return _receipt(action, effect, bound, reply, api)

    return run


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Terminate every session of the role; a client that reconnects needs the new password."""
    statement = (
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 2000)) FROM pg_stat_activity "
        "WHERE usename = %s AND pid <> pg_backend_pid()"
    )
    reply = await api.command(ENGINE, statement, [bound.target])
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
