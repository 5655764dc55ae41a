"""Addresses of Redis, RabbitMQ, MongoDB and ClickHouse in one form, without any option."""

from __future__ import annotations

import pytest

from revoker import catalog
from revoker.ingest.nosql import FORMS, normal

PASSWORD = "p%40ss;w0rd"
OPTIONS = (
    "ssl_cert_reqs=none", "ssl_ca_certs=/etc/passwd", "unix_socket_path=/run/redis.sock", "username=root", "password=x", "client_name=x",
    "cacertfile=/etc/passwd", "certfile=/etc/passwd", "keyfile=/etc/passwd", "verify=verify_none", "auth_mechanism=external", "heartbeat=0",
    "server_name_indication=x", "ssl_options=x", "connection_attempts=99", "retry_delay=0",
    "authMechanismProperties=SERVICE_NAME:x", "tlsCAFile=/etc/passwd", "tlsCertificateKeyFile=/x", "tlsInsecure=true",
    "tlsAllowInvalidCertificates=true", "srvServiceName=x", "replicaSet=rs0", "directConnection=false", "proxyHost=evil.example",
    "loadBalanced=true", "readPreference=secondary", "compressors=zlib", "secure=0", "ca_cert=/etc/passwd", "client_cert=/x",
    "compression=lz4", "alt_hosts=evil.example", "settings.allow_ddl=1", "service=x", "passfile=/x",
)  # fmt: skip


@pytest.mark.parametrize(
    ("address", "wanted", "kind"),
    [
        ("redis://:{}@Cache.example/3", "redis://:{}@cache.example:6379", "redis_uri"),
        ("valkey://app:{}@cache.example:6380", "redis://app:{}@cache.example:6380", "redis_uri"),
        ("valkeys://app:{}@[::1]", "rediss://app:{}@[::1]:6379", "redis_uri"),
        ("amqp://app:{}@mq.example", "amqp://app:{}@mq.example:5672", "amqp_uri"),
        ("clickhouse+https://app:{}@ch.example/logs", "clickhouses://app:{}@ch.example:8443/logs", "clickhouse_uri"),
        ("jdbc:clickhouse://app:{}@ch.example:8123", "clickhouse://app:{}@ch.example:8123", "clickhouse_uri"),
        ("mongodb://app:{}@db.example/shop", "mongodb://app:{}@db.example:27017/shop", "mongodb_uri"),
        ("AMQPS://app:{}@mq.example/%2fbilling/", "amqps://app:{}@mq.example:5671/%2fbilling", "amqp_uri"),
    ],
)
@pytest.mark.parametrize("options", ["", "?" + "&".join(OPTIONS), "#x"], ids=["bare", "options", "fragment"])
def test_one_login_has_one_form_and_one_kind(address: str, wanted: str, kind: str, options: str) -> None:
    found = normal(address.format(PASSWORD) + options)
    assert found is not None
    assert found[0] == wanted.format(PASSWORD)
    assert catalog.name_kinds(found[0]) == (kind,)
    assert catalog.public_parts(catalog.kinds()[kind], found[0]).items() <= found[1].items()


@pytest.mark.parametrize(
    "address",
    [
        "redis://cache.example:6379",
        "redis://app@cache.example",
        "redis:///run/redis.sock?password=x",
        "unix://:x@/run/redis.sock",
        "amqp://:x@mq.example",
        "amqp://a:b@one.example,two.example/x",
        "mongodb+srv://a:b@cluster.example/x",
        "mongodb://a:b@db.example/x?authMechanism=MONGODB-X509",
        "mongodb://a:b@%2Ftmp%2Fmongodb.sock/x",
        "redis://a:b@cache.example:99999",
        "redis://a:b@[::1",
        "redis://a:b@/0",
        "redis://" + "a" * 10_000,
        "",
    ],
)
def test_anything_else_is_none(address: str) -> None:
    assert normal(address) is None


def test_every_form_has_a_port() -> None:
    assert all(form.port and form.scheme for form in FORMS.values())


def test_more_options_than_any_driver_knows_say_nothing() -> None:
    options = "&".join(f"o{number}=1" for number in range(101))
    found = normal(f"mongodb://a:b@db.example/x?{options}")
    assert found is not None
    assert found[0].endswith("/x")
