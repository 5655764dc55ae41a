"""A small HTTP server for fakes: a table of routes, a request limit, and a log of who touched which key."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from revoker.lab.log import Log, Seen
from revoker.model import NOTHING


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with its parts read."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # lower-case names
    body: bytes = field(repr=False)

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ").strip()

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object of the body; an empty one for anything else."""
        with suppress(ValueError):
            read = json.loads(self.body or b"{}")
            return read if isinstance(read, dict) else {}
        return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and what the log should say: the key it was about, and whether it was a change."""

    status: int = 200
    body: Any = None  # JSON, text, or None for nothing
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    key: str = ""
    caller: str = ""
    change: bool = False


Handler = Callable[[Request, "re.Match[str]"], Answer]
Route = tuple[str, str, Handler]  # method, pattern of the whole path, what answers


@dataclass(slots=True)
class Limit:
    """A limit of so many requests a second; `refuse` is the provider's own 429."""

    per_second: float
    refuse: Answer
    burst: float = 1.0
    tokens: float = 1.0
    at: float = field(default_factory=monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """True when one more request is allowed now."""
        with self.lock:
            now = monotonic()
            self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_second)
            self.at = now
            if self.tokens < 1:
                return False
            self.tokens -= 1
            return True


@contextmanager
def serve(provider: str, routes: Sequence[Route], log: Log, *, limit: Limit | None = None) -> Iterator[str]:
    """Serve routes on a free loopback port, and give the base URL."""
    table = [(method, re.compile(pattern), handler) for method, pattern, handler in routes]

    server = _Server(("127.0.0.1", 0), _Handler)
    server.answers = lambda request: respond(provider, table, log, limit, request)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(
    provider: str, table: Sequence[tuple[str, re.Pattern[str], Handler]], log: Log, limit: Limit | None, request: Request
) -> Answer:
    """Find the route, answer, and write it down."""
    answer = Answer(404, {"error": "no such path"})
    if limit is not None and not limit.take():
        answer = limit.refuse
    else:
        for method, pattern, handler in table:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                answer = handler(request, match)
                break
    log.add(Seen(provider, request.method, request.path, answer.status, answer.key, answer.caller, change=answer.change))
    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # a sweep opens many connections at once; a short queue would refuse some of them
    answers: Callable[[Request], Answer]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing on stderr: a client that was killed resets its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "lab"
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, unquote(url.path), dict(parse_qsl(url.query, keep_blank_values=True)), headers, body)
        answer = self.server.answers(request)
        text = answer.body if isinstance(answer.body, str) else "" if answer.body is None else json.dumps(answer.body)
        sent = {"Content-Type": "text/plain" if isinstance(answer.body, str) else "application/json", **answer.headers}
        self.send_response(answer.status)
        for name, value in sent.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: the log is kept by `respond`."""
