"""Who plays in the drill: the credentials of the leak, planted in the lab's servers, and how each must end."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from revoker.lab import samples
from revoker.lab.cloud import FOREIGN_ACCOUNT, CloudKey, Moto, make_key
from revoker.lab.fakes import Fake, FakeKey
from revoker.lab.leak import Planted
from revoker.lab.servers import OpenBao, PostgreSQL, bao_call, run_sql

CANARY_ACCOUNT = "171436882533"  # Thinkst's, one of those that are known to watch
PERSON, PROGRAM, NOBODY = "person", "program", "nobody"


@dataclass(frozen=True, slots=True)
class Part:
    """One SaaS key of the story."""

    provider: str
    kind: str
    variable: str
    name: str
    by: str
    file: str
    state: str = "live"
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a rotated credential goes: its kind, path and fields."""

    kind: str
    path: str
    fields: Mapping[str, str]
    consumers: tuple[str, ...] = ()


DESTINATIONS = (
    Destination(
        "aws_access_key", "secret/billing/aws", {"key_id": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY"}, ("billing",)
    ),
    Destination("postgresql_uri", "secret/shop/database", {"secret": "DATABASE_URL"}, ("shop",)),
    Destination("google_api_key", "secret/maps/google", {"secret": "GEMINI_API_KEY"}, ("maps",)),
)
SAAS = (
    Part("openai", "openai_project_key", "OPENAI_API_KEY", "web", PERSON, ".env"),
    Part("openai", "openai_project_key", "OPENAI_KEY_OLD", "old", NOBODY, ".env", state="deleted"),
    Part("openai", "openai_project_key", "OPENAI_KEY_LOGS", "logs", PERSON, "app/settings.py", restricted=True),
    Part("anthropic", "anthropic_api_key", "ANTHROPIC_API_KEY", "web", PERSON, "manifest.json"),
    Part("huggingface", "huggingface_token", "HF_TOKEN", "train", PROGRAM, "app/settings.py"),
    Part("huggingface", "huggingface_token", "HF_TOKEN_OLD", "old", NOBODY, "app/settings.py", state="deleted"),
    Part("groq", "groq_api_key", "GROQ_API_KEY", "chat", PERSON, ".env"),
    Part("google", "google_api_key", "GEMINI_API_KEY", "maps", PROGRAM, "deploy/values.yaml"),
    Part("slack", "slack_bot_token", "SLACK_BOT_TOKEN", "alerts", PROGRAM, "deploy/values.yaml"),
    Part("stripe", "stripe_restricted_key", "STRIPE_KEY", "billing", PERSON, ".env", restricted=True),
    Part("github", "github_classic_pat", "GITHUB_TOKEN", "deploy", PROGRAM, "manifest.json"),
    Part("gitlab", "gitlab_pat", "GITLAB_TOKEN", "mirror", PROGRAM, "deploy/values.yaml"),
    Part("docker_hub", "docker_hub_pat", "DOCKER_PASSWORD", "push", PROGRAM, ".env"),
)


@dataclass(frozen=True, slots=True)
class Lab:
    """All servers of the drill."""

    bao: OpenBao
    database: PostgreSQL
    cloud: Moto
    fakes: Mapping[str, Fake]


@dataclass(frozen=True, slots=True)
class Cast:
    """The leak, and the operator's own credentials."""

    planted: tuple[Planted, ...]
    cloud_admin: CloudKey
    secrets: Mapping[str, str] = field(repr=False)  # name of an authority's environment variable -> value


def plant(lab: Lab) -> Cast:
    """Make everything live (or dead, or restricted) where the story says so."""
    admin = make_key("responder", may="iam:*", fresh=True)
    own = {"DRILL_AWS_SECRET": admin.secret, "DRILL_BAO_TOKEN": lab.bao.token, "DRILL_PG_PASSWORD": lab.database.password}
    planted = [*in_cloud(), *in_database(lab.database), *in_vault(lab.bao), *in_saas(lab.fakes)]
    store_old(lab.bao, planted)
    for provider, name in (
        ("openai", "DRILL_OPENAI_ADMIN"),
        ("anthropic", "DRILL_ANTHROPIC_ADMIN"),
        ("google", "DRILL_GOOGLE_TOKEN"),
    ):
        own[name] = authority(lab.fakes[provider], provider)
    own["DRILL_DOCKER_BEARER"] = authority(lab.fakes["docker_hub"], "docker_hub")
    return Cast(tuple(planted), admin, own)


def authority(fake: Fake, provider: str) -> str:
    """The operator's own credential at a fake."""
    value = samples.chars(string.ascii_letters + string.digits, 40)
    fake.book.add(FakeKey(f"authority-{provider}", value, "authority"))
    return value


def in_cloud() -> list[Planted]:
    """AWS keys: one to rotate into Vault, a dead one, somebody else's, and a canary."""
    billing = make_key("billing", fresh=True)
    old = make_key("old", active=False, fresh=True)
    partner = make_key("partner", account=FOREIGN_ACCOUNT, fresh=True)
    return [
        cloud_key("AWS key of billing", billing, "dead", PROGRAM, ".env"),
        cloud_key("AWS key that is inactive", old, "dead", NOBODY, "old/.env", begin="dead"),
        cloud_key("AWS key of a partner's account", partner, "skipped", NOBODY, "partner/.env", begin="skipped"),
        cloud_key("AWS canary", canary(), "skipped", NOBODY, "backup/.env", begin="skipped"),
    ]


def cloud_key(name: str, key: CloudKey, end: str, by: str, file: str, *, begin: str = "live") -> Planted:
    parts = {"key_id": key.id}
    return Planted(name, "aws", "aws_access_key", "", key.secret, key.id, end, by, file=file, parts=parts, begin=begin)


def canary() -> CloudKey:
    """A key id that names a watched account. No server of the lab knows it: a call about it would be seen in the log."""
    from moto.iam.utils import generate_access_key_id_from_account_id

    secret = samples.chars(string.ascii_letters + string.digits, 40)
    return CloudKey(generate_access_key_id_from_account_id(CANARY_ACCOUNT, prefix="AKIA"), secret, "")


def in_database(server: PostgreSQL) -> list[Planted]:
    """A role whose URI leaked; its password is changed and the new one goes into Vault."""
    password = samples.make("password")
    run_sql(server, "CREATE DATABASE shop")
    run_sql(server, f"CREATE ROLE app LOGIN PASSWORD '{password}'")
    uri = f"postgresql://app:{password}@{server.host}:{server.port}/shop"
    return [Planted("password of the role app", "postgresql", "postgresql_uri", "DATABASE_URL", uri, "app", "dead", PROGRAM)]


def in_vault(server: OpenBao) -> list[Planted]:
    """A service token of OpenBao."""
    made = bao_call(server, "POST", "auth/token/create", {"policies": ["default"], "ttl": "1h", "display_name": "ci"})[1]["auth"]
    token, accessor = str(made["client_token"]), str(made["accessor"])
    return [Planted("OpenBao token of ci", "vault", "vault_token", "VAULT_TOKEN", token, accessor, "dead", PROGRAM)]


def store_old(server: OpenBao, planted: Sequence[Planted]) -> None:
    """What leaked stands in Vault too, as its consumers read it today."""
    for one in planted:
        for place in DESTINATIONS:
            if place.kind == one.kind and one.by == PROGRAM:
                data = {theirs: one.parts.get(ours, one.secret) for ours, theirs in place.fields.items()}
                bao_call(server, "POST", place.path.replace("secret/", "secret/data/", 1), {"data": {**data, "note": "kept"}})


def in_saas(fakes: Mapping[str, Fake]) -> list[Planted]:
    """Keys at the fake providers. In some books the first key is somebody else's, with nearly the same name."""
    for provider, kind in (
        ("openai", "openai_project_key"),
        ("anthropic", "anthropic_api_key"),
        ("docker_hub", "docker_hub_pat"),
    ):
        stranger = FakeKey(f"0-{provider}", samples.make(kind), kind, "stranger", "web", extra={"project": "proj_web"})
        fakes[provider].book.add(stranger)
    return [saas(fakes[part.provider], part) for part in SAAS]


def saas(fake: Fake, part: Part) -> Planted:
    """A key in a fake's book, and its part of the leak."""
    value, provider = samples.make(part.kind), part.provider
    made = str(secrets.randbelow(10**9)) if provider == "gitlab" else f"{part.kind}_{secrets.token_hex(6)}"
    extra = {"project": "proj_web"} if provider == "openai" else {}
    account = "org-acme" if provider in ("openai", "anthropic") else "acme"
    fake.book.add(FakeKey(made, value, part.kind, account, part.name, part.state, part.restricted, extra))
    return Planted(
        name=f"{provider} key {part.name}",
        provider=provider,
        kind=part.kind,
        variable=part.variable,
        secret=value,
        target=made,
        end="dead",
        by=part.by,
        file=part.file,
        parts={"username": account} if provider == "docker_hub" else {},
        begin="live" if part.state == "live" else "dead",
    )
