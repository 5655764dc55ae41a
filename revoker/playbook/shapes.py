"""The shapes of a playbook, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from revoker.model import Effect

CHANGES = tuple(effect.value for effect in Effect)


@dataclass(frozen=True, slots=True)
class When:
    """When a playbook fits a credential; an empty field asks for nothing."""

    status: tuple[str, ...] = ()
    validity: tuple[str, ...] = ()
    destination: bool | None = None  # a place in Vault is configured for it
    owned: bool | None = None
    used: bool | None = None  # seen in use lately; a credential whose use nobody knows counts as used
    binds: tuple[Effect, ...] = ()  # effects whose target must be bound


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `do` is an effect or a built-in word; the other fields belong to some of the words only."""

    id: str
    do: str
    action: str | None = None  # a certain action of that effect
    unless: str | None = None  # "unbound": leave the step out when no target binds, instead of asking a person
    into: str | None = None  # issue: "destination"
    of: str = "old"  # verify, guide: which credential
    expect: str | None = None  # verify: live or dead
    lasts: timedelta = timedelta()  # wait, hand_over, moved
    to: str = "owner"  # notify
    note: str = ""  # shown in the plan

    @property
    def effect(self) -> Effect | None:
        """The effect of a step that changes something at a provider; None for the built-in words."""
        return Effect(self.do) if self.do in CHANGES else None


@dataclass(frozen=True, slots=True)
class Playbook:
    """A checked procedure. `limit` is the most credentials one plan may take through it."""

    id: str
    title: str
    kinds: tuple[str, ...]  # empty: any kind
    effects: tuple[Effect, ...]  # all that its steps may do
    steps: tuple[Step, ...]
    when: When = field(default_factory=When)
    limit: int = 25
    prefer: int = 50  # the lowest number that fits is chosen
    mode: str = ""  # incident: the old one dies by the deadline of `moved`; routine: the run parks there
    digest: str = ""  # SHA-256 of the file
    file: Path | None = None  # of one of the operator's own; None: shipped
