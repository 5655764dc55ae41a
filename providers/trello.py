"""Trello: user tokens, which need the key of their application beside them. Both ride in a header, never in the address."""

import re
from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Budget,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Verdict,
    Writer,
    bound_as_itself,
    dead,
    declares,
    example_value,
    header,
    identity_from,
    judge,
    live,
    receipt,
    seen_dead,
    skip,
    unsure,
)

DOCS = "https://developer.atlassian.com/cloud/trello/guides/rest-api/authorization/"

ANSWERS = (
    live(200, has=["id"]),
    unsure(401, "app_key_refused", says="invalid key", json=False),
    dead(401, says="invalid token", json=False),
    dead(401, "expired", says="expired token", json=False),
)
WHOAMI = identity_from(principal="username")


def riding(cred: Credential) -> Auth:
    """Key and token in one header."""
    key = cred.parts.get("key_id", "")
    return header("Authorization", cred.secret, f'OAuth oauth_consumer_key="{key}", oauth_token="{{}}"')


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The member whose token it is."""
    if not re.fullmatch(r"[\w-]{1,100}", cred.parts.get("key_id", "")):
        return skip("incomplete")
    reply = await api.get("/1/members/me", auth=riding(cred), params={"fields": "id,username"})
    return judge(reply, ANSWERS, api.now, WHOAMI)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself, for good. Here its value has to stand in the address, which is shown nowhere."""
    cred = bound.credential
    reply = await api.send("DELETE", f"/1/tokens/{cred.secret.reveal()}", auth=riding(cred))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="trello",
    title="Trello",
    hosts=("api.trello.com",),
    docs="https://developer.atlassian.com/cloud/trello/rest/",
    kinds=(
        Kind(
            id="trello_token",
            title="Trello user token",
            pattern=r"ATTA[0-9A-Fa-f]{72}|[0-9a-f]{64}",
            ambiguous=True,
            needs=("key_id",),
            verify=verify,
            docs=DOCS,
            identity="the member's name",
            propagation=Propagation(timedelta(minutes=5)),
            budget=Budget(per_second=5, in_flight=4),
            manual=Manual(
                url="https://trello.com/my/account",
                steps=(
                    "As the member, open Settings, Applications.",
                    "Revoke the application, and authorise it again for a new token.",
                ),
                notify="the member",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("TrelloApiKey",), "gitleaks": ("trello-access-token",)},
            irreversible_loss="the member must authorise the application again",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the request carries this very token, and deletes no other"),
                    "nothing beside the token and its application's key",
                    "https://developer.atlassian.com/cloud/trello/rest/api-group-tokens/",
                    by="self",
                    observe=seen_dead(verify),
                    experimental=True,  # not read in the documentation
                    confirm="delete the token of a test member, and see /1/members/me refuse it",
                ),
            ),
        ),
    ),
)
