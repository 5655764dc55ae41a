"""Grafana Cloud: tokens of access policies. They say offline where they belong.

A refusal is read from its body: a missing permission and a wrong token have the same status.
"""

import base64
import json
import re
from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Budget,
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Reply,
    Verdict,
    bearer,
    dead,
    declares,
    example_value,
    judge,
    live,
    skip,
    text_at,
)

DOCS = "https://grafana.com/docs/grafana-cloud/developer-resources/api-reference/cloud-api/"


def said(cred: Credential) -> Reply:
    """What a Cloud token says about itself: organisation `o`, name `n`, region `m.r`."""
    part = cred.secret.reveal().removeprefix("glc_").rstrip("=")
    try:
        found = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_"))
    except (ValueError, RecursionError):
        found = None
    return Reply("", json=found)


def organisation(cred: Credential) -> str | None:
    """The organisation's id, read offline."""
    return text_at(said(cred), "o")


def readable(cred: Credential, now: object) -> Verdict | None:
    """Skip a Cloud token that does not say where it belongs."""
    own = said(cred)
    return None if text_at(own, "o") and re.fullmatch(r"[a-z0-9-]{2,30}", text_at(own, "m.r") or "") else skip("malformed")


ANSWERS = (
    live(200, has=["items"]),
    dead(401, at="code", codes=["InvalidCredentials"]),
    dead(403, at="code", codes=["InvalidCredentials"]),
    *(live(status, "restricted", says=text) for status in (401, 403) for text in ("permission", "scope")),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The list of tokens of the token's own region."""
    region = text_at(said(cred), "m.r") or ""
    if not re.fullmatch(r"[a-z0-9-]{2,30}", region):
        return skip("malformed")
    reply = await api.get("/api/v1/tokens", auth=bearer(cred.secret), params={"region": region, "pageSize": "1"})
    verdict = judge(reply, ANSWERS, api.now)
    return replace(verdict, identity=Identity(organisation(cred), text_at(said(cred), "n"))) if verdict.evidence else verdict


PROVIDER = Provider(
    id="grafana_cloud",
    title="Grafana Cloud",
    hosts=("grafana.com",),
    docs=DOCS,
    kinds=(
        Kind(
            id="grafana_cloud_token",
            title="Grafana Cloud access policy token",
            pattern=r"glc_[A-Za-z0-9+/_-]{40,400}={0,2}",
            verify=verify,
            docs=DOCS,
            account=organisation,
            identity="organisation id and the token's name, which stand in the token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://grafana.com/docs/grafana-cloud/security-and-account-management/authentication-and-permissions/access-policies/",
                steps=(
                    "Open the organisation's access policies at grafana.com and find the token by its name (it stands in the token).",
                    "Add a new token to the same policy and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the organisation's administrators",
            ),
            offline=(example_value, readable),
            budget=Budget(per_second=0.15, in_flight=1),  # 600 requests an hour
            irreversible_loss="a deleted token cannot be brought back",
        ),
    ),
)
