"""Whose a key is, asked as the authority: its account is the authority's own, or one of the authority's organisation."""

from revoker.providers.aws.accounts import account_of
from revoker.providers.aws.caller import AUTHORITY, caller
from revoker.sdk import Credential, ListUnread, Owned, Reader, Reply, Unbound, pages, text_at

ACCOUNTS = (
    "none for its own account; organizations:ListAccounts for those of its organisation; sts:GetAccessKeyInfo for old key ids"
)


async def owned(cred: Credential, api: Reader) -> Owned | None:
    """Ours when STS names the key's account for the authority itself, or Organizations lists it. The key's id is all that is sent."""
    key_id = cred.parts.get("key_id", "")
    if api.authority(AUTHORITY) is None or not key_id:
        return None
    ours = await caller(api)
    account = account_of(cred) or await _told(key_id, api)
    if isinstance(ours, Unbound) or account is None:
        return None
    if account == ours[0]:
        return Owned(f"the account {account} is that of our own authority", account)
    if account in await _organisation(api):
        return Owned(f"the account {account} is one of our authority's organisation", account)
    return None


async def _told(key_id: str, api: Reader) -> str | None:
    """The account of an old key id, which does not carry it. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html"""
    reply = await api.aws_read("sts", "GetAccessKeyInfo", AccessKeyId=key_id)
    return text_at(reply, "Account") if reply.status == 200 and reply.trouble is None else None


async def _organisation(api: Reader) -> set[str]:
    """The accounts of the authority's organisation; none where it may not list them.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
    """

    async def ask(cursor: str | None) -> Reply:
        if cursor is None:
            return await api.aws_read("organizations", "ListAccounts")
        return await api.aws_read("organizations", "ListAccounts", NextToken=cursor)

    try:
        return {str(row.get("Id")) async for row in pages(ask, "Accounts", lambda reply: text_at(reply, "NextToken"))}
    except ListUnread:
        return set()
