"""What the authority's own token may do, as the server says."""

from typing import Any

from revoker.providers.vault.tokens import CAPABILITIES, ask
from revoker.sdk import Reader

RIGHTS = {
    "auth/token/lookup": "update",
    "auth/token/lookup-accessor": "update",
    "auth/token/revoke-accessor": "update",
    "auth/token/accessors": "sudo",
    "sys/leases/revoke": "update",
    "auth/approle/role": "list",
    "auth/approle/role/any/secret-id/lookup": "update",
    "auth/approle/role/any/secret-id-accessor/destroy": "update",
}


async def check_authority(api: Reader) -> dict[str, bool | None]:
    """What the authority's own token may do, as the server says."""
    reply = await ask(api, CAPABILITIES, {"paths": list(RIGHTS)})
    if reply.status != 200 or reply.trouble is not None:
        return {"a working token": False if reply.status == 403 else None}
    return {f"{right} on {path}": _may(reply.pick("data"), path, right) for path, right in RIGHTS.items()}


def _may(held: Any, path: str, right: str) -> bool | None:
    found = held.get(path) if isinstance(held, dict) else None
    return bool({right, "root"} & set(map(str, found))) if isinstance(found, list) else None
