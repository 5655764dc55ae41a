"""The part of `revoker doctor` about Vault: the server, what it can do, the login, and the rights at each destination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revoker.config import Settings
    from revoker.egress.vault import Vault
    from revoker.egress.vault_probe import Server

MOST = 50  # found places that are looked at
WANTED = {"data": {"create", "read", "update"}, "metadata": {"create", "read", "update"}, "destroy": {"update"}}


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: True is good, False is not, None means that it cannot be told."""

    name: str
    ok: bool | None
    detail: str = ""
    next: str = ""


def vault_checks(settings: Settings, found: Sequence[str] = ()) -> Iterator[Check]:
    """Every check of Vault; `found` are the places that `vault find` found, where a rotation goes too. Raises RevokerError when it cannot be asked."""
    from revoker.egress.vault import open_vault
    from revoker.egress.vault_probe import probe

    vault = open_vault(settings)
    who = vault.lookup_self()
    server = probe(vault)
    yield Check("vault", True, f"logged in by {vault.session.vault.auth}, policies {', '.join(who.policies) or 'none'}")
    yield from _server(server)
    named = [place.path for place in settings.destinations]
    for path in named:
        if "{" not in path:
            yield from _rights(vault, path)
    for path in found[:MOST]:
        if path not in named:
            yield from _rights(vault, path, " --found")


def _server(server: Server) -> Iterator[Check]:
    standby = " (a standby)" if server.standby else ""
    yield Check("vault server", not server.sealed, f"{server.product} {server.version}{standby}")
    for one in server.features:
        said = {True: "yes", False: f"no: {one.instead}", None: f"cannot be told; if not: {one.instead}"}[one.has]
        yield Check(f"vault {one.name}", True, said)
    if server.plugins:
        yield Check("vault plugins", True, "; ".join(f"{sort}: {', '.join(_telling(server, sort))}" for sort in server.plugins))
    else:
        yield Check(
            "vault plugins", True, "our token may not read sys/plugins/catalog: an engine that is missing shows when it is used"
        )


def _telling(server: Server, sort: str) -> list[str]:
    return sorted(server.plugins[sort])[:20]


def _rights(vault: Vault, path: str, more: str = "") -> Iterator[Check]:
    """What the token may do at one place, against what a rotation needs. `more` stands after the command that prints the policy."""
    kv = vault.kv(path)
    if kv.version == 1:
        held = vault.capabilities([path])[path]
        missing = set() if "root" in held else {"create", "read", "update", "delete"} - held
        note = "KV version 1: no versions and no check-and-set; what stands there is copied beside it first"
        yield Check(f"vault {path}", not missing, note, _allow(missing, path, more))
        return
    for part, wanted in WANTED.items():
        held = vault.capabilities([path], part)[path]
        missing = set() if "root" in held else wanted - held
        yield Check(f"vault {path} {part}", not missing, f"may {', '.join(sorted(held))}", _allow(missing, path, more))


def _allow(missing: set[str], path: str, more: str) -> str:
    return f"allow {', '.join(sorted(missing))} ({path}; revoker vault policy rotator{more})" if missing else ""
