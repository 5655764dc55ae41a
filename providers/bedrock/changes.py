"""Long-term keys in IAM: which one it is, off, on, and away."""

from collections.abc import Mapping

from revoker.providers.bedrock.checks import NAME, alias
from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    Mutation,
    Observer,
    Proof,
    Reader,
    Receipt,
    Reply,
    Sibling,
    Unbound,
    Writer,
    no_authority,
    receipt,
    safe_id,
    text_at,
    time_at,
)

SERVICE = "bedrock.amazonaws.com"
AUTHORITY = "secret_access_key"
LIST = "ListServiceSpecificCredentials"


async def rows_of(user: str, api: Reader) -> list[Reply] | None:
    """The Bedrock keys of a user; none when the user is gone; None when IAM gave no whole answer."""
    reply = await api.aws_read("iam", LIST, UserName=user, ServiceName=SERVICE)
    if reply.trouble is None and reply.code == "NoSuchEntity":
        return []
    rows = reply.pick("ServiceSpecificCredentials") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list) or reply.pick("IsTruncated") is True:
        return None
    return [Reply("", json=row) for row in rows]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The name inside the key is the whole public name of exactly one key that IAM lists for its user."""
    if api.authority(AUTHORITY) is None:
        return no_authority("access_key_id and secret_access_key")
    name = alias(cred)
    found = NAME.fullmatch(name)
    if found is None:
        return Unbound("no_match", "the key does not hold the name of a user")
    rows = await rows_of(found["user"], api)
    if rows is None:
        return Unbound("refused", f"IAM did not list the keys of {found['user']}")
    same = [row for row in rows if name in (text_at(row, "ServiceCredentialAlias"), text_at(row, "ServiceUserName"))]
    if len(same) != 1:
        return Unbound("several_matches" if same else "no_match", f"IAM lists {len(same)} keys of the name {name}")
    id = safe_id(same[0].pick("ServiceSpecificCredentialId"))
    how = f"the key holds the name {name}, which IAM lists for this one key"
    return Bound(cred, id, Proof.EMBEDDED, how, found["account"], {"user": found["user"]})


def user(bound: Bound) -> str:
    """The IAM user of the target."""
    return safe_id(bound.extra.get("user"), r"[\w+=,.@-]{1,64}")


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The Bedrock keys of the target's user."""
    rows = await rows_of(user(bound), api)
    if rows is None:
        return None
    return [
        Sibling(
            safe_id(row.pick("ServiceSpecificCredentialId")),
            text_at(row, "ServiceCredentialAlias") or "",
            time_at(row, "CreateDate"),
        )
        for row in rows
    ]


def set_status(action: str, effect: Effect, status: str) -> Mutation:
    """UpdateServiceSpecificCredential: Inactive can be taken back at any time."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        reply = await api.aws_write(
            "iam",
            "UpdateServiceSpecificCredential",
            UserName=user(bound),
            ServiceSpecificCredentialId=bound.target,
            Status=status,
        )
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def has_status(status: str) -> Observer:
    """Look at the key in the user's list."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        rows = await rows_of(user(bound), api)
        found = [row for row in rows or () if text_at(row, "ServiceSpecificCredentialId") == bound.target]
        return text_at(found[0], "Status") == status if len(found) == 1 else None

    return observe


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """DeleteServiceSpecificCredential, for good."""
    reply = await api.aws_write(
        "iam", "DeleteServiceSpecificCredential", UserName=user(bound), ServiceSpecificCredentialId=bound.target
    )
    gone = [404] if reply.code == "NoSuchEntity" else []
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=gone)


async def check_authority(api: Reader) -> Mapping[str, bool | None]:
    """Whether the authority may list Bedrock keys. The rights to change are not tried."""
    reply = await api.aws_read("iam", LIST, ServiceName=SERVICE)
    return {f"iam:{LIST}": {200: True, 403: False}.get(reply.status or 0) if reply.trouble is None else None}
