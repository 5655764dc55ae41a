"""Weights & Biases: API keys of a user, which reach all of the user's teams.

Everything is one GraphQL endpoint: a fixed query reads the viewer and the names of their keys. A name is the prefix that
the settings show, so it is a label; an older server's name is the whole key, and only that proves anything.
"""

from collections.abc import Mapping
from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Reply,
    Residual,
    Secret,
    Unbound,
    Verdict,
    Writer,
    basic,
    dead,
    declares,
    example_value,
    judge,
    live,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    with_code,
)

DOCS = "https://docs.wandb.ai/support/find_api_key"
GRAPHQL = "/graphql"
VIEWER = "query { viewer { id username email entity admin } }"
KEYS = "query { viewer { id apiKeys { edges { node { id name description } } } } }"
DELETE = "mutation ($id: ID!) { deleteApiKey(input: {id: $id}) { success } }"
ANSWERS = (live(200, codes=["viewer"]), dead(200, codes=["no_viewer"]), dead(401), live(403, "restricted"))


def by_key(secret: Secret) -> Auth:
    """HTTP Basic as the user `api`."""
    return basic("api", secret)


def state(reply: Reply) -> str | None:
    """A 200 is dead when it says that there is no viewer, and nothing when it holds errors."""
    data = reply.pick("data")
    if not isinstance(data, Mapping) or "viewer" not in data or reply.pick("errors"):
        return None
    return "no_viewer" if data["viewer"] is None else "viewer" if text_at(reply, "data.viewer.id") else None


def whoami(reply: Reply) -> Identity:
    """The user, and their default entity."""
    principal = text_at(reply, "data.viewer.email") or text_at(reply, "data.viewer.username")
    return Identity(
        text_at(reply, "data.viewer.entity"), principal, ("admin",) if reply.pick("data.viewer.admin") is True else ()
    )


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask who the viewer is."""
    reply = await api.query(GRAPHQL, auth=by_key(cred.secret), json={"query": VIEWER})
    return judge(with_code(reply, state), ANSWERS, api.now, whoami)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The user's key whose name is this whole value; or the keys whose name it begins with, for a person."""
    reply = await api.query(GRAPHQL, auth=by_key(cred.secret), json={"query": KEYS})
    edges = reply.pick("data.viewer.apiKeys.edges") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(edges, list):
        return Unbound("refused", f"the list of keys was not given ({reply.status or reply.trouble})")
    rows = [Reply("", json=edge) for edge in edges]
    named = [(text_at(row, "node.id") or "", text_at(row, "node.name") or "") for row in rows]
    same = [id for id, name in named if name and Secret(name).same_as(cred.secret)]
    if len(same) == 1:
        return Bound(cred, safe_id(same[0]), Proof.UNIQUE_HASH, "the user's list holds this very value")
    fitting = [id for id, name in named if len(name) >= 4 and cred.secret.reveal().startswith(name)]
    if not fitting:
        return Unbound("no_match", "no listed key's name begins this value")
    return Unbound("several_matches" if len(fitting) > 1 else "label_only", f"begins like this value: {', '.join(fitting[:20])}")


def deleted(reply: Reply) -> str:
    """GraphQL answers 200 to everything: `success` or an error tells."""
    if reply.pick("data.deleteApiKey.success") is True:
        return "done"
    return "refused" if reply.pick("errors") else ""


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key of the same user by its id, for good."""
    body = {"query": DELETE, "variables": {"id": safe_id(bound.target, r"[\w.:@=+/-]{1,200}")}}
    reply = await api.send("POST", GRAPHQL, auth=by_key(bound.credential.secret), json=body)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], told=deleted)


def _kind(id: str, title: str, pattern: str, labels: dict[str, tuple[str, ...]], *, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels=labels,
        verify=verify,
        docs=DOCS,
        also_at="a dedicated or self-managed W&B server",
        identity="user (e-mail), default entity, whether they are an admin",
        propagation=Propagation(timedelta(minutes=15)),
        residual=(Residual("keys that were made with the leaked one", None, "look through the user's keys"),),
        manual=Manual(
            url="https://wandb.ai/settings",
            steps=(
                "Sign in as the user that the check names, or as the organisation's admin (its page shows the last use).",
                "Make a new key and hand it to its users.",
                "Delete the leaked key, and every key since the leak that nobody knows.",
                "A dedicated or self-hosted server has keys of its own: look there when this one is refused.",
            ),
            notify="the user that the check names",
        ),
        offline=(example_value,),
        irreversible_loss="a deleted key cannot be brought back",
        actions=(
            Action(
                id="revoke",
                effect=Effect.REVOKE,
                run=revoke,
                bind=bind,
                needs="the key itself: a user may delete their own keys",
                docs="https://docs.wandb.ai/platform/hosting/iam/service-accounts",
                by="self",
                observe=seen_dead(verify),
                experimental=True,
                confirm="delete a test user's key with that key itself, and see viewer answer null",
            ),
        ),
    )


PROVIDER = Provider(
    id="wandb",
    title="Weights & Biases",
    hosts=("api.wandb.ai",),
    docs="https://docs.wandb.ai",
    reads=(Read(GRAPHQL, json=("query",), fixed={"query": (VIEWER, KEYS)}),),
    kinds=(
        _kind(
            "wandb_api_key",
            "Weights & Biases API key",
            r"wandb_v1_[A-Za-z0-9_]{77}",
            {
                "trufflehog": ("WeightsAndBiases",),
                "kingfisher": ("kingfisher.wandb.2", "betterleaks.weights-and-biases-api-key-v1"),
                "github": ("wandb_api_key",),
            },
        ),
        _kind(
            "wandb_legacy_key",
            "Weights & Biases API key (legacy)",
            r"[0-9a-f]{40}",
            {
                "trufflehog": ("WeightsAndBiases",),
                "kingfisher": ("kingfisher.wandb.1", "betterleaks.weights-and-biases-api-key"),
                "github": ("wandb_api_key",),
            },
            ambiguous=True,
        ),
    ),
)
