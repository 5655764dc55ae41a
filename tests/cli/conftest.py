"""A workspace with fake providers, an approver, and the real command line run inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from revoker.cli.app import run
from revoker.lab import samples
from revoker.lab.fakes import Fake, FakeKey, fakes
from revoker.lab.workspace import approver


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.out)
        return read


@dataclass(frozen=True)
class Space:
    """A folder with its configuration; `cli` runs a command with it."""

    folder: Path
    cli: Callable[..., Result]
    fakes: Mapping[str, Fake]
    planted: dict[str, str] = field(default_factory=dict)  # name -> secret

    def plant(self, name: str, provider: str, kind: str, state: str = "live") -> str:
        """A key at a fake provider, and a line in the report leak.env."""
        secret = samples.make(kind)
        self.fakes[provider].book.add(FakeKey(f"id-{name}", secret, kind, name=name, state=state))
        self.planted[name] = secret
        with (self.folder / "leak.env").open("a") as report:
            report.write(f"{name}={secret}\n")
        return secret


def runner(capsys: pytest.CaptureFixture[str], config: Path) -> Callable[..., Result]:
    def cli(*args: str) -> Result:
        capsys.readouterr()
        code = run([*args, "--config", str(config)])
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return cli


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Space:
    """A workspace without any provider: nothing can leave it."""
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    lines = ['[store]\nurl = "sqlite:///revoker.db"\nkey = "file:revoker.key"', '[audit]\nanchor_file = "anchor.jsonl"']
    lines += ['[verify]\npropagation = "200ms"', '[limits]\nsoak = "100ms"', "[approvals]\ndelete = 1"]
    for name in ("alice", "bob"):
        lines.append(f'[[approver]]\nname = "{name}"\nkey = "{approver(tmp_path, name)}"')
    (tmp_path / "revoker.toml").write_text("\n".join(lines) + "\n")
    return Space(tmp_path, runner(capsys, tmp_path / "revoker.toml"), {})


@pytest.fixture
def space(empty: Space) -> Iterator[Space]:
    """A workspace with fake providers that answer at once."""
    with fakes(("openai", "huggingface", "groq", "slack", "stripe"), lags={}, limits={}) as running:
        with (empty.folder / "revoker.toml").open("a") as config:
            config.write('[network]\nallow = ["127.0.0.0/8"]\n[endpoints]\n')
            config.writelines(f'{name} = "{fake.url}"\n' for name, fake in running.items())
        yield Space(empty.folder, empty.cli, running)
