from __future__ import annotations

import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from revoker import secrets
from revoker.config import Settings, StoreSettings
from revoker.errors import StoreError, UnresolvedReference
from revoker.model import Secret

KEYS = secrets.derive_keys({1: bytes(32)})
OTHER = secrets.derive_keys({1: bytes([1]) * 32})
anything = st.text(max_size=200)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_hkdf_is_the_standard_one(root: bytes, info: bytes) -> None:
    assert secrets.hkdf(root, info) == HKDF(SHA256(), 32, None, info).derive(root)


@given(anything)
def test_what_is_sealed_opens_again(value: str) -> None:
    blob = secrets.seal(KEYS, Secret(value), record="fp_1", field="value")
    assert secrets.unseal(KEYS, blob, record="fp_1", field="value").reveal() == value


@given(anything, st.data())
@pytest.mark.row("S-7")
def test_a_flipped_bit_does_not_open(value: str, data: st.DataObject) -> None:
    blob = bytearray(secrets.seal(KEYS, Secret(value), record="fp_1", field="value"))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StoreError):
        secrets.unseal(KEYS, bytes(blob), record="fp_1", field="value")


@given(anything, st.integers(0, 300))
def test_a_cut_blob_does_not_open(value: str, length: int) -> None:
    blob = secrets.seal(KEYS, Secret(value), record="fp_1", field="value")
    if length < len(blob):
        with pytest.raises(StoreError):
            secrets.unseal(KEYS, blob[:length], record="fp_1", field="value")


@given(st.tuples(st.text(max_size=9), st.text(max_size=9)), st.tuples(st.text(max_size=9), st.text(max_size=9)))
@pytest.mark.row("S-7")
def test_a_blob_fits_its_own_record_and_field_only(mine: tuple[str, str], other: tuple[str, str]) -> None:
    blob = secrets.seal(KEYS, Secret("x"), record=mine[0], field=mine[1])
    if mine != other and "\x00" not in "".join(mine + other):
        with pytest.raises(StoreError):
            secrets.unseal(KEYS, blob, record=other[0], field=other[1])


@pytest.mark.row("S-7")
def test_a_blob_fits_its_own_store_only() -> None:
    """Two stores may have the same root key."""
    mine, theirs = replace(KEYS, store="mine"), replace(KEYS, store="theirs")
    blob = secrets.seal(mine, Secret("x"), record="fp_1", field="value")
    assert secrets.unseal(mine, blob, record="fp_1", field="value").reveal() == "x"
    for keys in (theirs, KEYS, replace(theirs, oldest=secrets.EARLY)):
        with pytest.raises(StoreError):
            secrets.unseal(keys, blob, record="fp_1", field="value")


def early(keys: secrets.Keys, value: str) -> bytes:
    """As the first revoker sealed, without the store."""
    head, nonce = bytes([secrets.EARLY]) + keys.seal.current.to_bytes(2, "big"), bytes(secrets.NONCE)
    bound = b"\x00".join((b"revoker", head, b"fp_1", b"value"))
    return head + nonce + AESGCM(keys.seal.keys[keys.seal.current]).encrypt(nonce, value.encode(), bound)


@pytest.mark.row("S-7")
def test_what_an_early_revoker_sealed_opens_in_an_early_store_only() -> None:
    blob = early(KEYS, "x")
    assert secrets.unseal(replace(KEYS, store="mine", oldest=secrets.EARLY), blob, record="fp_1", field="value").reveal() == "x"
    for oldest, changed in ((secrets.FORMAT, blob), (secrets.EARLY, bytes([secrets.FORMAT]) + blob[1:])):
        with pytest.raises(StoreError):
            secrets.unseal(replace(KEYS, store="mine", oldest=oldest), changed, record="fp_1", field="value")


@pytest.mark.row("S-7")
def test_another_key_opens_nothing_and_finds_nothing() -> None:
    blob = secrets.seal(KEYS, Secret("x"), record="fp_1", field="value")
    with pytest.raises(StoreError):
        secrets.unseal(OTHER, blob, record="fp_1", field="value")
    assert secrets.fingerprint(KEYS, "k", Secret("x")) != secrets.fingerprint(OTHER, "k", Secret("x"))


def test_a_fingerprint_tells_kinds_and_values_apart() -> None:
    prints = {secrets.fingerprint(KEYS, kind, Secret(value)) for kind in "ab" for value in "xy"}
    assert len(prints) == 4
    assert all(len(one) == 35 and one.startswith("fp_") for one in prints)


def test_keys_do_not_show_and_do_not_pickle() -> None:
    assert KEYS.audit_key.hex() not in repr(KEYS)
    assert "\\x" not in repr(KEYS)
    with pytest.raises(TypeError):
        pickle.dumps(KEYS)


def test_the_key_file_is_private_and_made_once(settings: Settings, tmp_path: Path) -> None:
    os.umask(old := os.umask(0))
    try:
        os.umask(0)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: secrets.load_keys(settings, create=True).audit_key, range(8)))
    finally:
        os.umask(old)
    assert len(set(made)) == 1
    assert stat.S_IMODE((tmp_path / "revoker.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["revoker.key"]


def test_a_missing_or_open_key_file_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UnresolvedReference):
        secrets.load_keys(settings)
    secrets.load_keys(settings, create=True)
    (tmp_path / "revoker.key").chmod(0o644)
    with pytest.raises(UnresolvedReference, match="Others may read"):
        secrets.load_keys(settings)


def test_a_new_root_seals_and_the_old_one_still_opens(settings: Settings) -> None:
    old = secrets.load_keys(settings, create=True)
    blob = secrets.seal(old, Secret("x"), record="r", field="f")
    assert secrets.add_root(settings) == 2
    new = secrets.load_keys(settings)
    assert (new.seal.current, new.fingerprint_key, new.audit_key) == (2, old.fingerprint_key, old.audit_key)
    assert secrets.unseal(new, blob, record="r", field="f").reveal() == "x"
    with pytest.raises(StoreError):
        secrets.unseal(old, secrets.seal(new, Secret("x"), record="r", field="f"), record="r", field="f")


def test_the_root_may_be_in_the_environment_or_in_transit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT", secrets.format_roots({1: bytes(32)}))
    assert secrets.load_keys(Settings(StoreSettings(key="env:ROOT"))).audit_key == KEYS.audit_key
    asked: list[tuple[str, int]] = []

    def transit(name: str, message: bytes, version: int) -> bytes:
        asked.append((name, version))
        return bytes([version]) * 32

    keys = secrets.load_keys(Settings(StoreSettings(key="vault-transit:revoker@2")), vault_transit=transit)
    assert asked == [("revoker", 1), ("revoker", 2)]
    assert keys.seal.current == 2
    with pytest.raises(UnresolvedReference):
        secrets.load_keys(Settings(StoreSettings(key="vault-transit:revoker")))


@pytest.mark.parametrize("text", ["", "v1", "v1 AAAA", "x1 " + "A" * 44, "v0 " + "A" * 43 + "="])
def test_a_damaged_root_is_refused(text: str) -> None:
    with pytest.raises(StoreError):
        secrets.parse_roots(text)
