"""Notion: tokens of internal integrations, and of OAuth integrations, which their own client can revoke."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Budget,
    Credential,
    Effect,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Unbound,
    Writer,
    as_authority,
    basic,
    dead,
    example_value,
    identity_from,
    live,
    no_authority,
    probe,
    receipt,
    seen_dead,
)

DOCS = "https://developers.notion.com/reference/get-self"
REVOKE_DOCS = "https://developers.notion.com/reference/revoke-token"
VERSION = {"Notion-Version": "2022-06-28"}
CLIENT = "the client secret of the OAuth integration that got the token"

verify = probe(
    "/v1/users/me",
    [
        live(200, has=["id"]),
        dead(401, at="code", codes=["unauthorized"]),
        live(403, "restricted", at="code", codes=["restricted_resource"]),
    ],
    headers=VERSION,
    identity=identity_from(account="bot.workspace_name", principal="name"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The request carries this very token, and the client that got it must sign it."""
    if api.authority("client_secret") is None or api.setting("client_id") is None:
        return no_authority("client_id and client_secret")
    return Bound(
        cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very token, and can revoke no other"
    )


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke a token of an OAuth integration, for good."""
    auth = as_authority(api, "client_secret", lambda secret: basic(api.setting("client_id") or "", secret))
    reply = await api.send("POST", "/v1/oauth/revoke", auth=auth, headers=VERSION, json={"token": bound.credential.secret})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="notion",
    title="Notion",
    hosts=("api.notion.com",),
    docs="https://developers.notion.com/reference/intro",
    obtain="The integration's page, Configuration: OAuth client id and secret.",
    authority={"client_secret": CLIENT, "client_id": "that integration's client id"},
    kinds=(
        Kind(
            id="notion_token",
            title="Notion integration token",
            pattern=r"ntn_[A-Za-z0-9]{46}|secret_[A-Za-z0-9]{43}",
            verify=verify,
            docs=DOCS,
            identity="the integration's name and its workspace",
            propagation=Propagation(timedelta(minutes=5)),
            budget=Budget(per_second=3, in_flight=3),
            manual=Manual(
                url="https://www.notion.so/profile/integrations",
                steps=(
                    "Open the integration (the check tells its name and workspace), Configuration.",
                    "Refresh the internal integration secret, and hand the new one to its users.",
                    "An integration that nobody needs: delete it.",
                ),
                notify="the workspace's owner",
            ),
            offline=(example_value,),
            irreversible_loss="the user must authorise the integration again",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    CLIENT,
                    REVOKE_DOCS,
                    authority="client_secret",
                    observe=seen_dead(verify),
                ),
            ),
        ),
    ),
)
