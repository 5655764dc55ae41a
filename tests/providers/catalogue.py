"""What the contract suite runs over: every kind of every provider file, and the replies that are written down for it."""

from __future__ import annotations

import csv
import importlib
import pkgutil
import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from revoker import providers
from revoker.model import Identity
from revoker.sdk import Action, Kind, Provider, Reply
from tests.providers.fake_api import reply_of
from tests.providers.samples import credential_of

REPLIES = Path(__file__).parent / "replies"
SOURCES = ("docs", "recorded")


@dataclass(frozen=True)
class Case:
    """One written-down answer of a provider, and the verdict that it must give."""

    kind: str
    name: str
    source: str
    date: date
    calls: tuple[dict[str, Any], ...]  # request, status, headers, body, code, trouble
    validity: str
    reason: str
    identity: dict[str, Any]
    settings: dict[str, str]
    authority: dict[str, str]

    def replies(self) -> list[Reply]:
        """The answers, as egress would give them; `{user}` in a body is the user of the made-up credential."""
        user = credential_of(OWNERS[self.kind][1]).parts.get("user", "")
        return [reply_of(_filled(call, user), call["request"].get("host", "")) for call in self.calls]

    def agrees(self, identity: Identity | None) -> bool:
        """True when all that the case says of the identity was read."""
        return all(_plain(getattr(identity, name, None)) == value for name, value in self.identity.items())


@dataclass(frozen=True)
class Change:
    """One written-down answer to a change: what must be sent, and whether it counts as done, already, refused or unclear."""

    kind: str
    action: str
    name: str
    target: str
    extra: dict[str, str]
    calls: tuple[dict[str, Any], ...]
    outcome: str
    issued: str  # the value that must come back, for an action that makes one


def _filled(node: Any, user: str) -> Any:
    if isinstance(node, dict):
        return {name: _filled(value, user) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, user) for value in node]
    return node.replace("{user}", user) if isinstance(node, str) else node


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def load() -> list[Provider]:
    """Every provider file of the checkout."""
    names = sorted(module.name for module in pkgutil.iter_modules(providers.__path__) if not module.name.startswith("_"))
    return [importlib.import_module(f"revoker.providers.{name}").PROVIDER for name in names]


def cases(path: Path) -> list[Case]:
    """The cases of one replies file.

    What stands at its top (source, date, request, kinds) holds for every [[reply]] that does not say otherwise.
    `kinds` gives the same case to several kinds; `[[reply.call]]` holds more than one request.
    """
    found = []
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for reply in table.pop("reply", []):
        row = table | reply
        calls = tuple(row["call"]) if "call" in row else (row,)
        for kind in [reply["kind"]] if "kind" in reply else row["kinds"]:
            expect = row["expect"]
            extra = (row.get("identity", {}), row.get("settings", {}), row.get("authority", {}))
            found.append(Case(kind, row["name"], row["source"], row["date"], calls, expect["validity"], expect["reason"], *extra))
    return found


def changes(path: Path) -> list[Change]:
    """The [[change]] entries of one replies file."""
    found = []
    for row in tomllib.loads(path.read_text(encoding="utf-8")).get("change", []):
        calls = tuple(row["call"]) if "call" in row else (row,)
        for kind in row["kinds"]:
            rest = (row.get("extra", {}), calls, row["outcome"], row.get("issued", ""))
            found.append(Change(kind, row["action"], row["name"], row.get("target", "id_1"), *rest))
    return found


def labelled_elsewhere() -> set[str]:
    """The kinds that the shared table of scanners' rule ids names."""
    text = resources.files("revoker").joinpath("detector_ids.csv").read_text(encoding="utf-8")
    return {row["kind"] for row in csv.DictReader(text.splitlines())}


PROVIDERS: list[Provider] = load()
KINDS: list[tuple[Provider, Kind]] = [(provider, kind) for provider in PROVIDERS for kind in provider.kinds]
ACTIONS: list[tuple[Provider, Kind, Action]] = [(p, kind, action) for p, kind in KINDS for action in kind.actions]
CASES: list[Case] = [case for path in sorted(REPLIES.glob("*.toml")) for case in cases(path)]
CHANGES: list[Change] = [change for path in sorted(REPLIES.glob("*.toml")) for change in changes(path)]
OWNERS: dict[str, tuple[Provider, Kind]] = {kind.id: (provider, kind) for provider, kind in KINDS}
