"""Grafana instances: service accounts' tokens, and API keys of the old form, at the operator's own stack."""

import zlib
from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    OfflineCheck,
    Propagation,
    Provider,
    at_its_host,
    bearer,
    checksum,
    dead,
    example_value,
    live,
    unsure,
)

DOCS = "https://grafana.com/docs/grafana/latest/administration/service-accounts/"


def right_sum(value: str) -> bool:
    """The eight characters at the end are the CRC-32 of what stands before them, its lowest byte first."""
    return zlib.crc32(value[:-9].encode()).to_bytes(4, "little").hex() == value[-8:].lower()


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
    hosts=(),
    docs=DOCS,
    kinds=(
        _instance(
            "grafana_service_account",
            "Grafana service account token",
            r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}",
            checksum(right_sum),
        ),
        _instance("grafana_api_key", "Grafana API key (old)", r"eyJrIjoi[A-Za-z0-9+/_-]{40,400}={0,2}"),
    ),
)
