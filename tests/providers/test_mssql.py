"""SQL Server's logins, by what the documentation says: what binds, and what an answer after a change means."""

from __future__ import annotations

import re

import pytest

from revoker.model import Bound, Credential, Proof, Secret, Unbound
from revoker.providers.mssql import login, logins
from revoker.sdk import Reply
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, always, run

PROVIDER, KIND = OWNERS["mssql_uri"]
WORD = "made-up-" + "0" * 12
OPEN = Reply("", json={"user": "app", "version": "16.0"})


def uri(user: str = "app") -> Credential:
    text = f"mssql://{user}:{WORD}@db.example:1433/billing"
    found = re.fullmatch(KIND.pattern, text)
    assert found is not None
    return Credential("mssql_uri", "fp_test", Secret(text), found.groupdict())


def reader(reply: Reply) -> FakeReader:
    return FakeReader(PROVIDER, always(reply), authority={"password": "made-up"}, settings={"user": "Rotator"})


@pytest.mark.parametrize("user", ["rotator", "sa", "SA"])
def test_neither_our_own_login_nor_sa_is_bound(user: str) -> None:
    found = run(login.bind_working(uri(user), reader(OPEN)))
    assert isinstance(found, Unbound)
    assert found.reason == "own_authority"


@pytest.mark.parametrize(("reply", "binds"), [(OPEN, True), (Reply("", code="18470"), True), (Reply("", code="18456"), False)])
def test_only_a_password_that_opens_the_login_binds_it(reply: Reply, binds: bool) -> None:
    found = run(login.bind_working(uri(), reader(reply)))
    assert isinstance(found, Bound) is binds
    if isinstance(found, Bound):
        assert (found.target, found.proof) == ("app", Proof.EMBEDDED)


def test_after_a_change_a_refusal_is_its_effect_and_trouble_tells_nothing() -> None:
    to = Bound(uri(), "app", Proof.EMBEDDED, "lab")
    assert run(login.is_refused(to, reader(Reply("", code="18456")))) is True
    assert run(login.is_refused(to, reader(OPEN))) is False
    assert run(login.is_refused(to, reader(Reply("", trouble="timeout")))) is None
    shut, back = login.is_disabled(wanted=True), login.is_disabled(wanted=False)
    assert run(shut(to, reader(Reply("", code="18470")))) is True
    assert run(back(to, reader(Reply("", code="18470")))) is False
    assert run(back(to, reader(OPEN))) is True
    assert run(shut(to, reader(Reply("", code="18456")))) is None


def test_every_change_is_off_until_it_is_allowed() -> None:
    assert all(action.experimental and action.confirm for action in KIND.actions)


def test_the_new_uri_keeps_the_form_of_the_leaked_one() -> None:
    chosen = logins.choose(Bound(uri(), "app", Proof.EMBEDDED, "lab"))
    assert re.fullmatch(r"mssql://app:aA1[A-Za-z0-9]{40}@db\.example:1433/billing", chosen.secret.reveal())
    assert chosen.secret_parts["password"].same_as(Secret(logins.password_in(chosen.secret)))
