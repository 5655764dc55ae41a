"""GitLab: the routable form's checksum, whose token it is, and a token that rotates and revokes itself at a fake."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from revoker import catalog
from revoker.lab.fakes import FakeKey, fakes
from revoker.lab.samples import make
from revoker.model import Bound, Credential, Proof, Receipt, Secret, Unbound, Validity
from revoker.providers.gitlab.tokens import right_sum
from revoker.sdk import Reply
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, FakeWriter, Sent, reply_of, run
from tests.providers.samples import NOW, value_of

PROVIDER, KIND = OWNERS["gitlab_pat"]
ADMIN = {"admin_token": "made-up"}
URL_SAFE = string.ascii_letters + string.digits + "_-"


def old_form() -> str:
    return "glpat-" + "".join(secrets.choice(URL_SAFE) for _ in range(20))


def routable() -> str:
    return next(value for seed in range(50) if "." in (value := value_of(KIND, seed)))


def test_the_older_form_has_no_checksum_and_the_routable_one_has() -> None:
    assert right_sum(old_form())
    good = routable()
    assert right_sum(good)
    assert not right_sum(good[:-1] + ("a" if good[-1] != "a" else "b"))
    assert not right_sum(good[:10] + ("a" if good[10] != "a" else "b") + good[11:])


@pytest.mark.parametrize("value", [old_form(), routable()], ids=["old", "routable"])
def test_the_prefix_names_access_tokens_and_no_more(value: str) -> None:
    assert re.fullmatch(KIND.pattern, value)
    assert catalog.name_kinds(value) == ("gitlab_pat",)


# A small GitLab


@dataclass
class Server:
    """Tokens of one user, or of a project's bot."""

    username: str = "ci"
    base: str = "/api/v4/personal_access_tokens"
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, value: str, name: str = "ci") -> str:
        id = str(40 + len(self.tokens))
        row = {"id": int(id), "name": name, "active": True, "revoked": False, "scopes": ["api"], "user_id": 5, "access_level": 30}
        self.tokens[value] = row | {"created_at": "2026-11-24T11:00:00Z"}
        return id

    def row(self, id: str) -> dict[str, Any] | None:
        return next((row for row in self.tokens.values() if str(row["id"]) == id), None)

    def answer(self, sent: Sent) -> Reply:
        status, body = self.route(sent)
        return reply_of({"status": status, "body": body} if body is not None else {"status": status})

    def route(self, sent: Sent) -> tuple[int, Any]:
        last = sent.path.rpartition("/")[2]
        if last == "self":
            row = self.tokens.get(sent.bearer())
            return (200, row) if row and row["active"] else (401, {"message": "401 Unauthorized"})
        if sent.bearer() != "made-up":
            return 401, {"message": "401 Unauthorized"}
        if sent.path == "/api/v4/users/5":
            return 200, {"id": 5, "username": self.username}
        if sent.method == "POST":
            assert sent.path == (self.base if "bot" in self.username else "/api/v4/users/5/personal_access_tokens")
            value = old_form()
            self.add(value, sent.json["name"])
            return 201, {**self.tokens[value], "token": value}
        return self.listed(sent, last)

    def listed(self, sent: Sent, last: str) -> tuple[int, Any]:
        if sent.path == self.base:
            return 200, [row for row in self.tokens.values() if row["active"]]
        row = self.row(last)
        if row is None or not sent.path.startswith(self.base):
            return 404, {"message": "404 Not found"}
        if sent.method == "GET":
            return 200, row
        row["active"] = False
        return 204, None


def project() -> Server:
    return Server("project_9_bot_0a1b2c", "/api/v4/projects/9/access_tokens")


def leaked(server: Server) -> Credential:
    value = old_form()
    server.add(value)
    return Credential("gitlab_pat", "fp_test", Secret(value))


def bind(server: Server, cred: Credential, action: str) -> Bound | Unbound:
    return run(real.action_of(cred.kind, action).bind(cred, FakeReader(PROVIDER, server.answer, authority=ADMIN)))


def change(server: Server, to: Bound, action: str) -> Receipt:
    return run(real.action_of(to.credential.kind, action).run(to, FakeWriter(PROVIDER, server.answer, authority=ADMIN)))


@pytest.mark.parametrize("server", [Server(), project()], ids=["user", "project"])
def test_a_token_tells_whose_it_is_and_gets_a_new_one_beside_it(server: Server) -> None:
    cred = leaked(server)
    to = bind(server, cred, "issue")
    assert isinstance(to, Bound)
    assert (to.target, to.proof) == ("40", Proof.SELF_ENDPOINT)
    assert ("project 9" in to.how) is ("bot" in server.username)
    made = change(server, to, "issue").issued
    assert made is not None
    assert server.tokens[made.secret.reveal()]["name"] == "revoker-run-1"
    look = real.action_of("gitlab_pat", "issue").siblings
    assert look is not None
    listed = run(look(to, FakeReader(PROVIDER, server.answer, authority=ADMIN)))
    assert listed is not None
    assert {(one.target, one.name) for one in listed} == {("40", "ci"), (made.target, "revoker-run-1")}
    # What could not be stored is taken back by its id, and the leaked one goes on.
    change(server, Bound(cred, made.target, to.proof, "made by this test", None, to.extra), "revoke_by_id")
    assert server.tokens[cred.secret.reveal()]["active"]
    assert not server.tokens[made.secret.reveal()]["active"]


def test_a_dead_token_tells_no_id() -> None:
    server = Server()
    cred = leaked(server)
    server.tokens[cred.secret.reveal()]["active"] = False
    found = bind(server, cred, "revoke_by_id")
    assert isinstance(found, Unbound)
    assert found.reason == "no_match"


def test_a_deploy_token_is_not_tried_without_an_administrator() -> None:
    provider, kind = OWNERS["gitlab_deploy_token"]
    cred = Credential(kind.id, "fp_test", Secret(value_of(kind)))

    def refuse(sent: Sent) -> Reply:
        raise AssertionError(f"{sent.path} was asked")

    verdict = run(kind.verify(cred, FakeReader(provider, refuse, now=NOW)))
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "no_safe_check")


@pytest.mark.slow
def test_a_token_rotates_and_revokes_itself_at_a_fake() -> None:
    with fakes(["gitlab"]) as running:
        fake = running["gitlab"]
        key, other = fake.book.add(FakeKey("11", make("gitlab_pat"))), fake.book.add(FakeKey("12", make("gitlab_pat")))
        known = real.settings("gitlab", fake.url, {})
        cred = Credential("gitlab_pat", "fp_test", Secret(key.secret))
        assert real.verify(known, cred).validity is Validity.LIVE
        made = real.change(known, real.bound(known, cred, "rotate"), "rotate").issued
        assert made is not None
        assert real.verify(known, cred).validity is Validity.DEAD
        fresh = Credential("gitlab_pat", "fp_new", made.secret)
        assert real.verify(known, fresh).validity is Validity.LIVE
        to = real.bound(known, fresh, "revoke")
        real.change(known, to, "revoke")
        assert real.observe(known, to, "revoke") is True
        assert real.verify(known, Credential("gitlab_pat", "fp_2", Secret(other.secret))).validity is Validity.LIVE


@pytest.mark.parametrize("server", [Server(), project()], ids=["user", "project"])
def test_the_authority_is_told_the_last_use_of_the_old_and_of_the_new_one(server: Server) -> None:
    to = bind(server, leaked(server), "issue")
    assert isinstance(to, Bound)
    new = server.add(old_form(), "new")
    used = server.row(new)
    assert used
    used["last_used_at"] = "2026-11-25T10:00:00.000Z"
    look = KIND.last_used
    assert look is not None
    reader = FakeReader(PROVIDER, server.answer, authority=ADMIN)
    assert run(look(to, reader)) is None
    assert run(look(replace(to, target=new), reader)) == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert run(look(replace(to, target="999"), reader)) is None
