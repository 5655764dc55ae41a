"""How our own authority tells whose a credential is: the rules for all kinds, each kind's list, and AWS against moto."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from revoker.egress.http import open_pool
from revoker.model import Credential, Owned, Secret
from revoker.owned import AsAuthority
from revoker.sdk import Kind, Provider, Reply
from tests.providers import real
from tests.providers.catalogue import KINDS, OWNERS
from tests.providers.fake_api import FakeReader, Script, Sent, always, reply_of, run
from tests.providers.samples import credential_of
from tests.providers.test_aws import OURS, THEIRS, credential, key_id
from tests.providers.test_contract import HOSTILE

if TYPE_CHECKING:
    from revoker.lab.servers import Moto

CHECKED = [pytest.param(p, kind, id=kind.id) for p, kind in KINDS if kind.owner is not None]
PROJECT = "our-project"


def look(kind: Kind, cred: Credential, reader: FakeReader) -> Owned | None:
    """Ask as the gate does: through the Reader that holds back the secret."""
    assert kind.owner is not None
    return run(kind.owner.look(cred, AsAuthority(reader, cred, {}).as_reader()))


def reader_of(provider: Provider, script: Script) -> FakeReader:
    words = {name: f"our-{name}" for name in provider.authority}
    return FakeReader(provider, script, authority=words, settings={**words, "project": PROJECT})


@pytest.mark.parametrize(("provider", "kind"), CHECKED)
def test_without_its_authority_nothing_is_sent(provider: Provider, kind: Kind) -> None:
    assert kind.owner is not None
    assert kind.owner.authority in provider.authority
    assert kind.owner.needs
    reader = FakeReader(provider, always(Reply("", 200, json={})))
    assert look(kind, credential_of(kind), reader) is None
    assert reader.sent == []


@pytest.mark.parametrize(("provider", "kind"), CHECKED)
@pytest.mark.row("I-9")
def test_an_answer_that_says_nothing_shows_nothing(provider: Provider, kind: Kind) -> None:
    for hostile, answer in {**HOSTILE, "empty": {"status": 200, "body": {}}, "denied": {"status": 403, "body": {}}}.items():
        reader = reader_of(provider, always(reply_of(answer)))
        assert look(kind, leaked(kind.id, 1), reader) is None, hostile
        assert all(sent.auth is not None or sent.how == "aws_read" for sent in reader.sent), hostile
        assert reader.sent, "it asks"


def leaked(id: str, number: int) -> Credential:
    """A made-up credential with an id of its own where its kind has one."""
    cred = credential_of(OWNERS[id][1], number)
    if id == "gcp_service_account_key":
        file = json.loads(cred.secret.reveal()) | {"private_key_id": f"{number:040x}"}
        return replace(cred, secret=Secret(json.dumps(file)))
    names = {"username": f"acme+robot{number}", "client_id": str(UUID(int=number)), "key_id": f"KEY{number:029d}"}
    return replace(cred, parts={**cred.parts, **{name: value for name, value in names.items() if name in cred.parts}})


def rows(table: Mapping[str, Any]) -> Script:
    """Answer by the beginning of the path; all else is not there, and each list has one page."""

    def answer(sent: Sent) -> Reply:
        if sent.params.get("offset", "0") != "0":
            return reply_of({"status": 200, "body": {"data": []}})
        found = next((body for start, body in table.items() if sent.path.startswith(start)), None)
        return reply_of({"status": 404, "body": {}} if found is None else {"status": 200, "body": found})

    return answer


def sha(cred: Credential) -> str:
    return hashlib.sha256(cred.secret.reveal().encode()).hexdigest()


def gcp_key(cred: Credential) -> Mapping[str, Any]:
    file = json.loads(cred.secret.reveal())
    name = f"projects/{file['project_id']}/serviceAccounts/{file['client_email']}/keys/"
    return {"/v1/projects/": {"keys": [{"name": name + file["private_key_id"]}]}}


SHOWN: dict[str, Callable[[Credential], Mapping[str, Any]]] = {
    "openrouter_api_key": lambda cred: {"/api/v1/keys": {"data": [{"hash": sha(cred)}]}},
    "google_api_key": lambda cred: {
        f"/v2/projects/{PROJECT}/locations/global/keys/k1/keyString": {"keyString": cred.secret.reveal()},
        f"/v2/projects/{PROJECT}/locations/global/keys": {"keys": [{"name": f"projects/{PROJECT}/locations/global/keys/k1"}]},
    },
    "sendgrid_key": lambda cred: {"/v3/api_keys/": {"api_key_id": cred.parts["key_id"], "scopes": []}},
    "twilio_api_key": lambda cred: {"/v1/Keys/": {"sid": cred.parts["key_id"]}},
    "planetscale_token": lambda cred: {"/v1/organizations/our-organization/service-tokens/": {"id": cred.parts["key_id"]}},
    "quay_robot_token": lambda cred: {"/api/v1/organization/": {"name": cred.parts["username"]}},
    "gcp_service_account_key": gcp_key,
    "gcp_hmac_key": lambda cred: {f"/storage/v1/projects/{PROJECT}/hmacKeys/": {"accessId": cred.parts["key_id"]}},
    "azure_entra_client_secret": lambda cred: {"/v1.0/applications": {"value": [{"appId": cred.parts["client_id"]}]}},
}  # fmt: skip
OF_AWS = {"aws_access_key", "aws_session", "aws_bedrock_key"}


def test_each_kind_has_its_list_here() -> None:
    assert {kind.id for _, kind in KINDS if kind.owner is not None} == {*SHOWN, *OF_AWS}


@pytest.mark.parametrize("id", SHOWN)
@pytest.mark.row("I-9")
def test_what_our_authority_sees_is_ours_and_another_is_not(id: str) -> None:
    provider, kind = OWNERS[id]
    cred, another = leaked(id, 1), leaked(id, 2)
    answers = rows(SHOWN[id](cred))
    found = look(kind, cred, reader_of(provider, answers))
    assert isinstance(found, Owned)
    assert cred.secret.reveal() not in found.how
    assert look(kind, another, reader_of(provider, answers)) is None


def test_a_guest_s_principal_is_no_application_of_ours() -> None:
    provider, kind = OWNERS["azure_entra_client_secret"]
    cred = credential_of(kind)
    guest = {"/v1.0/servicePrincipals": {"value": [{"appId": cred.parts["client_id"]}]}, "/v1.0/applications": {"value": []}}
    assert look(kind, cred, reader_of(provider, rows(guest))) is None


def test_a_public_certificate_shows_no_owner() -> None:
    """Anybody may read the public half of any service account's key."""
    provider, kind = OWNERS["gcp_service_account_key"]
    reader = reader_of(provider, rows({"/service_accounts/": {"any": "certificate"}}))
    assert look(kind, credential_of(kind), reader) is None
    assert not any(sent.path.startswith("/service_accounts/") for sent in reader.sent)


# AWS


def organisation(*accounts: str, pages: int = 1) -> Script:
    """STS and Organizations, of an authority in OURS; the accounts come in pages."""
    size = max(1, -(-len(accounts) // pages))

    def answer(sent: Sent) -> Reply:
        match sent.path:
            case "sts:GetCallerIdentity":
                return Reply("", 200, json={"Account": OURS, "Arn": f"arn:aws:iam::{OURS}:user/responder"})
            case "sts:GetAccessKeyInfo":
                return Reply("", 200, json={"Account": THEIRS})
            case "organizations:ListAccounts" if accounts:
                start = int(sent.params.get("NextToken", "0"))
                more = {"NextToken": str(start + size)} if start + size < len(accounts) else {}
                return Reply("", 200, json={"Accounts": [{"Id": id} for id in accounts[start : start + size]], **more})
        return Reply("", 400, code="AccessDeniedException", json={})

    return answer


@pytest.mark.parametrize(
    ("account", "script", "how"),
    [
        (OURS, organisation(), f"the account {OURS} is that of our own authority"),
        (THEIRS, organisation(), None),
        (THEIRS, organisation(OURS, "111111111111"), None),
        (THEIRS, organisation(OURS, THEIRS), f"the account {THEIRS} is one of our authority's organisation"),
        (
            THEIRS,
            organisation(OURS, "111111111111", THEIRS, pages=3),
            f"the account {THEIRS} is one of our authority's organisation",
        ),
    ],
)
@pytest.mark.parametrize("id", ["aws_access_key", "aws_session"])
def test_an_account_is_ours_when_sts_or_organizations_says_so(id: str, account: str, script: Script, how: str | None) -> None:
    provider, kind = OWNERS[id]
    cred = credential(key_id(account, "ASIA" if id == "aws_session" else "AKIA"), token="t" if id == "aws_session" else "")
    reader = reader_of(provider, script)
    found = look(kind, cred, reader)
    assert found == (Owned(how, account) if how else None)
    assert "sts:GetAccessKeyInfo" not in {sent.path for sent in reader.sent}


def test_an_old_key_id_that_carries_no_account_is_asked_about() -> None:
    provider, kind = OWNERS["aws_access_key"]
    old = key_id(OURS)
    cred = credential("AKIAI" + old[5:])
    assert look(kind, cred, reader_of(provider, organisation(THEIRS))) == Owned(
        f"the account {THEIRS} is one of our authority's organisation", THEIRS
    )
    assert look(kind, cred, reader_of(provider, organisation())) is None


def ask(known: Any, cred: Credential) -> Owned | None:
    """Through the real egress."""
    provider, kind = OWNERS[cred.kind]
    assert kind.owner is not None
    check = kind.owner

    async def work() -> Owned | None:
        async with open_pool(known, clock=real.clock) as pool:
            return await check.look(cred, AsAuthority(pool.reader(provider), cred, {}).as_reader())

    return asyncio.run(work())


@contextmanager
def joined(account: str) -> Iterator[None]:
    """Moto's organisation of OURS, with another account in it."""
    from moto.organizations.models import FakeAccount, organizations_backends

    backend = organizations_backends[OURS]["aws"]
    backend.create_organization(FeatureSet="ALL", region="us-east-1")
    backend.create_account(AccountName="member", Email="member@acme.test")
    member = next(one for one in backend.accounts if isinstance(one, FakeAccount) and one.id != OURS)
    member.id = account
    try:
        yield
    finally:
        backend.reset()


@pytest.mark.slow
@pytest.mark.row("I-9")
def test_moto_tells_our_account_and_those_of_our_organisation(moto: Moto) -> None:
    from revoker.lab.cloud import make_key

    admin = make_key("owner-of-tests", may="organizations:*", fresh=True)
    known = real.settings("aws", moto.url, {"access_key_id": admin.id, "secret_access_key": admin.secret})
    ours, theirs = (make_key("leaked", account=account, fresh=True) for account in (OURS, THEIRS))
    mine, foreign = credential(ours.id, ours.secret), credential(theirs.id, theirs.secret)
    assert ask(known, mine) == Owned(f"the account {OURS} is that of our own authority", OURS)
    assert ask(known, foreign) is None
    with joined(THEIRS):
        assert ask(known, foreign) == Owned(f"the account {THEIRS} is one of our authority's organisation", THEIRS)
    callers = {one.caller for one in moto.log.all()}
    assert admin.id in callers
    assert not {ours.id, theirs.id} & callers, "a leaked key signed"
