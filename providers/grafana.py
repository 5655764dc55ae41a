"""Grafana: service accounts' tokens of an instance, old API keys, and tokens of Grafana Cloud access policies.

A Cloud token's refusal is read from the body: a missing permission and a wrong token have the same status.
"""

import base64
import json
import re
import zlib
from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Budget,
    Credential,
    Identity,
    Kind,
    Manual,
    OfflineCheck,
    Propagation,
    Provider,
    Reader,
    Reply,
    Verdict,
    at_its_host,
    bearer,
    checksum,
    dead,
    example_value,
    judge,
    live,
    skip,
    text_at,
    unsure,
)

DOCS = "https://grafana.com/docs/grafana/latest/administration/service-accounts/"
CLOUD_DOCS = "https://grafana.com/docs/grafana-cloud/developer-resources/api-reference/cloud-api/"
CLOUD = "grafana.com"


def right_sum(value: str) -> bool:
    """The eight characters at the end are the CRC-32 of what stands before them, its lowest byte first."""
    return zlib.crc32(value[:-9].encode()).to_bytes(4, "little").hex() == value[-8:].lower()


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


CLOUD_ANSWERS = (
    live(200, has=["items"]),
    dead(401, at="code", codes=["InvalidCredentials"]),
    dead(403, at="code", codes=["InvalidCredentials"]),
    *(live(status, "restricted", says=text) for status in (401, 403) for text in ("permission", "scope")),
)

verify_here = at_its_host(
    "/api/access-control/user/permissions",
    [
        live(200, has=["annotations:read"]),
        live(200, has=["datasources:query"]),
        live(200, has=["dashboards:read"]),
        live(200, has=["folders:read"]),
        unsure(200, "no_known_permission"),
        live(403, "restricted", has=["message"]),
        dead(401, has=["message"]),
    ],
    auth=lambda cred: bearer(cred.secret),
)


async def verify_cloud(cred: Credential, api: Reader) -> Verdict:
    """The list of tokens of the token's own region."""
    region = text_at(said(cred), "m.r") or ""
    if not re.fullmatch(r"[a-z0-9-]{2,30}", region):
        return skip("malformed")
    reply = await api.get("/api/v1/tokens", auth=bearer(cred.secret), params={"region": region, "pageSize": "1"}, host=CLOUD)
    verdict = judge(reply, CLOUD_ANSWERS, api.now)
    return replace(verdict, identity=Identity(organisation(cred), text_at(said(cred), "n"))) if verdict.evidence else verdict


def _instance(id: str, title: str, pattern: str, *checks: OfflineCheck, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        host_from="host",
        verify=verify_here,
        docs="https://grafana.com/docs/grafana/latest/developers/http_api/access_control/",
        identity="none: the permissions are read, and no name",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            url=DOCS,
            steps=(
                "Open Administration, Users and access, Service accounts, on the instance that made it.",
                "Contain: disable the service account (PATCH /api/serviceaccounts/{id}, isDisabled). It can be taken back.",
                "Make a new token there and hand it to its users.",
                "Find the leaked one by its name and last use, and delete it; the list shows no part of its value.",
            ),
            notify="the organisation's administrators on that instance",
        ),
        offline=(example_value, *checks),
        labels={"list": (id,)},
    )


PROVIDER = Provider(
    id="grafana",
    title="Grafana",
    hosts=(CLOUD,),
    docs=DOCS,
    kinds=(
        _instance(
            "grafana_service_account",
            "Grafana service account token",
            r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}",
            checksum(right_sum),
        ),
        _instance("grafana_api_key", "Grafana API key (old)", r"eyJrIjoi[A-Za-z0-9+/_-]{40,400}={0,2}"),
        Kind(
            id="grafana_cloud_token",
            title="Grafana Cloud access policy token",
            pattern=r"glc_[A-Za-z0-9+/_-]{40,400}={0,2}",
            verify=verify_cloud,
            docs=CLOUD_DOCS,
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
