"""HCP Terraform (Terraform Cloud): tokens of users, teams, organisations and agent pools look alike.

An agent pool's token is refused here like a dead one. A refusal is a death only when the operator says that they have no
agent pools.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
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
    Unbound,
    Validity,
    Verdict,
    Writer,
    bearer,
    dead,
    decided,
    declares,
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

DOCS = "https://developer.hashicorp.com/terraform/cloud-docs/api-docs/account"
TOKEN_DOCS = "https://developer.hashicorp.com/terraform/cloud-docs/api-docs/user-tokens"  # noqa: S105 - a page
ME = "/api/v2/account/details"

ask = probe(
    ME,
    [live(200, has=["data.id"]), dead(401, has=["errors"])],
    identity=identity_from(account="data.attributes.username", principal="data.id"),
)


AGENT = decided(Validity.UNKNOWN, "maybe_agent_token", "refused, and the settings do not say that there are no agent pools")


@declares(*ask.answers, AGENT)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Who the token is; a refusal may mean that it is an agent pool's."""
    verdict = await ask(cred, api)
    if verdict.validity is Validity.DEAD and api.setting("agent_pools") != "none":
        return replace(verdict, validity=Validity.UNKNOWN, reason="maybe_agent_token")
    return verdict


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the token of a person who has one only; it is a person that confirms it."""
    me = await api.get(ME, auth=bearer(cred.secret))
    user = text_at(me, "data.id") if me.status == 200 and me.trouble is None else None
    if user is None or me.pick("data.attributes.is-service-account") is not False:
        return Unbound("refused", "the token does not act as a person: it is a team's or organisation's")
    listed = await api.get(f"/api/v2/users/{safe_id(user)}/authentication-tokens", auth=bearer(cred.secret))
    rows = listed.pick("data") if listed.status == 200 and listed.trouble is None else None
    if not isinstance(rows, list) or not rows or listed.pick("links.next") is not None:
        return Unbound("refused", "the list of the user's tokens could not be read to its end")
    if len(rows) > 1:
        return Unbound("several_matches", f"the user has {len(rows)} tokens, and no list tells which has this value")
    return only_candidate(f"{text_at(listed, 'data.0.id')} of {text_at(me, 'data.attributes.username')}")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself by its id, for good."""
    path = f"/api/v2/authentication-tokens/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


PROVIDER = Provider(
    id="terraform_cloud",
    title="HCP Terraform",
    hosts=("app.terraform.io",),
    docs="https://developer.hashicorp.com/terraform/cloud-docs/api-docs",
    obtain="Not a credential: a setting. Look at the organisation's Settings, Agents, and set it only when there is no pool.",
    authority={"agent_pools": "`none` when the organisation has no agent pools: then a refused token is dead"},
    kinds=(
        Kind(
            id="terraform_cloud_token",
            title="HCP Terraform token",
            pattern=r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}",
            verify=verify,
            docs=DOCS,
            check_needs="no right: the setting agent_pools says whether a refused token may be an agent's",
            also_at="Terraform Enterprise",
            identity="user name and id; a service account's name for a team's or organisation's token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://app.terraform.io/app/settings/tokens",
                (
                    "A person's: find it here by its description and last use.",
                    "A team's or organisation's: the organisation's settings, API tokens. An agent pool's: settings, Agents.",
                    "Make a new one and hand it to its users: making a single team or organisation token kills the old one.",
                    "Delete the leaked one, and rotate the workspaces' variables that it could read.",
                ),
                notify="the user, and the organisation's owners, who cannot delete a person's token",
            ),
            offline=(example_value,),
            budget=Budget(per_second=20),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    "none of ours; a person's token may delete its own",
                    TOKEN_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="a deleted token cannot be brought back",
        ),
    ),
)
