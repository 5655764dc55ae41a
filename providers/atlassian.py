"""Atlassian Cloud: API tokens of users, and API keys of organisations.

A user's token works with the user's e-mail address at one site; one with scopes works at api.atlassian.com only, and is
refused at the site though it lives. So both are asked. A managed account's tokens can be revoked by the organisation.
"""

import zlib
from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    basic,
    can_read,
    checksum,
    dead,
    decided,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    no_authority,
    only_candidate,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    unsure,
)

CLOUD = "api.atlassian.com"
DOCS = "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"
ADMIN_DOCS = "https://developer.atlassian.com/cloud/admin/user-management/rest/api-group-api-tokens/"
MYSELF = "/rest/api/3/myself"
NEEDS = "an API key of the organisation that manages the account"

AT_SITE = (
    live(200, has=["accountId"]),
    dead(401, says="Client must be authenticated", json=False),
    unsure(403, "captcha_or_refused", json=False),
)
AT_CLOUD = (
    live(200, has=["accountId"]),
    live(401, "restricted", says="scope does not match"),
    dead(401, at="code", codes=["401"]),
)
WHOAMI = identity_from(principal="accountId")


def is_whole(value: str) -> bool:
    """True when the last eight characters are the CRC-32 of all before them. Known of this one beginning only."""
    return not value.startswith("ATATT3xFfGF0") or f"{zlib.crc32(value[:-8].encode()):08X}" == value[-8:].upper()


def riding(cred: Credential) -> Auth:
    """E-mail address and token."""
    return basic(cred.parts.get("username", ""), cred.secret)


async def ask(cred: Credential, api: Reader) -> tuple[Verdict, Reply]:
    """Ask the site; when it refuses, ask for the same site at api.atlassian.com, where tokens with scopes work."""
    site = cred.parts.get("host")
    reply = await api.get(MYSELF, auth=riding(cred), host=site)
    first = judge(reply, AT_SITE, api.now, WHOAMI)
    if first.validity is not Validity.DEAD:
        return first, reply
    tenant = await api.get("/_edge/tenant_info", host=site)
    cloud = text_at(tenant, "cloudId") if tenant.status == 200 and tenant.trouble is None else None
    if cloud is None or not cloud.replace("-", "").isalnum():
        return Verdict(Validity.UNKNOWN, "refused_or_scoped", first.evidence), tenant
    reply = await api.get(f"/ex/jira/{cloud}{MYSELF}", auth=riding(cred), host=CLOUD)
    return judge(reply, AT_CLOUD, api.now, WHOAMI), reply


@declares(
    *AT_SITE,
    decided(Validity.UNKNOWN, "refused_or_scoped", "the site refused it and does not tell its cloud id"),
    *AT_CLOUD,
)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Dead means: refused for this e-mail address, at both places."""
    return (await ask(cred, api))[0]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the tokens of the account that the token says it belongs to; the list shows no value, so a person confirms."""
    if api.authority("org_key") is None:
        return no_authority("org_key")
    verdict, reply = await ask(cred, api)
    account = text_at(reply, "accountId") if verdict.validity is Validity.LIVE else None
    if account is None:
        return Unbound("no_match", "the token does not tell its account")
    path = f"/users/{safe_id(account)}/manage/api-tokens"
    found = await api.get(path, auth=as_authority(api, "org_key"), host=CLOUD)
    rows = found.json if found.status == 200 and found.trouble is None else None
    if not isinstance(rows, list):
        return Unbound("refused", f"the organisation does not list the account's tokens ({found.status or found.trouble})")
    if len(rows) != 1:
        named = [f"{text_at(Reply('', json=row), 'id')} ({text_at(Reply('', json=row), 'label')})" for row in rows[:20]]
        return Unbound("several_matches" if rows else "no_match", "the account's tokens: " + ", ".join(named))
    only = Reply("", json=rows[0])
    return only_candidate(f"{text_at(only, 'id')} ({text_at(only, 'label')}) of {account}")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke a managed account's token, for good."""
    path = f"/users/{safe_id(bound.account)}/manage/api-tokens/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "org_key"), host=CLOUD)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204])


REVOKE = Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, ADMIN_DOCS, authority="org_key", observe=seen_dead(verify))
OF_A_USER = Manual(
    url="https://id.atlassian.com/manage-profile/security/api-tokens",
    steps=(
        "As the user, make a new token with the same scopes and hand it to its users.",
        "Revoke the leaked one. An administrator of the organisation: Atlassian Administration, Insights, API token activity.",
        "To stop it at once: deactivate the account, which can be taken back.",
    ),
    notify="the user, and the organisation's administrators",
)

PROVIDER = Provider(
    id="atlassian",
    title="Atlassian Cloud",
    hosts=(CLOUD,),
    docs="https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/",
    obtain="admin.atlassian.com, the organisation, Settings, API keys: make a key without "
    "scopes or with those of user management.",
    authority={"org_key": NEEDS},
    check_authority=can_read("org_key", {"a working organisation key": "/admin/v1/orgs"}),
    kinds=(
        Kind(
            id="atlassian_api_token",
            title="Atlassian API token",
            pattern=r"ATATT3[A-Za-z0-9_-]{100,400}=[0-9A-Fa-f]{8}",
            needs=("username",),
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the user's account id",
            propagation=Propagation(timedelta(minutes=15)),
            requests=3,
            manual=OF_A_USER,
            offline=(example_value, checksum(is_whole)),
            irreversible_loss="a revoked token cannot be brought back",
            actions=(REVOKE,),
        ),
        Kind(
            id="atlassian_legacy_token",
            title="Atlassian API token of the old form",
            pattern=r"[A-Za-z0-9]{24}",
            ambiguous=True,
            needs=("username",),
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the user's account id",
            propagation=Propagation(timedelta(minutes=15)),
            requests=3,
            manual=OF_A_USER,
            offline=(example_value,),
            labels={"list": ("atlassian_legacy_token", "jira_token")},
            irreversible_loss="a revoked token cannot be brought back",
            actions=(REVOKE,),
        ),
        Kind(
            id="atlassian_org_key",
            title="Atlassian organisation API key",
            pattern=r"ATCTT3xFfG(?!N0)[A-Za-z0-9_-]{100,400}=[0-9A-Fa-f]{8}",
            verify=probe(
                "/admin/v1/orgs",
                [live(200, has=["data"]), dead(401, at="code", codes=["401"]), live(403, "restricted", at="code", codes=["403"])],
                host=CLOUD,
                identity=identity_from(account="data.0.id", principal="data.0.attributes.name"),
            ),
            docs="https://support.atlassian.com/organization-administration/docs/manage-an-organization-with-the-admin-apis/",
            identity="the organisation",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://admin.atlassian.com/",
                steps=(
                    "Open the organisation, Settings, API keys.",
                    "Make a new key with the same scopes.",
                    "Revoke the leaked one.",
                ),
                notify="the organisation's administrators",
            ),
            offline=(example_value,),
        ),
    ),
)
