"""No change without a proven target: lists with none, one, several and look-alikes, for every way to bind."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from revoker.model import Bound, Credential, Proof, Secret, Unbound
from revoker.sdk import Action, Reply
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, Script, Sent, reply_of, run
from tests.providers.samples import credential_of, value_of

ORG = {"openai-organization": "acme", "openai-project": "proj_web"}
AUTHORITY = "made-up-authority"


def action_of(kind: str, id: str) -> Action:
    return next(action for action in OWNERS[kind][1].actions if action.id == id)


def bind(
    kind: str, id: str, script: Script, cred: Credential | None = None, **settings: str
) -> tuple[Bound | Unbound, FakeReader]:
    provider, known = OWNERS[kind]
    reader = FakeReader(provider, script, authority=dict.fromkeys(provider.authority, AUTHORITY), settings=settings)
    return run(action_of(kind, id).bind(cred or credential_of(known), reader)), reader


def answers(table: Mapping[str, Any]) -> Script:
    """Answer by path; 404 for anything else."""

    def answer(sent: Sent) -> Reply:
        found = table.get(sent.path, {"status": 404, "body": {"error": {"code": "not_found"}}})
        return reply_of(found(sent) if callable(found) else {"status": 200, "body": found})

    return answer


def hint(value: str, head: int = 12, tail: int = 4) -> str:
    return f"{value[:head]}...{value[-tail:]}"


def secret(kind: str, seed: int = 0) -> str:
    return value_of(OWNERS[kind][1], seed)


# Redacted forms: OpenAI, Anthropic, Stripe

HINTED = [
    ("openai_project_key", "revoke"),
    ("openai_service_account_key", "revoke"),
    ("openai_admin_key", "revoke"),
    ("anthropic_api_key", "suspend"),
    ("anthropic_api_key", "revoke"),
    ("stripe_secret_key", "revoke"),
]


def hinted(kind: str, hints: list[str]) -> Script:
    """The list of a provider that shows keys redacted; each in a project of its own where there are projects."""
    rows = [
        {
            "id": f"key_{n}",
            "name": f"name {n}",
            "redacted_value": h,
            "partial_key_hint": h,
            "secret_token_redacted": h,
            "status": "active",
        }
        for n, h in enumerate(hints)
    ]
    whole = {"data": rows, "has_more": False}
    projects = [{"id": f"proj_{n}"} for n in range(len(rows))]
    return answers(
        {
            "/v1/organization/projects": {"data": projects, "has_more": False},
            **{f"/v1/organization/projects/proj_{n}/api_keys": {"data": [row], "has_more": False} for n, row in enumerate(rows)},
            "/v1/organization/admin_api_keys": whole,
            "/v1/organizations/api_keys": whole,
            "/v2/iam/api_keys": whole,
        }
    )


@pytest.mark.parametrize(("kind", "id"), HINTED)
@pytest.mark.row("W-1")
def test_one_look_alike_is_named_for_a_person_and_never_bound(kind: str, id: str) -> None:
    found, _ = bind(kind, id, hinted(kind, [hint(secret(kind, 1)), hint(secret(kind))]), preview_version="v")
    assert isinstance(found, Unbound)
    assert found.reason == "label_only"
    assert "key_1" in found.detail
    assert "key_0" not in found.detail
    assert secret(kind) not in found.detail


@pytest.mark.parametrize(("kind", "id"), HINTED)
@pytest.mark.row("W-1")
def test_several_look_alikes_and_none(kind: str, id: str) -> None:
    same = hint(secret(kind))
    several, _ = bind(kind, id, hinted(kind, [same, same]), preview_version="v")
    assert isinstance(several, Unbound)
    assert several.reason == "several_matches"
    assert "key_0" in several.detail
    assert "key_1" in several.detail
    none, _ = bind(kind, id, hinted(kind, [hint(secret(kind, 1))]), preview_version="v")
    assert isinstance(none, Unbound)
    assert none.reason == "no_match"


@pytest.mark.row("W-1")
def test_all_pages_are_read_before_one_match_counts_as_the_only_one() -> None:
    same = hint(secret("anthropic_api_key"))

    def page(sent: Sent) -> dict[str, Any]:
        first = "after_id" not in sent.params
        row = {"id": "apikey_1" if first else "apikey_2", "partial_key_hint": same}
        return {"status": 200, "body": {"data": [row], "has_more": first, "last_id": row["id"]}}

    found, reader = bind("anthropic_api_key", "revoke", answers({"/v1/organizations/api_keys": page}))
    assert isinstance(found, Unbound)
    assert found.reason == "several_matches"
    assert [sent.params.get("after_id") for sent in reader.sent] == [None, "apikey_1"]


@pytest.mark.row("W-1")
def test_a_list_that_goes_in_circles_is_given_up() -> None:
    body = {
        "data": [{"id": "apikey_1", "partial_key_hint": hint(secret("anthropic_api_key"))}],
        "has_more": True,
        "last_id": "apikey_1",
    }
    found, reader = bind("anthropic_api_key", "revoke", answers({"/v1/organizations/api_keys": body}))
    assert isinstance(found, Unbound)
    assert found.reason == "refused"
    assert len(reader.sent) == 2


def test_keys_whose_owner_lost_access_are_not_overlooked() -> None:
    _, reader = bind("openai_project_key", "revoke", hinted("openai_project_key", ["sk-proj-abc...wxyz"]))
    lists = [sent.params for sent in reader.sent if sent.path.endswith("/api_keys")]
    assert lists
    assert all(params["owner_project_access"] == "any" for params in lists)
    assert all(sent.bearer() == AUTHORITY for sent in reader.sent)


# OpenAI: where a new key is made


def test_a_new_key_goes_to_the_project_that_the_leaked_key_names_itself() -> None:
    models = {"status": 200, "headers": ORG, "body": {"data": []}}
    found, reader = bind(
        "openai_project_key",
        "issue",
        answers({"/v1/models": lambda sent: models, "/v1/organization/projects/proj_web": {"id": "proj_web"}}),
    )
    assert isinstance(found, Bound)
    assert (found.target, found.proof, found.account) == ("proj_web", Proof.SELF_ENDPOINT, "acme")
    assert [sent.bearer() for sent in reader.sent] == [secret("openai_project_key"), AUTHORITY]


def test_no_new_key_in_an_organisation_that_is_not_ours() -> None:
    models = {"status": 200, "headers": ORG, "body": {"data": []}}
    foreign, _ = bind("openai_project_key", "issue", answers({"/v1/models": lambda sent: models}))
    assert isinstance(foreign, Unbound)
    silent, _ = bind("openai_project_key", "issue", answers({"/v1/models": {"data": []}}))
    assert isinstance(silent, Unbound)


def test_a_new_admin_key_needs_both_keys_to_see_the_same_organisation() -> None:
    def listed(sent: Sent) -> dict[str, Any]:
        return {"status": 200, "body": {"data": [{"id": "key_9" if sent.bearer() == AUTHORITY else other}], "has_more": False}}

    other = "key_9"
    same, _ = bind("openai_admin_key", "issue", answers({"/v1/organization/admin_api_keys": listed}))
    assert isinstance(same, Bound)
    other = "key_7"
    foreign, _ = bind("openai_admin_key", "issue", answers({"/v1/organization/admin_api_keys": listed}))
    assert isinstance(foreign, Unbound)


# Google: the full value, compared here

GOOGLE = "/v2/projects/acme/locations/global/keys"


def google(values: list[str], **more: Any) -> Script:
    names = [f"projects/42/locations/global/keys/key-{n}" for n in range(len(values))]
    return answers(
        {
            GOOGLE: {"keys": [{"name": name, "restrictions": {"apiTargets": []}} for name in names]} if names else {},
            **{f"/v2/{name}/keyString": {"keyString": value} for name, value in zip(names, values, strict=True)},
            **more,
        }
    )


@pytest.mark.parametrize("id", ["suspend", "restore", "revoke", "undelete"])
@pytest.mark.row("W-1")
def test_google_binds_to_the_one_key_with_this_very_value(id: str) -> None:
    value = secret("google_api_key")
    found, reader = bind("google_api_key", id, google([value[:-1] + "!", value]), project="acme")
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == ("projects/42/locations/global/keys/key-1", Proof.UNIQUE_HASH)
    assert all(value not in f"{sent.path}{sent.params}" for sent in reader.sent)


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.row("W-1")
def test_google_binds_to_nothing_else(count: int) -> None:
    found, _ = bind("google_api_key", "revoke", google([secret("google_api_key")] * count), project="acme")
    assert isinstance(found, Unbound)


def test_google_does_not_bind_while_one_value_stays_hidden() -> None:
    value = secret("google_api_key")
    hidden = {
        "/v2/projects/42/locations/global/keys/key-1/keyString": lambda sent: {"status": 403, "body": {"error": {"code": 403}}}
    }
    found, _ = bind("google_api_key", "revoke", google([value, "other"], **hidden), project="acme")
    assert isinstance(found, Unbound)
    assert found.reason == "refused"


def test_a_key_of_a_service_account_is_not_made_by_this_api() -> None:
    value = "AQ." + "Ab8R" + secret("google_api_key", 3)[-30:].ljust(46, "a")
    cred = Credential("google_api_key", "fp_1", Secret(value))
    found, _ = bind("google_api_key", "issue", google([value]), cred, project="acme")
    assert isinstance(found, Unbound)
    assert found.reason == "refused"


# Docker Hub: the login names the id

UUID = "b30bbf97-506c-4ecd-aabc-842f3cb484fb"
OTHER = "a7a5ef25-8889-43a0-8cc7-f2a94268e861"


def docker(claims: Mapping[str, Any], ids: list[str]) -> Script:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    rows = [{"uuid": id, "id": id, "token_label": "ci", "scopes": ["repo:read"]} for id in ids]
    listed = {"count": len(rows), "next": None, "results": rows}
    return answers(
        {
            "/v2/auth/token": {"access_token": f"e30.{middle}.x"},
            "/v2/access-tokens": listed,
            "/v2/orgs/acme-bot/access-tokens": listed,
        }
    )


@pytest.mark.parametrize("kind", ["docker_hub_pat", "docker_hub_org_token"])
@pytest.mark.parametrize(
    "claims", [{"uuid": UUID}, {"https://hub.docker.com": {"source": f"docker_pat|{UUID}", "username": "acme-bot"}}]
)
def test_docker_hub_binds_to_the_id_that_the_login_names(kind: str, claims: Mapping[str, Any]) -> None:
    found, reader = bind(kind, "revoke", docker(claims, [OTHER, UUID]))
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == (UUID, Proof.SELF_ENDPOINT)
    assert reader.sent[0].json["secret"] == secret(kind)


@pytest.mark.parametrize(
    ("claims", "ids"), [({}, [UUID]), ({"uuid": UUID}, [OTHER]), ({"a": UUID, "b": OTHER}, [UUID, OTHER]), ({"uuid": UUID}, [])]
)
@pytest.mark.row("W-1")
def test_docker_hub_binds_to_nothing_else(claims: Mapping[str, Any], ids: list[str]) -> None:
    found, _ = bind("docker_hub_pat", "revoke", docker(claims, ids))
    assert isinstance(found, Unbound)


# The secret itself

ITSELF = [
    ("huggingface_token", "revoke"),
    ("slack_bot_token", "revoke"),
    ("slack_user_token", "uninstall_app"),
    ("npm_token", "revoke"),
    ("npm_token", "log_out"),
]


@pytest.mark.parametrize(("kind", "id"), ITSELF)
def test_a_secret_that_is_the_request_needs_no_question(kind: str, id: str) -> None:
    found, reader = bind(kind, id, answers({}), client_id="1.2")
    assert isinstance(found, Bound)
    assert found.proof is Proof.SECRET_IS_CREDENTIAL
    assert reader.sent == []


@pytest.mark.parametrize(
    ("kind", "id"),
    [("npm_token", "revoke"), ("slack_bot_token", "uninstall_app"), ("huggingface_token", "revoke_in_organisation")],
)
def test_without_authority_there_is_no_target(kind: str, id: str) -> None:
    provider, known = OWNERS[kind]
    found = run(action_of(kind, id).bind(credential_of(known), FakeReader(provider, answers({}))))
    assert isinstance(found, Unbound)
    assert found.reason == "no_authority"


# After a lost answer: what stands where the new one was to be made


def test_a_lost_new_openai_key_is_found_by_our_mark_in_its_account() -> None:
    provider, known = OWNERS["openai_project_key"]
    owner = {"type": "service_account", "service_account": {"id": "svc_1", "name": "revoker-run-1"}}
    rows = [
        {"id": "key_1", "name": "web", "created_at": 1},
        {"id": "key_2", "name": "Secret Key", "owner": owner, "created_at": 1764000000},
    ]
    script = answers({"/v1/organization/projects/proj_web/api_keys": {"data": rows, "has_more": False}})
    reader = FakeReader(provider, script, authority={"admin_key": AUTHORITY})
    to = Bound(credential_of(known), "proj_web", Proof.SELF_ENDPOINT, "for this test", extra={"project": "proj_web"})
    lister = action_of("openai_project_key", "issue").siblings
    assert lister is not None
    found = run(lister(to, reader))
    assert found is not None
    assert [(one.target, "revoker-run-1" in one.name) for one in found] == [("key_1", False), ("key_2", True)]
    assert found[1].created_at is not None


def test_observers_tell_done_from_not_done() -> None:
    provider, known = OWNERS["anthropic_api_key"]
    to = Bound(credential_of(known), "apikey_1", Proof.SELF_ENDPOINT, "for this test")
    seen = {}
    for status in ("active", "inactive", "archived"):
        reader = FakeReader(
            provider,
            answers({"/v1/organizations/api_keys/apikey_1": {"id": "apikey_1", "status": status}}),
            authority={"admin_key": AUTHORITY},
        )
        looks = {id: action_of("anthropic_api_key", id).observe for id in ("suspend", "restore", "revoke")}
        seen[status] = {id: run(look(to, reader)) for id, look in looks.items() if look}
    assert seen == {
        "active": {"suspend": False, "restore": True, "revoke": False},
        "inactive": {"suspend": True, "restore": False, "revoke": False},
        "archived": {"suspend": True, "restore": False, "revoke": True},
    }


NOBODY = {"serverKeyRestrictions": {"allowedIps": ["127.0.0.1"]}}
NOTED = {"revoker-restrictions-before": "{}"}


@pytest.mark.parametrize(
    ("body", "suspended", "restored"),
    [
        ({"annotations": NOTED, "restrictions": NOBODY}, True, False),
        ({"annotations": {**NOTED, "team": "web"}, "restrictions": NOBODY}, True, False),
        (
            {"annotations": NOTED, "restrictions": {"serverKeyRestrictions": {"allowedIps": ["127.0.0.1", "192.0.2.1"]}}},
            False,
            False,
        ),
        (
            {"annotations": NOTED, "restrictions": {**NOBODY, "apiTargets": [{"service": "maps-backend.googleapis.com"}]}},
            False,
            False,
        ),
        ({"annotations": NOTED}, False, False),
        ({"annotations": {"team": "web"}, "restrictions": NOBODY}, False, True),
        ({"restrictions": NOBODY}, False, True),
        ({}, False, True),
    ],
    ids=["ours", "ours, and another note", "loosened", "another's too", "taken away", "another's", "another's, bare", "none"],
)
def test_a_google_key_is_suspended_by_our_note_and_our_restriction_together(
    body: dict[str, object], suspended: bool, restored: bool
) -> None:
    """A note without the restriction that we set, or that restriction without our note, is no suspension of ours that holds."""
    provider, known = OWNERS["google_api_key"]
    name = "projects/42/locations/global/keys/key-1"
    to = Bound(credential_of(known), name, Proof.UNIQUE_HASH, "for this test")
    reader = FakeReader(provider, answers({f"/v2/{name}": {"name": name, **body}}), authority={"access_token": AUTHORITY})
    looks = [action_of("google_api_key", id).observe for id in ("suspend", "restore")]
    assert [run(look(to, reader)) for look in looks if look] == [suspended, restored]


@pytest.mark.parametrize(("body", "gone"), [({"deleteTime": "2026-11-24T12:00:00Z"}, True), ({}, False)])
def test_a_deleted_google_key_is_seen_as_deleted(body: dict[str, str], gone: bool) -> None:
    provider, known = OWNERS["google_api_key"]
    name = "projects/42/locations/global/keys/key-1"
    to = Bound(credential_of(known), name, Proof.UNIQUE_HASH, "for this test")
    reader = FakeReader(provider, answers({f"/v2/{name}": {"name": name, **body}}), authority={"access_token": AUTHORITY})
    for id, wanted in (("revoke", gone), ("undelete", not gone)):
        look = action_of("google_api_key", id).observe
        assert look is not None
        assert run(look(to, reader)) is wanted
