from __future__ import annotations

import os
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from revoker.config import Settings
from revoker.errors import UnresolvedReference
from revoker.model import Secret
from revoker.references import resolve


def private(path: Path, text: str = "word\n") -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_env_and_file(tmp_path: Path, settings: Settings) -> None:
    private(tmp_path / "s")
    assert resolve("file:s", settings).reveal() == "word"
    assert resolve("env:WORD", settings, env={"WORD": "other"}).reveal() == "other"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, settings: Settings, mode: int) -> None:
    private(tmp_path / "s").chmod(mode)
    with pytest.raises(UnresolvedReference, match="Others may read"):
        resolve("file:s", settings)


def test_links_folders_and_pipes_are_refused(tmp_path: Path, settings: Settings) -> None:
    private(tmp_path / "s")
    (tmp_path / "link").symlink_to(tmp_path / "s")
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe", "missing"):
        with pytest.raises(UnresolvedReference):
            resolve(f"file:{name}", settings)


def test_vault_is_asked_through_the_given_callable(settings: Settings) -> None:
    assert (
        resolve("vault:secret/a/b#token", settings, vault=lambda path, name: Secret(f"{path} {name}")).reveal()
        == "secret/a/b token"
    )
    with pytest.raises(UnresolvedReference, match="cannot be used here"):
        resolve("vault:secret/a/b#token", settings)


def test_keyring(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ring(KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return "word" if (service, username) == ("revoker", "root") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    monkeypatch.setattr(keyring.core, "_keyring_backend", Ring())  # type: ignore[no-untyped-call]
    assert resolve("keyring:root", settings).reveal() == "word"
    with pytest.raises(UnresolvedReference, match="no entry"):
        resolve("keyring:other", settings)


def test_a_literal_is_refused_and_not_shown(settings: Settings) -> None:
    with pytest.raises(UnresolvedReference) as caught:
        resolve("hunter2", settings)
    assert "hunter2" not in caught.value.diagnostics()
