"""GitHub: changes through PyGithub's requester, whose connections are ours: checked addresses, no redirects, sent once."""

from __future__ import annotations

import json as jsonlib
from typing import Any

from revoker.egress.line import Answer, Line
from revoker.egress.policy import Endpoint
from revoker.egress.requests import Request, write
from revoker.errors import EgressRefused
from revoker.sdk import Auth

ACCEPT = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def send(
    line: Line, endpoint: Endpoint, agent: str, method: str, path: str, *, auth: Auth | None, json: Any, limit: float
) -> Answer:
    """One changing call. Raises NotSent, Lost, EgressRefused."""
    from github.Requester import Requester

    if method not in METHODS:
        raise EgressRefused("A method that does not change was refused where changes are sent.", safe="nothing was sent")
    draft = write(method, endpoint, path, agent, auth=auth, json=json, headers=ACCEPT)
    answers: list[Answer] = []

    class Once(Requester):
        """A class of its own, so that the connection class of other users of PyGithub stays as it is."""

    connection = _connection(line, draft, limit, answers)
    Once.injectConnectionClasses(connection, connection)
    base = endpoint.origin.url + endpoint.base
    requester = Once(None, base, int(limit) or 1, agent, 30, True, None, None)
    requester.requestJson(method, path, None, None, None if json is None else jsonlib.loads(draft.body))
    return answers[0]


def _connection(line: Line, draft: Request, limit: float, answers: list[Answer]) -> Any:
    """The class that PyGithub makes its connection of."""
    from revoker.egress.once import send_once

    class Connection:
        """What PyGithub takes for an HTTP connection; it sends our own draft and nothing else."""

        host = draft.endpoint.origin.host

        def __init__(self, *args: Any, **more: Any) -> None:
            self._given = (args, more)

        def request(self, verb: str, url: str, input: Any, headers: Any, stream: bool = False) -> None:  # noqa: ARG002
            if answers:
                raise EgressRefused("A second sending of the same change was refused.", safe="the first one was sent")
            if verb != draft.method or not draft.url.endswith(url):
                raise EgressRefused("PyGithub asked for another call than the planned one.", safe="nothing was sent")
            body = input.encode() if isinstance(input, str) else draft.body
            answers.append(send_once(line, Request(verb, draft.endpoint, draft.url, draft.headers, body), limit))

        def getresponse(self) -> Connection:
            return self

        @property
        def status(self) -> int:
            return answers[0].status

        def getheaders(self) -> list[tuple[str, str]]:
            return [(k, v) for k, v in answers[0].headers if k.lower() in ("content-type", "x-request-id")]

        def read(self) -> str:
            return answers[0].body.decode("utf-8", "replace")

        def close(self) -> None:
            """Nothing is held."""

    return Connection
