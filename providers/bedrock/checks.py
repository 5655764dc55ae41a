"""What a Bedrock key says about itself, and what Bedrock says to it."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from revoker.sdk import (
    Credential,
    Identity,
    Reader,
    Validity,
    Verdict,
    bearer,
    dead,
    decided,
    declares,
    everywhere,
    expired_offline,
    judge,
    live,
    skip,
)

REGIONS = (
    "us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1",
    "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2",
    "us-gov-east-1", "us-gov-west-1",
)  # fmt: skip
# IAM is one for all regions of a partition; a key that one region refuses is asked about in others, and in GovCloud.
ASKED = ("us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1", "us-gov-west-1")
NAME = re.compile(r"(?P<user>[\w+=,.@-]{1,64}?)(?:\+\d{1,3})?-at-(?P<account>\d{12})")
MODELS = "/foundation-models"
LONGEST_LIFE = 43_200  # seconds

ANSWERS = (
    live(200, has=["modelSummaries"]),
    live(403, "restricted", says="not authorized to perform"),
    dead(403, "expired", says="token has expired"),
    dead(403, "expired", says="security token included in the request is expired"),
    dead(403, says="security token included in the request is invalid"),
    dead(403, says="make sure your API Key is valid"),
)


def host(region: str) -> str:
    """Where Bedrock answers in a region."""
    return f"bedrock.{region}.amazonaws.com"


def decoded(text: str) -> str:
    """The text inside base64; nothing when it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def alias(cred: Credential) -> str:
    """The public name that a long-term key holds: `BedrockAPIKey-x1y2-at-<account>`."""
    return decoded(cred.secret.reveal().removeprefix("ABSK")).partition(":")[0]


def account_of(cred: Credential) -> str | None:
    """The account of a long-term key, read from its own name."""
    found = NAME.fullmatch(alias(cred))
    return found["account"] if found else None


listed = everywhere([host(region) for region in ASKED], MODELS, ANSWERS)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """List the foundation models: free, and every region takes the key of an IAM user."""
    verdict = await listed(cred, api)
    found = NAME.fullmatch(alias(cred))
    if verdict.validity is not Validity.LIVE or found is None:
        return verdict
    return Verdict(verdict.validity, verdict.reason, verdict.evidence, Identity(found["account"], found["user"]))


def presigned(cred: Credential) -> Mapping[str, str]:
    """What a short-term key says about itself: the fields of its presigned request, and the region."""
    query = decoded(cred.secret.reveal().removeprefix("bedrock-api-key-")).partition("?")[2]
    try:
        fields = {name: values[0] for name, values in parse_qs(query, max_num_fields=30).items()}
    except ValueError:
        return {}
    scope = fields.get("X-Amz-Credential", "").split("/")
    return {**fields, "region": scope[2]} if len(scope) == 5 else {}


def over(cred: Credential, now: datetime) -> Verdict | None:
    """Dead when its own end is over; skipped when it is no presigned request at all."""
    fields = presigned(cred)
    try:
        made = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lasts = timedelta(seconds=min(int(fields.get("X-Amz-Expires", LONGEST_LIFE)), LONGEST_LIFE))
    except (KeyError, ValueError):
        return skip("malformed")
    return expired_offline() if made + lasts < now else None


@declares(decided(Validity.UNKNOWN, "unknown_region", "the key names no region of Bedrock; nothing is sent"), *ANSWERS)
async def verify_short(cred: Credential, api: Reader) -> Verdict:
    """List the foundation models of the one region that takes this key."""
    region = presigned(cred).get("region", "")
    if region not in REGIONS:
        return Verdict(Validity.UNKNOWN, "unknown_region")
    return judge(await api.get(MODELS, auth=bearer(cred.secret), host=host(region)), ANSWERS, api.now)
