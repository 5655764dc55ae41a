"""Elasticsearch: users by their URI, API keys, which carry their own id, and tokens of service accounts, at the operator's cluster."""

import base64
import re
from datetime import timedelta

from revoker.providers.elastic.users import USER
from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Mutation,
    Proof,
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
    at_its_host,
    bearer,
    can_read,
    dead,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    skip,
)

DOCS = "https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-authenticate"
KEYS_DOCS = "https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-invalidate-api-key"
KEYS = "/_security/api_key"
NEEDS = "an API key with the cluster privilege manage_api_key (base64 of id:key)"

ANSWERS = (
    live(200, has=["username"]),
    dead(401, at="error.type", codes=["security_exception"]),
    live(403, "restricted", at="error.type", codes=["security_exception"]),
)


def api_key(secret: Secret) -> Auth:
    """Elastic's own scheme."""
    return header("Authorization", secret, "ApiKey {}")


def own_id(cred: Credential) -> str | None:
    """The id before the colon of the decoded key; None when it does not decode."""
    value = cred.secret.reveal()
    try:
        text = base64.b64decode(value + "=" * (-len(value) % 4)).decode("ascii")
    except ValueError:
        return None
    found = re.fullmatch(r"([A-Za-z0-9_-]{15,40}):[A-Za-z0-9_-]{15,60}", text)
    return found[1] if found else None


def readable(cred: Credential, now: object) -> Verdict | None:
    """Skip what does not decode to id:key."""
    return None if own_id(cred) else skip("malformed")


verify = at_its_host(
    "/_security/_authenticate",
    ANSWERS,
    auth=lambda cred: api_key(cred.secret),
    identity=identity_from(principal="username", scopes="roles"),
)
verify_service = at_its_host(
    "/_security/_authenticate",
    ANSWERS,
    auth=lambda cred: bearer(cred.secret),
    identity=identity_from(principal="username"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The id stands in the key, and the cluster says that this key logs in as that id."""
    id = own_id(cred)
    reply = await api.get("/_security/_authenticate", auth=api_key(cred.secret), host=cred.parts.get("host"))
    if id is None or judge(reply, ANSWERS, api.now).validity is not Validity.LIVE or reply.pick("api_key.id") != id:
        return Unbound("no_match", f"the cluster does not confirm this key's id ({reply.status or reply.trouble})")
    return Bound(cred, id, Proof.SELF_ENDPOINT, "the id stands in the key, and the cluster confirms it")


async def bind_for_owner(cred: Credential, api: Reader) -> Bound | Unbound:
    """The same, where the operator's own key can act."""
    return no_authority("api_key") if api.authority("api_key") is None else await bind(cred, api)


def told(reply: Reply) -> str:
    """A 200 may hold an error: only the list of what was invalidated counts."""
    gone, before = reply.pick("invalidated_api_keys"), reply.pick("previously_invalidated_api_keys")
    if reply.pick("error_count") != 0:
        return "refused" if isinstance(reply.pick("error_count"), int) else ""
    return "done" if gone else "already" if before else ""


def invalidate(action: str, *, own: bool) -> Mutation:
    """Invalidate a key by its id, for good; it stays in the list."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        cred = bound.credential
        auth = api_key(cred.secret) if own else as_authority(api, "api_key", api_key)
        body: dict[str, object] = {"ids": [safe_id(bound.target)]} | ({"owner": True} if own else {})
        reply = await api.send("DELETE", KEYS, auth=auth, json=body, host=cred.parts.get("host"))
        return receipt(action, Effect.REVOKE, bound, reply, api.now, done=[200], told=told)

    return run


PROVIDER = Provider(
    id="elastic",
    title="Elasticsearch",
    hosts=(),
    docs="https://www.elastic.co/docs/api/doc/elasticsearch",
    obtain="POST /_security/api_key as a user with the privilege, with a role descriptor of just that privilege; keep `encoded`.",
    authority={"api_key": NEEDS},
    check_authority=can_read("api_key", {"a working key": "/_security/_authenticate"}, auth=api_key),
    kinds=(
        USER,
        Kind(
            id="elastic_api_key",
            title="Elasticsearch API key",
            pattern=r"[A-Za-z0-9+/]{42,120}={0,2}",
            ambiguous=True,
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the user that made the key, and its roles; the id stands in the key",
            propagation=Propagation(timedelta(minutes=10), source="at once in the cluster; caches of other nodes last minutes"),
            manual=Manual(
                url="https://www.elastic.co/docs/deploy-manage/api-keys/elasticsearch-api-keys",
                steps=(
                    "Open Stack Management, API keys, in Kibana, and find the key by its id or name.",
                    "Make a new one with the same role descriptors and hand it to its users.",
                    "Invalidate the leaked one; it stays in the list as invalidated.",
                ),
                notify="the cluster's administrators",
            ),
            offline=(example_value, readable),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    invalidate("revoke", own=False),
                    bind_for_owner,
                    NEEDS,
                    KEYS_DOCS,
                    authority="api_key",
                    observe=seen_dead(verify),
                ),
                Action(
                    "revoke_self",
                    Effect.REVOKE,
                    invalidate("revoke_self", own=True),
                    bind,
                    "the leaked key's own privilege manage_own_api_key",
                    KEYS_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="an invalidated key cannot be brought back",
        ),
        Kind(
            id="elastic_service_token",
            title="Elasticsearch service account token",
            pattern=r"AAEAAW[A-Za-z0-9+/_-]{30,200}={0,2}",
            host_from="host",
            verify=verify_service,
            docs=DOCS,
            identity="the service account",
            propagation=Propagation(timedelta(minutes=10), source="caches of other nodes last minutes"),
            manual=Manual(
                url="https://www.elastic.co/docs/deploy-manage/users-roles/cluster-or-deployment-auth/service-accounts",
                steps=(
                    "List the tokens of the service account that the check named, by namespace, service and token name.",
                    "Make a new one and hand it to its service.",
                    "DELETE /_security/service/{namespace}/{service}/credential/token/{name}; a file token: elasticsearch-service-tokens.",
                ),
                notify="the cluster's administrators",
            ),
            offline=(example_value,),
            labels={"list": ("elastic_service_token",)},
            irreversible_loss="a deleted token cannot be brought back",
        ),
    ),
)
