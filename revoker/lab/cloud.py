"""Moto's IAM and STS, with the two answers that moto does not give by itself and the drill rests on.

Moto checks signatures and policies when asked to, but accepts keys that are Inactive. A thin layer in front of
it refuses those as STS and IAM do (403 InvalidClientTokenId), and writes down every call with the key that it touched.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from revoker.lab.log import Log, Seen

ACCOUNT = "123456789012"
FOREIGN_ACCOUNT = "210987654321"
EVERYTHING = "*"
REFUSED = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    b"<Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error>"
    b"<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
)
CREATES = "CreateAccessKey"
MADE = re.compile(rb"<AccessKeyId>(\w+)</AccessKeyId>")
CHANGES = ("Create", "Update", "Delete", "Put", "Attach", "Detach", "Tag")

Environ = dict[str, Any]
Start = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Moto:
    """A running moto: its address, and the log of every call (the ground truth of the drill)."""

    url: str
    log: Log
    account: str = ACCOUNT


@dataclass(frozen=True, slots=True)
class CloudKey:
    """An access key of the fake cloud."""

    id: str
    secret: str = field(repr=False)
    user: str


@contextmanager
def moto() -> Iterator[Moto]:
    """Start moto on a free port, with signatures and policies enforced from the first call."""
    from moto import settings
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    log = Log()
    app = strict(DomainDispatcherApplication(create_backend_app), log)
    before, settings.INITIAL_NO_AUTH_ACTION_COUNT = settings.INITIAL_NO_AUTH_ACTION_COUNT, 0
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_quiet(MotoRequestHandler))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Moto(f"http://127.0.0.1:{server.server_port}", log)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        settings.INITIAL_NO_AUTH_ACTION_COUNT = before


def make_key(user: str, *, account: str = ACCOUNT, active: bool = True, may: str | None = None, fresh: bool = False) -> CloudKey:
    """Make an access key, and its user when there is none. `may` is the action pattern that the user is allowed.

    Moto's books belong to the process: `fresh` takes away the keys that an earlier story left with the user.
    """
    from moto.iam.models import iam_backends

    backend = iam_backends[account]["aws"]
    if user not in backend.users:
        backend.create_user("us-east-1", user)
    if fresh:
        for left in backend.list_access_keys(user):
            backend.delete_access_key(left.access_key_id, user)
    if may:
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": may, "Resource": "*"}]}
        backend.put_user_policy(user, "lab", json.dumps(allow))
    made = backend.create_access_key(user, status="Active" if active else "Inactive")
    return CloudKey(made.access_key_id, made.secret_access_key, user)


def status_of(key_id: str) -> str | None:
    """The status of a key in moto's own books; None when no account has it."""
    from moto.iam.models import iam_backends

    for backends in list(iam_backends.values()):
        found = backends["aws"].access_keys.get(key_id)
        if found is not None:
            return str(found.status)
    return None


def strict(app: Any, log: Log) -> Callable[[Environ, Start], Iterable[bytes]]:
    """Put the refusal of inactive keys, and the log, in front of moto's WSGI application."""

    def serve(environ: Environ, start: Start) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        signer = _signer(environ.get("HTTP_AUTHORIZATION", ""))
        form = parse_qs(body.decode("utf-8", "replace"))
        action, target, user = (form.get(name, [""])[0] for name in ("Action", "AccessKeyId", "UserName"))
        target = target or ("" if action == CREATES else _keys_of(user))
        statuses: list[str] = []

        def begin(status: str, headers: Any, *rest: Any) -> Any:
            statuses.append(status)
            return start(status, headers, *rest)

        if status_of(signer) == "Inactive":
            begin("403 Forbidden", [("Content-Type", "text/xml")])
            answer = [REFUSED]
        else:
            answer = list(app(environ, begin))
        code, change = int(statuses[-1].split(maxsplit=1)[0]), action.startswith(CHANGES)
        key = target or _made(action, b"".join(answer)) or signer
        log.add(Seen("aws", "POST", action, code, key=key, caller=signer, change=change))
        return answer

    return serve


def _made(action: str, answer: bytes) -> str:
    """The id of the key that a call made; empty for any other call."""
    found = MADE.search(answer) if action == CREATES else None
    return found[1].decode() if found else ""


def _keys_of(user: str) -> str:
    """The ids of the keys of a user that a call names, with commas: whom the call hits."""
    from moto.iam.models import iam_backends

    backend = iam_backends[ACCOUNT]["aws"]
    return ",".join(key.access_key_id for key in backend.list_access_keys(user)) if user in backend.users else ""


def _signer(authorization: str) -> str:
    """The key id that signed, from `Credential=ID/date/region/service/aws4_request`."""
    return authorization.split("Credential=", 1)[-1].split("/", 1)[0] if "Credential=" in authorization else ""


def _quiet(handler: type[Any]) -> type[Any]:
    """The same request handler without a line on stderr for each request."""
    return type("QuietHandler", (handler,), {"log_request": lambda *_args, **_kwargs: None})
