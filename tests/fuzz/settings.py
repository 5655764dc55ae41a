"""What operators and approvers write: the configuration, playbooks, statements, signatures; and the audit log as it is handed on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import audit, sshsig
from revoker.audit import anchors
from revoker.config import load_settings
from revoker.egress import authorized_keys
from revoker.errors import RevokerError
from revoker.playbook import load_playbook
from revoker.runs import approve
from tests.fuzz.shapes import Target

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 21, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def of_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """For a parser that takes a file."""
    path = Path(tempfile.mkdtemp(prefix="revoker-fuzz-")) / name

    def run(data: bytes) -> None:
        path.write_bytes(data)
        try:
            read(path)
        except RevokerError as error:
            error.diagnostics().encode()

    return run


def of_text(read: Callable[[str], object]) -> Callable[[bytes], None]:
    """For a parser that takes text."""

    def run(data: bytes) -> None:
        try:
            read(data.decode("utf-8", "replace"))
        except RevokerError as error:
            error.diagnostics().encode()

    return run


def statement(data: bytes) -> None:
    """What is taken for a statement is, to the byte, the text of that statement."""
    try:
        assert approve.read_statement(data).text() == data
    except RevokerError:
        return


def signature(text: str) -> None:
    """A signature over other bytes is never taken, and one that has a signer tells a key that can be read."""
    sshsig.public_key(sshsig.signer_line(text))
    sshsig.verify(text, b"these bytes were never signed", sshsig.public_line(KEY))
    raise AssertionError("a signature over other bytes was taken")


def export(text: str) -> None:
    """No log with an entry passes: nothing here was chained with this key."""
    check = audit.verify_export(text.splitlines(), key=bytes(32))
    assert not check.ok or check.count == 0


def playbooks() -> Iterable[bytes]:
    yield from (path.read_bytes() for path in sorted((ROOT / "playbooks").glob("*.toml")))


def configurations() -> Iterable[bytes]:
    yield (ROOT / "config.example.toml").read_bytes()


def statements() -> Iterable[bytes]:
    yield approve.statement("ab" * 32, "alice", NOW).text()
    yield approve.statement("ab" * 32, "alice", NOW, "the pager").text()


def signatures() -> Iterable[bytes]:
    yield sshsig.sign(KEY, b"a statement").encode()
    yield sshsig.sign(KEY, b"a statement", b"another-purpose").encode()


TARGETS = [
    Target("configuration", of_file("revoker.toml", lambda path: load_settings(path, {})), configurations),
    Target("playbook", of_file("fuzz.toml", load_playbook), playbooks),
    Target("statement", statement, statements),
    Target("signature", of_text(signature), signatures),
    Target("audit-export", of_text(export)),
    Target("anchors", of_file("anchors.jsonl", anchors.read_anchors)),
    Target("authorized-keys", of_text(lambda text: authorized_keys.listed(text, "SHA256:none", NOW))),
]
