"""The configuration's tables of Vault: the server, where new secrets go, and who reads them."""

# ruff: noqa: RUF009 - `option` makes a dataclass field; its defaults are frozen

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from revoker import config_read as read
from revoker.config_fields import free, must, option
from revoker.errors import ConfigError


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
