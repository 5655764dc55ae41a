"""The configuration's tables, all but Vault's: each key with its reader, its meaning and its default."""

# ruff: noqa: RUF009 - `option` makes a dataclass field; its defaults are frozen

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from revoker import config_read as read
from revoker.config_fields import free, must, option
from revoker.config_read import Network


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
    ask_authority: bool = option(
        read.flag,
        "Ask a provider, as your own [authority], whether a credential that nothing else shows to be yours is in your account. "
        "Nothing of its secret is sent.",
        True,
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
