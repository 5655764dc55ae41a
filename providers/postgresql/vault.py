"""PostgreSQL logins that Vault's or OpenBao's database engine made or keeps: which lease, which static role, which connection.

The operator's Vault answers (`[endpoints] vault` or `[vault] addr`), with a token of its own: `[authority.postgresql] vault_token`.
"""

import re
from datetime import UTC, datetime
from urllib.parse import unquote

from revoker.providers.postgresql.login import role_of, server_of
from revoker.sdk import ActionFailed, Auth, Credential, Reader, Reply, as_authority, header, safe_id, text_at, time_at

VAULT = "vault_token"
LOOKUP = "/v1/sys/leases/lookup"
NAME = r"[\w.-]{1,200}"
LEASE = r"[\w.-]{1,100}(?:/[\w.-]{1,200}){1,8}"
MADE = re.compile(r"v-(?P<who>.{1,40})-[A-Za-z0-9]{20}-(?P<at>\d{10})")  # v-<display>-<role>-<random>-<unix time>
ROLE_PART = 8  # characters of the role's name that the login's name keeps
CLOSE = 3.0  # seconds between the name's time and the lease's: the database makes the login in between
MOST_LEASES = 200
MOST_ROLES = 50


def auth(api: Reader) -> Auth:
    """The authority's token at Vault. Raises what as_authority raises."""
    return as_authority(api, VAULT, lambda secret: header("X-Vault-Token", secret))


def mount(api: Reader) -> str:
    """Where the database engine is mounted."""
    return safe_id(api.setting("vault_mount") or "database", NAME)


async def names(api: Reader, path: str) -> list[str] | None:
    """The names of a list; None when it cannot be read."""
    reply = await api.vault_read(path, auth=auth(api), params={"list": "true"})
    keys = reply.pick("data.keys") if reply.status == 200 and reply.trouble is None else None
    if isinstance(keys, list):
        return [safe_id(name, NAME) for name in keys if not str(name).endswith("/")]
    return [] if reply.status == 404 and reply.json is not None and reply.trouble is None else None


async def read(api: Reader, path: str) -> Reply | None:
    """One thing of Vault, when it is there and can be read."""
    reply = await api.vault_read(path, auth=auth(api))
    return reply if reply.status == 200 and reply.trouble is None else None


async def leases_of(cred: Credential, api: Reader) -> tuple[list[str], str]:
    """The leases that this login can be of, by the role and the second in its name; and why there are none."""
    made = MADE.fullmatch(role_of(cred))
    if made is None:
        return [], "its name is not one that Vault makes"
    roles = await names(api, f"/v1/{mount(api)}/roles")
    if roles is None:
        return [], "the roles of the database engine cannot be listed"
    fits = [role for role in roles if made["who"].endswith(f"-{role[:ROLE_PART]}")]
    began = datetime.fromtimestamp(int(made["at"]), UTC)
    found: list[str] = []
    for role in fits[:MOST_ROLES]:
        ids = await names(api, f"{LOOKUP}/{mount(api)}/creds/{role}")
        if ids is None or len(ids) > MOST_LEASES:
            return [], f"the leases of role {role} cannot be listed" if ids is None else f"role {role} has {len(ids)} leases"
        found += [lease for id in ids if await _began(lease := f"{mount(api)}/creds/{role}/{id}", began, api)]
    return found, "no lease of such a role began at the time in its name"


async def _began(lease: str, at: datetime, api: Reader) -> bool:
    reply = await api.vault_read(LOOKUP, auth=auth(api), json={"lease_id": lease})
    issued = time_at(reply, "data.issue_time") if reply.status == 200 and reply.trouble is None else None
    return issued is not None and -1.0 <= (issued - at).total_seconds() <= CLOSE


async def connections(cred: Credential, api: Reader) -> dict[str, Reply] | None:
    """The engine's connections to the credential's own server; None when they cannot be read."""
    listed = await names(api, f"/v1/{mount(api)}/config")
    if listed is None:
        return None
    found: dict[str, Reply] = {}
    for name in listed[:MOST_ROLES]:
        reply = await read(api, f"/v1/{mount(api)}/config/{name}")
        if reply is None:
            return None
        if _server(text_at(reply, "data.connection_details.connection_url") or "") == server_of(cred).casefold():
            found[name] = reply
    return found


def _server(url: str) -> str:
    """`host:port` of a connection's address, whose user and password are placeholders."""
    place = url.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]
    host, colon, port = place.rpartition(":")
    whole = f"{host}:{port}" if colon and port.isdigit() else f"{place}:5432"
    return unquote(whole).casefold()


async def static_role(cred: Credential, api: Reader, among: dict[str, Reply]) -> str | None:
    """The static role of this very login at one of these connections. Raises ActionFailed when they cannot be read."""
    listed = await names(api, f"/v1/{mount(api)}/static-roles")
    if listed is None:
        raise ActionFailed("The static roles of the database engine cannot be listed.", safe="nothing was sent")
    for name in listed[:MOST_LEASES]:
        reply = await read(api, f"/v1/{mount(api)}/static-roles/{name}")
        if reply is None:
            raise ActionFailed(f"The static role {name} cannot be read.", safe="nothing was sent")
        if text_at(reply, "data.username") == role_of(cred) and text_at(reply, "data.db_name") in among:
            return name
    return None


def sqlstate(reply: Reply) -> str | None:
    """The database's own code in Vault's answer."""
    found = re.search(r"SQLSTATE (\w{5})", reply.text) if (reply.status or 0) >= 400 else None
    return found[1] if found else None
