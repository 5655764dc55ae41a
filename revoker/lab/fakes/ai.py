"""Fakes of OpenAI, Anthropic, Hugging Face and Groq."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Any

from revoker.lab.fakes.book import Book, FakeKey, hint
from revoker.lab.fakes.http import Answer, Handler, Request, Route
from revoker.lab.samples import make

MODELS = {"object": "list", "data": [{"id": "model-1", "object": "model"}]}
PROJECTS = "/v1/organization/projects"


def authority(book: Book, secret: str) -> FakeKey | None:
    """The operator's own key, when this is it and it works."""
    key = book.find(secret)
    return key if key is not None and key.kind == "authority" and book.works(key) else None


def openai(book: Book) -> list[Route]:
    """`/v1/models`, and the Admin API: projects, their keys, service accounts."""
    return [("GET", "/v1/models", openai_models(book)), *openai_admin(book), *openai_accounts(book)]


def openai_refused(message: str, code: str | None, status: int = 401) -> Answer:
    """OpenAI's error shape."""
    return Answer(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


def openai_models(book: Book) -> Handler:
    """The check of a key: 200 with the organisation and the project in headers."""

    def models(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        if key is None or not book.works(key):
            answer = openai_refused(f"Incorrect API key provided: {hint(request.bearer, 8, 4)}.", "invalid_api_key")
            return replace(answer, key=key.id if key else "")
        if key.restricted:
            words = "You have insufficient permissions for this operation. Missing scopes: api.model.read."
            return replace(openai_refused(words, None, 403), key=key.id)
        headers = {"openai-organization": key.account, "openai-project": key.extra.get("project", "proj_default")}
        return Answer(200, MODELS, headers, key.id, key.id)

    return models


def guarded(book: Book, handler: Handler) -> Handler:
    """The same handler for the authority's bearer only."""

    def answer(request: Request, match: re.Match[str]) -> Answer:
        caller = authority(book, request.bearer)
        if caller is None:
            return openai_refused("Incorrect API key provided", "invalid_api_key")
        return replace(handler(request, match), caller=caller.id)

    return answer


def openai_admin(book: Book) -> list[Route]:
    """Projects and their keys. Values are shown by their first and last characters."""

    def projects(_request: Request, _: re.Match[str]) -> Answer:
        rows = [{"id": "proj_other", "name": "other"}, {"id": "proj_web", "name": "web"}]
        return Answer(200, {"object": "list", "data": rows, "has_more": False, "last_id": "proj_web"})

    def project(_request: Request, match: re.Match[str]) -> Answer:
        return Answer(200, {"object": "organization.project", "id": match[1], "name": match[1]})

    def keys(_request: Request, match: re.Match[str]) -> Answer:
        rows = [row(key) for key in book.listed() if key.extra.get("project") == match[1] and key.kind != "authority"]
        return Answer(200, {"object": "list", "data": rows, "has_more": False})

    def row(key: FakeKey) -> dict[str, Any]:
        owner: dict[str, Any] = {"type": "user", "user": {"id": f"user-{key.account}", "name": key.account, "role": "member"}}
        if "account" in key.extra:
            owner = {
                "type": "service_account",
                "service_account": {"id": key.extra["account"], "name": key.name, "role": "member"},
            }
        return {"id": key.id, "name": key.name, "redacted_value": hint(key.secret, 12, 4), "owner": owner}

    def delete(_request: Request, match: re.Match[str]) -> Answer:
        done = book.change(match[1], "deleted")
        body = {"object": "organization.project.api_key.deleted", "id": match[1], "deleted": True}
        return Answer(200 if done else 404, body, key=match[1], change=True)

    return [
        ("GET", PROJECTS, guarded(book, projects)),
        ("GET", PROJECTS + r"/([\w-]+)", guarded(book, project)),
        ("GET", PROJECTS + r"/([\w-]+)/api_keys", guarded(book, keys)),
        ("DELETE", PROJECTS + r"/[\w-]+/api_keys/([\w-]+)", guarded(book, delete)),
    ]


def openai_accounts(book: Book) -> list[Route]:
    """Service accounts: made with a key that is shown once, deleted with all their keys."""

    def made(request: Request, match: re.Match[str]) -> Answer:
        value, name = make("openai_service_account_key"), str(request.json.get("name", ""))
        extra = {"project": match[1], "account": f"svc_acct_{secrets.token_hex(8)}"}
        key = book.add(FakeKey(f"key_{secrets.token_hex(8)}", value, "openai_service_account_key", "org-acme", name, extra=extra))
        shown = {"object": "organization.project.service_account.api_key", "id": key.id, "value": value, "name": name}
        body = {"object": "organization.project.service_account", "id": extra["account"], "name": name, "api_key": shown}
        return Answer(200, body, key=key.id, change=True)

    def listed(_request: Request, match: re.Match[str]) -> Answer:
        found = [k for k in book.listed() if k.extra.get("project") == match[1] and "account" in k.extra]
        rows = [{"id": key.extra["account"], "name": key.name, "role": "member"} for key in found]
        return Answer(200, {"object": "list", "data": rows, "has_more": False})

    def delete(_request: Request, match: re.Match[str]) -> Answer:
        found = next((key for key in book.listed() if key.extra.get("account") == match[1]), None)
        if found is None:
            return openai_refused("No such service account", "not_found", 404)
        book.change(found.id, "deleted")
        return Answer(200, {"id": match[1], "deleted": True}, key=found.id, change=True)

    return [
        ("GET", PROJECTS + r"/([\w-]+)/service_accounts", guarded(book, listed)),
        ("POST", PROJECTS + r"/([\w-]+)/service_accounts", guarded(book, made)),
        ("DELETE", PROJECTS + r"/[\w-]+/service_accounts/([\w-]+)", guarded(book, delete)),
    ]


def anthropic(book: Book) -> list[Route]:
    """`/v1/models`, and the Admin API's list and update of keys."""
    return [("GET", "/v1/models", anthropic_models(book)), *anthropic_admin(book)]


def anthropic_refused(status: int, kind: str, message: str) -> Answer:
    """Anthropic's error shape."""
    return Answer(status, {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_lab"})


def anthropic_models(book: Book) -> Handler:
    """The check of a key; its organisation stands in a header."""

    def models(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.headers.get("x-api-key", ""))
        if key is None or not book.works(key):
            return replace(anthropic_refused(401, "authentication_error", "invalid x-api-key"), key=key.id if key else "")
        headers = {"anthropic-organization-id": key.account}
        if key.restricted:
            answer = anthropic_refused(403, "permission_error", "Your API key may not list models.")
            return replace(answer, headers=headers, key=key.id)
        return Answer(200, {"data": [{"type": "model", "id": "model-1"}], "has_more": False}, headers, key.id, key.id)

    return models


def anthropic_admin(book: Book) -> list[Route]:
    """List, get and update keys. Values are shown by their first and last characters."""

    def guard(handler: Handler) -> Handler:
        def answer(request: Request, match: re.Match[str]) -> Answer:
            if authority(book, request.headers.get("x-api-key", "")) is None:
                return anthropic_refused(401, "authentication_error", "invalid x-api-key")
            return replace(handler(request, match), caller="authority")

        return answer

    def row(key: FakeKey) -> dict[str, Any]:
        status = {"live": "active", "disabled": "inactive", "deleted": "archived"}[key.state]
        shown = {"partial_key_hint": hint(key.secret, 16, 4), "status": status}
        return {"id": key.id, "type": "api_key", "name": key.name, "workspace_id": None, **shown}

    def keys(_request: Request, _: re.Match[str]) -> Answer:
        rows = [row(key) for key in list(book.keys.values()) if key.kind == "anthropic_api_key"]
        return Answer(200, {"data": rows, "has_more": False, "last_id": rows[-1]["id"] if rows else None})

    def one(_request: Request, match: re.Match[str]) -> Answer:
        key = book.keys.get(match[1])
        return Answer(200, row(key), key=key.id) if key else anthropic_refused(404, "not_found_error", "Not found")

    def update(request: Request, match: re.Match[str]) -> Answer:
        wanted = {"active": "live", "inactive": "disabled", "archived": "deleted"}.get(str(request.json.get("status")))
        key = book.change(match[1], wanted) if wanted else None
        if key is None:
            return anthropic_refused(404, "not_found_error", "Not found")
        return Answer(200, row(key), key=key.id, change=True)

    base = "/v1/organizations/api_keys"
    return [("GET", base, guard(keys)), ("GET", base + r"/(\w+)", guard(one)), ("POST", base + r"/(\w+)", guard(update))]


def huggingface(book: Book) -> list[Route]:
    """`whoami-v2`, and the endpoint where anybody may report a leaked token; it always answers 202."""

    def whoami(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        if key is None or not book.works(key):
            return Answer(401, {"error": "Invalid credentials in Authorization header"}, key=key.id if key else "")
        if key.restricted:
            return Answer(403, {"error": "Access to this organization is restricted by its policy"}, key=key.id)
        token = {"displayName": key.name, "role": "write", "createdAt": key.made_at.isoformat()}
        body = {
            "type": "user",
            "id": "u1",
            "name": key.account,
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": token},
        }
        return Answer(200, body, {}, key.id, key.id)

    def revoke(request: Request, _: re.Match[str]) -> Answer:
        hit = [key for key in (book.find(str(value)) for value in request.json.get("credentials", [])) if key]
        for key in hit:
            book.change(key.id, "deleted")
        return Answer(202, {}, key=",".join(key.id for key in hit), change=True)

    return [("GET", "/api/whoami-v2", whoami), ("POST", "/api/credentials/revoke", revoke)]


def groq(book: Book) -> list[Route]:
    """`/openai/v1/models`; keys are deleted in the console only."""

    def models(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        if key is None or not book.works(key):
            error = {"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}
            return Answer(401, {"error": error}, key=key.id if key else "")
        return Answer(200, MODELS, {}, key.id, key.id)

    return [("GET", "/openai/v1/models", models)]
