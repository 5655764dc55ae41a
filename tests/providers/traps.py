"""A trap: an answer whose status says one thing and whose meaning is another, with the verdict that it must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from revoker.model import Credential, Secret, Verdict
from revoker.sdk import Reply
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, in_turn, reply_of, run
from tests.providers.samples import credential_of


@dataclass(frozen=True)
class Trap:
    """One answer (or several, for a check that asks more than once) given to a kind's real check."""

    name: str
    kind: str
    answers: tuple[Mapping[str, Any], ...]
    expected: str  # "live restricted", "dead", "unknown": the validity, and the reason where it matters
    settings: Mapping[str, str] = field(default_factory=dict)
    authority: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    value: str = ""

    def holds(self, verdict: Verdict) -> bool:
        wanted = self.expected.split()
        return [verdict.validity.value, verdict.reason][: len(wanted)] == wanted


def answer(status: int | None = None, body: Any = "", **more: Any) -> dict[str, Any]:
    """An answer as it comes over the wire; `code` and `trouble` as egress tells them."""
    return {"status": status, "body": body, **more}


def trap(name: str, kind: str, expected: str, *answers: Mapping[str, Any], **more: Any) -> Any:
    """A trap under its own name."""
    return pytest.param(Trap(name, kind, answers, expected, **more), id=f"{kind}: {name}")


def credential(kind_id: str, parts: Mapping[str, str], value: str = "") -> Credential:
    """A made-up credential of a kind, with these parts in place of made-up ones."""
    made = credential_of(OWNERS[kind_id][1])
    return replace(made, parts={**made.parts, **parts}, secret=Secret(value) if value else made.secret)


def ask(known: Trap) -> tuple[Verdict, FakeReader]:
    """Give the answers to the kind's real check. One request too many, or an undeclared host or body, is an error."""
    provider, kind = OWNERS[known.kind]
    replies: Sequence[Reply] = [reply_of(table) for table in known.answers]
    reader = FakeReader(provider, in_turn(replies), settings=known.settings, authority=known.authority)
    return run(kind.verify(credential(known.kind, known.parts, known.value), reader)), reader
