"""Heroku: API keys and OAuth authorisations. The list of authorisations shows whole tokens, so that one can be compared."""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Budget,
    Credential,
    Effect,
    Issued,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Writer,
    bearer,
    dead,
    example_value,
    identity_from,
    live,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://devcenter.heroku.com/articles/platform-api-reference#account"
AUTH_DOCS = "https://devcenter.heroku.com/articles/platform-api-reference#oauth-authorization"
LIST = "/oauth/authorizations"
V3 = {"Accept": "application/vnd.heroku+json; version=3"}

verify = probe(
    "/account",
    [
        live(200, has=["id", "email"]),
        dead(401, at="id", codes=["unauthorized"]),
        live(403, "restricted", at="id", codes=["forbidden"]),
    ],
    headers=V3,
    identity=identity_from(account="id", principal="email"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token lists its user's authorisations, and exactly one holds this value."""
    reply = await api.get(LIST, auth=bearer(cred.secret), headers=V3)
    rows = reply.json if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list):
        return Unbound("refused", "the token may not list authorisations: it needs the scope global")
    found = [row for row in (Reply("", json=one) for one in rows) if is_it(row, cred)]
    if len(found) != 1:
        return Unbound("several_matches" if found else "no_match", "no single listed authorisation holds this value")
    how = "the user's list of authorisations holds this very value"
    return Bound(cred, safe_id(text_at(found[0], "id")), Proof.UNIQUE_HASH, how, text_at(found[0], "user.id"))


def is_it(row: Reply, cred: Credential) -> bool:
    """Whether a listed authorisation has this very token."""
    value = text_at(row, "access_token.token")
    return value is not None and Secret(value).same_as(cred.secret)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete the authorisation with all its tokens, for good."""
    reply = await api.send("DELETE", f"{LIST}/{safe_id(bound.target)}", auth=bearer(bound.credential.secret), headers=V3)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Give the authorisation new tokens. The old ones die with the same call."""
    path = f"{LIST}/{safe_id(bound.target)}/actions/regenerate-tokens"
    reply = await api.send("POST", path, auth=bearer(bound.credential.secret), headers=V3)
    new = text_at(reply, "access_token.token") or ""
    told = receipt("rotate", Effect.ISSUE, bound, reply, api.now, done=[200, 201], told=lambda _: "done" if new else "")
    return replace(told, issued=Issued(bound.target, Secret(new)))


def _kind(id: str, title: str, pattern: str, *, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=DOCS,
        identity="account id and mail address",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            "https://dashboard.heroku.com/account",
            (
                "An account's own key: Reveal it to compare, and Regenerate API Key.",
                "Another one: open https://dashboard.heroku.com/account/applications and revoke its authorisation.",
                "Hand the new one to its users, and look at the config vars that it could read.",
            ),
            notify="the account's owner, and the administrators of its teams",
        ),
        offline=(example_value,),
        budget=Budget(per_second=1),
        actions=(
            Action(
                "revoke",
                Effect.REVOKE,
                revoke,
                bind,
                "scope global on the leaked token itself",
                AUTH_DOCS,
                by="self",
                observe=seen_dead(verify),
            ),
            Action(
                "rotate",
                Effect.ISSUE,
                rotate,
                bind,
                "scope global on the leaked token itself",
                AUTH_DOCS,
                by="self",
                replaces=True,
            ),
        ),
        irreversible_loss="the authorisation; a deleted one cannot be brought back",
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="heroku",
    title="Heroku",
    hosts=("api.heroku.com",),
    docs="https://devcenter.heroku.com/articles/platform-api-reference",
    kinds=(
        _kind("heroku_api_key", "Heroku API token", r"HRKU-AA[0-9A-Za-z_-]{58}", ambiguous=False),
        _kind(
            "heroku_legacy_key",
            "Heroku API key of the old form",
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            ambiguous=True,
        ),
    ),
)
