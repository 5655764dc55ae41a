"""Changes to a login. None was tried on a server, so all of them are off until the operator allows them."""

import secrets
import string
from urllib.parse import unquote

from revoker.providers.mssql.login import ENGINE
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

NEEDS = "ALTER ANY LOGIN (and CONTROL SERVER for members of sysadmin)"
NEEDS_TO_END = "ALTER ANY CONNECTION and VIEW SERVER STATE"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40


def choose(bound: Bound) -> Issued:
    """A new password of the login, as a URI in the form of the leaked one, with the letters that a Windows policy wants."""
    parts = dict(bound.credential.parts)
    host = f"[{parts['host']}]" if ":" in parts.get("host", "") else parts.get("host", "")
    password = "aA1" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    path = f"/{parts['database']}" if parts.get("database") else ""
    uri = Secret(f"mssql://{parts.get('user', '')}:{password}@{host}:{parts.get('port') or '1433'}{path}")
    return Issued(bound.target, uri, parts, {"password": Secret(password)})


def password_in(uri: Secret) -> str:
    """The password of a URI."""
    return unquote(uri.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2])


def quoted(name: str) -> str:
    """A name as a T-SQL identifier."""
    return "[" + name.replace("]", "]]") + "]"


async def change_password(bound: Bound, api: Writer) -> Receipt:
    """ALTER LOGIN with the stored password; the server keeps passwords out of its traces. Open sessions go on."""
    if api.chosen is None:
        raise ActionFailed("No new password was chosen and stored.", safe="nothing was sent")
    name = quoted(bound.target).replace("%", "%%")
    reply = await api.command(ENGINE, f"ALTER LOGIN {name} WITH PASSWORD = %s", [Secret(password_in(api.chosen.secret))])
    _check("change_password", bound, reply, NEEDS)
    return Receipt("change_password", Effect.ISSUE, bound.target, evidence=evidence(reply, api.now))


def switch(action: str, effect: Effect, word: str) -> Mutation:
    """ALTER LOGIN ... DISABLE or ENABLE."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        reply = await api.command(ENGINE, f"ALTER LOGIN {quoted(bound.target)} {word}")
        _check(action, bound, reply, NEEDS)
        return Receipt(action, effect, bound.target, evidence=evidence(reply, api.now))

    return run


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """KILL each session of the login; a client that comes back needs the new password."""
    reply = await api.command(ENGINE, "SELECT session_id AS id FROM sys.dm_exec_sessions WHERE login_name = %s", [bound.target])
    _check("end_sessions", bound, reply, NEEDS_TO_END)
    for row in reply.json if isinstance(reply.json, list) else []:
        ended = await api.command(ENGINE, f"KILL {int(row['id'])}")
        if ended.code != "6106":  # it has ended by itself
            _check("end_sessions", bound, ended, NEEDS_TO_END)
    return Receipt("end_sessions", Effect.END_SESSIONS, bound.target, evidence=evidence(reply, api.now))


def _check(action: str, bound: Bound, reply: Reply, needs: str) -> None:
    """Raise ActionFailed for a refusal, which changed nothing, and OutcomeUnknown for a lost answer."""
    if reply.trouble is None and reply.code is None and reply.status in (None, 200):
        return
    if reply.trouble == "not_sent" or (reply.trouble is None and reply.code is not None):
        raise ActionFailed(
            f"{reply.host} refused {action} ({reply.code or reply.trouble}).",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed by this call",
            next=f"the authority needs {needs}" if reply.code in ("15151", "15247", "6102", "300") else "",
        )
    raise OutcomeUnknown(f"The answer to {action} was lost ({reply.trouble}).", fingerprint=bound.credential.fingerprint)
