"""A fake of Docker Hub: login for a session, and the list of access tokens, which takes no session of a token."""

from __future__ import annotations

import base64
import json
import re
import secrets
from dataclasses import replace
from typing import Any
from uuid import uuid4

from revoker.lab.fakes.ai import authority
from revoker.lab.fakes.book import Book, FakeKey
from revoker.lab.fakes.http import Answer, Handler, Request, Route
from revoker.lab.samples import make

TOKENS = "/v2/access-tokens"
Sessions = dict[str, FakeKey]


def docker_hub(book: Book) -> list[Route]:
    """Login, and what the owner's password may do to access tokens."""
    sessions: Sessions = {}
    enter = login(book, sessions)
    return [
        ("POST", "/v2/auth/token", enter),
        ("POST", "/v2/users/login", enter),
        *((method, path, by_password(book, sessions, handler)) for method, path, handler in tokens(book)),
    ]


def login(book: Book, sessions: Sessions) -> Handler:
    """Name and secret for a JWT, whose claims name the token that logged in."""

    def answer(request: Request, _: re.Match[str]) -> Answer:
        sent = request.json
        key = book.find(str(sent.get("secret", sent.get("password", ""))))
        if key is None or not book.works(key) or str(sent.get("identifier", sent.get("username"))) != key.account:
            body = {"detail": "Incorrect authentication credentials", "message": "unauthorized"}
            return Answer(401, body, key=key.id if key else "")
        claims = {"uuid": key.id, "username": key.account, "scope": "repo:read", "nonce": secrets.token_hex(8)}
        token = ".".join(
            base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b"{}", json.dumps(claims).encode(), b"lab")
        )
        sessions[token] = key
        return Answer(200, {"access_token": token, "token": token}, {}, key.id, key.id)

    return answer


def by_password(book: Book, sessions: Sessions, handler: Handler) -> Handler:
    """The same handler for sessions that a password opened."""

    def answer(request: Request, match: re.Match[str]) -> Answer:
        key = sessions.get(request.bearer) or book.find(request.bearer)
        if key is None or authority(book, key.secret) is None:
            return Answer(403, {"message": "token issued from personal access token is not allowed"})
        return replace(handler(request, match), caller="authority")

    return answer


def row(key: FakeKey) -> dict[str, Any]:
    """A token as the list shows it."""
    shown = {"uuid": key.id, "token_label": key.name, "is_active": key.state == "live", "scopes": ["repo:read"]}
    return {**shown, "created_at": key.made_at.isoformat(), "last_used": None, "creator_ip": "127.0.0.1"}


def tokens(book: Book) -> list[Route]:
    """List, get, switch and delete access tokens; the first of the list may be anybody's."""

    def found(status: int, key: FakeKey | None, id: str, *, change: bool = False) -> Answer:
        if key is None or key.state == "deleted":
            return Answer(404, {"message": "not found"}, key=id)
        return Answer(status, row(key), key=id, change=change)

    def listed(_request: Request, _: re.Match[str]) -> Answer:
        rows = [row(key) for key in book.listed() if key.kind != "authority"]
        return Answer(200, {"count": len(rows), "next": None, "previous": None, "results": rows})

    def one(_request: Request, match: re.Match[str]) -> Answer:
        return found(200, book.keys.get(match[1]), match[1])

    def switch(request: Request, match: re.Match[str]) -> Answer:
        state = "live" if request.json.get("is_active") else "disabled"
        return found(200, book.change(match[1], state), match[1], change=True)

    def made(request: Request, _: re.Match[str]) -> Answer:
        name = str(request.json.get("token_label", ""))
        key = book.add(FakeKey(str(uuid4()), make("docker_hub_pat"), "docker_hub_pat", "acme", name))
        return Answer(201, {**row(key), "token": key.secret}, key=key.id, change=True)

    def delete(_request: Request, match: re.Match[str]) -> Answer:
        done = book.change(match[1], "deleted")
        return Answer(204 if done else 404, None if done else {"message": "not found"}, {}, match[1], change=True)

    return [
        ("GET", TOKENS, listed),
        ("GET", TOKENS + r"/([\w-]+)", one),
        ("POST", TOKENS, made),
        ("PATCH", TOKENS + r"/([\w-]+)", switch),
        ("DELETE", TOKENS + r"/([\w-]+)", delete),
    ]
