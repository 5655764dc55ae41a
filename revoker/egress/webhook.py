"""Posting an event to the operator's own address. The address is from the configuration and is never shown: it may be a secret."""

from __future__ import annotations

from collections.abc import Mapping

from revoker.config import Settings
from revoker.egress.limits import tls_context
from revoker.egress.line import Line, Lost, NotSent
from revoker.egress.once import send_once
from revoker.egress.policy import Endpoint, from_url
from revoker.egress.requests import Request, user_agent
from revoker.errors import ConfigError
from revoker.model import Secret


def post(settings: Settings, url: Secret, body: bytes, headers: Mapping[str, str]) -> bool:
    """Post a JSON body once; True when it was taken (2xx). The egress policy holds: checked addresses, no redirects.

    Raises ConfigError for an address that is not plain https (http only to an address in [network] allow), EgressRefused.
    """
    where, path = split(url, settings, "[notify] webhook")
    line = Line(tls_context(settings.network.ca_bundle), settings.network.allow, settings.network.proxy)
    fields = {"User-Agent": user_agent(settings), "Content-Type": "application/json", **headers}
    request = Request("POST", where, where.url(path), tuple(fields.items()), body)
    try:
        answer = send_once(line, request, settings.verify.timeout.total_seconds())
    except (NotSent, Lost):
        return False
    return 200 <= answer.status < 300


def split(url: Secret, settings: Settings, key: str) -> tuple[Endpoint, str]:
    """A configured address as its endpoint and path. Raises ConfigError, with the key's name, for what is not plain https."""
    scheme, _, rest = url.reveal().partition("://")
    authority, slash, path = rest.partition("/")
    where = from_url(f"{scheme}://{authority}")
    if where.origin.scheme != "https" and not settings.network.allow:
        raise ConfigError(f"{key} must be an https address.", next="use https, or name your own network in [network] allow")
    return where, slash + path or "/"
