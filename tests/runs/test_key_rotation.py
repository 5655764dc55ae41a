"""`revoker key rotate`: kill -9 anywhere and call it again; nothing is lost, and the old key opens nothing any more."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from revoker import audit, secrets
from revoker.cli.session import Session
from revoker.errors import LeaseHeld, RevokerError, StoreError
from revoker.lab.servers import bao_call
from revoker.model import Credential, Finding, Location, Secret
from revoker.runs import engine_store, key_rotation
from revoker.runs.engine_serializer import SealedSerializer
from revoker.store import credentials, incidents, schema
from revoker.store.database import SEAL_FORMAT, Store, meta_rows, reading, writing
from revoker.store.intake import VALUE
from revoker.store.sealing import ROTATION, key_versions, put_meta

if TYPE_CHECKING:
    from revoker.lab.servers import OpenBao

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
VALUES = [f"a value of the test {number}" for number in range(4)]
HERE = Path(__file__).parent


@dataclass
class Place:
    """A store with four values and a row of the durable engine."""

    config: Path

    @property
    def session(self) -> Session:
        return Session(config=self.config)

    def begin(self) -> Store:
        store = self.session.new_store
        incident = incidents.open_incident(store, "leak", NOW)
        batch = []
        for value in VALUES:
            secret = Secret(value)
            cred = Credential("groq_api_key", secrets.fingerprint(store.keys, "groq_api_key", secret), secret)
            batch.append((Finding("r", Location("csv"), secret), cred))
        credentials.add_findings(store, batch, incident.id, NOW)
        engine = engine_store.sqlite_engine(engine_store.engine_folder(store))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE workflow_status (workflow_uuid TEXT, inputs TEXT, output TEXT)")
            sealed = SealedSerializer(store.keys).serialize(["run_1"])
            connection.exec_driver_sql("INSERT INTO workflow_status VALUES ('run:1', ?, 'plain')", (sealed,))
        engine.dispose()
        store.engine.dispose()
        return store

    def rotate(self, **more: int) -> key_rotation.Rotated:
        from revoker.egress.vault_transit import wrapping

        session = self.session
        made = wrapping(session.settings)
        return key_rotation.rotate(session.reopened, made, who="test", clock=lambda: NOW, **more)

    def check(self, version: int) -> None:
        """Everything opens, under this version alone; who it was and the audit log are as before."""
        store = self.session.store
        names = [row.fingerprint for row in credentials.select(store)]
        assert sorted(cred.secret.reveal() for cred in credentials.unseal_many(store, names)) == VALUES
        assert {secrets.fingerprint(store.keys, "groq_api_key", Secret(value)) for value in VALUES} == set(names)
        assert key_versions(store) == {version: len(VALUES)}
        assert list(store.keys.seal.keys) == [version]
        assert ROTATION not in meta_rows(store.engine)
        assert audit.check(store).ok
        engine = engine_store.sqlite_engine(engine_store.engine_folder(store))
        with engine.connect() as connection:
            ((sealed, plain),) = connection.exec_driver_sql("SELECT inputs, output FROM workflow_status").all()
        engine.dispose()
        assert SealedSerializer(store.keys).deserialize(sealed) == ["run_1"]
        assert plain == "plain"
        store.engine.dispose()


Make = Callable[[str], Place]


@pytest.fixture
def by_file(tmp_path: Path) -> Make:
    def make(name: str) -> Place:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        config = folder / "revoker.toml"
        config.write_text(f'[store]\nurl = "sqlite:///{folder}/revoker.db"\nkey = "file:{folder}/revoker.key"\n')
        config.chmod(0o600)
        return Place(config)

    return make


@pytest.fixture
def by_vault(tmp_path: Path, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setenv("BAO", openbao.token)
    bao_call(openbao, "POST", "sys/mounts/transit", {"type": "transit"})  # 400 when another test did it before

    def make(name: str) -> Place:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        config = folder / "revoker.toml"
        config.write_text(
            f'[store]\nurl = "sqlite:///{folder}/revoker.db"\nkey = "vault-wrapped:{tmp_path.name}-{name}"\n'
            f'[vault]\naddr = "{openbao.url}"\ntoken = "env:BAO"\n[network]\nallow = ["127.0.0.1/32"]\n'
        )
        config.chmod(0o600)
        return Place(config)

    return make


def test_a_file_key_is_rotated_and_the_old_one_opens_nothing_new(by_file: Make) -> None:
    place = by_file("one")
    before = place.begin()
    kept = shutil.copy(before.settings.store.key.removeprefix("file:"), place.config.with_name("backup.key"))
    done = place.rotate()
    assert (done.version, done.values, done.kept) == (2, 4, "")
    place.check(2)
    Path(kept).chmod(0o600)
    shutil.copy(kept, before.settings.store.key.removeprefix("file:"))
    store = place.session.store
    with pytest.raises(StoreError, match="rotated"):
        list(credentials.unseal_many(store, [row.fingerprint for row in credentials.select(store)]))


def test_it_can_be_rotated_again(by_file: Make) -> None:
    place = by_file("again")
    place.begin()
    assert [place.rotate().version for _ in range(3)] == [2, 3, 4]
    place.check(4)


def test_the_backup_with_its_own_key_opens_after_a_rotation(by_file: Make) -> None:
    place = by_file("backup")
    place.begin()
    saved = place.config.parent.with_name("saved")
    shutil.copytree(place.config.parent, saved)
    place.rotate()
    shutil.rmtree(place.config.parent)
    shutil.copytree(saved, place.config.parent)
    place.check(1)


def test_a_process_with_the_old_key_stores_nothing_any_more(by_file: Make) -> None:
    place = by_file("late")
    place.begin()
    late = place.session.store
    incident = incidents.list_incidents(late)[0].id
    place.rotate()
    secret = Secret("a value that came late")
    cred = Credential("groq_api_key", secrets.fingerprint(late.keys, "groq_api_key", secret), secret)
    with pytest.raises(StoreError, match="rotated while this ran"):
        credentials.add_findings(late, [(Finding("r", Location("csv"), secret), cred)], incident, NOW)
    place.check(2)


def test_it_waits_for_no_worker_but_refuses(by_file: Make) -> None:
    place = by_file("busy")
    store = place.begin()
    lease = engine_store.hold_file(engine_store.engine_folder(store))
    with pytest.raises(LeaseHeld):
        place.rotate()
    lease.release()
    place.rotate()
    place.check(2)


def test_a_key_that_only_its_owner_can_change_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    config = tmp_path / "revoker.toml"
    config.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/revoker.db"\nkey = "env:ROOT"\n')
    config.chmod(0o600)
    monkeypatch.setenv("ROOT", secrets.format_roots({1: bytes(32)}))
    place = Place(config)
    place.begin()
    with pytest.raises(StoreError, match="only you can change it"):
        place.rotate()
    monkeypatch.setenv("ROOT", secrets.format_roots({1: bytes(32), 2: bytes([1]) * 32}))
    done = place.rotate()
    assert (done.version, done.values) == (2, 4)
    assert "fingerprints" in done.kept
    assert key_versions(place.session.store) == {2: 4}


@pytest.mark.slow
def test_a_wrapped_key_is_rotated_and_the_old_transit_version_is_shut_last(by_vault: Make, openbao: OpenBao) -> None:
    place = by_vault("wrapped")
    store = place.begin()
    name = key_rotation.wrapped_name(store)
    old = meta_rows(store.engine)["root_v1"]
    assert old.startswith("vault:v1:")
    place.check(1)
    assert place.rotate().kept == ""
    place.check(2)
    rows = meta_rows(store.engine)
    assert {row for row in rows if row.startswith("root_")} == {"root_v2", "root_carried"}
    assert all(rows[row].startswith("vault:v2:") for row in ("root_v2", "root_carried"))
    known = bao_call(openbao, "GET", f"transit/keys/{name}")[1]["data"]
    assert (known["latest_version"], known["min_decryption_version"], known["derived"]) == (2, 2, True)
    context = base64.b64encode(f"revoker {store.id} root_v1".encode()).decode()
    for call in ("decrypt", "rewrap"):
        status, said = bao_call(openbao, "POST", f"transit/{call}/{name}", {"ciphertext": old, "context": context})
        assert status == 400
        assert "too old" in str(said)
    assert place.rotate().version == 3
    place.check(3)


@pytest.mark.slow
def test_the_generated_policy_is_enough(by_vault: Make, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from revoker.config import DestinationSettings
    from revoker.egress import vault_policy

    place = by_vault("limited")
    place.config.write_text(place.config.read_text().replace("env:BAO", "env:BAO_LIMITED"))
    monkeypatch.setenv("BAO_LIMITED", openbao.token)
    known = replace(place.session.settings, destinations=(DestinationSettings("aws_access_key", "secret/billing/aws", {}),))
    rules = vault_policy.text("rotator", known, openbao=True)
    assert bao_call(openbao, "POST", "sys/policies/acl/key-rotator", {"policy": rules})[0] < 300
    made = bao_call(openbao, "POST", "auth/token/create", {"policies": ["key-rotator"], "ttl": "1h"})[1]["auth"]["client_token"]
    monkeypatch.setenv("BAO_LIMITED", made)
    place.begin()
    assert place.rotate().version == 2
    place.check(2)


@pytest.mark.slow
def test_a_wrapped_root_is_tied_to_its_store_and_its_row(by_vault: Make, openbao: OpenBao) -> None:
    place = by_vault("tied")
    store = place.begin()
    name, wrapped = key_rotation.wrapped_name(store), meta_rows(store.engine)["root_v1"]
    for elsewhere in (f"revoker {store.id} root_v2", "revoker another root_v1"):
        body = {"ciphertext": wrapped, "context": base64.b64encode(elsewhere.encode()).decode()}
        assert bao_call(openbao, "POST", f"transit/decrypt/{name}", body)[0] == 400
    for path in place.config.parent.rglob("*"):
        assert not path.is_file() or VALUES[0].encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_a_transit_key_without_derivation_is_refused(by_vault: Make, openbao: OpenBao) -> None:
    place = by_vault("plain")
    name = place.session.settings.store.key.removeprefix("vault-wrapped:")
    assert bao_call(openbao, "POST", f"transit/keys/{name}", {"type": "aes256-gcm96"})[0] == 200
    with pytest.raises(RevokerError, match="not derived"):
        place.begin()


@pytest.mark.slow
def test_what_associated_data_does_to_rewrap(openbao: OpenBao) -> None:
    """Why the root is tied by a derived key's context: associated data does not survive a rewrap."""
    bao_call(openbao, "POST", "sys/mounts/transit", {"type": "transit"})
    bao_call(openbao, "POST", "transit/keys/with-ad", {"type": "aes256-gcm96"})
    said = base64.b64encode(b"row").decode()
    made = bao_call(openbao, "POST", "transit/encrypt/with-ad", {"plaintext": said, "associated_data": said})[1]["data"][
        "ciphertext"
    ]
    assert bao_call(openbao, "POST", "transit/decrypt/with-ad", {"ciphertext": made, "associated_data": said})[0] == 200
    assert bao_call(openbao, "POST", "transit/rewrap/with-ad", {"ciphertext": made, "associated_data": said})[0] == 400


class Rotator:
    """The process that forks."""

    def __init__(self) -> None:
        argv = [sys.executable, str(HERE / "rotator.py")]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self._line() == "ready"

    def run(self, place: Place, **environment: str) -> int:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"config": str(place.config), "environment": environment}) + "\n")
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@pytest.fixture
def rotator(request: pytest.FixtureRequest) -> Iterator[Rotator]:
    request.getfixturevalue(request.node.callspec.params["sort"])  # the environment is set before the process starts
    started = Rotator()
    yield started
    assert started.process.stdin
    started.process.stdin.close()
    started.process.wait(30)


@pytest.mark.slow
@pytest.mark.parametrize("sort", ["by_file", "by_vault"])
def test_killed_at_every_point_and_called_again(
    sort: str, rotator: Rotator, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    make: Make = request.getfixturevalue(sort)
    whole, log = make("whole"), tmp_path / "points"
    whole.begin()
    assert rotator.run(whole, REVOKER_TEST_FAULTS="1", REVOKER_CRASH_LOG=str(log)) == 0
    whole.check(2)
    points = log.read_text().splitlines()
    assert sum("values sealed again" in point for point in points) == len(VALUES), points
    for number, point in enumerate(points, 1):
        place = make(f"at-{number}")
        place.begin()
        assert rotator.run(place, REVOKER_TEST_FAULTS="1", REVOKER_CRASH_AT=str(number)) == -signal.SIGKILL, point
        store = place.session.store
        names = [row.fingerprint for row in credentials.select(store)]
        assert len(list(credentials.unseal_many(store, names))) == len(VALUES), point
        store.engine.dispose()
        assert rotator.run(place) == 0, point
        version = next(iter(key_versions(place.session.store)))
        assert version == (3 if point.endswith(" rotated") and "transit" not in point else 2), point
        place.check(version)


def as_an_early_revoker(store: Store) -> bytes:
    """Seal all again without the store's id, and take out what says that it must be there; give one such blob."""
    early = replace(store.keys, store="", oldest=secrets.EARLY)
    table, creds = schema.sealed_values, schema.credentials.c
    blob = b""
    with writing(store) as connection:
        query = sa.select(table.c.credential_id, creds.fingerprint, table.c.blob).join_from(table, schema.credentials)
        for id, mark, sealed in connection.execute(query).all():
            where = {"record": mark, "field": VALUE}
            blob = sealed_early(early, secrets.unseal(store.keys, sealed, **where), **where)
            connection.execute(sa.update(table).where(table.c.credential_id == id).values(blob=blob))
    put_meta(store, {}, gone=(SEAL_FORMAT,))
    return blob


def sealed_early(keys: secrets.Keys, value: Secret, *, record: str, field: str) -> bytes:
    head, nonce = bytes([secrets.EARLY]) + keys.seal.current.to_bytes(2, "big"), os.urandom(secrets.NONCE)
    bound = b"\x00".join((b"revoker", head, record.encode(), field.encode()))
    return head + nonce + AESGCM(keys.seal.keys[keys.seal.current]).encrypt(nonce, value.reveal().encode(), bound)


@pytest.mark.row("S-7")
def test_a_store_of_an_early_revoker_is_read_and_bound_to_itself_by_a_rotation(by_file: Make) -> None:
    files = by_file("early")
    store = files.begin()
    as_an_early_revoker(store)
    files.check(1)
    assert files.rotate().version == 2
    files.check(2)
    again = files.session.store
    assert again.keys.oldest == secrets.FORMAT
    planted = as_an_early_revoker(again)
    put_meta(again, {SEAL_FORMAT: str(secrets.FORMAT)})
    assert planted
    names = [row.fingerprint for row in credentials.select(again)]
    with pytest.raises(StoreError, match="does not open"):
        list(credentials.unseal_many(files.session.store, names))


@pytest.mark.row("S-7")
def test_a_value_of_another_store_with_the_same_key_does_not_open(by_file: Make) -> None:
    first, second = by_file("one"), by_file("two")
    mine = first.begin()
    shutil.copy(first.config.with_name("revoker.key"), second.config.with_name("revoker.key"))
    theirs = second.begin()
    table = schema.sealed_values
    with reading(theirs) as connection:
        blobs = connection.execute(sa.select(table.c.credential_id, table.c.blob)).all()
    names = [row.fingerprint for row in credentials.select(mine)]
    assert names == [row.fingerprint for row in credentials.select(theirs)], "the same credentials, under the same key"
    with writing(mine) as connection:
        for id, blob in blobs:
            connection.execute(sa.update(table).where(table.c.credential_id == id).values(blob=blob))
    with pytest.raises(StoreError, match="does not open"):
        list(credentials.unseal_many(mine, names))
