"""What OpenBao really answers: the lines of our research that verdicts and plans rest on, each asked of a real server.

A new server version that answers otherwise fails here, before it misleads a responder.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from revoker.lab.servers import bao_call, run_sql
from revoker.lab.servers import openbao as start
from revoker.model import Credential, Secret, Validity
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.providers.test_postgresql import password

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao, PostgreSQL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    """A server of its own: it is sealed, locked and limited here."""
    with start() as server:
        call(server, "POST", "sys/auth/approle", {"type": "approle"})
        for role in ("one", "two"):
            call(server, "POST", f"auth/approle/role/{role}", {"token_policies": "default", "token_ttl": "1h"})
        yield server


def call(bao: OpenBao, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> dict[str, Any]:
    status, answer = bao_call(bao, method, path, body, token=token)
    assert status < 300, (status, answer)
    return answer


def token(bao: OpenBao, **options: Any) -> str:
    return str(call(bao, "POST", "auth/token/create", {"ttl": "1h", **options})["auth"]["client_token"])


def login(bao: OpenBao, role: str) -> str:
    role_id = call(bao, "GET", f"auth/approle/role/{role}/role-id")["data"]["role_id"]
    secret_id = call(bao, "POST", f"auth/approle/role/{role}/secret-id")["data"]["secret_id"]
    return str(call(bao, "POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})["auth"]["client_token"])


def is_live(bao: OpenBao, value: str) -> bool:
    status, answer = bao_call(bao, "POST", "auth/token/lookup", {"token": value})
    assert status in (200, 403), answer
    return status == 200


def raw(bao: OpenBao, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(bao.url.removeprefix("http://"), timeout=10)
    sent = {"X-Vault-Token": bao.token, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None, sent)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(text) if text else {}


def test_tokens_have_the_old_prefixes_and_fit_our_kind(bao: OpenBao) -> None:
    call(bao, "POST", "sys/namespaces/forms")
    made = [token(bao), token(bao, type="batch", policies=["default"])]
    made.append(call(bao, "POST", "forms/auth/token/create", {"ttl": "1h"})["auth"]["client_token"])
    assert re.fullmatch(r"s\.[A-Za-z0-9]{24}", made[0])
    assert made[1].startswith("b.")
    assert re.fullmatch(r"s\.[A-Za-z0-9]{24}\.[A-Za-z0-9]+", made[2])
    assert all(re.fullmatch(OWNERS["vault_token"][1].pattern, value) for value in made)


def test_a_token_s_own_lookup_tells_a_dead_one_from_a_live_one_badly(bao: OpenBao) -> None:
    """Why the authority is asked: these refusals are of live tokens, and one reads like that of a dead one."""
    dead = bao_call(bao, "GET", "auth/token/lookup-self", token="s." + "x" * 24)
    bare = bao_call(bao, "GET", "auth/token/lookup-self", token=token(bao, no_default_policy=True, policies=["nothing"]))
    call(bao, "POST", "auth/token/roles/far", {"token_bound_cidrs": ["10.1.2.3/32"], "allowed_policies": "default"})
    made = call(bao, "POST", "auth/token/create/far", {"policies": ["default"]})["auth"]["client_token"]
    bound = bao_call(bao, "GET", "auth/token/lookup-self", token=made)
    assert {answer[0] for answer in (dead, bare, bound)} == {403}
    assert dead[1] == bound[1] == {"errors": ["permission denied"]}
    assert "1 error occurred" in str(bare[1])
    assert is_live(bao, made)


def test_what_a_token_may_do_is_told_without_using_it(bao: OpenBao) -> None:
    made = call(bao, "POST", "auth/token/create", {"ttl": "1h", "num_uses": 1})["auth"]
    for how in ({"token": made["client_token"]}, {"accessor": made["accessor"]}):
        path = "sys/capabilities" + ("-accessor" if "accessor" in how else "")
        held = call(bao, "POST", path, {**how, "paths": ["auth/token/lookup-self"]})
        assert held["auth/token/lookup-self"], held
    assert call(bao, "POST", "auth/token/lookup", {"token": made["client_token"]})["data"]["num_uses"] == 1


def test_revoking_a_parent_alone_keeps_its_children(bao: OpenBao) -> None:
    call(bao, "POST", "sys/policies/acl/makes", {"policy": 'path "auth/token/create" { capabilities = ["update"] }'})
    parent = token(bao, policies=["makes"])
    child = call(bao, "POST", "auth/token/create", {"ttl": "1h"}, parent)["auth"]["client_token"]
    call(bao, "POST", "auth/token/revoke-orphan", {"token": parent})
    assert (is_live(bao, parent), is_live(bao, child)) == (False, True)


def test_a_quota_s_refusal_decides_nothing(bao: OpenBao) -> None:
    known = real.settings("vault", bao.url, {"token": bao.token})
    cred = Credential("vault_token", "fp_test", Secret(token(bao)))
    call(bao, "POST", "sys/quotas/rate-limit/slow", {"rate": 1, "interval": "1h", "path": "auth/token/lookup"})
    try:
        answers = [raw(bao, "POST", "auth/token/lookup", {"token": cred.secret.reveal()}) for _ in range(5)]
        limited = [headers for status, headers, _ in answers if status == 429]
        assert limited
        assert "retry-after" not in limited[0]
        assert real.verify(known, cred).validity is Validity.UNKNOWN
    finally:
        call(bao, "DELETE", "sys/quotas/rate-limit/slow")
    assert real.verify(known, cred).validity is Validity.LIVE


def test_a_login_says_nothing_of_what_was_wrong(bao: OpenBao) -> None:
    role_id = call(bao, "GET", "auth/approle/role/one/role-id")["data"]["role_id"]
    wrong = [{"role_id": role_id, "secret_id": "x"}, {"role_id": "x", "secret_id": "x"}]
    assert len({str(bao_call(bao, "POST", "auth/approle/login", body)) for body in wrong}) == 1


def test_a_prefix_of_logins_ends_those_of_every_role(bao: OpenBao) -> None:
    """Why the sweep goes token by token."""
    ours, theirs = login(bao, "one"), login(bao, "two")
    call(bao, "POST", "sys/leases/revoke-prefix/auth/approle/login")
    assert (is_live(bao, ours), is_live(bao, theirs)) == (False, False)


def test_a_secret_id_can_be_made_wrapped(bao: OpenBao) -> None:
    status, _, made = raw(bao, "POST", "auth/approle/role/one/secret-id", {}, X_Vault_Wrap_TTL="300")
    assert status == 200
    assert made["wrap_info"]["creation_path"] == "auth/approle/role/one/secret-id"
    assert call(bao, "POST", "sys/wrapping/unwrap", {}, made["wrap_info"]["token"])["data"]["secret_id"]


def test_rewrapping_makes_a_new_token_and_ends_the_old(bao: OpenBao) -> None:
    _, _, made = raw(bao, "POST", "sys/wrapping/wrap", {"word": "x"}, X_Vault_Wrap_TTL="300")
    old = made["wrap_info"]["token"]
    new = call(bao, "POST", "sys/wrapping/rewrap", {"token": old})["wrap_info"]["token"]
    assert bao_call(bao, "POST", "sys/wrapping/unwrap", {}, token=old)[0] == 400
    assert call(bao, "POST", "sys/wrapping/unwrap", {}, new)["data"] == {"word": "x"}


def test_a_locked_namespace_answers_nobody(bao: OpenBao) -> None:
    call(bao, "POST", "sys/namespaces/shut")
    inside = call(bao, "POST", "shut/auth/token/create", {"ttl": "1h", "policies": ["default"]})["auth"]["client_token"]
    key = call(bao, "POST", "sys/namespaces/api-lock/lock/shut")["data"]["unlock_key"]
    assert bao_call(bao, "GET", "shut/auth/token/lookup-self", token=inside)[0] != 200
    call(bao, "POST", "sys/namespaces/api-lock/unlock/shut", {"unlock_key": key})
    assert bao_call(bao, "GET", "shut/auth/token/lookup-self", token=inside)[0] == 200


def test_transit_keys_go_only_when_they_may(bao: OpenBao) -> None:
    bao_call(bao, "POST", "sys/mounts/transit", {"type": "transit"})
    call(bao, "POST", "transit/keys/k", {"type": "aes256-gcm96", "derived": True})
    assert bao_call(bao, "DELETE", "transit/keys/k")[0] == 400
    call(bao, "POST", "transit/keys/k/rotate")
    call(bao, "POST", "transit/keys/k/config", {"min_decryption_version": 2})
    assert bao_call(bao, "POST", "transit/keys/k/trim", {"min_available_version": 2})[0] == 400, (
        "min_encryption_version is not set"
    )
    call(bao, "POST", "transit/keys/k/config", {"min_encryption_version": 2})
    call(bao, "POST", "transit/keys/k/trim", {"min_available_version": 2})


def test_many_are_rewrapped_in_one_call_and_a_wrong_context_fails(bao: OpenBao) -> None:
    bao_call(bao, "POST", "sys/mounts/transit", {"type": "transit"})
    call(bao, "POST", "transit/keys/many", {"type": "aes256-gcm96", "derived": True})

    def text(word: str) -> str:
        return base64.b64encode(word.encode()).decode()

    body = {"batch_input": [{"context": text(f"row {n}"), "plaintext": text(f"value {n}")} for n in range(3)]}
    made = [one["ciphertext"] for one in call(bao, "POST", "transit/encrypt/many", body)["data"]["batch_results"]]
    call(bao, "POST", "transit/keys/many/rotate")
    body = {"batch_input": [{"context": text(f"row {n}"), "ciphertext": one} for n, one in enumerate(made)]}
    again = [one["ciphertext"] for one in call(bao, "POST", "transit/rewrap/many", body)["data"]["batch_results"]]
    assert all(one.startswith("vault:v2:") for one in again)
    wrong = {"context": text("row 1"), "ciphertext": again[0]}
    assert bao_call(bao, "POST", "transit/decrypt/many", wrong)[0] == 400
    assert bao_call(bao, "POST", "transit/rewrap/many", {**wrong, "ciphertext": made[0]})[0] == 400


@pytest.fixture(scope="module")
def database(bao: OpenBao, postgresql: PostgreSQL) -> str:
    """The database engine on PostgreSQL; gives the name of its login."""
    name, word = f"vault_{secrets.token_hex(3)}", password()
    run_sql(postgresql, f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{word}'")
    run_sql(postgresql, f"GRANT pg_signal_backend TO {name}")
    call(bao, "POST", "sys/mounts/database", {"type": "database"})
    url = f"postgresql://{{{{username}}}}:{{{{password}}}}@{postgresql.host}:{postgresql.port}/postgres?sslmode=disable"
    own = {"username": name, "password": word, "password_authentication": "scram-sha-256", "connection_url": url}
    call(bao, "POST", "database/config/main", {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", **own})
    make = ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"]
    call(bao, "POST", "database/roles/r", {"db_name": "main", "creation_statements": make, "default_ttl": "1h"})
    return name


@pytest.mark.usefixtures("database")
def test_a_prefix_needs_sudo_and_an_empty_one_is_not_found(bao: OpenBao) -> None:
    rules = 'path "sys/leases/*" { capabilities = ["create", "read", "update", "list"] }'
    call(bao, "POST", "sys/policies/acl/no-sudo", {"policy": rules})
    weak = token(bao, policies=["no-sudo"])
    lease = call(bao, "GET", "database/creds/r")["lease_id"]
    for method, path in (("LIST", "lookup/database/creds/r"), ("POST", "revoke-prefix/database/creds/r")):
        assert bao_call(bao, method, f"sys/leases/{path}", token=weak)[0] == 403
    call(bao, "POST", "sys/leases/revoke", {"lease_id": lease, "sync": True}, weak)
    call(bao, "POST", "sys/leases/revoke-prefix/database/creds/r", {"sync": True})
    assert bao_call(bao, "LIST", "sys/leases/lookup/database/creds/r")[0] == 404


def test_a_static_role_by_schedule_is_refused_and_its_statements_can_end_sessions(
    bao: OpenBao, postgresql: PostgreSQL, database: str
) -> None:
    import psycopg

    name, word = f"app_{secrets.token_hex(3)}", password()
    run_sql(postgresql, f"CREATE ROLE {name} LOGIN PASSWORD '{word}'")
    run_sql(postgresql, f"GRANT {name} TO {database} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    role = {"db_name": "main", "username": name}
    status, said = bao_call(bao, "POST", f"database/static-roles/{name}", {**role, "rotation_schedule": "0 0 * * *"})
    assert (status, "rotation_period is required" in str(said)) == (400, True)
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}'"
    statements = ["ALTER ROLE \"{{name}}\" WITH PASSWORD '{{password}}';", ending]
    call(bao, "POST", f"database/static-roles/{name}", {**role, "rotation_period": "24h", "rotation_statements": statements})
    new = call(bao, "GET", f"database/static-creds/{name}")["data"]["password"]
    uri = f"postgresql://{name}:{new}@{postgresql.host}:{postgresql.port}/postgres"
    with psycopg.connect(uri, connect_timeout=5, autocommit=True) as held:
        call(bao, "POST", f"database/rotate-role/{name}")
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")


def test_which_database_plugins_are_missing(bao: OpenBao) -> None:
    there = set(call(bao, "GET", "sys/plugins/catalog/database?list=true")["data"]["keys"])
    assert {"postgresql-database-plugin", "mysql-database-plugin", "valkey-database-plugin"} <= there
    assert not [name for name in there if name.startswith(("mongodb", "mssql", "elasticsearch", "snowflake"))]


def test_what_hvac_does_with_answers_that_it_does_not_expect(bao: OpenBao) -> None:
    """Why our calls go through its adapter alone, and keep the raw text."""
    import hvac
    import requests

    client = hvac.Client(url=bao.url, token=bao.token)
    unknown = client.auth.approle.read_secret_id("one", "unknown")
    assert isinstance(unknown, requests.Response)
    assert unknown.status_code == 204
    assert "warnings" in client.auth.token.revoke_accessor("x" * 24)
    with pytest.raises(hvac.exceptions.InvalidPath):
        client.sys.list_leases("nothing/here")
    made = call(bao, "POST", "auth/approle/role/one/secret-id")["data"]["secret_id_accessor"]
    client.auth.approle.destroy_secret_id_accessor("one", made)
    with pytest.raises(hvac.exceptions.InternalServerError) as raised:
        client.auth.approle.destroy_secret_id_accessor("one", made)
    assert "failed to find accessor entry" in str(raised.value.text)


def test_a_sealed_server_decides_nothing(bao: OpenBao) -> None:
    known = real.settings("vault", bao.url, {"token": bao.token})
    cred = Credential("vault_token", "fp_test", Secret(token(bao)))
    call(bao, "PUT", "sys/seal")
    try:
        assert bao_call(bao, "POST", "auth/token/lookup", {"token": cred.secret.reveal()})[0] == 503
        for settings in (known, real.without_authority(known)):
            assert real.verify(settings, cred).validity is Validity.UNKNOWN
    finally:
        call(bao, "PUT", "sys/unseal", {"key": bao.unseal_key})
    assert real.verify(known, cred).validity is Validity.LIVE
