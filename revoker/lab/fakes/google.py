"""A fake of Google's API keys: the Gemini model list, and API Keys v2."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from typing import Any

from revoker.lab.fakes.ai import authority
from revoker.lab.fakes.book import Book, FakeKey
from revoker.lab.fakes.http import Answer, Handler, Request, Route
from revoker.lab.samples import make

KEYS = r"/v2/projects/[\w-]+/locations/global/keys"


def google(book: Book) -> list[Route]:
    """The check of a key, and the API Keys API."""
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
        if "allowedIps" in key.extra.get("restrictions", ""):
            body = reason(403, "API_KEY_IP_ADDRESS_BLOCKED", "The provided API key has an IP address restriction.")
            return Answer(403, body, key=key.id, caller=key.id)
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
    noted = {name: json.loads(key.extra[name]) for name in ("restrictions", "annotations") if name in key.extra}
    name = f"projects/42/locations/global/keys/{key.id}"
    return {"name": name, "uid": key.id, "displayName": key.name, "createTime": key.made_at.isoformat(), **gone, **noted}


def done(response: dict[str, Any]) -> dict[str, Any]:
    """A long-running operation that is over."""
    return {"name": f"operations/akmf.{response['uid']}", "done": True, "response": response}


def admin(book: Book) -> list[Route]:
    """API Keys v2."""
    return [*reads(book), *changes(book)]


def reads(book: Book) -> list[Route]:
    """Look up by value, list, get a key and its value."""

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

    return [
        ("GET", "/v2/keys:lookupKey", lookup),
        ("GET", KEYS, listed),
        ("GET", KEYS + r"/([\w-]+)/keyString", key_string),
        ("GET", KEYS + r"/([\w-]+)", one),
    ]


def changes(book: Book) -> list[Route]:
    """Make, restrict, delete and bring back."""

    def patch(request: Request, match: re.Match[str]) -> Answer:
        wanted = {name: json.dumps(request.json[name]) for name in request.query.get("updateMask", "").split(",") if name}
        key = book.note(match[1], **wanted)
        return (
            Answer(200, done(row(key)), key=match[1], change=True) if key else Answer(404, reason(404, "NOT_FOUND", "Not found"))
        )

    def made(request: Request, _: re.Match[str]) -> Answer:
        wanted = request.query.get("keyId") or secrets.token_hex(8)
        if wanted in book.keys:
            return Answer(409, reason(409, "ALREADY_EXISTS", "Requested entity already exists"), key=wanted)
        extra = {"restrictions": json.dumps(request.json.get("restrictions", {}))}
        name = str(request.json.get("displayName", ""))
        key = book.add(FakeKey(wanted, make("google_api_key"), "google_api_key", "acme", name, extra=extra))
        return Answer(200, done(row(key)), key=wanted, change=True)

    def undelete(_request: Request, match: re.Match[str]) -> Answer:
        key = book.change(match[1], "live", again=True)
        return (
            Answer(200, done(row(key)), key=match[1], change=True) if key else Answer(404, reason(404, "NOT_FOUND", "Not found"))
        )

    def delete(_request: Request, match: re.Match[str]) -> Answer:
        key = book.change(match[1], "deleted")
        return (
            Answer(200, done(row(key)), key=match[1], change=True) if key else Answer(404, reason(404, "NOT_FOUND", "Not found"))
        )

    return [
        ("POST", KEYS, made),
        ("PATCH", KEYS + r"/([\w-]+)", patch),
        ("DELETE", KEYS + r"/([\w-]+)", delete),
        ("POST", KEYS + r"/([\w-]+):undelete", undelete),
    ]
