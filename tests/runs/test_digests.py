"""What an approval is pinned to: one text for one meaning, the provider's files, the operator's decisions."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import revoker
from revoker import catalog
from revoker.config import (
    ApproverSettings,
    ConsumerSettings,
    DestinationSettings,
    LimitSettings,
    OwnershipSettings,
    Settings,
    VaultSettings,
)
from revoker.runs import digests
from tests.providers.catalogue import OWNERS

PROVIDER, _ = OWNERS["groq_api_key"]


def test_one_meaning_has_one_text() -> None:
    said = digests.canonical({"b": [1, {"d": None, "c": True}], "a": "ä €\n"})
    assert said == '{"a":"ä €\\n","b":[1,{"c":true,"d":null}]}'.encode()
    assert digests.digest({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            digests.canonical({"a": number})


def test_a_time_is_utc_to_the_second_and_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 11, 25, 23, 30, 5, 999999, tzinfo=timezone(timedelta(hours=2)))
    assert digests.instant(at) == "2026-11-25T21:30:05Z"
    assert digests.parse_instant("2026-11-25T21:30:05Z") == datetime(2026, 11, 25, 21, 30, 5, tzinfo=UTC)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert digests.instant(at) == "2026-11-25T21:30:05Z", "wherever the machine is"
    for text in ("2026-11-25T21:30:05", "2026-11-25", "soon", "2026-11-25T21:30:05+02:00"):
        with pytest.raises(ValueError, match="time data"):
            digests.parse_instant(text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A provider of one file, in place of groq."""
    provider = replace(PROVIDER, title="Another")
    module = ModuleType("of_a_test")
    module.PROVIDER = provider  # type: ignore[attr-defined]
    module.__file__ = str(tmp_path / "one.py")
    (tmp_path / "one.py").write_text("first")
    monkeypatch.setitem(sys.modules, "of_a_test", module)
    monkeypatch.setattr(catalog, "providers", lambda: {"groq": provider, "other": provider})
    monkeypatch.setattr(catalog, "package_of", lambda _id: None)
    digests.definition.cache_clear()
    yield module
    digests.definition.cache_clear()


def now(provider: str = "groq") -> str:
    digests.definition.cache_clear()
    return digests.definition(provider)


@pytest.mark.row("W-11")
def test_a_definition_is_the_provider_s_own_file_and_nothing_beside_it(home: ModuleType) -> None:
    path = Path(str(home.__file__))
    before = now()
    assert len(before) == 32
    assert int(before, 16) >= 0
    (path.parent / "another.py").write_text("of another provider")
    assert now() == before
    assert now("other") != before, "the name is part of it"
    path.write_text("second")
    changed = now()
    assert changed != before
    path.write_text("first")
    assert now() == before


@pytest.mark.row("W-11")
def test_a_definition_of_a_folder_is_all_its_files_and_their_names(home: ModuleType) -> None:
    folder = Path(str(home.__file__)).parent
    home.__path__ = [str(folder)]
    seen = [now()]
    (folder / "two.py").write_text("more")
    seen.append(now())
    (folder / "two.py").rename(folder / "three.py")
    seen.append(now())
    (folder / "three.py").write_text("mor")
    (folder / "one.py").write_text("firste")
    seen.append(now())
    assert len(set(seen)) == len(seen)
    (folder / "notes.txt").write_text("no code")
    assert now() == seen[-1]


@pytest.mark.row("W-11")
@pytest.mark.usefixtures("home")
def test_a_definition_is_also_the_sdk_and_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = now()
    monkeypatch.setattr(revoker, "__version__", "99")
    assert now() != before
    monkeypatch.undo()
    sdk = tmp_path / "revoker" / "sdk"
    sdk.mkdir(parents=True)
    monkeypatch.setattr(revoker, "__file__", str(tmp_path / "revoker" / "__init__.py"))
    without = now("openai")
    (sdk / "ready.py").write_text("x")
    (sdk / "page.md").write_text("no code")
    with_one = now("openai")
    (sdk / "ready.py").write_text("y")
    assert len({without, with_one, now("openai")}) == 3


@pytest.mark.row("W-11")
def test_a_third_party_s_definition_is_its_whole_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("of_another")
    package.__path__ = [str(tmp_path / "of_another")]
    package.__file__ = str(tmp_path / "of_another" / "__init__.py")
    (tmp_path / "of_another" / "deep").mkdir(parents=True)
    for name in ("__init__.py", "data.json", "deep/more.py"):
        (tmp_path / "of_another" / name).write_text(name)
    monkeypatch.setitem(sys.modules, "of_another", package)
    monkeypatch.setattr(catalog, "package_of", lambda name: "of_another" if name == "groq" else None)
    seen = [now()]
    for name in ("__init__.py", "data.json", "deep/more.py", "deep/new.bin"):
        (tmp_path / "of_another" / name).write_text("changed")
        seen.append(now())
    assert len(set(seen)) == len(seen)
    (tmp_path / "of_another" / "deep" / "more.pyc").write_text("made anew by each Python")
    assert now() == seen[-1]
    del package.__path__  # a module of one file
    package.__file__ = str(tmp_path / "single.py")
    (tmp_path / "single.py").write_text("1")
    single = now()
    (tmp_path / "single.py").write_text("2")
    assert now() not in (single, seen[-1])
    digests.definition.cache_clear()


VAULT = VaultSettings(addr="https://vault.acme.test")
DECIDED: dict[str, dict[str, Any]] = {
    "approvals": {"approvals": {"revoke": 3}},
    "approvers": {"approvers": (ApproverSettings("alice", "ssh-ed25519 AAAA"),)},
    "limits": {"limits": LimitSettings(per_hour=7)},
    "ownership": {"ownership": OwnershipSettings(aws_accounts=("1",))},
    "destinations": {"destinations": (DestinationSettings("groq_api_key", "secret/app", {"secret": "KEY"}),)},
    "consumers": {"consumers": (ConsumerSettings("billing", webhook="https://hooks.acme.test", secret="env:HOOK"),)},
    "endpoints": {"endpoints": {"github": "https://git.acme.test"}},
    "canaries": {"canaries": ("fp_1",)},
    "authority": {"authority": {"github": {"token": "env:TOKEN"}}},
    "vault address": {"vault": VAULT},
    "vault namespace": {"vault": replace(VAULT, namespace="team")},
}


@pytest.mark.row("W-1")
def test_the_policy_is_what_the_operator_decided_and_nothing_else() -> None:
    base = digests.policy(Settings())
    assert len(base) == 32
    made = {name: digests.policy(replace(Settings(), **change)) for name, change in DECIDED.items()}
    assert len({base, *made.values()}) == len(made) + 1, made
    network = replace(Settings().network, allow=(ip_network("10.0.0.0/8"),))
    assert digests.policy(replace(Settings(), network=network)) == base
    assert digests.policy(replace(Settings(), vault=replace(VAULT, token="env:ANOTHER"))) == made["vault address"]


def test_what_is_decided_is_named_by_the_settings() -> None:
    """A key that is renamed would drop out of what an approval is pinned to."""
    known = {one.name for one in fields(Settings)}
    assert {
        "approvals",
        "approvers",
        "limits",
        "ownership",
        "destinations",
        "consumers",
        "endpoints",
        "canaries",
        "authority",
    } <= known


@dataclass(frozen=True)
class Odd:
    path: Path
    names: frozenset[str]
    parts: tuple[object, ...]
    table: dict[int, object]


def test_settings_of_any_form_become_plain_in_one_order() -> None:
    names = [f"n{number}" for number in range(50)]
    odd = Odd(Path("/a"), frozenset(names), (None, True, 1, 1.5, "x", [Path("b")]), {2: timedelta(seconds=1)})
    assert digests._plain({3, "a", None}) == ["a", 3, None]
    assert digests._plain(odd) == {
        "path": "/a",
        "names": sorted(names),
        "parts": [None, True, 1, 1.5, "x", ["b"]],
        "table": {"2": "0:00:01"},
    }
