"""AWS: reading with botocore's signer and parser over the reading transport, changing with boto3 over the sender of one.

Nothing ambient: no profile, no credential file, no environment, no instance metadata. The host is a declared one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from revoker.config import Settings
from revoker.egress import replies
from revoker.egress.line import Answer, Line, Lost
from revoker.egress.policy import Endpoint, from_url
from revoker.egress.requests import Request
from revoker.errors import AuthorityError, EgressRefused
from revoker.model import Credential, Secret
from revoker.sdk import Provider, Reply

if TYPE_CHECKING:
    from revoker.egress.http import Pool

READS = re.compile(r"(?:Get|List|Describe|Simulate)[A-Za-z]*\Z")
MINTS = frozenset({"GetSessionToken", "GetFederationToken", "GetDelegatedAccessToken", "GetWebIdentityToken"})  # named as reads
SERVICES = frozenset({"sts", "iam", "organizations"})
REGION = "us-east-1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """What signs a call."""

    id: str
    secret: Secret
    token: Secret | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One AWS operation: where, what, signed by whom."""

    service: str
    operation: str
    endpoint: Endpoint
    region: str
    keys: Keys
    params: Mapping[str, Any]


def is_read(service: str, operation: str) -> bool:
    """True for an operation that changes nothing and makes no credential."""
    return service in SERVICES and READS.match(operation) is not None and operation not in MINTS


def call(
    pool: Pool, provider: Provider, service: str, operation: str, *, as_: Credential | None, params: Mapping[str, Any]
) -> Call:
    """Put a call together. Raises AuthorityError without credentials, EgressRefused for a service that we do not know."""
    if service not in SERVICES:
        raise EgressRefused("An AWS service that no provider file declares was refused.", safe="nothing was sent")
    configured = pool.settings.authority.get(provider.id, {}).get("region")
    region = (as_.parts.get("region") if as_ is not None else None) or configured or REGION
    host, signs_for = host_of(provider, service, region)
    return Call(service, operation, _endpoint(pool.settings, provider, host), signs_for, _keys(pool, provider, as_), params)


def host_of(provider: Provider, service: str, region: str) -> tuple[str, str]:
    """The declared host of a service in the region's partition, and the region that its signatures name."""
    ours = _partition(region)
    hosts = [host for host in provider.hosts if host.startswith(f"{service}.") and _partition(host) == ours]
    if not hosts:
        raise EgressRefused("No host is declared for this AWS service and partition.", safe="nothing was sent")
    host = next((known for known in hosts if f".{region}." in known), hosts[0])
    default = {"cn": "cn-north-1", "gov": "us-gov-west-1", "eusc": "eusc-de-east-1"}.get(ours, REGION)
    return host, region if f".{region}." in host else default


def _partition(text: str) -> str:
    return "eusc" if "eusc-" in text else "gov" if "us-gov" in text else "cn" if "cn-" in text else ""


def _endpoint(settings: Settings, provider: Provider, host: str) -> Endpoint:
    """An operator's single address stands for all AWS hosts: one server (moto, LocalStack) plays them all."""
    named = settings.endpoints.get(provider.id)
    if isinstance(named, str):
        return from_url(named)
    if named is not None and host in named:
        return from_url(named[host])
    return from_url(f"https://{host}")


def _keys(pool: Pool, provider: Provider, as_: Credential | None) -> Keys:
    if as_ is not None:
        return Keys(as_.parts.get("key_id", ""), as_.secret, as_.secret_parts.get("session_token"))
    id, secret = pool.authority(provider.id, "access_key_id"), pool.authority(provider.id, "secret_access_key")
    if id is None or secret is None:
        raise AuthorityError(
            "No AWS authority is configured.",
            safe="nothing was sent",
            next=f"set access_key_id and secret_access_key in [authority.{provider.id}]",
        )
    return Keys(id.reveal(), secret, pool.authority(provider.id, "session_token"))


@lru_cache(maxsize=4)
def _model(service: str) -> Any:
    """The service's description as botocore ships it; ~/.aws/models is not looked at."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


@lru_cache(maxsize=4)
def _tools(service: str) -> tuple[Any, Any]:
    """What writes and reads the service's protocol: XML of IAM and STS, JSON of Organizations."""
    from botocore.parsers import create_parser
    from botocore.serialize import create_serializer

    protocol = _model(service).metadata["protocol"]
    return create_serializer(protocol), create_parser(protocol)


def signed(what: Call, agent: str) -> Request:
    """The signed POST of a reading call. Raises EgressRefused when the operation or its parameters do not exist."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError
    from botocore.model import OperationNotFoundError

    try:
        model = _model(what.service).operation_model(what.operation)
        made = _tools(what.service)[0].serialize_to_request(dict(what.params), model)
    except (BotoCoreError, OperationNotFoundError):
        raise EgressRefused("An AWS call that does not fit its description was refused.", safe="nothing was sent") from None
    form = isinstance(made["body"], Mapping)
    body = urlencode(made["body"]).encode() if form else bytes(made["body"])
    url = what.endpoint.url("/")
    headers = {"User-Agent": agent, "Content-Type": FORM, **({} if form else made["headers"]), "Accept-Encoding": "gzip"}
    wire = AWSRequest("POST", url, data=body, headers=headers)
    token = what.keys.token.reveal() if what.keys.token is not None else None
    SigV4Auth(Credentials(what.keys.id, what.keys.secret.reveal(), token), what.service, what.region).add_auth(wire)
    return Request("POST", what.endpoint, url, tuple((str(k), str(v)) for k, v in wire.headers.items()), body)


def read_answer(reply: Reply, service: str, operation: str) -> Reply:
    """The parsed body in place of the raw text: json is the operation's result, code AWS's error code."""
    if reply.trouble is not None or reply.status is None:
        return reply
    if _declares_entities(reply.text.encode()):
        return replace(reply, trouble="wrong_type", json=None)
    shape = _model(service).operation_model(operation).output_shape
    raw = {"status_code": reply.status, "headers": dict(reply.headers), "body": reply.text.encode()}
    try:
        parsed = _tools(service)[1].parse(raw, shape)
    except Exception:  # noqa: BLE001 - botocore raises many kinds for a body that is not its own
        return replace(reply, trouble="wrong_type", json=None)
    return _with(reply, parsed)


def _declares_entities(body: bytes) -> bool:
    """True for XML that is never parsed: AWS sends no document types, and entities can grow without end."""
    return b"<!DOCTYPE" in body.upper() or b"<!ENTITY" in body.upper()


def _with(reply: Reply, parsed: Mapping[str, Any]) -> Reply:
    plain = {name: _plain(value) for name, value in parsed.items() if name != "ResponseMetadata"}
    error = plain.get("Error")
    code = str(error["Code"])[:200] if isinstance(error, Mapping) and error.get("Code") else None
    return replace(reply, json=plain, code=code)


def _plain(value: Any) -> Any:
    """Times as ISO 8601, all else as it is."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


def change(what: Call, line: Line, agent: str, limit: float, at: datetime) -> Reply:
    """One changing call through boto3, sent once. Raises NotSent, Lost, EgressRefused."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    sent: list[Answer] = []
    host = what.endpoint.origin.shown
    client = _client(what, line, agent, limit, sent)
    method = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", what.operation).lower()
    run = getattr(client, method, None)
    if run is None:
        raise EgressRefused("An AWS operation that does not exist was refused.", safe="nothing was sent")
    try:
        parsed = run(**what.params)
    except ClientError as error:
        parsed = error.response
    except (BotoCoreError, ResponseParserError):
        if not sent:
            raise EgressRefused("An AWS call that does not fit its description was refused.", safe="nothing was sent") from None
        return replies.trouble_reply(host, "wrong_type", at, sent[0].status)
    answer = sent[0]
    reply = replies.reply_of(host, answer.status, answer.headers, answer.body, at)
    return reply if reply.trouble else _with(reply, parsed)


def _client(what: Call, line: Line, agent: str, limit: float, sent: list[Answer]) -> Any:
    """A boto3 client whose requests leave through our own sender, and never twice."""
    import boto3
    import botocore.session
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config

    from revoker.egress.once import send_once

    known = botocore.session.Session.SESSION_VARIABLES.items()
    core = botocore.session.Session({name: (None, None, default, convert) for name, (_, _, default, convert) in known})
    for file in ("config_file", "credentials_file"):
        core.set_config_variable(file, os.devnull)
    token = what.keys.token.reveal() if what.keys.token is not None else None
    session = boto3.session.Session(what.keys.id, what.keys.secret.reveal(), token, what.region, core)
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, user_agent=agent, ignore_configured_endpoint_urls=True)
    client = session.client(what.service, endpoint_url=what.endpoint.url("/"), config=config)

    def before_send(request: Any, **_: Any) -> Any:
        headers = tuple((_text(k), _text(v)) for k, v in request.headers.items())
        body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
        if sent:
            raise EgressRefused("A second sending of the same change was refused.", safe="the first one was sent")
        answer = send_once(line, Request(request.method, what.endpoint, request.url, headers, body), limit)
        sent.append(answer)
        if _declares_entities(answer.body):
            raise Lost("wrong_type", answer.status)
        response = AWSResponse(request.url, answer.status, dict(answer.headers), None)
        response._content = answer.body
        return response

    client.meta.events.register_first("before-send", before_send)
    return client


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
