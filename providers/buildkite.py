"""Buildkite: API tokens, which delete themselves, and the tokens of agents, jobs, registries and portals."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Residual,
    Writer,
    bearer,
    bound_as_itself,
    dead,
    example_value,
    identity_from,
    live,
    no_safe_check,
    probe,
    receipt,
    seen_dead,
    unsure,
)

DOCS = "https://buildkite.com/docs/apis/rest-api/access-token"
AGENT_DOCS = "https://buildkite.com/docs/agent/self-hosted/tokens"
PATH = "/v2/access-token"

verify = probe(
    PATH,
    [live(200, has=["uuid"]), dead(401, has=["message"]), unsure(403, "network_refused")],
    identity=identity_from(account="user.email", principal="uuid", scopes="scopes", expires_at="expires_at"),
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself, for good."""
    reply = await api.send("DELETE", PATH, auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


def _other(id: str, title: str, pattern: str, *steps: str, residual: tuple[Residual, ...] = ()) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=no_safe_check,
        docs=AGENT_DOCS,
        identity="none: no call reads with it",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            "https://buildkite.com/organizations",
            steps,
            notify="the organisation's administrators",
            proves="the list where it stood holds it no more",
        ),
        offline=(example_value,),
        residual=residual,
    )


PROVIDER = Provider(
    id="buildkite",
    title="Buildkite",
    hosts=("api.buildkite.com",),
    docs="https://buildkite.com/docs/apis/managing-api-tokens",
    kinds=(
        Kind(
            id="buildkite_token",
            title="Buildkite API token",
            pattern=r"bkua_(?:[0-9a-f]{40}|[A-Za-z0-9]{53})",
            verify=verify,
            docs=DOCS,
            identity="the user's mail address, the token's id, scopes and end",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://buildkite.com/user/api-access-tokens",
                (
                    "Sign in as the user, and find the token by its description.",
                    "Make a new one with the same scopes and hand it to its users.",
                    "Revoke the leaked one; an administrator can cut it off the organisation under API Access Audit.",
                ),
                notify="the user, and the organisation's administrators",
            ),
            offline=(example_value,),
            budget=Budget(per_second=3),  # 200 in a minute for an organisation
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the token deletes itself"),
                    "nothing: a token with any scope may do this",
                    f"{DOCS}#revoke-the-current-token",
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="a revoked token cannot be brought back",
        ),
        _other(
            "buildkite_agent_token",
            "Buildkite agent token",
            r"bk(?:ct|ar)_[A-Za-z0-9_-]{20,100}",
            "Open the cluster, Agent Tokens (or Agents, for unclustered ones), and find it by its description.",
            "Make a new one and start the agents with it.",
            "Revoke the leaked one, and stop agents that you do not know: connected ones stay connected.",
            residual=(Residual("agents that are connected already", None, ended_by="stop them by hand"),),
        ),
        _other(
            "buildkite_other_token",
            "Buildkite session, job, registry or portal token",
            r"bk(?:aa|aj|pt|pat|ps)_[A-Za-z0-9_.-]{20,300}",
            "bkaa_ and bkaj_ end with their agent or job: stop it.",
            "bkpt_: open the package registry, and revoke the token there. bkpat_ and bkps_: open the portal, and roll it.",
        ),
    ),
)
