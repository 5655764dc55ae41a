"""Confluent Cloud: API keys (an id and a secret).

A key of a Kafka cluster is refused by the Cloud API though it works, so a key is never tried: the operator's own key looks it up.
"""

import base64
import zlib
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
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    basic,
    checksum,
    decided,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    unsure,
)

DOCS = "https://docs.confluent.io/cloud/current/api.html"
NEEDS = "the secret of a Cloud API key of an OrganizationAdmin"

ANSWERS = (
    live(200, "known", has=["id"]),
    unsure(401, "authority_refused"),
    unsure(403, "authority_refused"),
    unsure(404, "not_in_this_organisation"),  # deleted, or another organisation's
)


def owner(api: Reader) -> Auth:
    """The operator's own pair."""
    return as_authority(api, "api_secret", lambda secret: basic(api.setting("api_key") or "", secret))


def place(id: object) -> str:
    """A key by its id."""
    return f"/iam/v2/api-keys/{safe_id(id)}"


def ready(api: Reader) -> bool:
    """True when the operator named both halves of its own key."""
    return api.authority("api_secret") is not None and api.setting("api_key") is not None


@declares(decided(Validity.UNKNOWN, "no_safe_check", "nothing is sent without the authority"), *ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The operator's key reads the owner and the resource of the leaked one; without it nothing is sent."""
    if not ready(api):
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    reply = await api.get(place(cred.parts.get("key_id")), auth=owner(api))
    return judge(reply, ANSWERS, api.now, identity_from(principal="spec.owner.id"))


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The id is the other half of the leaked pair, and the operator's organisation holds that key."""
    if not ready(api):
        return no_authority("api_secret and api_key")
    id = safe_id(cred.parts.get("key_id"))
    reply = await api.get(place(id), auth=owner(api))
    if reply.status != 200 or reply.trouble is not None or reply.pick("id") != id:
        return Unbound("refused", f"the organisation does not show this key ({reply.status or reply.trouble})")
    return Bound(cred, id, Proof.EMBEDDED, "the id is the other half of the leaked pair")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key, for good."""
    reply = await api.send("DELETE", place(bound.target), auth=owner(api))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


async def is_gone(bound: Bound, api: Reader) -> bool | None:
    """Look whether the organisation still holds the key."""
    reply = await api.get(place(bound.target), auth=owner(api))
    return {200: False, 404: True}.get(reply.status or 0) if reply.trouble is None else None


def right_sum(value: str) -> bool:
    """A secret of the new form ends in six characters of the CRC-32 of the 54 before them, its lowest byte first."""
    if len(value) != 64 or not value.startswith("cflt"):
        return True
    return base64.b64encode(zlib.crc32(value[4:58].encode()).to_bytes(4, "little")).decode()[:6] == value[58:]


PROVIDER = Provider(
    id="confluent",
    title="Confluent Cloud",
    hosts=("api.confluent.cloud",),
    docs=DOCS,
    obtain="confluent api-key create --resource cloud, as a service account with the role.",
    authority={"api_secret": NEEDS, "api_key": "the id of that key"},
    kinds=(
        Kind(
            id="confluent_api_key",
            title="Confluent Cloud API key",
            pattern=r"(?:cflt)?[A-Za-z0-9+/]{60,64}",
            ambiguous=True,
            needs=("key_id",),
            verify=verify,
            docs=DOCS,
            check_needs="api_secret: a role that may read the API keys of the organisation (OrganizationAdmin)",
            identity="the key's owner, when the operator's own key looks it up",
            propagation=Propagation(timedelta(minutes=15), source="clusters may lag behind; our margin"),
            manual=Manual(
                url="https://confluent.cloud/settings/api-keys",
                steps=(
                    "Open Administration, API keys, and find the key by its id; it tells its owner and its cluster.",
                    "Make a new key for the same resource and hand it to its clients.",
                    "Delete the leaked one.",
                ),
                notify="the key's owner and the cluster's",
                proves="the organisation does not list the key any more, and its clients are refused",
            ),
            offline=(example_value, checksum(right_sum)),
            labels={"trufflehog": ("Confluent",), "gitleaks": ("confluent-secret-key",), "list": ("confluent_api_key",)},
            actions=(
                # General knowledge. To confirm: delete a test key by its id.
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    NEEDS,
                    DOCS,
                    authority="api_secret",
                    observe=is_gone,
                    experimental=True,
                    confirm="delete a test key, and see the look-up of its id and a call with the pair refused",
                ),
            ),
            effects_of_check="none at the leaked key; the operator's own key reads",
            irreversible_loss="a deleted key cannot be brought back; its clients stop",
        ),
    ),
)
