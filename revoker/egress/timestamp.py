"""Asking a time-stamp authority (RFC 3161) for a stamp. It gets a hash and a nonce, and nothing else."""

from __future__ import annotations

from revoker.config import Settings
from revoker.egress.limits import tls_context
from revoker.egress.line import Line, Lost, NotSent
from revoker.egress.once import send_once
from revoker.egress.requests import Request, user_agent
from revoker.egress.webhook import split
from revoker.errors import AuditError
from revoker.model import Secret


def stamped(settings: Settings, url: str, query: bytes) -> bytes:
    """The authority's answer to a time-stamp query. Raises AuditError, EgressRefused."""
    where, path = split(Secret(url), settings, "[audit] timestamp_url")
    line = Line(tls_context(settings.network.ca_bundle), settings.network.allow, settings.network.proxy)
    headers = {"User-Agent": user_agent(settings), "Content-Type": "application/timestamp-query"}
    request = Request("POST", where, where.url(path), tuple(headers.items()), query)
    try:
        answer = send_once(line, request, settings.verify.timeout.total_seconds())
    except (NotSent, Lost) as error:
        raise AuditError(f"The time-stamp authority did not answer ({error.reason}).") from None
    if answer.status != 200:
        raise AuditError(f"The time-stamp authority answered {answer.status}.")
    return answer.body
