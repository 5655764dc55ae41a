"""Fakes of Slack and Stripe."""

from __future__ import annotations

import re
from typing import Any

from revoker.lab.fakes.book import Book
from revoker.lab.fakes.http import Answer, Request, Route


def slack(book: Book) -> list[Route]:
    """`auth.test` and `auth.revoke`: always 200, the truth is in `ok`. Webhooks answer in plain text."""

    def no(error: str, key: str = "") -> Answer:
        return Answer(200, {"ok": False, "error": error}, key=key)

    def test(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        if key is None:
            return no("invalid_auth")
        if not book.works(key):
            return no("token_revoked", key.id)
        body = {
            "ok": True,
            "url": "https://acme.slack.com/",
            "team": "Acme",
            "user": key.name,
            "team_id": "T0ACME",
            "user_id": key.id,
        }
        return Answer(200, body, {"X-OAuth-Scopes": "chat:write,channels:read"}, key.id, key.id)

    def revoke(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        if key is None or not book.works(key):
            return no("invalid_auth" if key is None else "token_revoked", key.id if key else "")
        book.change(key.id, "deleted")
        return Answer(200, {"ok": True, "revoked": True}, {}, key.id, key.id, change=True)

    def webhook(_request: Request, match: re.Match[str]) -> Answer:
        found = next((key for key in list(book.keys.values()) if key.secret.endswith(match[0])), None)
        if found is None or not book.works(found):
            return Answer(404, "no_service", key=found.id if found else "")
        return Answer(400, "invalid_payload", {}, found.id, found.id)

    return [
        ("POST", "/api/auth.test", test),
        ("POST", "/api/auth.revoke", revoke),
        ("POST", r"/services/\w+/\w+/\w+", webhook),
    ]


def stripe(book: Book) -> list[Route]:
    """`/v1/account`; keys are rolled in the dashboard only."""

    def refused(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
        return {"error": {"message": message, "type": kind, **({"code": code} if code else {})}}

    def account(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        if key is None or not book.works(key):
            body = refused(f"Invalid API Key provided: {request.bearer[:8]}****", "invalid_request_error")
            return Answer(401, body, key=key.id if key else "")
        if key.restricted:
            words = "The provided key does not have the required permissions for this endpoint on account 'acct_1Acme'."
            return Answer(403, refused(words, "invalid_request_error", "more_permissions_required"), {}, key.id, key.id)
        return Answer(
            200, {"id": "acct_1Acme", "object": "account", "country": "CH", "email": "ops@acme.example"}, {}, key.id, key.id
        )

    return [("GET", "/v1/account", account)]
