"""Private keys in reports: one credential for one key, whatever became of its lines; an excerpt is none."""

from __future__ import annotations

import base64
import io
import random
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revoker import catalog
from revoker.ingest import Problems, ingest, pem, read_report, sniff
from revoker.model import Secret, ValueState
from revoker.sdk import app_jwt, public_half
from revoker.store import Store
from revoker.store.credentials import select
from tests.ingest import samples
from tests.ingest.samples import Seen
from tests.providers.catalogue import OWNERS
from tests.providers.samples import value_of

KEY = pem.canonical(value_of(OWNERS["ssh_private_key"][1])) or ""  # cryptography wraps its lines later than ssh-keygen
OTHER = value_of(OWNERS["tls_private_key"][1])
LINES = KEY.split("\n")
NOW = datetime(2026, 11, 25, tzinfo=UTC)

FORMS = {
    "as it is": KEY,
    "with a last newline": KEY + "\n",
    "of Windows": KEY.replace("\n", "\r\n"),
    "escaped": KEY.replace("\n", "\\n"),
    "escaped twice": KEY.replace("\n", "\\\\n") + "\\\\n",
    "escaped, of Windows": KEY.replace("\n", "\\r\\n"),
    "indented": "\n".join("    " + line for line in LINES),
    "blanks at the ends": "\n".join(line + "  \t" for line in LINES),
    "on one line": KEY.replace("\n", " "),
    "in a program": '"' + '\\n" +\n    "'.join(LINES) + '"',
    "behind a name": f"export DEPLOY_KEY='{KEY}'",
    "wrapped otherwise": "\n".join([LINES[0], *("".join(LINES[1:-1])[at : at + 40] for at in range(0, 2000, 40)), LINES[-1]]),
}
CUT = {
    "the first line": LINES[0],
    "the first two lines": "\n".join(LINES[:2]),
    "no end": "\n".join(LINES[:-1]),
    "left out": "\n".join([LINES[0], "b3BlbnNz...", LINES[-1]]),
    "redacted": "\n".join([LINES[0], "REDACTED", LINES[-1]]),
    "another's end": "\n".join([*LINES[:-1], OTHER.split("\n")[-1]]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_the_one_canonical_form(form: str) -> None:
    assert pem.canonical(FORMS[form]) == KEY


@pytest.mark.parametrize("cut", CUT)
def test_an_excerpt_is_no_key(cut: str) -> None:
    assert pem.mentions_key(CUT[cut])
    assert pem.canonical(CUT[cut]) is None


@pytest.mark.parametrize("form", ["as it is", "of Windows", "escaped", "indented", "behind a name"])
@pytest.mark.parametrize("format", sorted(set(samples.ALL) - {"env", "list"}))
def test_a_key_comes_out_of_every_report(format: str, form: str) -> None:
    data = samples.ALL[format]([Seen(FORMS[form], "private-key", "id_ed25519", 3)])
    problems = Problems()
    found = list(read_report(io.BytesIO(data), name="report", problems=problems))
    assert not problems.counts
    assert [f.value.reveal() for f in found if f.value] == [KEY]
    assert {f.value_state for f in found} == {ValueState.RAW}


@pytest.mark.parametrize("format", sorted(set(samples.ALL) - {"env", "list"}))
@pytest.mark.parametrize("cut", ["the first line", "no end"])
def test_a_header_alone_is_partial_in_every_report(format: str, cut: str) -> None:
    data = samples.ALL[format]([Seen(CUT[cut], "private-key", "id_ed25519", 3)])
    found = list(read_report(io.BytesIO(data), name="report"))
    assert [(f.value, f.value_state) for f in found] == [(None, ValueState.PARTIAL)]


ENV = {
    "escaped in double quotes": 'KEY="' + KEY.replace("\n", "\\n") + '"\n',
    "escaped without quotes": "KEY=" + KEY.replace("\n", "\\n") + "\n",
    "escaped in single quotes": "KEY='" + KEY.replace("\n", "\\n") + "'\n",
    "over many lines": f'KEY="{KEY}"\nPORT=1\n',
    "of Windows": f'KEY="{KEY}"\nPORT=1\n'.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", ENV)
def test_a_key_comes_out_of_a_dot_env_file(form: str) -> None:
    found = list(read_report(io.BytesIO(ENV[form].encode()), name=".env"))
    assert [f.value.reveal() for f in found if f.value] == [KEY]


def test_key_files_are_read_as_they_are() -> None:
    certificate = "-----BEGIN CERTIFICATE-----\n" + "QUJD" * 40 + "\n-----END CERTIFICATE-----\n"
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    data = (parameters + KEY.replace("\n", "\r\n") + "\r\n" + certificate + OTHER + "\n").encode()
    assert sniff(data, "server.pem") == "list"
    found = list(read_report(io.BytesIO(data), name="server.pem"))
    assert [f.value.reveal() for f in found if f.value] == [KEY, OTHER]


def test_one_key_in_many_reports_is_one_credential(store: Store, incident: str) -> None:
    formats = sorted(set(samples.ALL) - {"env", "list"})
    forms = list(FORMS.values())
    reports = [
        (f"report-{at}", io.BytesIO(samples.ALL[format]([Seen(forms[at % len(forms)], "private-key", "id", 1)])))
        for at, format in enumerate(formats)
    ]
    reports += [("id_ed25519", io.BytesIO(KEY.encode())), (".env", io.BytesIO(ENV["over many lines"].encode()))]
    cut = samples.ALL["gitlab"]([Seen(LINES[0], "private-key", "id", 1)])
    result = ingest(store, [*reports, ("cut", io.BytesIO(cut))], incident=incident, now=NOW)
    assert (result.credentials, dict(result.skipped)) == (1, {"cut_off": 1})
    (row,) = select(store)
    assert (row.kind, row.provider) == ("ssh_private_key", "keys")
    half = public_half(Secret(KEY))
    assert half is not None
    assert row.parts["public_key"] == half.fingerprint
    assert row.parts["algorithm"] == "ED25519"


def test_an_encrypted_key_keeps_its_headers() -> None:
    text = f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{'0F' * 16}\n\n{'QUJD' * 16}\n-----END RSA PRIVATE KEY-----"
    assert pem.canonical(text.replace("\n", "\r\n")) == text
    assert catalog.name_kinds(text) == ("tls_private_key",)


def test_a_service_accounts_file_stays_whole() -> None:
    """The key inside is not taken out of a credential that is a JSON document."""
    text = value_of(OWNERS["gcp_service_account_key"][1])
    assert not pem.mentions_key(text)


def test_a_public_half_is_never_believed() -> None:
    """Who puts somebody's public half into a file of his own must not have that somebody's key deleted."""
    other = value_of(OWNERS["ssh_private_key"][1], 1)
    mine, theirs = (base64.b64decode("".join(key.split("\n")[1:-1])) for key in (KEY, other))
    at = mine.index(b"ssh-ed25519") + 15
    own = public_half(Secret(KEY))
    assert own is not None
    for places in (1, 2, 3):  # in the clear, behind the key's name, behind the seed
        forged = mine.replace(mine[at : at + 32], theirs[at : at + 32], places)
        assert forged != mine
        raw = base64.b64encode(forged).decode()
        text = pem.canonical("\n".join([LINES[0], raw, LINES[-1]]))
        assert text is not None
        half = public_half(Secret(text))
        assert half is None or half.ssh == own.ssh, places  # worked out from the seed, never believed


@given(st.text(alphabet="-BEGINPRIVATEKYSH \\nr\n\r\"'+=AZaz09:.", max_size=400))
def test_no_text_breaks_the_reader(text: str) -> None:
    for block in pem.blocks(f"{LINES[0]}{text}{KEY}{text}"):
        assert pem.canonical(block) == block


@pytest.mark.parametrize("piece", [LINES[0], '"', "' + '", "\\", "\r", "A: b\n", "-----BEGIN ", "=", "\\n", " "])
def test_no_text_is_slow(piece: str) -> None:
    for text in (piece * (128_000 // len(piece)), LINES[0] + piece * (128_000 // len(piece)) + LINES[-1]):
        start = time.process_time()
        pem.canonical(text)
        assert time.process_time() - start < 0.5, piece


def test_a_key_is_named_by_its_own_shape() -> None:
    chance = random.Random(3)  # noqa: S311 - fake values
    for kind in ("ssh_private_key", "tls_private_key"):
        value = samples.value(kind, chance)
        assert catalog.name_kinds(value, label="private-key", scanner="gitleaks") == (kind,)
        assert catalog.name_kinds(value, label="GitHubApp", scanner="trufflehog") == (kind,)


def test_a_key_that_openssl_itself_breaks_on_is_no_key() -> None:
    """Bytes of an Ed25519 key said to be of X448 are too few: cryptography 46 lets OpenSSL's own error out."""
    der = bytes.fromhex("302e020100300506032b656f04220420") + bytes(32)
    text = f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(der).decode()}\n-----END PRIVATE KEY-----\n"
    assert public_half(Secret(text)) is None
    assert app_jwt(Secret(text), "1", NOW) is None
