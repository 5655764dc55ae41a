"""SSH signatures, part by part: each field that is off makes it none of ours."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revoker import sshsig
from revoker.errors import ApprovalRefused, ConfigError
from revoker.evidence.verify_pack import ssh_signed

MESSAGE = b"revoker approval, version 1\nplan: 00\n"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LINE = sshsig.public_line(KEY)
RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def packed(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def armoured(**changed: Any) -> str:
    """A good signature, made part by part, but for the parts that are named."""
    part: dict[str, Any] = {
        "magic": b"SSHSIG",
        "version": 1,
        "namespace": b"revoker-approval",
        "reserved": b"",
        "hash_name": b"sha512",
        "key_kind": b"ssh-ed25519",
        "made_kind": b"ssh-ed25519",
        "tail": b"",
        "key_tail": b"",
        "made_tail": b"",
        **changed,
    }
    signed = sshsig._signed_data(b"sha512", MESSAGE, sshsig.NAMESPACE)
    public = packed(part["key_kind"], RAW) + part["key_tail"]
    made = packed(part["made_kind"], KEY.sign(signed)) + part["made_tail"]
    blob = part["magic"] + struct.pack(">I", part["version"])
    blob += packed(public, part["namespace"], part["reserved"], part["hash_name"], made) + part["tail"]
    text = base64.b64encode(blob).decode()
    return "\n".join([sshsig.BEGIN, *(text[n : n + 70] for n in range(0, len(text), 70)), sshsig.END, ""])


def test_a_signature_has_one_form() -> None:
    assert sshsig.sign(KEY, MESSAGE) == armoured()
    assert {len(line) for line in armoured().splitlines()[1:-2]} == {70}
    sshsig.verify(armoured(), MESSAGE, LINE)
    assert sshsig.signer_line(armoured()) == LINE


@pytest.mark.parametrize(
    "changed",
    [
        {"magic": b"SSHSIX"},
        {"version": 0},
        {"version": 2},
        {"reserved": b"x"},
        {"hash_name": b"sha1"},
        {"hash_name": b"md5"},
        {"key_kind": b"ssh-rsa"},
        {"made_kind": b"ssh-rsa"},
        {"tail": b"x"},
        {"tail": packed(b"")},
        {"key_tail": packed(b"")},
        {"made_tail": packed(b"")},
    ],
)
def test_a_part_that_is_off_makes_it_none(changed: dict[str, Any]) -> None:
    with pytest.raises(ApprovalRefused, match="no Ed25519 SSH signature"):
        sshsig.verify(armoured(**changed), MESSAGE, LINE)
    with pytest.raises(ApprovalRefused, match="no Ed25519 SSH signature"):
        sshsig.signer_line(armoured(**changed))


def test_a_signature_is_good_for_its_own_purpose_alone() -> None:
    with pytest.raises(ApprovalRefused, match="another purpose"):
        sshsig.verify(armoured(namespace=b"git"), MESSAGE, LINE)
    other = sshsig.sign(KEY, MESSAGE, b"other")
    assert ssh_signed(other, MESSAGE, LINE, b"other")
    assert not ssh_signed(other, MESSAGE, LINE, b"revoker-approval")
    sshsig.verify(other, MESSAGE, LINE, b"other")
    assert sshsig.signer_line(other, b"other") == LINE
    with pytest.raises(ApprovalRefused, match="another purpose") as caught:
        sshsig.verify(other, MESSAGE, LINE)
    assert caught.value.next == "ssh-keygen -Y sign -n revoker-approval -f KEY FILE"
    with pytest.raises(ApprovalRefused, match="another purpose") as caught:
        sshsig.verify(armoured(), MESSAGE, LINE, b"other")
    assert caught.value.next == "ssh-keygen -Y sign -n other -f KEY FILE"
    renamed = other.replace(base64.b64encode(b"other").decode(), "")  # nothing to be gained by another text of it
    with pytest.raises(ApprovalRefused):
        sshsig.verify(renamed, MESSAGE, LINE)


def test_the_namespace_is_under_the_signature() -> None:
    """Signed for another purpose, and told to be for ours: the signature does not fit."""
    signed = KEY.sign(sshsig._signed_data(b"sha512", MESSAGE, b"git"))
    blob = b"SSHSIG" + struct.pack(">I", 1)
    blob += packed(packed(b"ssh-ed25519", RAW), b"revoker-approval", b"", b"sha512", packed(b"ssh-ed25519", signed))
    text = "\n".join([sshsig.BEGIN, base64.b64encode(blob).decode(), sshsig.END])
    with pytest.raises(ApprovalRefused, match="does not fit the statement"):
        sshsig.verify(text, MESSAGE, LINE)


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\n\n  " + text,
        lambda text: text.replace("\n", " \n"),
        lambda text: text + " " * (sshsig.LONGEST - len(text)),
    ],
)
def test_white_space_around_the_lines_is_no_matter(bend: Any) -> None:
    sshsig.verify(bend(armoured()), MESSAGE, LINE)


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text.replace("BEGIN", "START"),
        lambda text: text.replace("-----END", "-----THE END"),
        lambda text: "more\n" + text,
        lambda text: text + "more",
        lambda text: text.replace("U1NI", "U1N!", 1),
        lambda text: text.replace("U1NI", "U1!NI", 1),
        lambda text: f"{sshsig.BEGIN}\n{sshsig.END}",
        lambda text: sshsig.BEGIN,
        lambda text: text + " " * (sshsig.LONGEST + 1 - len(text)),
        lambda text: f"{sshsig.BEGIN}\nU1NIU0lH\n{sshsig.END}",
    ],
)
def test_what_is_no_armour_is_none(bend: Any) -> None:
    with pytest.raises(ApprovalRefused, match="no Ed25519 SSH signature") as caught:
        sshsig.verify(bend(armoured()), MESSAGE, LINE)
    assert caught.value.__cause__ is None


def public(kind: bytes = b"ssh-ed25519", raw: bytes = RAW, word: str = "ssh-ed25519", tail: bytes = b"") -> str:
    return f"{word} {base64.b64encode(packed(kind, raw) + tail).decode()} alice@acme"


def test_a_public_key_line_is_read() -> None:
    assert sshsig.public_line(KEY) + " alice@acme" == public()
    read = sshsig.public_key(public())
    assert read.public_bytes(Encoding.Raw, PublicFormat.Raw) == RAW


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA",
        public(kind=b"ssh-rsa"),
        public(word="ssh-rsa"),
        public(raw=RAW[:31]),
        public(raw=RAW + b"x"),
        public(tail=b"x"),
        public(tail=packed(b"")),
        public().replace("AAAA", "AA!AA", 1),
    ],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="ssh-ed25519"):
        sshsig.public_key(line)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_as_many_parts_as_are_asked_for(count: int) -> None:
    parts = [b"", b"ab", b"cde"][:count]
    assert sshsig._pack(*parts) == packed(*parts)
    assert sshsig._unpack(packed(*parts), count) == parts
    with pytest.raises((ValueError, struct.error)):
        sshsig._unpack(packed(*parts), count + 1)
    with pytest.raises((ValueError, struct.error)):
        sshsig._unpack(packed(*parts) + b"x", count)
    with pytest.raises((ValueError, struct.error)):
        sshsig._unpack(packed(*parts) + struct.pack(">I", 5) + b"four", count + 1)


def test_a_length_is_never_negative() -> None:
    """Read as -8, the first length would end before the last four bytes, which say that nothing follows."""
    with pytest.raises(ValueError, match="longer than the whole"):
        sshsig._unpack(b"\xff\xff\xff\xf8xyz" + bytes(4), 2)
