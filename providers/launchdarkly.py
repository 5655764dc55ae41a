"""LaunchDarkly: access tokens, which tell their own id, and keys of SDKs and mobile apps."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Secret,
    Unbound,
    Validity,
    Writer,
    as_authority,
    can_read,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    no_safe_check,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://apidocs.launchdarkly.com/tag/Other#operation/getCallerIdentity"
TOKENS = "https://apidocs.launchdarkly.com/tag/Access-tokens"
HOSTS = ("app.launchdarkly.com", "app.eu.launchdarkly.com", "app.launchdarkly.us")
WHO = "/api/v2/caller-identity"
NEEDS = "an access token of an administrator of the same account"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

ANSWERS = (
    live(200, has=["tokenId"]),
    dead(401, has=["message"]),
    live(403, "restricted", has=["message"]),
)


def as_is(secret: Secret) -> Auth:
    """The key is the whole header."""
    return header("Authorization", secret)


verify = everywhere(
    HOSTS,
    WHO,
    ANSWERS,
    auth=as_is,
    identity=identity_from(account="accountId", principal="tokenName", scopes="scopes"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token itself says its id and account, and the operator's own token is of the same account."""
    if api.authority("access_token") is None:
        return no_authority("access_token")
    for host in HOSTS:
        own = await api.get(WHO, auth=as_is(cred.secret), host=host)
        if judge(own, ANSWERS, api.now).validity is not Validity.LIVE or text_at(own, "tokenId") is None:
            continue
        ours = await api.get(WHO, auth=as_authority(api, "access_token", as_is), host=host)
        account = text_at(own, "accountId")
        if ours.status != 200 or ours.trouble is not None or account is None or text_at(ours, "accountId") != account:
            return Unbound("refused", "the token is of another account than the operator's own")
        id = safe_id(own.pick("tokenId"))
        return Bound(cred, id, Proof.SELF_ENDPOINT, f"the token itself says that it is {id}", account, {"host": host})
    return Unbound("no_match", "no region says whose token this is")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a token, for good."""
    path = f"/api/v2/tokens/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "access_token", as_is), host=bound.extra.get("host", HOSTS[0]))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


def _env_key(id: str, title: str, prefix: str, what: str) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=prefix + UUID,
        verify=no_safe_check,  # what it may ask would download the environment's flags
        docs="https://launchdarkly.com/docs/sdk/concepts/client-side-server-side",
        identity="none: nothing is asked",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            url="https://launchdarkly.com/docs/home/account/environment/keys",
            steps=(
                "Find the project and environment that has this key.",
                f"Reset the {what} there; an SDK key's old value may be kept until a time of your choice.",
                "Hand the new one to the applications.",
            ),
            notify="the project's owner",
            proves="the environment shows another key, and the old one's expiry is over",
        ),
        offline=(example_value,),
        labels={"list": (id,)},
        effects_of_check="none: nothing is asked",
    )


PROVIDER = Provider(
    id="launchdarkly",
    title="LaunchDarkly",
    hosts=HOSTS,
    docs="https://launchdarkly.com/docs/home/account/api",
    obtain="Organization settings, Authorization: make a token with the role Admin, or with a "
    "custom role that may delete access tokens.",
    authority={"access_token": NEEDS},
    check_authority=can_read("access_token", {"access tokens": "/api/v2/tokens"}, auth=as_is),
    kinds=(
        Kind(
            id="launchdarkly_token",
            title="LaunchDarkly access token",
            pattern=f"api-{UUID}",
            verify=verify,
            docs=DOCS,
            identity="account, the token's name and scopes",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            manual=Manual(
                url="https://app.launchdarkly.com/settings/authorization",
                steps=(
                    "Open Account settings, Authorization, and find the token by the name that revoker tells.",
                    "Make a new token with the same role and hand it to its users.",
                    "Delete the leaked one; a reset gives it another value at once.",
                ),
                notify="the token's member",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    NEEDS,
                    TOKENS,
                    authority="access_token",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="a deleted token cannot be brought back",
        ),
        _env_key("launchdarkly_sdk_key", "LaunchDarkly SDK key", "sdk-", "SDK key"),
        _env_key("launchdarkly_mobile_key", "LaunchDarkly mobile key", "mob-", "mobile key (its old value stops at once)"),
    ),
)
