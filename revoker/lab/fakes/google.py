"""A fake of Google's API keys: the Gemini model list, and API Keys v2."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from revoker.lab.fakes.ai import authority
from revoker.lab.fakes.book import Book, FakeKey
from revoker.lab.fakes.http import Answer, Handler, Request, Route

KEYS = r"/v2/projects/[\w-]+/locations/global/keys"


def google(book: Book) -> list[Route]:
    """The check of a key; look up by value, list, get, delete."""
    return [
        ("GET", "/v1beta/models", models(book)),
        *((method, path, guarded(book, handler)) for method, path, handler in admin(book)),
    ]


def reason(status: int, word: str, message: str) -> dict[str, Any]:
    """Google's error shape, with the reason in its details."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": word, "domain": "googleapis.com"}
    state = "INVALID_ARGUMENT" if status == 400 else "PERMISSION_DENIED"
    return {"error": {"code": status, "message": message, "status": state, "details": [detail]}}


def models(book: Book) -> Handler:
    """The models that a key may list."""

    def answer(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.headers.get("x-goog-api-key", ""))
        if key is None or not book.works(key):
            body = reason(400, "API_KEY_INVALID", "API key not valid. Please pass a valid API key.")
            return Answer(400, body, key=key.id if key else "")
        if key.restricted:
            body = reason(403, "API_KEY_SERVICE_BLOCKED", "Requests to this API are blocked.")
            return Answer(403, body, key=key.id, caller=key.id)
        return Answer(200, {"models": [{"name": "models/model-1"}]}, {}, key.id, key.id)

    return answer


def guarded(book: Book, handler: Handler) -> Handler:
    """The same handler for the authority's OAuth token only."""

    def answer(request: Request, match: re.Match[str]) -> Answer:
        if authority(book, request.bearer) is None:
            return Answer(401, reason(401, "ACCESS_TOKEN_EXPIRED", "Request had invalid authentication credentials."))
        return replace(handler(request, match), caller="authority")

    return answer


def row(key: FakeKey) -> dict[str, Any]:
    """A key as the API shows it."""
    gone = {"deleteTime": key.made_at.isoformat()} if key.state == "deleted" else {}
    name = f"projects/42/locations/global/keys/{key.id}"
    return {"name": name, "uid": key.id, "displayName": key.name, "createTime": key.made_at.isoformat(), **gone}


def admin(book: Book) -> list[Route]:
    """API Keys v2."""

    def lookup(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.query.get("keyString", ""))
        if key is None or key.state == "deleted" or key.account != "acme":
            return Answer(403, reason(403, "IAM_PERMISSION_DENIED", "Permission denied"))
        return Answer(200, {"parent": "projects/42/locations/global", "name": row(key)["name"]}, key=key.id)

    def listed(_request: Request, _: re.Match[str]) -> Answer:
        return Answer(200, {"keys": [row(key) for key in book.listed() if key.kind != "authority"]})

    def key_string(_request: Request, match: re.Match[str]) -> Answer:
        key = book.keys.get(match[1])
        return Answer(200, {"keyString": key.secret}, key=key.id) if key else Answer(404, reason(404, "NOT_FOUND", "Not found"))

    def one(_request: Request, match: re.Match[str]) -> Answer:
        key = book.keys.get(match[1])
        return Answer(200, row(key), key=key.id) if key else Answer(404, reason(404, "NOT_FOUND", "Not found"))

    def delete(_request: Request, match: re.Match[str]) -> Answer:
        done = book.change(match[1], "deleted")
        body = {"name": f"operations/akmf.{match[1]}", "done": True} if done else reason(404, "NOT_FOUND", "Not found")
        return Answer(200 if done else 404, body, key=match[1], change=True)

    return [
        ("GET", "/v2/keys:lookupKey", lookup),
        ("GET", KEYS, listed),
        ("GET", KEYS + r"/([\w-]+)/keyString", key_string),
        ("GET", KEYS + r"/([\w-]+)", one),
        ("DELETE", KEYS + r"/([\w-]+)", delete),
    ]
