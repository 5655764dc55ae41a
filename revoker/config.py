"""The configuration: one TOML file, typed, with every key documented where it is declared.

Unknown keys are errors that name the nearest known one. Secrets stand in it only as references.
"""

# ruff: noqa: RUF009 - `option` makes a dataclass field; its defaults are frozen

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from revoker import config_read as read
from revoker.config_fields import each, free, must, nested, of, option, unknown
from revoker.config_read import Network, Where
from revoker.errors import ConfigError

APPROVALS = MappingProxyType(
    {"suspend": 0, "restore": 0, "issue": 1, "revoke": 1, "end_sessions": 1, "delete": 2, "large": 2, "last_active": 1}
)
LARGEST = 1 << 20  # bytes of a configuration file


@dataclass(frozen=True, slots=True)
class StoreSettings:
    url: str = option(
        read.store_url,
        "The database: `sqlite:///FILE` or `postgresql+psycopg://HOST/NAME`. An address with a password is given as a reference.",
        "sqlite:///revoker.db",
    )
    key: str = option(
        read.key_reference,
        "Where the root key is that seals the stored secrets: `file:PATH` (mode 0600, apart from the database), `env:NAME`, `keyring:NAME`, `vault-wrapped:NAME` (wrapped by a key of Vault's transit engine) or `vault-transit:NAME`.",
        "file:revoker.key",
    )


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    proxy: str | None = option(
        read.maybe(read.url), "The HTTP proxy for everything that leaves; never taken from the environment."
    )
    ca_bundle: Path | None = option(
        read.maybe(read.path), "A PEM file with the certificate authorities to trust instead of the built-in ones."
    )
    allow: tuple[Network, ...] = option(
        read.networks,
        "Private or loopback networks that may be dialled because you own them. All others of that sort are refused.",
        (),
    )
    user_agent_contact: str | None = option(
        read.maybe(read.text), "A mail or web address in the User-Agent, so that a provider can reach you about our requests."
    )


@dataclass(frozen=True, slots=True)
class OwnershipSettings:
    aws_accounts: tuple[str, ...] = option(read.texts, "Your AWS account ids.", ())
    github_orgs: tuple[str, ...] = option(read.texts, "Your GitHub organisations and users.", ())
    openai_orgs: tuple[str, ...] = option(read.texts, "Your OpenAI organisation ids.", ())
    accounts: Mapping[str, tuple[str, ...]] = free(
        read.table_of(read.texts),
        "Your accounts at any other provider: provider id -> account names or ids, as a verdict's identity shows them.",
    )
    hosts: tuple[str, ...] = option(
        read.texts, "Your own hosts (`host` or `host:port`); a credential that names another host is never used.", ()
    )
    sources: tuple[str, ...] = option(
        read.texts, "Sources whose findings are yours, as globs: `git:github.com/acme/*`, `image:acme/*`, `file:*`.", ()
    )
    public: tuple[str, ...] = option(
        read.texts, "Sources that the public can see, as globs like those of `sources`: what was found there goes first.", ()
    )
    assume: bool = option(read.flag, "Take every finding as yours. For a lab only.", False)
    attest: str = option(
        read.one_of("signed", "named"),
        "What an attestation at ingest needs: a `named` person, or one who `signed` it with an approver's key.",
        "named",
    )


@dataclass(frozen=True, slots=True)
class VerifySettings:
    concurrency: int = option(read.positive, "Requests under way at once, over all providers.", 200)
    fresh: timedelta = option(
        read.duration, "How long a verdict stands before the credential is asked again.", timedelta(hours=1)
    )
    timeout: timedelta = option(read.duration, "How long one request may take.", timedelta(seconds=10))
    propagation: timedelta | None = option(
        read.maybe(read.duration),
        "Overrides every provider's propagation window, the time over which a death is proven. For drills.",
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    mutations_per_run: int = option(read.whole, "The most changes that one applied plan may make at providers.", 25)
    per_provider_per_hour: int = option(read.whole, "The most changes at one provider within an hour, over all plans.", 50)
    per_hour: int = option(read.whole, "The most changes at all providers together within an hour, over all plans.", 200)
    soak: timedelta | None = option(
        read.maybe(read.duration), "Overrides the length of every playbook's `wait` and `moved` steps, in the plan. For drills."
    )
    experimental: bool = option(read.flag, "Allow actions whose provider documentation we could not confirm.", False)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    lease: timedelta = option(
        read.duration,
        "How long a worker may be silent until others take its runs over (half of it when its process is gone). "
        "At least three times [verify] timeout.",
        timedelta(seconds=60),
    )
    retry: timedelta = option(
        read.duration,
        "How long a parked run rests before a worker tries it again; `0s` leaves parked runs to `revoker resume`.",
        timedelta(minutes=5),
    )


@dataclass(frozen=True, slots=True)
class VaultSettings:
    addr: str = must(read.url, "The address of Vault or OpenBao.")
    auth: str = option(read.one_of("token", "approle", "jwt", "kubernetes"), "How to log in.", "token")
    auth_mount: str | None = option(read.maybe(read.text), "Where the auth method is mounted, when not at its own name.")
    token: str | None = option(read.maybe(read.reference), "Reference to the token, for `token`.")
    role_id: str | None = option(read.maybe(read.reference), "Reference to the role id, for `approle`.")
    secret_id: str | None = option(read.maybe(read.reference), "Reference to the secret id, for `approle`.")
    secret_id_path: str | None = option(
        read.maybe(read.text),
        "The path that the secret id was wrapped at, as `auth/approle/role/revoker/secret-id`: `secret_id` is then the "
        "wrapping token. It is checked against this path and opened once.",
    )
    role: str | None = option(read.maybe(read.text), "The role to log in as, for `jwt` and `kubernetes`.")
    jwt: str | None = option(read.maybe(read.reference), "Reference to the token to log in with, for `jwt` (also of OIDC).")
    jwt_file: Path = option(
        read.path,
        "The service-account token, for `kubernetes`; read at each login.",
        Path("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    )
    namespace: str | None = option(read.maybe(read.text), "The namespace (OpenBao, Vault Enterprise).")
    ca: Path | None = option(read.maybe(read.path), "A PEM file with the certificate authority of the server.")
    mount: str = option(read.text, "The KV mount that `vault find` looks through and `vault policy finder` allows.", "secret")
    mounts: tuple[str, ...] = option(read.texts, "More KV mounts of version 2, for the same.", ())
    kv1: tuple[str, ...] = option(
        read.texts, "KV mounts of version 1, for the same. A run asks the server which version a mount has.", ()
    )
    finder: str | None = option(
        read.maybe(read.reference),
        "Reference to the token of `vault find`, which may read everything: better one of its own, and short-lived. "
        "Without it the login above is used.",
    )
    per_second: int = option(read.positive, "Requests a second that `vault find` makes at the most.", 100)
    audit_log: Path | None = option(
        read.maybe(read.path), "Vault's audit log (JSON lines), for `moved`: it tells which consumers have read the new version."
    )
    audit_device: str = option(read.text, "The audit device that writes it; the login may `update` sys/audit-hash/NAME.", "file")


@dataclass(frozen=True, slots=True)
class DestinationSettings:
    kind: str = must(read.text, "The kind of credential that is stored here, such as `aws_access_key`.")
    path: str = must(
        read.vault_path,
        "The path in Vault, with its mount: `secret/billing/aws`. `{account}`, `{principal}` or the name of a public part, "
        "as in `secret/aws/{account}`, stands for the credential's own.",
    )
    fields: Mapping[str, str] = free(
        read.table_of(read.text),
        'Part of the credential -> field of the Vault secret: `{ key_id = "AWS_ACCESS_KEY_ID", secret = "AWS_SECRET_ACCESS_KEY" }`.',
    )
    account: str | None = option(read.maybe(read.text), "Only for credentials of this account.")
    move: bool = option(
        read.flag,
        "It goes here although the leaked value stands at another path in Vault; its readers move by themselves.",
        False,
    )
    consumers: tuple[str, ...] = option(
        read.texts,
        "Who reads the secret and must be told of a new version: the name of a [[consumer]], else your own words for a person.",
        (),
    )


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    name: str = must(read.text, "The name that `consumers` of a [[destination]] uses.")
    webhook: str | None = option(
        read.maybe(read.url_or_reference),
        "Where a signed POST tells it of a new version; a reference when the address is a secret.",
    )
    secret: str | None = option(read.maybe(read.reference), "Reference to the secret that signs the POST.")
    kubernetes: str | None = option(
        read.maybe(read.url), "The address of a Kubernetes API server: the consumer is restarted by a rollout."
    )
    namespace: str = option(read.text, "The Kubernetes namespace.", "default")
    deployment: str | None = option(read.maybe(read.text), "The Deployment that is restarted.")
    token: str | None = option(
        read.maybe(read.reference), "Reference to a service account's token that may `patch` that Deployment, and nothing else."
    )
    ca: Path | None = option(read.maybe(read.path), "A PEM file with the certificate authority of the API server.")
    reads_as: tuple[str, ...] = option(
        read.texts,
        "The display names of its Vault tokens, as [vault] audit_log shows them: `approle`, `kubernetes-shop-billing`.",
        (),
    )

    def __post_init__(self) -> None:
        """Check that one way is given, whole."""
        ways = (self.webhook is not None and self.secret is not None, bool(self.kubernetes and self.deployment and self.token))
        if sum(ways) != 1:
            raise ConfigError(
                f"[[consumer]] {self.name} needs `webhook` and `secret`, or `kubernetes`, `deployment` and `token`.",
                next="see docs/config.md",
            )


@dataclass(frozen=True, slots=True)
class ApproverSettings:
    name: str = must(read.text, "The person's name, as approvals and the audit log show it.")
    key: str = must(read.ssh_key, "The person's OpenSSH ed25519 public key line.")
    providers: tuple[str, ...] = option(
        read.texts, "The person's yes counts only for plans that change things at these providers alone; empty: at all.", ()
    )
    effects: tuple[str, ...] = option(
        read.effects, "The person's yes counts only for plans with these effects alone (`suspend`, `issue`, ...); empty: all.", ()
    )
    emergency: bool = option(
        read.flag,
        "In an emergency this person's yes alone is enough, whatever the policy asks: for an hour, with a reason, and told to everybody.",
        False,
    )


@dataclass(frozen=True, slots=True)
class NotifySettings:
    webhook: str | None = option(
        read.maybe(read.url_or_reference), "Where events are posted; a reference when the address is itself a secret."
    )
    secret: str | None = option(read.maybe(read.reference), "Reference to the secret that signs the posts.")


@dataclass(frozen=True, slots=True)
class AuditSettings:
    anchor_file: Path | None = option(
        read.maybe(read.path),
        "A file on another system or medium that gets the head and count of the audit log, so that a cut-off log and a store that was put back from a backup are noticed.",
    )
    anchor_vault: str | None = option(
        read.maybe(read.text),
        "A path in Vault, with its mount, that gets the same at the end of each command that changes something.",
    )
    timestamp_url: str | None = option(
        read.maybe(read.url),
        "A time-stamp authority (RFC 3161) that stamps the head and count; its stamps are kept in anchor_file, which must be set.",
    )
    timestamp_ca: Path | None = option(
        read.maybe(read.path), "A PEM file with the certificate authority of the time-stamp authority, to check its stamps."
    )


@dataclass(frozen=True, slots=True)
class KeySettings:
    authorized_keys: tuple[str, ...] = option(
        read.texts,
        "Your `authorized_keys` files, or copies of them, as paths or globs (`inventory/*/authorized_keys`). Read on this machine, never sent.",
        (),
    )
    ssh_hosts: tuple[str, ...] = option(
        read.ssh_accounts,
        "Your SSH accounts (`user@host:port`). Each is asked whether it would take the public half of a key; nothing is signed and no session opens.",
        (),
    )
    known_hosts: Path | None = option(
        read.maybe(read.path),
        "The OpenSSH `known_hosts` file with the host keys of `ssh_hosts`. A host that is not in it is not asked.",
    )
    certificates: tuple[str, ...] = option(
        read.texts, "Your TLS certificates, PEM files as paths or globs: a leaked private key of one of them is told by it.", ()
    )
    tls_hosts: tuple[str, ...] = option(
        read.host_ports,
        "Your TLS servers (`host:port`), whose certificate is fetched and compared with a leaked private key.",
        (),
    )
    complete: bool = option(
        read.flag,
        "The places above are all that there are: a private key that none of them knows is dead. Without it such a key stays unknown, unless one of them took it before.",
        False,
    )


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
        "Your own honeytokens, by fingerprint or by a public part such as the key id. They are never verified nor changed.",
        (),
    )
    providers: tuple[str, ...] = option(
        read.texts, "Entry points (group `revoker.providers`) of installed third-party providers to load.", ()
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
