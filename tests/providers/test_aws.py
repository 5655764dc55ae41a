"""AWS: what a key id says offline, the guards of a binding against a small IAM, and all of it against moto."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from revoker.config import Settings
from revoker.egress.http import open_pool
from revoker.errors import ActionFailed, OutcomeUnknown
from revoker.model import Bound, Credential, Proof, Receipt, Secret, Unbound, Validity
from revoker.providers.aws import accounts
from revoker.providers.aws.sessions import denial
from revoker.sdk import Reply
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, FakeWriter, Sent, run
from tests.providers.samples import NOW

if TYPE_CHECKING:
    from revoker.lab.servers import Moto

OURS, THEIRS = "123456789012", "210987654321"
PROVIDER, KIND = OWNERS["aws_access_key"]
AUTHORITY = {"secret_access_key": "made-up", "access_key_id": "made-up"}


def key_id(account: str, prefix: str = "AKIA", seed: int = 1) -> str:
    """A key id that carries an account, as AWS makes them."""
    chance = random.Random(seed)  # noqa: S311 - made-up test values
    head = (1 << 47) | (int(account) << 7) | chance.getrandbits(7)
    return prefix + base64.b32encode(head.to_bytes(6, "big") + chance.randbytes(4)).decode()


def credential(id: str, secret: str = "", token: str = "") -> Credential:
    parts = {"session_token": Secret(token)} if token else {}
    kind = "aws_session" if token else "aws_access_key"
    return Credential(kind, "fp_test", Secret(secret or "A1/" * 13 + "b"), {"key_id": id}, parts)


# Offline


@pytest.mark.parametrize("account", [OURS, THEIRS, "000000000001", "999999999999"])
@pytest.mark.parametrize("seed", range(5))
def test_the_account_is_read_from_the_key_id(account: str, seed: int) -> None:
    for prefix in ("AKIA", "ASIA"):
        assert accounts.account_in(key_id(account, prefix, seed)) == account


@pytest.mark.parametrize(("account", "asked"), [(OURS, 2), (THEIRS, 5)])
def test_one_partition_is_enough_for_a_key_of_the_authoritys_account_alone(account: str, asked: int) -> None:
    """A key that the authority's partition does not know may be another company's, in another partition."""
    cred = credential(key_id(account))

    def sts(sent: Sent) -> Reply:
        if reader.sent[1:] and len(reader.sent) == 2:  # who the authority is
            return Reply("aws", 200, json={"Account": OURS, "Arn": f"arn:aws:iam::{OURS}:user/responder"})
        return Reply("aws", 403, code="InvalidClientTokenId")

    reader = FakeReader(PROVIDER, sts, authority=AUTHORITY)
    verdict = run(KIND.verify(cred, reader))
    assert (verdict.validity, len(reader.sent)) == (Validity.DEAD, asked)


def test_older_and_foreign_ids_carry_no_account() -> None:
    modern = key_id(OURS)
    for id in (
        "AKIA" + "I" + modern[5:],
        "AKIA" + "J" + modern[5:],
        "AROA" + modern[4:],
        modern[:-1],
        modern + "A",
        "AKIA" + "0" * 16,
        "",
    ):
        assert accounts.account_in(id) is None, id


@pytest.mark.parametrize("account", sorted(accounts.THINKST | accounts.OTHER_BAIT))
def test_a_canary_is_skipped_before_anything_is_sent(account: str) -> None:
    verdict = offline(credential(key_id(account)))
    assert verdict is not None
    assert (verdict.validity, verdict.reason) == (Validity.SKIPPED, "canary")


def test_what_is_no_whole_credential_is_skipped() -> None:
    reasons = {
        key_id(OURS, "ASIA"): "incomplete",
        key_id(OURS, "AROA"): "malformed",
        key_id(OURS)[:-7] + "EXAMPLE": "example",
    }
    for id, reason in reasons.items():
        verdict = offline(credential(id))
        assert verdict is not None
        assert verdict.reason == reason
    assert offline(credential(key_id(OURS))) is None


def offline(cred: Credential) -> Any:
    return next((found for check in KIND.offline if (found := check(cred, NOW)) is not None), None)


# A small IAM


@dataclass
class Key:
    id: str
    user: str
    secret: str
    account: str = OURS
    status: str = "Active"


@dataclass
class Iam:
    """Keys of several accounts; answers as STS and IAM do, and to the authority's account only."""

    keys: dict[str, Key] = field(default_factory=dict)
    authority: str = OURS
    quarantine: tuple[str, ...] = ()
    root: tuple[str, ...] = ()
    lose_answers: bool = False
    as_: Credential | None = None

    def add(self, user: str, account: str = OURS, status: str = "Active") -> Credential:
        number = len(self.keys) + 1
        made = Key(key_id(account, seed=number), user, f"secret-{number}", account, status)
        self.keys[made.id] = made
        return credential(made.id, made.secret)

    def answer(self, sent: Sent) -> Reply:
        operation = sent.path.partition(":")[2]
        work: Callable[..., Reply] = getattr(self, operation)
        reply = work(**sent.params)
        if self.lose_answers and sent.how == "aws_write":
            raise OutcomeUnknown("lost")
        return reply

    def GetCallerIdentity(self) -> Reply:  # noqa: N802 - AWS's own names
        if self.as_ is None:
            return ok({"Account": self.authority, "Arn": f"arn:aws:iam::{self.authority}:user/responder"})
        key = self.keys.get(self.as_.parts["key_id"])
        if key is None or key.status != "Active":
            return refused(403, "InvalidClientTokenId")
        if key.secret != self.as_.secret.reveal():
            return refused(403, "SignatureDoesNotMatch")
        name = "root" if key.user in self.root else f"user/team/{key.user}"
        return ok({"Account": key.account, "Arn": f"arn:aws:iam::{key.account}:{name}"})

    def GetAccessKeyLastUsed(self, AccessKeyId: str) -> Reply:  # noqa: N802, N803
        key = self.keys.get(AccessKeyId)
        if key is None or key.account != self.authority:
            return refused(403, "AccessDenied")
        used = {"LastUsedDate": "2026-11-20T10:00:00+00:00", "ServiceName": "s3", "Region": "us-east-1"}
        return ok({"UserName": key.user, "AccessKeyLastUsed": used})

    def ListAccessKeys(self, UserName: str) -> Reply:  # noqa: N802, N803
        rows = [
            {"AccessKeyId": key.id, "Status": key.status, "CreateDate": "2026-01-01T00:00:00+00:00"}
            for key in self.keys.values()
            if (key.user, key.account) == (UserName, self.authority)
        ]
        return ok({"AccessKeyMetadata": rows, "IsTruncated": False})

    def ListAttachedUserPolicies(self, UserName: str) -> Reply:  # noqa: N802, N803
        return ok({"AttachedPolicies": [{"PolicyName": name} for name in self.quarantine]})

    def UpdateAccessKey(self, UserName: str, AccessKeyId: str, Status: str) -> Reply:  # noqa: N802, N803
        self.keys[AccessKeyId].status = Status
        return ok({})

    def DeleteAccessKey(self, AccessKeyId: str, UserName: str = "") -> Reply:  # noqa: N802, N803
        return ok({}) if self.keys.pop(AccessKeyId, None) else refused(404, "NoSuchEntity")

    def CreateAccessKey(self, UserName: str) -> Reply:  # noqa: N802, N803
        if sum(key.user == UserName for key in self.keys.values()) >= 2:
            return refused(409, "LimitExceeded")
        made = self.add(UserName)
        id = made.parts["key_id"]
        return ok({"AccessKey": {"AccessKeyId": id, "SecretAccessKey": made.secret.reveal(), "UserName": UserName}})


def ok(body: dict[str, Any]) -> Reply:
    return Reply("iam", 200, json=body)


def refused(status: int, code: str) -> Reply:
    return Reply("iam", status, code=code)


class Reader(FakeReader):
    """Tells the small IAM who signs."""

    async def aws_read(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
        self.script.__self__.as_ = as_  # type: ignore[attr-defined]
        return await super().aws_read(service, operation, as_=as_, **params)


class Writer(FakeWriter, Reader):
    """The same, and it may change."""


def bind(iam: Iam, cred: Credential, action: str = "revoke") -> Bound | Unbound:
    reader = Reader(PROVIDER, iam.answer, authority=AUTHORITY)
    return run(real.action_of(cred.kind, action).bind(cred, reader))


def bound(iam: Iam, cred: Credential, action: str = "revoke") -> Bound:
    found = bind(iam, cred, action)
    assert isinstance(found, Bound), found
    return found


def change(iam: Iam, to: Bound, action: str) -> Receipt:
    return run(real.action_of(to.credential.kind, action).run(to, Writer(PROVIDER, iam.answer, authority=AUTHORITY)))


def test_a_key_is_bound_by_its_own_signature_and_by_our_account() -> None:
    iam = Iam(quarantine=("AWSCompromisedKeyQuarantineV3",))
    cred = iam.add("ci")
    to = bound(iam, cred)
    assert (to.target, to.proof, to.account) == (cred.parts["key_id"], Proof.EMBEDDED, OURS)
    assert to.extra["user"] == "ci"
    for told in ("2026-11-20", "s3", "last active key", "AWSCompromisedKeyQuarantineV3"):
        assert told in to.how


def test_no_target_without_proof() -> None:
    iam = Iam()
    ours, foreign, root = iam.add("ci"), iam.add("partner", THEIRS), iam.add("owner")
    iam.root = ("owner",)
    cases = {
        "mispaired": credential(ours.parts["key_id"], "another-secret"),
        "foreign_account": foreign,
        "root_key": root,
        "no_match": credential(key_id(OURS, seed=99), "unknown"),
    }
    for reason, cred in cases.items():
        found = bind(iam, cred)
        assert isinstance(found, Unbound), reason
        assert found.reason == reason


def test_a_key_that_signs_as_another_user_than_iam_says_is_not_bound() -> None:
    iam = Iam()
    cred = iam.add("ci")
    honest = iam.GetAccessKeyLastUsed
    iam.GetAccessKeyLastUsed = lambda **asked: ok({**honest(**asked).json, "UserName": "deploy"})  # type: ignore[method-assign]
    iam.keys["copy"] = Key(cred.parts["key_id"], "deploy", "other")
    found = bind(iam, cred)
    assert isinstance(found, Unbound)
    assert found.reason == "no_match"


def test_a_suspended_key_is_bound_to_the_same_target_and_can_be_restored_or_deleted() -> None:
    iam = Iam()
    cred = iam.add("ci")
    before = bound(iam, cred, "suspend")
    change(iam, before, "suspend")
    after = bound(iam, cred)
    assert (before.target, before.account, before.proof) == (after.target, after.account, after.proof)
    change(iam, after, "restore")
    assert iam.keys[cred.parts["key_id"]].status == "Active"
    change(iam, after, "suspend")
    change(iam, bound(iam, cred), "revoke")
    assert not iam.keys


def test_a_key_that_sts_refuses_although_iam_shows_it_active_waits() -> None:
    iam = Iam()
    cred = iam.add("ci")
    iam.GetCallerIdentity = lambda: refused(403, "InvalidClientTokenId") if iam.as_ else Iam.GetCallerIdentity(iam)  # type: ignore[method-assign]
    found = bind(iam, cred)
    assert isinstance(found, Unbound)
    assert "try again" in found.detail


def test_a_new_key_goes_into_a_free_place_only() -> None:
    iam = Iam()
    cred = iam.add("ci")
    made = change(iam, bound(iam, cred, "issue"), "issue").issued
    assert made is not None
    assert iam.keys[made.target].secret == made.secret.reveal()
    assert made.parts == {"key_id": made.target}
    full = bind(iam, cred, "issue")
    assert isinstance(full, Unbound)
    assert full.reason == "no_room"
    assert made.target in full.detail
    with pytest.raises(ActionFailed) as raised:
        change(iam, bound(iam, cred), "issue")
    assert made.target in raised.value.message
    assert "by hand" in raised.value.next
    assert len(iam.keys) == 2, "a key that is in use must not be deleted to make room"


def test_a_key_that_a_lost_answer_left_is_seen_before_another_is_made() -> None:
    iam = Iam()
    cred = iam.add("ci")
    to = bound(iam, cred, "issue")
    iam.lose_answers = True
    with pytest.raises(OutcomeUnknown):
        change(iam, to, "issue")
    iam.lose_answers = False
    with pytest.raises(OutcomeUnknown) as raised:
        change(iam, to, "issue")
    left = next(id for id in iam.keys if id != cred.parts["key_id"])
    assert left in raised.value.message
    assert len(iam.keys) == 2
    # The run takes the lost one back with the extra of the planned target.
    change(iam, Bound(cred, left, to.proof, "made by this run", OURS, to.extra), "revoke")
    assert list(iam.keys) == [cred.parts["key_id"]]


def test_a_user_is_not_cut_off_unseen() -> None:
    iam = Iam()
    cred, other = iam.add("ci"), iam.add("ci")
    to = bound(iam, cred)
    assert to.extra["last_active"] == "no"
    iam.keys[other.parts["key_id"]].status = "Inactive"
    with pytest.raises(ActionFailed) as raised:
        change(iam, to, "revoke")
    assert "last active key" in raised.value.message
    assert cred.parts["key_id"] in iam.keys
    again = bound(iam, cred)
    assert again.extra["last_active"] == "yes"
    assert "last active key" in again.how
    change(iam, again, "revoke")


def test_only_a_root_key_deletes_itself() -> None:
    iam = Iam(root=("owner",))
    root, user = iam.add("owner"), iam.add("ci")
    assert isinstance(bind(iam, user, "revoke_root"), Unbound)
    change(iam, bound(iam, root, "revoke_root"), "revoke_root")
    assert list(iam.keys) == [user.parts["key_id"]]


# Sessions


def session(arn: str) -> Bound | Unbound:
    def answer(sent: Sent) -> Reply:
        mine = f"arn:aws:iam::{OURS}:user/responder"
        return ok({"Account": OURS, "Arn": mine if iam.as_ is None else arn})

    iam = Iam()
    iam.answer = answer  # type: ignore[method-assign]

    class Signs(FakeReader):
        async def aws_read(self, service: str, operation: str, *, as_: Credential | None = None, **params: Any) -> Reply:
            iam.as_ = as_
            return await super().aws_read(service, operation, as_=as_, **params)

    cred = credential(key_id(OURS, "ASIA"), token="made-up")
    return run(real.action_of("aws_session", "end_sessions").bind(cred, Signs(PROVIDER, iam.answer, authority=AUTHORITY)))


@pytest.mark.parametrize(
    ("arn", "target", "owner"),
    [(f"arn:aws:sts::{OURS}:assumed-role/deploy/i-1", "deploy", "role"), (f"arn:aws:iam::{OURS}:user/team/ci", "ci", "user")],
)
def test_a_session_names_its_own_role_or_user(arn: str, target: str, owner: str) -> None:
    found = session(arn)
    assert isinstance(found, Bound)
    assert (found.target, found.extra["owner"], found.account) == (target, owner, OURS)


@pytest.mark.parametrize(
    ("arn", "reason"),
    [
        (f"arn:aws:sts::{OURS}:assumed-role/AWSReservedSSO_Admin_0123/ann", "protected_role"),
        (f"arn:aws:sts::{OURS}:assumed-role/AWSServiceRoleForX/x", "protected_role"),
        (f"arn:aws:sts::{OURS}:federated-user/ann", "no_match"),
        (f"arn:aws:iam::{OURS}:root", "root_key"),
    ],
)
def test_what_iam_cannot_deny_is_not_bound(arn: str, reason: str) -> None:
    found = session(arn)
    assert isinstance(found, Unbound)
    assert found.reason == reason


def test_the_denial_hits_what_was_issued_before_now_and_nothing_else() -> None:
    statement = json.loads(denial(datetime(2026, 11, 24, 10, 0, 30, tzinfo=UTC)))["Statement"]
    assert statement == [
        {
            "Effect": "Deny",
            "Action": ["*"],
            "Resource": ["*"],
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-11-24T10:00:30Z"}},
        }
    ]


# Moto


@pytest.fixture(scope="module")
def known(moto: Moto) -> Settings:
    from revoker.lab.cloud import make_key

    admin = make_key("responder-of-tests", may="iam:*", fresh=True)  # GetCallerIdentity needs no right
    return real.settings("aws", moto.url, {"access_key_id": admin.id, "secret_access_key": admin.secret})


def leaked(user: str, **options: Any) -> Credential:
    from revoker.lab.cloud import make_key

    key = make_key(user, fresh=True, **options)
    return credential(key.id, key.secret)


@pytest.mark.slow
def test_moto_rotation_of_a_key(known: Settings) -> None:
    cred = leaked("rotate")
    verdict = real.verify(known, cred)
    assert verdict.validity is Validity.LIVE
    assert verdict.identity is not None
    assert verdict.identity.account == OURS
    to = real.bound(known, cred, "issue")
    made = real.change(known, to, "issue").issued
    assert made is not None
    fresh = credential(made.parts["key_id"], made.secret.reveal())
    assert real.verify(known, fresh).validity is Validity.LIVE
    assert {one.target for one in real.siblings(known, to, "issue")} == {cred.parts["key_id"], made.target}
    full = real.bind(known, cred, "issue")
    assert isinstance(full, Unbound)
    assert (full.reason, made.target in full.detail) == ("no_room", True)
    with pytest.raises(ActionFailed, match="no room"):
        real.change(known, real.bound(known, cred, "revoke"), "issue")
    for action, after in (
        ("suspend", Validity.DEAD),
        ("restore", Validity.LIVE),
        ("suspend", Validity.DEAD),
        ("revoke", Validity.DEAD),
    ):
        to = real.bound(known, cred, action)
        real.change(known, to, action)
        assert real.observe(known, to, action) is True
        assert real.observe(known, to, "revoke") is (action == "revoke"), "a suspended one is not taken for a deleted one"
        assert real.verify(known, cred).validity is after
    assert real.verify(known, fresh).validity is Validity.LIVE, "another key of the user was touched"


@pytest.mark.slow
@pytest.mark.row("F17")
@pytest.mark.parametrize("status", ["Active", "Inactive"])
def test_moto_an_inactive_key_takes_a_place_too(known: Settings, status: str) -> None:
    from moto.iam.models import iam_backends

    cred = leaked(f"slots-{status}")
    second = iam_backends[OURS]["aws"].create_access_key(f"slots-{status}", status=status)
    found = real.bind(known, cred, "issue")
    assert isinstance(found, Unbound)
    assert found.reason == "no_room"
    assert f"{second.access_key_id} ({status}, no use is recorded)" in found.detail
    assert isinstance(real.bind(known, cred, "suspend"), Bound)


@pytest.mark.slow
@pytest.mark.row("F27")
@pytest.mark.parametrize("version", ["", "V2", "V3", "V4"])
def test_moto_a_quarantined_key_is_ended_by_the_responder(known: Settings, version: str) -> None:
    """AWS's policy denies the leaked key to switch itself off; it does not hit the authority, and is no revocation."""
    from moto.iam.models import iam_backends

    iam = iam_backends[OURS]["aws"]
    cred = leaked("quarantined")
    name = f"AWSCompromisedKeyQuarantine{version}"
    deny = {"Effect": "Deny", "Action": ["iam:UpdateAccessKey", "iam:CreateAccessKey"], "Resource": "*"}
    policy = iam.create_policy("deny", "/", json.dumps({"Version": "2012-10-17", "Statement": [deny]}), name, [])
    iam.attach_user_policy(policy.arn, "quarantined")
    try:
        assert real.verify(known, cred).validity is Validity.LIVE
        to = real.bound(known, cred, "suspend")
        assert to.extra["contained_by_provider"] == name
        assert f"in quarantine ({name})" in to.how
        real.change(known, to, "suspend")
        assert real.verify(known, cred).validity is Validity.DEAD
    finally:
        iam.detach_user_policy(policy.arn, "quarantined")
        iam.delete_policy(policy.arn)


def test_only_aws_s_own_policy_names_are_a_quarantine() -> None:
    iam = Iam(quarantine=("AWSCompromisedKeyQuarantineV4", "AWSCompromisedKeyQuarantineNote", "MyAWSCompromisedKeyQuarantine"))
    assert bound(iam, iam.add("ci")).extra["contained_by_provider"] == "AWSCompromisedKeyQuarantineV4"
    assert "contained_by_provider" not in bound(Iam(keys=(small := Iam()).keys), small.add("ci")).extra


@pytest.mark.slow
def test_moto_tells_the_last_use_of_any_key_of_the_account(known: Settings) -> None:
    from moto.iam.models import AccessKeyLastUsed, iam_backends

    to = real.bound(known, leaked("uses"), "issue")
    other = iam_backends[OURS]["aws"].create_access_key("uses")
    at = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
    other.last_used = AccessKeyLastUsed(at, "s3", "us-east-1")
    look = KIND.last_used
    assert look is not None

    async def work(target: str) -> datetime | None:
        async with open_pool(known, clock=real.clock) as pool:
            return await look(replace(to, target=target), pool.reader(PROVIDER))

    assert run(work(other.access_key_id)) == at
    assert run(work(key_id(OURS, seed=99))) is None


@pytest.mark.slow
@pytest.mark.row("W-2", "W-3")
def test_moto_wrong_pairs_and_foreign_keys(known: Settings) -> None:
    ours, foreign = leaked("pair"), leaked("partner", account=THEIRS)
    mixed = credential(ours.parts["key_id"], foreign.secret.reveal())
    assert real.verify(known, mixed).reason == "mispaired"
    assert isinstance(real.bind(known, mixed, "revoke"), Unbound)
    found = real.bind(known, foreign, "revoke")
    assert isinstance(found, Unbound)
    assert found.reason == "foreign_account"


@pytest.mark.slow
def test_moto_denies_a_user_s_older_sessions(known: Settings) -> None:
    cred = leaked("sessions")
    to = real.bound(known, cred, "end_sessions")
    assert real.observe(known, to, "end_sessions") is False
    real.change(known, to, "end_sessions")
    assert real.observe(known, to, "end_sessions") is True
    real.change(known, to, "allow_sessions")
    assert real.observe(known, to, "allow_sessions") is True
    assert real.change(known, to, "allow_sessions").already


@pytest.mark.slow
def test_moto_a_key_that_does_not_sign_is_no_authority(known: Settings, moto: Moto) -> None:
    assert real.rights(known, "aws")["a working key"] is True
    dead = leaked("gone", active=False)
    wrong = real.settings("aws", moto.url, {"access_key_id": dead.parts["key_id"], "secret_access_key": dead.secret.reveal()})
    assert not any(real.rights(wrong, "aws").values())
