"""The configuration: one TOML file, typed, with every key documented where it is declared.

Its tables are in `config_tables` and `config_vault`; how a key is read is in `config_read` and `config_fields`. Unknown keys are
errors that name the nearest known one. Secrets stand in it only as references.
"""

# ruff: noqa: RUF009 - `option` makes a dataclass field; its defaults are frozen

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from revoker import config_read as read
from revoker.config_fields import each, each_one, free, nested, of, option, unknown
from revoker.config_read import Where
from revoker.config_tables import (
    ApproverSettings,
    AuditSettings,
    KeySettings,
    LimitSettings,
    NetworkSettings,
    NotifySettings,
    OwnershipSettings,
    StoreSettings,
    VerifySettings,
    WorkerSettings,
)
from revoker.config_vault import ConsumerSettings, DestinationSettings, VaultSettings
from revoker.errors import ConfigError

__all__ = [
    "ApproverSettings",
    "AuditSettings",
    "ConsumerSettings",
    "DestinationSettings",
    "KeySettings",
    "LimitSettings",
    "NetworkSettings",
    "NotifySettings",
    "OwnershipSettings",
    "Settings",
    "StoreSettings",
    "VaultSettings",
    "VerifySettings",
    "WorkerSettings",
    "base",
    "load_settings",
    "user_file",
]

APPROVALS = MappingProxyType(
    {"suspend": 0, "restore": 0, "issue": 1, "revoke": 1, "end_sessions": 1, "delete": 2, "large": 2, "last_active": 1}
)
LARGEST = 1 << 20  # bytes of a configuration file


def _approvals(raw: object, where: Where) -> Mapping[str, int]:
    table = read.table(raw, where)
    for name in table:
        if name not in APPROVALS:
            raise unknown(name, where, list(APPROVALS))
    return MappingProxyType({**APPROVALS, **{name: read.whole(n, where.at(name)) for name, n in table.items()}})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can set."""

    store: StoreSettings = option(
        of(StoreSettings), "Where credentials, verdicts, runs and the audit log are kept.", StoreSettings()
    )
    network: NetworkSettings = option(of(NetworkSettings), "How revoker reaches the outside.", NetworkSettings())
    endpoints: Mapping[str, str | Mapping[str, str]] = free(
        read.table_of(read.endpoint),
        "Your own instance of a provider: provider id -> base address, or a table host -> base address. Naming the public service "
        "(gitlab, https://gitlab.com) says that your tokens are its own: what it refuses is dead then, and not perhaps another server's.",
    )
    ownership: OwnershipSettings = option(
        of(OwnershipSettings), "What is yours. A credential of anybody else is not touched.", OwnershipSettings()
    )
    verify: VerifySettings = option(of(VerifySettings), "How credentials are verified.", VerifySettings())
    limits: LimitSettings = option(of(LimitSettings), "How much may be changed.", LimitSettings())
    worker: WorkerSettings = option(of(WorkerSettings), "Workers on a PostgreSQL store.", WorkerSettings())
    authority: Mapping[str, Mapping[str, str]] = free(
        read.table_of(read.table_of(read.authority)),
        "Your own credentials that may act, for each provider; `revoker providers show KIND` names the keys. Secrets only as references.",
    )
    vault: VaultSettings | None = option(of(VaultSettings), "The Vault or OpenBao that new credentials go to.")
    destinations: tuple[DestinationSettings, ...] = option(
        each(DestinationSettings), "Where in Vault a rotated credential goes.", (), toml="destination"
    )
    consumers: tuple[ConsumerSettings, ...] = option(
        each(ConsumerSettings),
        "Who reads secrets from Vault, and how it is told that there is a new version.",
        (),
        toml="consumer",
    )
    approvals: Mapping[str, int] = field(
        default_factory=lambda: APPROVALS,
        metadata={
            "read": _approvals,
            "doc": "How many persons must approve, for each effect. `delete` is for what cannot be undone, `last_active` for what takes the "
            "last active credential of its principal, `large` for a plan beyond the limits (`revoker plan --large`).",
            "toml": "",
        },
    )
    approvers: tuple[ApproverSettings, ...] = option(each(ApproverSettings), "Who may approve.", (), toml="approver")
    notify: NotifySettings = option(of(NotifySettings), "Who is told.", NotifySettings())
    keys: KeySettings = option(of(KeySettings), "Where a private key (SSH, TLS) could open something of yours.", KeySettings())
    audit: AuditSettings = option(of(AuditSettings), "How the audit log is anchored.", AuditSettings())
    canaries: tuple[str, ...] = option(
        read.texts,
        "Your own honeytokens, by fingerprint or by a public part such as the key id. They are neither verified nor changed without a recorded override (`revoker canary`).",
        (),
    )
    providers: tuple[str, ...] = option(
        read.texts, "Entry points (group `revoker.providers`) of installed third-party providers to load.", ()
    )
    playbooks: tuple[Path, ...] = option(
        each_one(read.path),
        "Folders of your own playbooks (docs/playbooks.md). One with the id of a shipped one takes its place.",
        (),
    )
    path: Path | None = None  # the file that this came from


def base(settings: Settings) -> Path:
    """The folder that relative paths of the settings start from: the configuration file's, else the current one."""
    return settings.path.parent if settings.path else Path.cwd()


def load_settings(path: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """The settings: from `path`, else REVOKER_CONFIG, ./revoker.toml, the user's folder; else the defaults.

    Raises ConfigError when the file is missing, is no TOML, has unknown keys or literal secrets.
    """
    environment = os.environ if env is None else env
    found = _find(path, environment)
    if found is None:
        return Settings()
    settings: Settings = nested(Settings, _parse(found), Where("", found.parent))
    object.__setattr__(settings, "path", found)  # this value is ours alone until it is returned
    return settings


def user_file(env: Mapping[str, str]) -> Path:
    """The configuration file in the user's own folder."""
    if sys.platform == "win32":
        return Path(env.get("APPDATA", "~")).expanduser() / "revoker" / "revoker.toml"
    return Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "~")).expanduser() / ".config") / "revoker" / "revoker.toml"


def _find(path: Path | None, env: Mapping[str, str]) -> Path | None:
    named = path or (Path(env["REVOKER_CONFIG"]) if env.get("REVOKER_CONFIG") else None)
    if named is not None:
        return named.expanduser().absolute()
    return next((p.absolute() for p in (Path("revoker.toml"), user_file(env)) if p.is_file()), None)


def _parse(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_mode & stat.S_IWOTH and os.name == "posix":
            raise ConfigError(f"Everybody may write to the configuration file {path}.", next=f"chmod o-w {path}")
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"The configuration file {path} is larger than {LARGEST} bytes.")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # a number of five thousand digits is no TOMLDecodeError
        where = str(error).rpartition("(at ")[2].rstrip(")") or "somewhere"
        raise ConfigError(f"The configuration file {path} is no TOML ({where}).") from None
