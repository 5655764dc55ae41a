"""Communication, payment and work tools: a target is the leaked key's own, or there is none."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from revoker.model import Bound, Credential, Proof, Secret, Unbound
from revoker.sdk import Reply
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, Sent, reply_of, run
from tests.providers.samples import credential_of

Table = Mapping[str, Any]  # path -> body, or a whole answer with its status


def bind(kind: str, action: str, table: Table, cred: Credential | None = None, **settings: str) -> Bound | Unbound:
    provider, known = OWNERS[kind]

    def answer(sent: Sent) -> Reply:
        found = table.get(sent.path, {"status": 404, "body": {"code": 404}})
        whole = found if isinstance(found, dict) and "status" in found else {"status": 200, "body": found}
        return reply_of(whole, sent.host)

    words = dict.fromkeys(provider.authority, "made-up-authority")
    reader = FakeReader(provider, answer, authority=words, settings=settings)
    bound = next(action_.bind for action_ in known.actions if action_.id == action)
    return run(bound(cred or credential_of(known), reader))


ALONE = [(0, "no_match"), (1, "only_candidate"), (2, "several_matches")]


@pytest.mark.parametrize(("count", "reason"), ALONE)
@pytest.mark.row("W-1")
def test_a_resend_list_names_candidates_and_binds_none(count: int, reason: str) -> None:
    rows = [{"id": f"k{n}", "name": f"name of k{n}"} for n in range(count)]
    found = bind("resend_key", "revoke", {"/api-keys": {"object": "list", "has_more": False, "data": rows}})
    assert isinstance(found, Unbound)
    assert (found.reason, found.detail.count("name of k")) == (reason, count)


@pytest.mark.row("W-1")
def test_a_resend_list_that_does_not_end_binds_nothing() -> None:
    found = bind("resend_key", "revoke", {"/api-keys": {"has_more": True, "data": [{"id": "k1"}]}})
    assert isinstance(found, Unbound)
    assert found.reason == "refused"


@pytest.mark.parametrize(("count", "reason"), ALONE)
@pytest.mark.row("W-1")
def test_a_data_center_list_names_candidates_and_binds_none(count: int, reason: str) -> None:
    rows = [{"id": 10 + n, "name": f"token {n}"} for n in range(count)]
    found = bind("atlassian_dc_pat", "revoke", {"/rest/pat/latest/tokens": rows})
    assert isinstance(found, Unbound)
    assert (found.reason, found.detail.count("(token ")) == (reason, count)


@pytest.mark.parametrize(("count", "reason"), ALONE)
@pytest.mark.row("W-1")
def test_an_atlassian_list_names_the_account_s_tokens_and_binds_none(count: int, reason: str) -> None:
    rows = [{"id": f"t{n}", "label": f"label {n}"} for n in range(count)]
    table = {"/rest/api/3/myself": {"accountId": "557058:a"}, "/users/557058:a/manage/api-tokens": rows}
    found = bind("atlassian_api_token", "revoke", table)
    assert isinstance(found, Unbound)
    assert (found.reason, found.detail.count("(label ")) == (reason, count)


def test_an_atlassian_token_that_does_not_tell_its_account_is_not_bound() -> None:
    refused = {"status": 401, "body": "Client must be authenticated to access this resource."}
    found = bind("atlassian_api_token", "revoke", {"/rest/api/3/myself": refused})
    assert isinstance(found, Unbound)


@pytest.mark.parametrize("kind", ["twilio_api_key", "sendgrid_key"])
def test_an_id_in_the_key_must_be_in_the_account_too(kind: str) -> None:
    cred = credential_of(OWNERS[kind][1])
    id = cred.parts["key_id"]
    path = f"/v1/Keys/{id}" if kind == "twilio_api_key" else f"/v3/api_keys/{id}"
    field = "sid" if kind == "twilio_api_key" else "api_key_id"
    ours = bind(kind, "revoke", {path: {field: id}}, cred, account_sid="acme")
    assert isinstance(ours, Bound)
    assert (ours.target, ours.proof) == (id, Proof.EMBEDDED)
    for foreign in ({}, {path: {field: "another"}}):
        assert isinstance(bind(kind, "revoke", foreign, cred, account_sid="acme"), Unbound)


def test_a_restricted_twilio_key_is_not_replaced_by_one_with_more_rights() -> None:
    cred = credential_of(OWNERS["twilio_api_key"][1])
    id = cred.parts["key_id"]
    table = {f"/v1/Keys/{id}": {"sid": id, "policy": {"allow": ["/twilio/messaging/messages/read"]}}}
    assert isinstance(bind("twilio_api_key", "revoke", table, cred, account_sid="acme"), Bound)
    assert isinstance(bind("twilio_api_key", "issue", table, cred, account_sid="acme"), Unbound)


def test_an_adyen_key_names_its_credential_itself() -> None:
    found = bind("adyen_api_key", "suspend", {"/v3/me": {"id": "S2-1", "username": "ws@Company.Acme"}}, company="Acme")
    assert isinstance(found, Bound)
    assert (found.target, found.proof, found.account) == ("S2-1", Proof.SELF_ENDPOINT, "Acme")
    dead = {"/v3/me": {"status": 401, "body": {"status": 401}}}
    assert isinstance(bind("adyen_api_key", "suspend", dead, company="Acme"), Unbound)


@pytest.mark.parametrize(("said", "target"), [({"u": "acme", "a": "ck1"}, "ck1"), ({"u": "acme"}, None), ([], None)])
def test_a_mapbox_token_names_its_user_and_its_id(said: object, target: str | None) -> None:
    middle = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    cred = Credential("mapbox_token", "fp_test", Secret(f"sk.{middle}.{'made-up-' * 3}"))
    found = bind("mapbox_token", "revoke", {}, cred)
    assert (found.target if isinstance(found, Bound) else None) == target
    assert isinstance(found, Unbound) or found.account == "acme"


def test_a_mailgun_key_of_the_new_form_is_never_called_dead() -> None:
    """It may be a sending key or a signing key, which every account call refuses."""
    provider, kind = OWNERS["mailgun_key"]
    value = f"{'0a' * 16}-{'1b' * 4}-{'2c' * 4}"
    reader = FakeReader(provider, lambda sent: reply_of({"status": 401, "body": {"message": "Invalid private key"}}, sent.host))
    verdict = run(kind.verify(Credential(kind.id, "fp_test", Secret(value)), reader))
    assert (verdict.validity, verdict.reason) == ("unknown", "refused_or_sending_key")
    assert len(reader.sent) == 2
