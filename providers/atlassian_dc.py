"""Jira and Confluence Data Center: personal access tokens. The server is the operator's own, named in [endpoints]."""

from datetime import timedelta

from revoker.sdk import (
    Action,
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
    Writer,
    bearer,
    dead,
    example_value,
    identity_from,
    live,
    only_candidate,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html"
TOKENS = "/rest/pat/latest/tokens"

verify = probe(
    TOKENS,
    [
        live(200, has=["0.id"]),  # the user's own list, and the token is on it
        dead(401, has=["message"]),
        live(403, "restricted", has=["message"]),
    ],
    identity=identity_from(principal="0.name", expires_at="0.expiringAt"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the tokens that the token lists of its user; the list shows no value, so a person confirms."""
    reply = await api.get(TOKENS, auth=bearer(cred.secret))
    rows = reply.json if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list):
        return Unbound("refused", f"the token does not list its user's tokens ({reply.status or reply.trouble})")
    if len(rows) != 1:
        named = [f"{text_at(Reply('', json=row), 'id')} ({text_at(Reply('', json=row), 'name')})" for row in rows[:20]]
        return Unbound("several_matches" if rows else "no_match", "the user's tokens: " + ", ".join(named))
    only = Reply("", json=rows[0])
    return only_candidate(f"{text_at(only, 'id')} ({text_at(only, 'name')})")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself, for good."""
    reply = await api.send("DELETE", f"{TOKENS}/{safe_id(bound.target)}", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


PROVIDER = Provider(
    id="atlassian_dc",
    title="Jira and Confluence Data Center",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="atlassian_dc_pat",
            title="Jira or Confluence Data Center personal access token",
            pattern=r"[MNO][A-Za-z0-9+/]{43}",
            ambiguous=True,
            verify=verify,
            docs=DOCS,
            identity="the name and the end of the user's first token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html",
                steps=(
                    "As the user, open the profile on your server, Personal Access Tokens.",
                    "Create a token, and hand it to its users.",
                    "Revoke the leaked one. An administrator: Administration, Personal access tokens.",
                ),
                notify="the user, and the server's administrators",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted token cannot be brought back",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    "nothing beside the token",
                    DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
        ),
    ),
)
