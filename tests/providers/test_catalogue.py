"""Rules for all provider files: what each must declare, and what none may do."""

from __future__ import annotations

import ast
import re
import time
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import pytest

from revoker.model import SUSPENDED_BY_US, Bound, Effect, Proof, Secret, Validity
from revoker.owned import AsAuthority
from revoker.sdk import Action, Kind, Provider, Reader, Reply, declared
from tests.providers.catalogue import ACTIONS, KINDS, PROVIDERS, REPLIES, SOURCES, labelled_elsewhere
from tests.providers.fake_api import FakeReader, always, run
from tests.providers.samples import credential_of, value_of

FOLDER = Path(__file__).parents[2] / "providers"
FILES = sorted(FOLDER.rglob("*.py"))
DATA_MODULES = {
    "base64", "binascii", "collections", "collections.abc", "dataclasses", "datetime", "enum", "functools", "hashlib",
    "hmac", "itertools", "json", "re", "secrets", "string", "typing", "urllib.parse", "zlib", "__future__",
}  # fmt: skip
HTTPS = re.compile(r"https://[\w./#?=&%+:-]+")
ALL_KINDS = [pytest.param(provider, kind, id=kind.id) for provider, kind in KINDS]
ALL_ACTIONS = [pytest.param(p, kind, action, id=f"{kind.id}-{action.id}") for p, kind, action in ACTIONS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_provider_file_imports_the_sdk_and_data_modules_alone(path: Path) -> None:
    own = f"revoker.providers.{path.relative_to(FOLDER).parts[0]}."  # the parts of a provider that is a folder
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.module == "revoker.sdk" or node.module in DATA_MODULES or f"{node.module}.".startswith(own), node.module
        elif isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= DATA_MODULES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_provider_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 330


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.id)
def test_a_provider_says_where_it_may_go_and_where_it_is_described(provider: Provider) -> None:
    assert HTTPS.fullmatch(provider.docs)
    assert all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host) for host in provider.hosts)
    assert all(read.path.startswith("/") for read in provider.reads)
    assert len(set(provider.hosts)) == len(provider.hosts)
    assert provider.kinds
    assert not provider.authority or provider.obtain, "how does a person make such an authority?"


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_a_kind_declares_all_that_a_responder_needs(provider: Provider, kind: Kind) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]+", kind.id)
    assert HTTPS.fullmatch(kind.docs)
    assert HTTPS.fullmatch(kind.manual.url) or kind.host_from, kind.manual.url
    assert kind.title
    assert kind.identity
    assert kind.manual.steps
    assert kind.manual.proves
    assert kind.propagation.window > timedelta() or kind.propagation.source != type(kind.propagation)(timedelta()).source
    assert kind.propagation.refusals >= 2
    assert kind.requests >= 1
    assert kind.labels or kind.id in labelled_elsewhere()
    assert kind.effects_of_check
    assert not kind.identity.startswith("none") or len(kind.identity.split()) > 2, "why is there no identity?"


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_a_check_declares_its_answers(provider: Provider, kind: Kind) -> None:
    answers = declared(kind)
    assert answers, "write @declares(...) above the check"
    for answer in answers:
        assert re.fullmatch(r"[a-z0-9_]+", answer.reason)
        assert HTTPS.fullmatch(answer.page or kind.docs)
        assert answer.status is not None or answer.codes or answer.when, "what is the answer?"


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_a_check_says_what_it_uses_of_the_authority(provider: Provider, kind: Kind) -> None:
    asked: list[str] = []

    class Watched(FakeReader):
        def authority(self, name: str) -> Secret | None:
            asked.append(name)
            return super().authority(name)

        def setting(self, name: str) -> str | None:
            asked.append(name)
            return super().setting(name)

    run(kind.verify(credential_of(kind), Watched(provider, always(Reply("", 401, json={"errors": [{}]})))))
    assert bool(asked) == bool(kind.check_needs), asked
    assert all(name in provider.authority for name in asked)


@pytest.mark.parametrize("path", sorted(REPLIES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_reply_says_where_it_is_from_and_when(path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for row in [*table.get("reply", []), *table.get("change", [])]:
        said = {"source": table.get("source"), "date": table.get("date")} | row
        assert said["source"] in SOURCES, row["name"]
        assert date(2024, 1, 1) < said["date"] < date(2100, 1, 1), row["name"]


def test_ids_are_unique() -> None:
    kinds = [kind.id for _, kind in KINDS]
    assert len(kinds) == len(set(kinds))
    assert len({provider.id for provider in PROVIDERS}) == len(PROVIDERS)
    for _, kind in KINDS:
        assert len({action.id for action in kind.actions}) == len(kind.actions)


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_an_action_says_whose_right_it_needs_and_how_it_is_taken_back(provider: Provider, kind: Kind, action: Action) -> None:
    assert HTTPS.fullmatch(action.docs)
    assert action.needs
    assert action.by in ("self", "authority")
    assert callable(action.bind)
    assert action.confirm or not action.experimental, "one line on how to confirm it"
    if action.by == "authority":
        assert action.authority in provider.authority, "the operator cannot know what to configure"
    if action.undo is not None:
        assert action.undo in {other.id for other in kind.actions}
        assert action.undo != action.id
    if action.effect is Effect.SUSPEND:
        assert action.undo, "a suspension can be taken back; what cannot is a revocation"
    if action.effect is Effect.ISSUE:
        assert action.undo or action.replaces, "what was made must be revocable when it cannot be stored"


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_what_a_suspension_leaves_is_a_declared_live_answer_that_a_record_can_tell(
    provider: Provider, kind: Kind, action: Action
) -> None:
    known = {answer.reason for answer in declared(kind) if answer.validity is Validity.LIVE}
    assert set(action.leaves) <= known, "nothing else is ever the reason of a live answer"
    if action.leaves:
        assert action.effect is Effect.SUSPEND
        assert action.observe is not None, "the answer alone shows nothing"
        assert action.by == "authority", "only the operator's own record is believed"


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_no_answer_says_itself_that_a_suspension_of_ours_holds(provider: Provider, kind: Kind) -> None:
    assert SUSPENDED_BY_US not in {answer.reason for answer in declared(kind)}


TARGETS = {"google_api_key": "projects/42/locations/global/keys/key-1", "gcp_service_account_key": "ab" * 20}


@pytest.mark.parametrize(("provider", "kind", "action"), [one for one in ACTIONS if one[2].leaves])
def test_the_record_of_a_suspension_is_read_as_the_authority_alone(provider: Provider, kind: Kind, action: Action) -> None:
    words = dict.fromkeys(provider.authority, "ours")
    inner = FakeReader(provider, always(Reply("", 200, json={})), authority=words, settings=words)
    to = Bound(credential_of(kind), TARGETS[kind.id], Proof.UNIQUE_HASH, "for this test", "acme", {"project": "acme"})
    assert action.observe is not None
    run(action.observe(to, AsAuthority(cast("Reader", inner), to.credential, {}).as_reader()))
    assert [(sent.method, sent.bearer()) for sent in inner.sent] == [("GET", "ours")]


def test_the_kinds_whose_suspended_ones_are_still_known() -> None:
    found = {(kind.id, action.id): action.leaves for _, kind, action in ACTIONS if action.leaves}
    assert found == {
        ("google_api_key", "suspend"): ("ip_restricted",),
        ("gcp_service_account_key", "suspend"): ("listed",),
        ("gcp_service_account_key", "suspend_account"): ("listed",),
    }


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_a_sample_of_one_kind_is_of_no_other_kind(provider: Provider, kind: Kind) -> None:
    for seed in range(5):
        value = value_of(kind, seed)
        others = [
            other.id
            for _, other in KINDS
            if other is not kind and not other.ambiguous and not other.fallback and re.fullmatch(other.pattern, value)
        ]
        assert kind.ambiguous or not others, others


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
@pytest.mark.row("I-8")
def test_no_pattern_is_slow_on_hostile_text(provider: Provider, kind: Kind) -> None:
    pattern = re.compile(kind.pattern)
    value = value_of(kind)
    size = 64 * 1024
    start = value[: len(value) // 2]
    hostile = [
        "a" * size,
        "A1-_." * (size // 5),
        value * (size // len(value)),
        start + "a" * size,
        start + "-" * size,
        value[:-1] * (size // len(value)) + "\n",
    ]
    for text in hostile:
        best = min(_seconds(pattern, text) for _ in range(3))
        assert best < 0.05, (best, text[:80])


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    start = time.process_time()
    pattern.fullmatch(text)
    return time.process_time() - start


PAIRS = [(provider, kind) for provider, kind in KINDS if kind.proves_pair]


@pytest.mark.parametrize(("provider", "kind"), PAIRS, ids=[kind.id for _, kind in PAIRS])
def test_a_check_that_proves_a_pair_sends_both_halves(provider: Provider, kind: Kind) -> None:
    cred = credential_of(kind)
    reader = FakeReader(provider, always(Reply("", 418, json={})))
    run(kind.verify(cred, reader))
    assert reader.sent
    for sent in reader.sent:
        whole = sent.how in ("aws_read", "login")  # they take the credential as it is
        said = f"{sent.auth.user} {sent.auth.template} {sent.auth.value.reveal()}" if sent.auth else ""
        said += f" {sent.form} {sent.json}"
        assert whole or all(half in said for half in (cred.secret.reveal(), *(cred.parts[name] for name in kind.needs)))


LANGUAGES = {"query", "statement", "grant_type"}  # fields whose text decides whether a call reads, changes or mints


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p.reads], ids=lambda provider: provider.id)
def test_a_post_that_reads_names_its_whole_body(provider: Provider) -> None:
    for read in provider.reads:
        names = {*read.json, *read.form}
        assert set(read.fixed) <= names
        assert not (read.json and read.form)
        said = {value for values in read.fixed.values() for value in values if isinstance(value, str)}
        assert not any("mutation" in text for text in said)
        for name in names & LANGUAGES:
            simple = name == "query" and "graphql" not in read.path and provider.id == "dropbox"  # an echo
            assert name in read.fixed or simple, f"{read.path}: the text of {name} must be fixed"
