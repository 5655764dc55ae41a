"""The drill's workspace: a private folder with its own configuration, approvers and store, and the real commands run in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from revoker.errors import RevokerError
from revoker.lab.cast import DESTINATIONS, Cast, Lab
from revoker.lab.servers import quiet_environment

APPROVERS = ("alice", "bob")
WINDOW = "2s"  # instead of the providers' own propagation windows
COMMAND_LIMIT = 240.0  # seconds; a busy machine takes its time


@dataclass(frozen=True, slots=True)
class Done:
    """One command that was run."""

    argv: tuple[str, ...]
    code: int
    out: str = field(repr=False)
    err: str = field(repr=False)
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON document of its stdout."""
        read: dict[str, Any] = json.loads(self.out)
        return read


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder, the environment its commands run with, and all that was run."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    say: Callable[[str], object]
    ran: list[Done] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "revoker.toml"


def prepare(folder: Path, lab: Lab, cast: Cast, say: Callable[[str], object]) -> Workspace:
    """Write the configuration and the approvers' keys. No secret stands in the configuration."""
    keys = {name: approver(folder, name) for name in APPROVERS}
    (folder / "revoker.toml").write_text("\n".join(settings(lab, cast, keys)) + "\n")
    return Workspace(folder, quiet_environment(**cast.secrets, NO_COLOR="1", COLUMNS="150"), say)


def approver(folder: Path, name: str) -> str:
    """Make an approver's OpenSSH key pair; gives the public line."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    path = folder / f"{name}.key"
    path.touch(mode=0o600)
    path.write_bytes(private)
    return key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()


def settings(lab: Lab, cast: Cast, keys: Mapping[str, str]) -> Iterable[str]:
    """The configuration, line by line."""
    yield '[store]\nurl = "sqlite:///revoker.db"\nkey = "file:revoker.key"'
    yield '[network]\nallow = ["127.0.0.0/8"]'
    yield "[endpoints]"
    yield from (f'{id} = "{fake.url}"' for id, fake in lab.fakes.items() if id != "google")
    google = lab.fakes["google"].url
    yield f'google = {{ "generativelanguage.googleapis.com" = "{google}", "apikeys.googleapis.com" = "{google}" }}'
    hosts = ("sts.us-east-1.amazonaws.com", "sts.amazonaws.com", "iam.amazonaws.com")
    yield f"aws = {{ {', '.join(f'{json.dumps(host)} = {json.dumps(lab.cloud.url)}' for host in hosts)} }}"
    yield f'vault = "{lab.bao.url}"'
    yield f'[ownership]\naws_accounts = ["{lab.cloud.account}"]\nhosts = ["{lab.database.host}:{lab.database.port}"]'
    yield f'[verify]\npropagation = "{WINDOW}"'
    yield f'[limits]\nsoak = "{WINDOW}"\nmutations_per_run = 50'
    yield "[approvals]\nsuspend = 1\nrestore = 1\nissue = 2\nrevoke = 2\nend_sessions = 2\ndelete = 2\nlarge = 2\nlast_active = 2"
    yield f'[authority.aws]\naccess_key_id = "{cast.cloud_admin.id}"\nsecret_access_key = "env:DRILL_AWS_SECRET"'
    yield '[authority.openai]\nadmin_key = "env:DRILL_OPENAI_ADMIN"'
    yield '[authority.anthropic]\nadmin_key = "env:DRILL_ANTHROPIC_ADMIN"'
    yield '[authority.google]\naccess_token = "env:DRILL_GOOGLE_TOKEN"\nproject = "42"'
    yield '[authority.docker_hub]\nbearer = "env:DRILL_DOCKER_BEARER"'
    yield f'[authority.postgresql]\nuser = "{lab.database.user}"\npassword = "env:DRILL_PG_PASSWORD"'
    yield '[authority.vault]\ntoken = "env:DRILL_BAO_TOKEN"'
    yield f'[vault]\naddr = "{lab.bao.url}"\ntoken = "env:DRILL_BAO_TOKEN"'
    yield '[audit]\nanchor_file = "anchor.jsonl"\nanchor_vault = "secret/revoker-anchor"'
    for place in DESTINATIONS:
        fields = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in place.fields.items())
        yield f'[[destination]]\nkind = "{place.kind}"\npath = "{place.path}"\nfields = {{ {fields} }}'
        yield f"consumers = {json.dumps(place.consumers)}"
    for name, key in keys.items():
        yield f'[[approver]]\nname = "{name}"\nkey = "{key}"'


def run(
    space: Workspace,
    *command: str,
    good: Iterable[int] = (0,),
    faults: Mapping[str, str] | None = None,
    config: Path | None = None,
) -> Done:
    """Run one real command to its end. Raises RevokerError when its exit code is not one of `good`."""
    argv = [sys.executable, "-m", "revoker", *command, "--config", str(config or space.config)]
    start = monotonic()
    done = subprocess.run(
        argv,
        cwd=space.folder,
        env={**space.environment, **(faults or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_LIMIT,
    )
    ended = Done(tuple(command), done.returncode, done.stdout, done.stderr, monotonic() - start)
    space.ran.append(ended)
    space.say(f"$ revoker {' '.join(command)}   [exit {ended.code}, {ended.seconds:.1f} s]")
    if ended.code not in set(good):
        raise RevokerError(f"revoker {command[0]} ended with {ended.code}.", next=(ended.err + ended.out)[-2500:])
    return ended
