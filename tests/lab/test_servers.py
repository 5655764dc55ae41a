"""The real servers of the lab start, answer, refuse what they should, and go away again."""

from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from revoker.lab.cloud import FOREIGN_ACCOUNT, CloudKey, make_key, status_of
from revoker.lab.servers import Moto, OpenBao, PostgreSQL, bao_call, run_sql

pytestmark = pytest.mark.slow


def client(service: str, moto: Moto, key: CloudKey) -> Any:
    session = boto3.Session(key.id, key.secret, region_name="us-east-1")
    return session.client(service, endpoint_url=moto.url, config=Config(retries={"total_max_attempts": 1}))


def test_openbao_stores_with_check_and_set(openbao: OpenBao) -> None:
    assert bao_call(openbao, "POST", "secret/data/lab/a", {"options": {"cas": 0}, "data": {"x": "1"}})[0] == 200
    assert bao_call(openbao, "POST", "secret/data/lab/a", {"options": {"cas": 0}, "data": {"x": "2"}})[0] == 400
    assert bao_call(openbao, "GET", "secret/data/lab/a")[1]["data"]["data"] == {"x": "1"}


def test_openbao_can_be_sealed_and_opened_again(openbao: OpenBao) -> None:
    assert bao_call(openbao, "PUT", "sys/seal", {})[0] == 204
    assert bao_call(openbao, "GET", "secret/data/lab/none")[0] == 503
    assert bao_call(openbao, "PUT", "sys/unseal", {"key": openbao.unseal_key})[1]["sealed"] is False


def test_postgresql_asks_for_the_password(postgresql: PostgreSQL) -> None:
    assert run_sql(postgresql, "SELECT current_user") == [("postgres",)]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=postgresql.host, port=postgresql.port, user="postgres", password="wrong", dbname="postgres")


def test_moto_refuses_what_aws_refuses(moto: Moto) -> None:
    admin = make_key("lab-admin", may="*")
    key = make_key("lab-user")
    assert client("sts", moto, key).get_caller_identity()["Account"] == moto.account
    client("iam", moto, admin).update_access_key(UserName=key.user, AccessKeyId=key.id, Status="Inactive")
    assert refusal(moto, key) == "InvalidClientTokenId"
    client("iam", moto, admin).update_access_key(UserName=key.user, AccessKeyId=key.id, Status="Active")
    assert client("sts", moto, key).get_caller_identity()["Arn"].endswith("user/lab-user")
    client("iam", moto, admin).delete_access_key(UserName=key.user, AccessKeyId=key.id)
    assert refusal(moto, key) == "InvalidClientTokenId"
    assert status_of(key.id) is None
    assert [(s.what, s.key) for s in moto.log.changes()][-1] == ("DeleteAccessKey", key.id)


def test_moto_checks_signatures_and_rights(moto: Moto) -> None:
    key = make_key("lab-other", account=FOREIGN_ACCOUNT)
    assert client("sts", moto, key).get_caller_identity()["Account"] == FOREIGN_ACCOUNT
    assert refusal(moto, CloudKey(key.id, "x" * 40, key.user)) == "SignatureDoesNotMatch"
    with pytest.raises(ClientError, match="AccessDenied"):
        client("iam", moto, key).update_access_key(UserName=key.user, AccessKeyId=key.id, Status="Inactive")


def refusal(moto: Moto, key: CloudKey) -> str:
    with pytest.raises(ClientError) as caught:
        client("sts", moto, key).get_caller_identity()
    return str(caught.value.response["Error"]["Code"])
