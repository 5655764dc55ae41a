"""Fakes of GitHub and GitLab."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from revoker.lab.fakes.book import Book, FakeKey
from revoker.lab.fakes.http import Answer, Request, Route
from revoker.lab.samples import make

WEEK = timedelta(days=7)


def github(book: Book) -> list[Route]:
    """`/user`, and `/credentials/revoke`: without login, 202, felt later."""

    def user(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer or request.headers.get("authorization", "").removeprefix("token "))
        if key is None or not book.works(key):
            return Answer(401, {"message": "Bad credentials", "status": "401"}, key=key.id if key else "")
        headers = {"X-OAuth-Scopes": "repo, read:org", "x-ratelimit-remaining": "4999"}
        if key.restricted:
            words = "Resource protected by organization SAML enforcement. You must grant your token access to this organization."
            sso = {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso"}
            return Answer(403, {"message": words}, {**headers, **sso}, key.id, key.id)
        body = {"login": key.account, "id": 1, "type": "User", "site_admin": False, "name": key.name}
        return Answer(200, body, headers, key.id, key.id)

    def revoke(request: Request, _: re.Match[str]) -> Answer:
        if "authorization" in request.headers:
            return Answer(403, {"message": "This endpoint must be called without authentication."})
        values = request.json.get("credentials")
        if not isinstance(values, list) or not 1 <= len(values) <= 1000:
            return Answer(422, {"message": "Validation failed"})
        hit = [key for key in (book.find(str(value)) for value in values) if key]
        for key in hit:
            book.change(key.id, "deleted")
        return Answer(202, {}, key=",".join(key.id for key in hit), change=True)

    def orgs(request: Request, _: re.Match[str]) -> Answer:
        key = book.find(request.bearer)
        return (
            Answer(200, [{"login": "acme", "id": 7}], {}, key.id, key.id) if key else Answer(401, {"message": "Bad credentials"})
        )

    return [("GET", "/user", user), ("GET", "/user/orgs", orgs), ("POST", "/credentials/revoke", revoke)]


def gitlab(book: Book) -> list[Route]:
    """A token asks about, rotates and revokes itself."""

    def shown(key: FakeKey) -> dict[str, Any]:
        end = (datetime.now(UTC) + WEEK).date().isoformat()
        state = {"revoked": key.state != "live", "active": key.state == "live", "expires_at": end}
        return {"id": int(key.id), "name": key.name, "user_id": 5, "scopes": ["api"], "last_used_at": None, **state}

    def me(request: Request) -> FakeKey | None:
        key = book.find(request.headers.get("private-token") or request.bearer)
        return key if book.works(key) else None

    def refused(request: Request) -> Answer:
        key = book.find(request.headers.get("private-token") or request.bearer)
        body = {"error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user."}
        return Answer(401, body if key else {"message": "401 Unauthorized"}, key=key.id if key else "")

    def look(request: Request, _: re.Match[str]) -> Answer:
        key = me(request)
        return Answer(200, shown(key), {}, key.id, key.id) if key else refused(request)

    def revoke(request: Request, _: re.Match[str]) -> Answer:
        key = me(request)
        if key is None:
            return refused(request)
        if book.change(key.id, "deleted") is None:
            return Answer(400, {"message": "400 Bad request - Token already revoked"}, key=key.id)
        return Answer(204, None, {}, key.id, key.id, change=True)

    def rotate(request: Request, _: re.Match[str]) -> Answer:
        key = me(request)
        if key is None:
            return refused(request)
        book.change(key.id, "deleted")
        new = book.add(FakeKey(str(secrets.randbelow(10**6) + 1000), make("gitlab_pat"), key.kind, key.account, key.name))
        return Answer(200, {**shown(new), "token": new.secret}, {}, key.id, key.id, change=True)

    def user(request: Request, _: re.Match[str]) -> Answer:
        key = me(request)
        return Answer(200, {"id": 5, "username": key.account}, {}, key.id, key.id) if key else refused(request)

    base = "/api/v4/personal_access_tokens/self"
    return [
        ("GET", base, look),
        ("DELETE", base, revoke),
        ("POST", base + "/rotate", rotate),
        ("GET", "/api/v4/user", user),
    ]
