"""hvac over our own sender: checked addresses, no redirects, no retries, nothing from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from revoker.egress.line import Answer, Line
from revoker.egress.policy import DOTS, PATH, Endpoint
from revoker.egress.requests import Request
from revoker.errors import EgressRefused
from revoker.model import Secret


def client(line: Line, where: Endpoint, token: Secret | None, namespace: str | None, *, agent: str, limit: float) -> Any:
    """An hvac client whose every request leaves through send_once(). An empty token or namespace is not looked up anywhere."""
    import hvac
    from hvac.adapters import RawAdapter

    return hvac.Client(
        url=where.origin.url + where.base,
        token=token.reveal() if token is not None else "",
        namespace=namespace or "",
        session=_session(where, line, agent, limit),
        allow_redirects=False,
        adapter=RawAdapter,
        timeout=limit,
        verify=True,
        cert=("", ""),
        proxies={},
    )


def _session(where: Endpoint, line: Line, agent: str, limit: float) -> Any:
    import requests
    from requests.adapters import BaseAdapter

    from revoker.egress.once import send_once

    class Sender(BaseAdapter):
        """What requests sends through."""

        def send(self, request: Any, *_: Any, **__: Any) -> Any:
            headers = {str(k): str(v) for k, v in request.headers.items() if v} | {"User-Agent": agent, "Accept-Encoding": "gzip"}
            body = request.body.encode() if isinstance(request.body, str) else request.body or b""
            _inside(where, request.url)
            wire = Request(request.method, where, request.url, tuple(headers.items()), body)
            return _response(send_once(line, wire, limit), request)

        def close(self) -> None:
            """Nothing is held."""

    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount(where.origin.url, Sender())
    return session


def _inside(where: Endpoint, url: str) -> None:
    """Refuse an address that is not below the endpoint."""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" != where.origin.url or not parts.path.startswith(where.base + "/"):
        raise EgressRefused("A Vault address outside the configured one was refused.", safe="nothing was sent")


def _response(answer: Answer, request: Any) -> Any:
    import requests

    response = requests.Response()
    response.status_code = answer.status
    response.headers.update(dict(answer.headers))
    response._content = answer.body
    response.encoding = "utf-8"
    response.url, response.request = request.url, request
    return response


def send(hvac_client: Any, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One call of Vault's API; any status is an answer. Raises NotSent, Lost, EgressRefused."""
    if not PATH.match(path) or DOTS.search(path):
        raise EgressRefused("A path that could lead elsewhere was refused.", safe="nothing was sent")
    more = {} if json is None else {"json": _revealed(json)}
    response = hvac_client.adapter.request(method, path, dict(headers or {}), raise_exception=False, **more)
    return Answer(response.status_code, tuple(response.headers.items()), response.content or b"")


def _revealed(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {str(name): _revealed(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_revealed(inner) for inner in value]
    return value
