"""The three least-privilege policies of Vault and OpenBao: finder (reads), rotator (writes), killer (ends).

Three identities, so that a stolen token of one does not give the rights of the others. Made from the configuration alone.
A policy with an unknown capability is refused whole, so `scan` stands only in the variant for OpenBao.
https://openbao.org/docs/concepts/policies/ https://developer.hashicorp.com/vault/docs/concepts/policies
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from revoker.config import DestinationSettings, Settings, VaultSettings
from revoker.egress.vault_kv import COPY, Kv, declared
from revoker.errors import ConfigError

ROLES = ("finder", "rotator", "killer")
HOLE = re.compile(r"[^/]*\{[a-z_]+\}[^/]*")  # a part of a path with a reference in it
SAFE = re.compile(r"[A-Za-z0-9._@+%/* -]+\Z")
NOTES = {
    "finder": "reads every secret below its mounts: give it a token that lives for an hour, and only while you search",
    "rotator": "writes new secrets to the configured places and destroys old versions there; nothing else",
    "killer": "looks up and ends leaked tokens, secret-ids, leases and database passwords; [authority.vault] token",
}
EXAMPLE = Settings(  # what docs/vault-policies.md is made for
    vault=VaultSettings("https://vault.example:8200"),
    destinations=(DestinationSettings("aws_access_key", "secret/billing/aws", {}),),
)
RANK = ("create", "read", "update", "patch", "delete", "list", "scan", "sudo")


@dataclass(frozen=True, slots=True)
class Rule:
    """One path with what may be done there, and why."""

    path: str
    capabilities: tuple[str, ...]
    why: str


HANDOVER = (
    Rule("auth/token/lookup-accessor", ("update",), "was the wrapping token of a handed-over secret taken"),
    Rule("auth/token/revoke-accessor", ("update",), "cancel it; this ends any token whose accessor one knows"),
)


def text(role: str, settings: Settings, *, openbao: bool, found: Iterable[str] = (), handover: bool = False) -> str:
    """A policy in HCL. `found` are more paths for the rotator, `handover` what handing over needs. Raises ConfigError for a path that cannot be written safely."""
    more = HANDOVER if handover and role == "rotator" else ()
    rules = _merged([*rules_of(role, settings, openbao=openbao, found=found), *more])
    scans = any("scan" in rule.capabilities for rule in rules)
    variant = "OpenBao only: it has `scan`" if scans else "Vault and OpenBao"
    lines = [f"# revoker {role} ({variant}): {NOTES[role]}"]
    for rule in rules:
        listed = ", ".join(f'"{one}"' for one in rule.capabilities)
        lines += [f"# {rule.why}", f'path "{_safe(rule.path)}" {{ capabilities = [{listed}] }}']
    return "\n".join(lines) + "\n"


def rules_of(role: str, settings: Settings, *, openbao: bool, found: Iterable[str] = ()) -> list[Rule]:
    """The rules of a role. Raises ConfigError for the rotator of a configuration without destinations."""
    if role == "finder":
        return list(_finder(settings, openbao=openbao))
    if role == "rotator":
        return list(_rotator(settings, found))
    return list(_killer())


def _finder(settings: Settings, *, openbao: bool) -> Iterator[Rule]:
    lists = ("read", "list", "scan") if openbao else ("read", "list")
    for kv in mounts(settings):
        if kv.version == 1:
            yield Rule(f"{kv.mount}/*", lists, "list and read all secrets (KV version 1)")
            continue
        yield Rule(f"{kv.mount}/metadata/", lists[1:], "list from the top")
        yield Rule(f"{kv.mount}/metadata/*", lists, "list folders, read which versions there are")
        yield Rule(f"{kv.mount}/data/*", ("read",), "read every version")
    yield Rule("sys/audit-hash/+", ("update",), "how an audit device writes the leaked value")


def _rotator(settings: Settings, found: Iterable[str]) -> Iterator[Rule]:
    places = [HOLE.sub("+", place.path.strip("/")) for place in settings.destinations] + [path.strip("/") for path in found]
    if not places:
        raise ConfigError(
            "No destination is configured.", next="add [[destination]] entries, or --found after `revoker vault find`"
        )
    for place in dict.fromkeys(places):
        kv = engine(place, settings)
        if kv.version == 1:
            yield Rule(place, ("create", "read", "update", "delete"), "read the old, write the new (KV version 1)")
            yield Rule(
                place + COPY, ("create", "read", "update", "delete"), "the copy before the overwriting, deleted at the end"
            )
            continue
        yield Rule(_path(kv, place, "data"), ("create", "read", "update", "patch", "delete"), "read the old, write the new")
        yield Rule(
            _path(kv, place, "metadata"), ("create", "read", "update", "patch"), "note incident and run; which versions are left"
        )
        yield Rule(_path(kv, place, "destroy"), ("update",), "destroy the versions that hold the leaked value")
    if settings.store.key.startswith("vault-wrapped:"):
        yield from _transit(settings.store.key.partition(":")[2])
    if settings.audit.anchor_vault:
        anchor = settings.audit.anchor_vault.strip("/")
        yield Rule(_path(engine(anchor, settings), anchor, "data"), ("create", "read", "update"), "[audit] anchor_vault")


def _transit(name: str) -> Iterator[Rule]:
    yield Rule("transit/keys", ("list",), "is the key of our own store there")
    yield Rule(f"transit/keys/{name}", ("create", "read", "update"), "make it at the first start")
    yield Rule(f"transit/datakey/wrapped/{name}", ("update",), "a new data key, wrapped")
    yield Rule(f"transit/decrypt/{name}", ("update",), "unwrap it at each start")
    for call in ("encrypt", "rewrap"):
        yield Rule(f"transit/{call}/{name}", ("update",), "revoker key rotate")
    for call in ("rotate", "config"):
        yield Rule(f"transit/keys/{name}/{call}", ("update",), "revoker key rotate")


def _killer() -> Iterator[Rule]:
    yield Rule("auth/token/lookup", ("update",), "is a leaked token alive, and what is it")
    yield Rule("auth/token/lookup-accessor", ("update",), "the same by accessor")
    yield Rule("auth/token/revoke-accessor", ("update",), "end a token, with its children and leases")
    yield Rule("auth/token/accessors", ("list", "sudo"), "find the tokens that a leaked secret-id made")
    yield Rule("auth/approle/role", ("list",), "which role a secret-id belongs to")
    yield Rule("auth/approle/role/+/role-id", ("read", "update"), "the same; another role-id in place of a leaked one")
    yield Rule("auth/approle/role/+/secret-id", ("list", "update"), "make a new secret-id")
    yield Rule("auth/approle/role/+/secret-id/lookup", ("update",), "is a leaked secret-id alive")
    yield Rule("auth/approle/role/+/secret-id-accessor/lookup", ("update",), "the same by accessor")
    yield Rule("auth/approle/role/+/secret-id-accessor/destroy", ("update",), "end a secret-id")
    yield Rule("identity/entity/id/+", ("read", "update"), "suspend and restore what a token acts for")
    yield Rule("sys/capabilities", ("update",), "what a leaked token may do, without using it")
    yield Rule("sys/capabilities-accessor", ("update",), "the same by accessor")
    yield Rule("sys/leases/lookup", ("update",), "is a lease alive")
    yield Rule("sys/leases/revoke", ("update",), "end a lease")
    yield Rule("sys/leases/lookup/database/creds/*", ("list", "sudo"), "leases of a database role")
    yield Rule("sys/leases/revoke-prefix/database/creds/*", ("update", "sudo"), "end all leases of a database role")
    yield Rule("database/roles", ("list",), "which roles a login's name can be of")
    yield Rule("database/config", ("list",), "which connections there are")
    yield Rule("database/config/+", ("read",), "to which server a connection goes, as whom")
    yield Rule("database/static-roles", ("list",), "which logins the engine keeps")
    yield Rule(
        "database/static-roles/+", ("create", "read", "update"), "the same; taking a login over (playbook vault-take-over)"
    )
    yield Rule("database/rotate-role/+", ("update",), "a new password of a static role")
    yield Rule("database/static-creds/+", ("read",), "which password that is")
    yield Rule("database/rotate-root/+", ("update",), "a new root password; nobody can read it afterwards")


def mounts(settings: Settings) -> list[Kv]:
    """The KV mounts that the configuration names, each once."""
    vault = settings.vault
    if vault is None:
        raise ConfigError("No Vault is configured.", next="add [vault] with its addr")
    first = {name.strip("/"): Kv(name.strip("/"), 1) for name in vault.kv1}
    more = {name.strip("/"): Kv(name.strip("/")) for name in (vault.mount, *vault.mounts) if name.strip("/") not in first}
    return [*more.values(), *first.values()]


def engine(path: str, settings: Settings) -> Kv:
    """The engine of a path as the configuration declares it."""
    vault = settings.vault
    return declared(path, (vault.mount, *vault.mounts), vault.kv1) if vault is not None else declared(path, (), ())


def _path(kv: Kv, place: str, part: str) -> str:
    return kv.api(place, part).removeprefix("/v1/")


def _merged(rules: Iterable[Rule]) -> list[Rule]:
    """One rule for each path, its capabilities in one order."""
    by_path: dict[str, Rule] = {}
    for rule in rules:
        known = by_path.get(rule.path)
        held = {*rule.capabilities, *(known.capabilities if known else ())}
        by_path[rule.path] = Rule(rule.path, tuple(c for c in RANK if c in held), known.why if known else rule.why)
    return list(by_path.values())


def _safe(path: str) -> str:
    if not SAFE.match(path):
        raise ConfigError(f"{path!r} cannot stand in a policy.", next="use letters, digits and . _ - @ in Vault paths")
    return path
