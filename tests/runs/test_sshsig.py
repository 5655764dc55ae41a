"""SSH signatures: what the real ssh-keygen makes is read, and what we make is read by it. Anything else is refused."""

import base64
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import sshsig
from revoker.errors import ApprovalRefused, ConfigError

MESSAGE = b"revoker approval, version 1\nplan: 00\n"
KEYGEN = shutil.which("ssh-keygen")
needs_keygen = pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")


def keygen(*argv: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(KEYGEN), *map(str, argv)], input=stdin, capture_output=True, check=False)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "key"
    assert keygen("-q", "-t", "ed25519", "-N", "", "-f", path).returncode == 0
    return path, path.with_suffix(".pub").read_text()


@needs_keygen
def test_a_signature_of_ssh_keygen_is_read(pair: tuple[Path, str], tmp_path: Path) -> None:
    said = tmp_path / "statement"
    said.write_bytes(MESSAGE)
    for hash_name in ("sha256", "sha512"):
        keygen("-Y", "sign", "-n", "revoker-approval", "-O", f"hashalg={hash_name}", "-f", pair[0], said)
        armoured = said.with_suffix(".sig").read_text()
        sshsig.verify(armoured, MESSAGE, pair[1])
        with pytest.raises(ApprovalRefused):
            sshsig.verify(armoured, MESSAGE + b" ", pair[1])
        said.with_suffix(".sig").unlink()


@needs_keygen
def test_ssh_keygen_reads_our_signature(pair: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(f"alice {pair[1]}")
    (tmp_path / "made.sig").write_text(sshsig.sign(sshsig.private_key(pair[0]), MESSAGE))
    argv = ("-Y", "verify", "-n", "revoker-approval", "-I", "alice", "-f", tmp_path / "allowed", "-s", tmp_path / "made.sig")
    assert keygen(*argv, stdin=MESSAGE).returncode == 0
    assert keygen(*argv, stdin=MESSAGE + b"x").returncode != 0


@needs_keygen
def test_a_signature_for_another_purpose_is_refused(pair: tuple[Path, str], tmp_path: Path) -> None:
    said = tmp_path / "statement"
    said.write_bytes(MESSAGE)
    keygen("-Y", "sign", "-n", "git", "-f", pair[0], said)
    with pytest.raises(ApprovalRefused, match="another purpose"):
        sshsig.verify(said.with_suffix(".sig").read_text(), MESSAGE, pair[1])


@needs_keygen
def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ec"
    keygen("-q", "-t", "ecdsa", "-N", "", "-f", path)
    with pytest.raises(ConfigError, match="no Ed25519 key"):
        sshsig.private_key(path)
    with pytest.raises(ConfigError, match="ssh-ed25519"):
        sshsig.public_key(path.with_suffix(".pub").read_text())
    said = tmp_path / "statement"
    said.write_bytes(MESSAGE)
    keygen("-Y", "sign", "-n", "revoker-approval", "-f", path, said)
    with pytest.raises(ApprovalRefused):
        sshsig.verify(said.with_suffix(".sig").read_text(), MESSAGE, sshsig.public_line(Ed25519PrivateKey.generate()))


@needs_keygen
def test_an_encrypted_key_asks_for_its_password(tmp_path: Path) -> None:
    path, word = tmp_path / "locked", "correct " + "horse"
    keygen("-q", "-t", "ed25519", "-N", word, "-f", path)
    with pytest.raises(ConfigError):
        sshsig.private_key(path)
    key = sshsig.private_key(path, word.encode)
    assert sshsig.public_line(key).split()[1] == path.with_suffix(".pub").read_text().split()[1]


def test_a_stranger_is_refused() -> None:
    made = sshsig.sign(Ed25519PrivateKey.generate(), MESSAGE)
    with pytest.raises(ApprovalRefused, match="another key"):
        sshsig.verify(made, MESSAGE, sshsig.public_line(Ed25519PrivateKey.generate()))


def test_no_flipped_bit_passes() -> None:
    key = Ed25519PrivateKey.generate()
    lines = sshsig.sign(key, MESSAGE).splitlines()
    blob = bytearray(base64.b64decode("".join(lines[1:-1])))
    for at in random.sample(range(len(blob) * 8), 200):
        blob[at // 8] ^= 1 << at % 8
        bent = "\n".join([lines[0], base64.b64encode(blob).decode(), lines[-1]])
        with pytest.raises(ApprovalRefused):
            sshsig.verify(bent, MESSAGE, sshsig.public_line(key))
        blob[at // 8] ^= 1 << at % 8


@pytest.mark.parametrize(
    "text", ["", "x", sshsig.BEGIN, f"{sshsig.BEGIN}\n!!\n{sshsig.END}", f"{sshsig.BEGIN}\nAAAA\n{sshsig.END}"]
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(ApprovalRefused):
        sshsig.verify(text, MESSAGE, sshsig.public_line(Ed25519PrivateKey.generate()))
    with pytest.raises(ConfigError):
        sshsig.public_key(text)
