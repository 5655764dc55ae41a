"""Azure DevOps: personal access tokens. A sign-in page under 203 or 302 is no answer.

An administrator lists a user's tokens without their values: no list tells which of them leaked.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Kind,
    ListUnread,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    basic,
    dead,
    decided,
    declares,
    example_value,
    judge,
    live,
    no_authority,
    pages,
    receipt,
    safe_id,
    text_at,
    unsure,
)

DOCS = "https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate"
ADMIN_DOCS = "https://learn.microsoft.com/rest/api/azure/devops/tokenadmin/revocations/revoke-authorizations"
ADMIN = "vssps.dev.azure.com"
NEEDS = "Project Collection Administrator of the organisation"
ANONYMOUS = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"

ANSWERS = (
    unsure(200, "anonymous", at="authenticatedUser.id", codes=[ANONYMOUS]),
    live(200, has=["authenticatedUser.subjectDescriptor"]),
    dead(401, has=["message"]),
    live(403, "restricted", has=["message"]),
)


def by_token(secret: Secret) -> Auth:
    """A token is the password of nobody."""
    return basic("", secret)


async def ask(cred: Credential, api: Reader) -> Reply | None:
    """Who the organisation says that the token is; None when no organisation is known."""
    organization = cred.parts.get("organization") or api.setting("organization")
    return await api.get(f"/{safe_id(organization)}/_apis/connectionData", auth=by_token(cred.secret)) if organization else None


@declares(decided(Validity.UNKNOWN, "no_organization", "neither the finding nor the settings name one"), *ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One look at the connection, in the finding's organisation or the operator's own."""
    reply = await ask(cred, api)

    def whoami(said: Reply) -> Identity:
        return Identity(principal=text_at(said, "authenticatedUser.id"))

    return Verdict(Validity.UNKNOWN, "no_organization") if reply is None else judge(reply, ANSWERS, api.now, whoami)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the valid tokens of the user that this token is."""
    organization, reply = api.setting("organization"), await ask(cred, api)
    if api.authority("bearer") is None or organization is None or reply is None:
        return no_authority("bearer and organization")
    user = text_at(reply, "authenticatedUser.subjectDescriptor") if reply.status == 200 and reply.trouble is None else None
    if user is None:
        return Unbound("refused", "the token did not tell its user")

    async def page(cursor: str | None) -> Reply:
        path = f"/{safe_id(organization)}/_apis/tokenadmin/personalaccesstokens/{safe_id(user)}"
        params = {"api-version": "7.1-preview.1"} | ({"continuationToken": cursor} if cursor else {})
        return await api.get(path, auth=as_authority(api, "bearer"), params=params, host=ADMIN)

    try:
        rows = [Reply("", json=row) async for row in pages(page, "value", lambda r: text_at(r, "continuationToken"))]
    except ListUnread as unread:
        return unread.unbound()
    shown = [f"{text_at(r, 'authorizationId')} ({text_at(r, 'displayName')})" for r in rows if r.pick("isValid") is not False]
    return Unbound("label_only", f"valid tokens of this user: {', '.join(shown[:20])}; a person must confirm which")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke one authorisation, for good."""
    path = f"/{safe_id(api.setting('organization'))}/_apis/tokenadmin/revocations"
    params = {"isPublic": "false", "api-version": "7.1-preview.1"}
    body = [{"authorizationId": bound.target}]
    reply = await api.send("POST", path, auth=as_authority(api, "bearer"), params=params, json=body, host=ADMIN)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


def _kind(id: str, title: str, pattern: str, *, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=DOCS,
        identity="the user's id in the organisation",
        check_needs="no right: the setting organization says where to ask, when the finding does not",
        propagation=Propagation(timedelta(hours=1), source="documented: up to one hour"),
        manual=Manual(
            "https://learn.microsoft.com/azure/devops/organizations/accounts/admin-revoke-user-pats",
            (
                "The user: open User settings, Personal access tokens, in the organisation, and find it by name, scopes and end.",
                "Make a new one with the same scopes and hand it to its users; better, use Entra tokens.",
                "Revoke the leaked one. An administrator can revoke all tokens of the user instead.",
            ),
            notify="the token's user, and the Project Collection Administrators",
        ),
        offline=(example_value,),
        actions=(Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, ADMIN_DOCS, authority="bearer"),),
        irreversible_loss="a revoked token cannot be brought back",
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="azure_devops",
    title="Azure DevOps",
    hosts=("dev.azure.com", ADMIN),
    docs="https://learn.microsoft.com/rest/api/azure/devops/",
    obtain="Sign in as the administrator, then `az account get-access-token` for the resource of Azure DevOps.",
    authority={"bearer": f"Entra access token of a {NEEDS}", "organization": "the organisation that is asked and administered"},
    kinds=(
        _kind(
            "azure_devops_pat",
            "Azure DevOps personal access token",
            r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18}AZDO[A-Za-z0-9]{4}",
            ambiguous=False,
        ),
        _kind("azure_devops_legacy_pat", "Azure DevOps personal access token of the old form", r"[a-z0-9]{52}", ambiguous=True),
    ),
)
