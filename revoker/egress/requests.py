"""Writing one request: address, headers, body. The only place where a secret is put on the wire."""

from __future__ import annotations

import base64
import json as jsonlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from revoker import __version__
from revoker.config import Settings
from revoker.egress.policy import Endpoint
from revoker.errors import EgressRefused
from revoker.model import NOTHING, Secret
from revoker.sdk import Auth

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
VALUE = re.compile(r"[\t\x20-\x7e]*\Z")
RESERVED = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "cookie"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes out. Its repr shows neither address nor headers: both may hold a secret."""

    method: str
    endpoint: Endpoint
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False, default=())
    body: bytes = field(repr=False, default=b"")


def user_agent(settings: Settings) -> str:
    """Who we are, so that a provider can tell our requests and reach the operator."""
    contact = settings.network.user_agent_contact
    return f"revoker/{__version__} (+{contact})" if contact else f"revoker/{__version__}"


def write(
    method: str,
    endpoint: Endpoint,
    path: str,
    agent: str,
    *,
    auth: Auth | None = None,
    json: Any = None,
    form: Mapping[str, str | Secret] = NOTHING,
    params: Mapping[str, Any] = NOTHING,
    headers: Mapping[str, str] = NOTHING,
) -> Request:
    """Build a request. Raises EgressRefused for what could be read as two requests or lead elsewhere."""
    url, query = endpoint.url(path), _encoded(params, quote)
    if query:
        url += ("&" if "?" in path else "?") + query
    fields: dict[str, str] = {"User-Agent": agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
    body = b""
    if json is not None:
        body, fields["Content-Type"] = jsonlib.dumps(json, default=_reveal).encode(), "application/json"
    elif form:
        body, fields["Content-Type"] = _encoded(form, quote_plus).encode(), "application/x-www-form-urlencoded"
    lower = {name.lower(): name for name in fields}
    for name, value in headers.items():
        fields.pop(lower.get(name.lower(), ""), None)
        fields[name] = value
    if auth is not None:
        fields[auth.header] = _auth_value(auth)
    return Request(method, endpoint, url, _checked(fields), body)


def _auth_value(auth: Auth) -> str:
    value = auth.value.reveal()
    if auth.user is not None:
        value = base64.b64encode(f"{auth.user}:{value}".encode()).decode()
    return auth.template.replace("{}", value)


def _checked(fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    for name, value in fields.items():
        if not NAME.match(name) or name.lower() in RESERVED or not VALUE.match(value):
            raise EgressRefused("A header that cannot be written safely was refused.", safe="nothing was sent")
    return tuple(fields.items())


def _encoded(values: Mapping[str, Any], how: Callable[..., str]) -> str:
    plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}
    try:
        return urlencode(plain, quote_via=how)
    except UnicodeEncodeError:  # half a surrogate pair; it may be a secret's, so it is not told
        raise EgressRefused("A text that is no text was refused.", safe="nothing was sent") from None


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
