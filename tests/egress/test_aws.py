"""AWS against moto's own server: signatures, errors, one sending, nothing ambient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from revoker.egress import aws
from revoker.egress.http import Pool, writer
from revoker.errors import EgressRefused, OutcomeUnknown
from revoker.model import Bound, Credential, Proof, Secret
from revoker.providers.aws import PROVIDER
from revoker.sdk import Reply
from tests.egress.conftest import Seen, Server, answer, answering, settings, with_pool

if TYPE_CHECKING:
    from revoker.lab.servers import Moto

AUTHORITY = {"aws": {"access_key_id": "env:LAB_ID", "secret_access_key": "env:LAB_SECRET"}}


def cred(id: str, secret: str) -> Credential:
    return Credential("aws_access_key", "fp_test", Secret(secret), {"key_id": id})


def config(url: str) -> Any:
    return settings(endpoints={"aws": url}, authority=AUTHORITY, timeout=10)


@pytest.fixture
def authority(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    from revoker.lab.cloud import make_key

    key = make_key("operator", may="*")
    monkeypatch.setenv("LAB_ID", key.id)
    monkeypatch.setenv("LAB_SECRET", key.secret)


def whoami(url: str, key: Credential) -> Reply:
    return with_pool(
        config(url), lambda pool: pool.reader(PROVIDER, credential=key).aws_read("sts", "GetCallerIdentity", as_=key)
    )


@pytest.mark.slow
def test_identity_and_refusals(moto: Moto) -> None:
    from revoker.lab.cloud import make_key

    key = make_key("leaky")
    reply = whoami(moto.url, cred(key.id, key.secret))
    assert (reply.status, reply.trouble) == (200, None)
    assert reply.json["Account"] == moto.account
    assert reply.json["Arn"].endswith("user/leaky")
    mispaired = whoami(moto.url, cred(key.id, key.secret[::-1]))
    assert (mispaired.status, mispaired.code) == (403, "SignatureDoesNotMatch")
    unknown = whoami(moto.url, cred("AKIA" + "Z" * 16, key.secret))
    assert (unknown.status, unknown.code) == (403, "InvalidClientTokenId")


@pytest.mark.slow
@pytest.mark.usefixtures("authority")
def test_changes_are_made_once_and_seen(moto: Moto) -> None:
    from revoker.lab.cloud import make_key

    key = make_key("rotated")
    bound = Bound(cred(key.id, key.secret), key.id, Proof.EMBEDDED, "lab")
    allowed: list[int] = []

    async def work(pool: Pool) -> list[Reply]:
        api = writer(pool, PROVIDER, bound, mark="revoker-lab", allow=lambda: allowed.append(1))
        named: Any = {"UserName": "rotated", "AccessKeyId": key.id}
        return [
            await api.aws_write("iam", "UpdateAccessKey", Status="Inactive", **named),
            await api.aws_read("iam", "ListAccessKeys", UserName="rotated"),
            await api.aws_write("iam", "CreateAccessKey", UserName="rotated"),
            await api.aws_write("iam", "DeleteAccessKey", **named),
            await api.aws_write("iam", "DeleteAccessKey", **named),
        ]

    off, listed, made, gone, again = with_pool(config(moto.url), work)
    assert [r.status for r in (off, listed, made, gone)] == [200] * 4
    assert listed.json["AccessKeyMetadata"][0]["Status"] == "Inactive"
    assert isinstance(listed.json["AccessKeyMetadata"][0]["CreateDate"], str)
    assert made.json["AccessKey"]["SecretAccessKey"]
    assert (again.status, again.code) == (404, "NoSuchEntity")
    assert len(allowed) == 4


@pytest.mark.parametrize(
    ("service", "operation", "reads"),
    [
        ("sts", "GetCallerIdentity", True),
        ("iam", "ListAccessKeys", True),
        ("iam", "SimulatePrincipalPolicy", True),
        ("iam", "CreateAccessKey", False),
        ("iam", "UpdateAccessKey", False),
        ("sts", "GetSessionToken", False),
        ("sts", "GetFederationToken", False),
        ("sts", "AssumeRole", False),
        ("s3", "GetObject", False),
        ("iam", "Get\nX", False),
    ],
)
def test_what_counts_as_reading(service: str, operation: str, reads: bool) -> None:
    assert aws.is_read(service, operation) is reads


@pytest.mark.row("N-11")
def test_a_reader_refuses_changes_before_anything_leaves(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    key = cred("AKIA" + "Z" * 16, "s")
    reader_call = lambda pool: pool.reader(PROVIDER, credential=key).aws_read("iam", "CreateAccessKey", as_=key)  # noqa: E731
    reply = with_pool(config(server.url), reader_call)
    assert reply.trouble == "refused_by_policy"
    assert server.seen == []


def test_external_entities_are_not_parsed(serve: Callable[..., Server]) -> None:
    body = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><GetCallerIdentityResponse>&x;</GetCallerIdentityResponse>'
    server = serve(answering(answer(body=body, headers={"Content-Type": "text/xml"})))
    reply = whoami(server.url, cred("AKIA" + "Z" * 16, "s"))
    assert (reply.trouble, reply.json) == ("wrong_type", None)


@pytest.mark.row("N-4", "N-5")
def test_nothing_ambient_signs_or_redirects_a_call(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    server = serve(answering(answer(body=b"<x/>", headers={"Content-Type": "text/xml"})))
    elsewhere = serve(answering(answer()))
    (tmp_path / "config").write_text("[profile p]\nendpoint_url = " + elsewhere.url)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AMBIENTID",
        "AWS_SECRET_ACCESS_KEY": "ambient",
        "AWS_SESSION_TOKEN": "AMBIENTTOKEN",
        "AWS_PROFILE": "p",
        "AWS_ENDPOINT_URL": elsewhere.url,
        "HTTP_PROXY": elsewhere.url,
        "LAB_ID": "LABID",
        "LAB_SECRET": "lab",
    }.items():
        monkeypatch.setenv(name, value)
    key = cred("LEAKEDID", "s")
    bound = Bound(key, "LEAKEDID", Proof.EMBEDDED, "lab")

    async def work(pool: Pool) -> None:
        api = writer(pool, PROVIDER, bound, mark="m", allow=lambda: None)
        await api.aws_read("sts", "GetCallerIdentity", as_=key)
        await api.aws_write("iam", "DeleteAccessKey", AccessKeyId="LEAKEDID" * 2)

    with_pool(config(server.url), work)
    assert elsewhere.seen == []
    heads = b"".join(seen.head + seen.body for seen in server.seen)
    assert len(server.seen) == 2
    assert b"Credential=LEAKEDID/" in server.seen[0].head
    assert b"Credential=LABID/" in server.seen[1].head
    assert b"AMBIENT" not in heads


def test_a_lost_answer_is_unknown_and_not_sent_again(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(_seen: Seen, _reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        out.close()

    server = serve(cut)
    monkeypatch.setenv("LAB_ID", "LABID")
    monkeypatch.setenv("LAB_SECRET", "lab")
    bound = Bound(cred("LEAKEDID", "s"), "LEAKEDID", Proof.EMBEDDED, "lab")

    async def work(pool: Pool) -> Reply:
        return await writer(pool, PROVIDER, bound, mark="m", allow=lambda: None).aws_write("iam", "CreateAccessKey", UserName="u")

    with pytest.raises(OutcomeUnknown):
        with_pool(config(server.url), work)
    assert len(server.seen) == 1


def test_reads_cannot_be_sent_as_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = Bound(cred("LEAKEDID", "s"), "LEAKEDID", Proof.EMBEDDED, "lab")

    async def work(pool: Pool) -> Reply:
        return await writer(pool, PROVIDER, bound, mark="m", allow=lambda: None).aws_write("iam", "ListUsers")

    with pytest.raises(EgressRefused):
        with_pool(config("http://127.0.0.1:9"), work)


@pytest.mark.row("F15", "N-10")
def test_what_is_no_answer_of_aws_to_a_change_decides_nothing(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change may have been made: the engine looks at the state, whatever stood in the answer."""
    monkeypatch.setenv("LAB_ID", "LABID")
    monkeypatch.setenv("LAB_SECRET", "lab")
    bound = Bound(cred("LEAKEDID", "s"), "LEAKEDID", Proof.EMBEDDED, "lab")

    async def work(pool: Pool) -> Reply:
        return await writer(pool, PROVIDER, bound, mark="m", allow=lambda: None).aws_write("iam", "CreateAccessKey", UserName="u")

    for body in (b"{}", b"<a>", b"\xff\xfe"):
        server = serve(answering(answer(200, body, {"Content-Type": "text/xml"})))
        reply = with_pool(config(server.url), work)
        assert (reply.trouble, reply.status, len(server.seen)) == ("wrong_type", 200, 1)
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><CreateAccessKeyResponse>&b;</CreateAccessKeyResponse>'
    server = serve(answering(answer(200, bomb, {"Content-Type": "text/xml"})))
    with pytest.raises(OutcomeUnknown):
        with_pool(config(server.url), work)
    assert len(server.seen) == 1
