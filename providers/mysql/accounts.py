"""Changes to the accounts of a user: one account per host pattern, and those that hold the leaked password are changed.

A new password is sent as its hash, so that neither the server nor its log ever sees it.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from urllib.parse import unquote

from revoker.providers.mysql.login import DENIED, ENGINE, is_mariadb
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
    text_at,
)

NEEDS = "CREATE USER, and SELECT on mysql.global_priv (MariaDB) or mysql.user (MySQL); CREATE USER can change every account"
NEEDS_TO_END = "CONNECTION ADMIN (MariaDB), or CONNECTION_ADMIN and PROCESS (MySQL)"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40
NATIVE = "mysql_native_password"
CACHED = "caching_sha2_password"
MARIADB_ROWS = (
    "SELECT Host AS host, COALESCE(JSON_VALUE(Priv, '$.plugin'), '') AS plugin, "
    "COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') AS hash, JSON_EXISTS(Priv, '$.auth_or') AS others "
    "FROM mysql.global_priv WHERE User = %s AND COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) <> 1"
)
MYSQL_ROWS = "SELECT Host AS host, plugin, authentication_string AS hash, 0 AS others FROM mysql.user WHERE User = %s"


@dataclass(frozen=True, slots=True)
class Account:
    """One host pattern of a user, and how it logs in."""

    host: str
    plugin: str
    mariadb: bool


def native_hash(password: str) -> str:
    """What mysql_native_password stores: twice SHA-1. It cannot be sent instead of the password."""
    inner = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's own format
    return "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324


def choose(bound: Bound) -> Issued:
    """A new password of the user, as a URI in the form of the leaked one."""
    parts = dict(bound.credential.parts)
    host = f"[{parts['host']}]" if ":" in parts.get("host", "") else parts.get("host", "")
    password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    path = f"/{parts['database']}" if parts.get("database") else ""
    uri = Secret(f"mysql://{parts.get('user', '')}:{password}@{host}:{parts.get('port') or '3306'}{path}")
    return Issued(bound.target, uri, parts, {"password": Secret(password)})


def password_in(uri: Secret) -> str:
    """The password of a URI."""
    return unquote(uri.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2])


def quoted(user: str, host: str) -> str:
    """An account's name. Backticks are quotes in every SQL mode, and no backslash means anything in them."""
    return "@".join("`" + part.replace("`", "``") + "`" for part in (user, host))


def change_password(action: str) -> Mutation:
    """ALTER USER with the stored password. Open sessions go on until they are ended."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        if api.chosen is None:
            raise ActionFailed("No new password was chosen and stored.", safe="nothing was sent")
        password, accounts = password_in(api.chosen.secret), await _accounts(action, bound, api)
        values = [Secret(password) for account in accounts if account.plugin == CACHED]
        names = [quoted(bound.target, account.host) for account in accounts]
        if values:  # the driver reads a % then
            names = [name.replace("%", "%%") for name in names]
        told = [f"{name} {_new(account, password)}" for name, account in zip(names, accounts, strict=True)]
        reply = await api.command(ENGINE, "ALTER USER " + ", ".join(told), values)
        return _receipt(action, Effect.ISSUE, bound, reply, api, accounts)

    return run


def _new(account: Account, password: str) -> str:
    """How an account gets the password: by its hash where the server takes one, else as a bound value."""
    if account.plugin == CACHED:
        return "IDENTIFIED BY %s"  # MySQL writes a hash, not this, into its logs
    word, take = ("VIA", "USING") if account.mariadb else ("WITH", "AS")
    return f"IDENTIFIED {word} {NATIVE} {take} '{native_hash(password)}'"


def set_lock(action: str, effect: Effect, word: str) -> Mutation:
    """ALTER USER ... ACCOUNT LOCK or UNLOCK."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        accounts = await _accounts(action, bound, api)
        named = ", ".join(quoted(bound.target, account.host) for account in accounts)
        reply = await api.command(ENGINE, f"ALTER USER {named} ACCOUNT {word}")
        return _receipt(action, effect, bound, reply, api, accounts)

    return run


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """End every session of the user, from whatever host; a client that comes back needs the new password."""
    mariadb = is_mariadb(text_at(await _version(api, bound), "0.version"))
    await _check_may_end(bound, api, mariadb=mariadb)
    if mariadb:
        name = "`" + bound.target.replace("`", "``") + "`"
        reply = await api.command(ENGINE, f"KILL USER {name}")
        return _receipt("end_sessions", Effect.END_SESSIONS, bound, reply, api, needs=NEEDS_TO_END)
    reply = await api.command(ENGINE, "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = %s", [bound.target])
    _check("end_sessions", bound, reply, NEEDS_TO_END)
    for row in reply.json if isinstance(reply.json, list) else []:
        ended = await api.command(ENGINE, f"KILL {int(row['id'])}")
        if ended.code != "1094":  # it has ended by itself
            _check("end_sessions", bound, ended, NEEDS_TO_END)
    return Receipt("end_sessions", Effect.END_SESSIONS, bound.target, evidence=evidence(reply, api.now))


async def _check_may_end(bound: Bound, api: Writer, *, mariadb: bool) -> None:
    """Raise ActionFailed without the right to end others' sessions: MariaDB says OK then and ends none."""
    reply = await api.command(ENGINE, "SHOW GRANTS")
    _check("end_sessions", bound, reply, NEEDS_TO_END)
    rows = reply.json if isinstance(reply.json, list) else []
    held = " ".join(str(text) for row in rows for text in dict(row).values() if " ON *.* " in str(text))
    may_kill = re.search(r"\b(?:CONNECTION[ _]ADMIN|SUPER|ALL PRIVILEGES)\b", held)
    may_see = mariadb or re.search(r"\b(?:PROCESS|ALL PRIVILEGES)\b", held)
    if not (may_kill and may_see):
        raise ActionFailed(
            "The authority may not end the sessions of others.",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was sent",
            next=f"the authority needs {NEEDS_TO_END}",
        )


async def _version(api: Writer, bound: Bound) -> Reply:
    reply = await api.command(ENGINE, "SELECT VERSION() AS version")
    _check("the question for the version", bound, reply, "a login")
    return reply


async def _accounts(action: str, bound: Bound, api: Writer) -> list[Account]:
    """The accounts that hold the leaked password. Raises ActionFailed, with nothing changed, where that cannot be told.

    An account of the same name for another host may be somebody else's, with a password of its own: it is left alone.
    """
    mariadb = is_mariadb(text_at(await _version(api, bound), "0.version"))
    reply = await api.command(ENGINE, MARIADB_ROWS if mariadb else MYSQL_ROWS, [bound.target])
    _check(action, bound, reply, NEEDS)
    leaked, found = native_hash(password_in(bound.credential.secret)), list[Account]()
    for row in reply.json if isinstance(reply.json, list) else []:
        host, plugin, stored = (str(row.get(name) or "") for name in ("host", "plugin", "hash"))
        if plugin in ("", NATIVE) and stored.upper() != leaked and not row.get("others"):
            continue
        if row.get("others") or plugin not in ("", NATIVE, CACHED) or (mariadb and plugin == CACHED):
            raise _by_hand(action, bound, host, plugin)
        if not re.fullmatch(r"[^\s`\0]{0,255}", host):
            raise _by_hand(action, bound, "that host", plugin)
        found.append(Account(host, plugin or NATIVE, mariadb))
    if not found:
        raise ActionFailed(
            f"No account of the user holds the leaked password, so {action} changes none.",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed",
        )
    return found


def _by_hand(action: str, bound: Bound, host: str, plugin: str) -> ActionFailed:
    return ActionFailed(
        f"An account of the user, for {host}, logs in by {plugin or 'several ways'}: {action} is for a person.",
        fingerprint=bound.credential.fingerprint,
        safe="nothing was changed",
        next="change it by hand: only accounts with one plain password are changed by revoker",
    )


def _check(action: str, bound: Bound, reply: Reply, needs: str, *, several: bool = False) -> None:
    """Raise ActionFailed for a refusal that changed nothing, OutcomeUnknown for anything that may have."""
    if reply.trouble is None and reply.code is None and reply.status in (None, 200):
        return
    part_way = several and reply.code == "1396"  # MariaDB changes the other accounts of the list
    if not part_way and (reply.trouble == "not_sent" or (reply.trouble is None and reply.code is not None)):
        denied = reply.code in (*DENIED, "1044", "1095", "1142", "1227", "1290")
        raise ActionFailed(
            f"{reply.host} refused {action} ({reply.code or reply.trouble}).",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed by this call",
            next=f"the authority needs {needs}" if denied else _hint(reply.code),
        )
    raise OutcomeUnknown(
        f"{action} was {'done for some accounts only' if part_way else 'sent and its answer lost'} ({reply.code or reply.trouble}).",
        fingerprint=bound.credential.fingerprint,
    )


def _hint(code: str | None) -> str:
    plugin = "a password validation plugin takes no hashes (strict_password_validation): change it by hand"
    return plugin if code in ("1396", "1819") else ""


def _receipt(
    action: str,
    effect: Effect,
    bound: Bound,
    reply: Reply,
    api: Writer,
    accounts: list[Account] | None = None,
    needs: str = NEEDS,
) -> Receipt:
    _check(action, bound, reply, needs, several=len(accounts or ()) > 1)
    return Receipt(action, effect, bound.target, evidence=evidence(reply, api.now))
