"""A place to run in: a store, a provider with state, an approver's key; on demand with a real OpenBao."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import catalog, secrets, sshsig
from revoker.config import Settings, load_settings
from revoker.model import Credential, Finding, Location, Secret
from revoker.store import credentials as rows_of
from revoker.store import incidents
from revoker.store.credentials import Selection
from revoker.store.database import Store, open_store

HERE = Path(__file__).parent


def load_fakery() -> ModuleType:
    """Load the fake provider once, and put it into the catalogue as an entry point would."""
    found = sys.modules.get("fakery")
    if found is None:
        spec = importlib.util.spec_from_file_location("fakery", HERE / "fakery.py")
        assert spec
        assert spec.loader
        found = importlib.util.module_from_spec(spec)
        sys.modules["fakery"] = found
        spec.loader.exec_module(found)
    catalog._extra["fakery"] = found.PROVIDER
    catalog.catalogue.cache_clear()
    return found


@pytest.fixture(autouse=True)
def fakery_module() -> Iterator[ModuleType]:
    yield load_fakery()
    catalog._extra.pop("fakery", None)
    catalog.catalogue.cache_clear()


@pytest.fixture
def fakery(fakery_module: ModuleType) -> Iterator[Any]:
    with fakery_module.serve() as server:
        yield server


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Site:
    """One revoker installation of a test."""

    folder: Path
    settings: Settings
    store: Store
    fakery: Any
    keys: dict[str, Ed25519PrivateKey]

    @property
    def config(self) -> Path:
        return self.folder / "revoker.toml"

    def add(self, value: str, kind: str = "fakery_key") -> str:
        """Ingest one leaked value and see what it is; give its fingerprint."""
        from revoker.verify import verify

        secret = Secret(value)
        fingerprint = secrets.fingerprint(self.store.keys, kind, secret)
        cred = Credential(kind, fingerprint, secret)
        incident = incidents.find(self.store, "leak") or incidents.open_incident(self.store, "leak", utc_now())
        finding = Finding("rule", Location("list", "leak.txt", 1), secret)
        rows_of.add_findings(self.store, [(finding, cred)], incident.id, utc_now())
        rows = rows_of.select(self.store, Selection(fingerprint=(fingerprint,)))
        verify(self.store, rows, settings=self.settings, clock=utc_now)
        return fingerprint

    def row(self, fingerprint: str) -> Any:
        return rows_of.select(self.store, Selection(fingerprint=(fingerprint,)))[0]

    def approved(self, digest: str, *names: str) -> None:
        from revoker.runs.approve import approve

        for name in names or ("alice",):
            approve(self.store, self.settings, digest, name, now=utc_now(), key=self.keys[name])


Build = Callable[..., Site]


@pytest.fixture
def build(tmp_path: Path, fakery: Any, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Make a site: `more` is appended to its configuration, `own` to its [ownership]."""

    def make(
        more: str = "", own: str = "", url: str = "sqlite:///revoker.db", folder: Path | None = None, fakery: Any = fakery
    ) -> Site:
        home = folder or tmp_path
        home.mkdir(parents=True, exist_ok=True)
        keys = {name: Ed25519PrivateKey.generate() for name in ("alice", "bob", "carol")}
        monkeypatch.setenv("FAKERY_ADMIN", fakery.admin)
        people = "".join(f'[[approver]]\nname = "{n}"\nkey = "{sshsig.public_line(k)}"\n' for n, k in keys.items())
        (home / "revoker.toml").write_text(
            f"""
[store]
url = "{url}"
[network]
allow = ["127.0.0.1/32"]
[endpoints]
fakery = "{fakery.url}"
[ownership]
assume = true
{own}
[authority.fakery]
admin = "env:FAKERY_ADMIN"
{people}{more}"""
        )
        settings = load_settings(home / "revoker.toml", dict(os.environ))
        return Site(home, settings, open_store(settings, create=True), fakery, keys)

    return make


@pytest.fixture
def site(build: Build) -> Site:
    return build()


@pytest.fixture
def bao(openbao: Any) -> Any:
    """The session's OpenBao, with the paths of these tests emptied."""
    from revoker.lab.servers import bao_call

    for path in ("fakery", "fresh"):
        bao_call(openbao, "DELETE", f"secret/metadata/{path}")
    return openbao
