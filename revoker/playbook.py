"""Playbooks: linear TOML turned into checked, frozen steps.

A playbook is a list of steps in order: no loops, no branches, no templates. A step names an effect that the
credential's own kind offers, or one of the built-in words. Values are references (`into = "destination"`,
`of = "new"`), never text to fill in, so a secret cannot be pasted into a string.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from revoker.errors import ConfigError
from revoker.model import Effect
from revoker.sdk.shapes import Kind

SHIPPED = Path(__file__).parent / "playbooks"
CHANGES = tuple(effect.value for effect in Effect)
DESTRUCTIVE = ("suspend", "revoke", "end_sessions", "destroy_old_versions")
ACTION_KEYS = ("action", "unless")
KEYS: Mapping[str, tuple[str, ...]] = {  # which keys a step may have beside id, do and note
    "issue": (*ACTION_KEYS, "into"),
    **dict.fromkeys(("suspend", "restore", "revoke", "end_sessions"), ACTION_KEYS),
    "verify": ("expect", "of"),
    "wait": ("for",),
    "prove": (),
    "guide": ("of",),
    "notify": ("to",),
    "destroy_old_versions": (),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "into": ("destination",),
    "of": ("old", "new"),
    "expect": ("live", "dead"),
    "unless": ("unbound",),
}
TOP = ("title", "kinds", "effects", "limit", "when", "prefer", "step")
WHEN = ("validity", "destination", "owned", "used", "binds")
PLAYBOOK_ID = re.compile(r"[a-z][a-z0-9-]{1,40}")
STEP_ID = re.compile(r"[a-z][a-z0-9_-]{0,30}")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
LONGEST_WAIT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class When:
    """When a playbook fits a credential; an empty field asks for nothing."""

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
    lasts: timedelta = timedelta()  # wait
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
    digest: str = ""  # SHA-256 of the file


def load_playbook(path: Path) -> Playbook:
    """Read and check one file. Raises ConfigError, which names the file, the step and the nearest known word."""
    raw = path.read_bytes()
    try:
        table = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not readable as TOML ({error}).") from None
    return parse(path.stem, table, hashlib.sha256(raw).hexdigest())


def load_playbooks(folders: Iterable[Path] = ()) -> dict[str, Playbook]:
    """All shipped playbooks, and those of more folders; a later one with the same id replaces an earlier one."""
    found: dict[str, Playbook] = {}
    for folder in (SHIPPED, *folders):
        for path in sorted(folder.glob("*.toml")):
            book = load_playbook(path)
            found[book.id] = book
    return found


def parse(id: str, table: Mapping[str, Any], digest: str = "") -> Playbook:
    """Turn a parsed table into a checked Playbook. Raises ConfigError."""
    where = f"Playbook {id}"
    _need(PLAYBOOK_ID.fullmatch(id), f"{where}: the name must be lower-case letters, digits and hyphens.")
    _known(where, table, TOP)
    steps = table.get("step")
    if not isinstance(steps, list) or not steps:
        raise ConfigError(f"{where}: it has no [[step]].")
    _need(isinstance(table.get("title"), str) and table["title"], f"{where}: `title` is missing.")
    book = Playbook(
        id=id,
        title=str(table["title"]),
        kinds=_texts(where, table, "kinds"),
        effects=tuple(_effect(where, name) for name in _texts(where, table, "effects")),
        steps=tuple(_step(where, number, step) for number, step in enumerate(steps, 1)),
        when=_when(where, table.get("when", {})),
        limit=_number(where, table, "limit", 25),
        prefer=_number(where, table, "prefer", 50),
        digest=digest,
    )
    for law in LAWS:
        law(book)
    return book


def check_kinds(book: Playbook, kinds: Mapping[str, Kind]) -> None:
    """Check a playbook against the catalogue: its kinds, and the actions it names. Raises ConfigError."""
    for kind in book.kinds:
        _need(kind in kinds, f"Playbook {book.id}: no provider has the kind {kind}{_nearest(kind, kinds)}.")
        offered = {(action.id, action.effect) for action in kinds[kind].actions}
        for step in book.steps:
            fits = step.action is None or (step.action, step.effect) in offered
            _need(fits, f"Playbook {book.id}, step {step.id}: {kind} has no {step.do} action {step.action}.")


def duration(text: object) -> timedelta:
    """`90s`, `15m`, `24h`, `7d`. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f"{text!r} is no duration; write 90s, 15m, 24h or 7d")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def _step(book: str, number: int, table: Any) -> Step:
    where = f"{book}, step {number}"
    if not isinstance(table, Mapping) or not isinstance(table.get("do"), str):
        raise ConfigError(f"{where}: it has no `do`.")
    do = table["do"]
    _need(do in KEYS, f"{where}: unknown `do` {do!r}{_nearest(do, KEYS)}.")
    _known(where, table, ("id", "do", "note", *KEYS[do]))
    name = table.get("id", do)
    _need(isinstance(name, str) and STEP_ID.fullmatch(name), f"{where}: the id must be lower-case letters, digits, _ and -.")
    for key, allowed in CHOICES.items():
        value = table.get(key, allowed[0])
        _need(value in allowed, f"{where}: {key} must be {' or '.join(allowed)}, not {value!r}.")
    return Step(
        id=name,
        do=do,
        action=table.get("action"),
        unless=table.get("unless"),
        into=table.get("into"),
        of=table.get("of", "old"),
        expect=table.get("expect"),
        lasts=_wait(where, do, table),
        to=table.get("to", "owner"),
        note=table.get("note", ""),
    )


def _wait(where: str, do: str, table: Mapping[str, Any]) -> timedelta:
    if do != "wait":
        return timedelta()
    try:
        lasts = duration(table.get("for"))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.") from None
    _need(timedelta() < lasts <= LONGEST_WAIT, f"{where}: a wait is longer than nothing and at most 90 days.")
    return lasts


def _when(where: str, table: Any) -> When:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: `when` must be a table.")
    _known(f"{where}, when", table, WHEN)
    for name in ("destination", "owned", "used"):
        _need(isinstance(table.get(name, True), bool), f"{where}, when: {name} must be true or false.")
    return When(
        validity=_texts(where, table, "validity"),
        destination=table.get("destination"),
        owned=table.get("owned"),
        used=table.get("used"),
        binds=tuple(_effect(where, name) for name in _texts(where, table, "binds")),
    )


def _unique_ids(book: Playbook) -> None:
    ids = [step.id for step in book.steps]
    for name in ids:
        _need(ids.count(name) == 1, f"Playbook {book.id}: two steps are called {name}.")


def _declared_effects(book: Playbook) -> None:
    for step in book.steps:
        allowed = step.effect is None or step.effect in book.effects
        _need(allowed, f"Playbook {book.id}, step {step.id}: `effects` does not allow {step.do}.")
    unused = [effect.value for effect in book.effects if all(step.effect != effect for step in book.steps)]
    _need(not unused, f"Playbook {book.id}: `effects` allows {', '.join(unused)}, and no step does that.")


def _complete_steps(book: Playbook) -> None:
    for step in book.steps:
        where = f"Playbook {book.id}, step {step.id}"
        _need(step.do != "issue" or step.into == "destination", f'{where}: a new secret needs `into = "destination"`.')
        _need(step.do != "verify" or step.expect, f"{where}: `expect` is missing.")


def _new_before_old_goes(book: Playbook) -> None:
    """In a rotation nothing destructive stands before the new one is stored and was seen working."""
    dos = [step.do for step in book.steps]
    if "issue" not in dos:
        return
    _need(dos.count("issue") == 1, f"Playbook {book.id}: more than one issue step.")
    proven = next((at for at, s in enumerate(book.steps) if s.do == "verify" and s.of == "new" and s.expect == "live"), None)
    if proven is None or proven < dos.index("issue"):
        raise ConfigError(f"Playbook {book.id}: after `issue` a step must verify that the new one is live.")
    for step in book.steps[:proven]:
        early = step.do in DESTRUCTIVE
        _need(not early, f"Playbook {book.id}, step {step.id}: {step.do} stands before the new one is stored and verified.")


def _references(book: Playbook) -> None:
    seen: list[str] = []
    for step in book.steps:
        where = f"Playbook {book.id}, step {step.id}"
        _need(step.of == "old" or "issue" in seen, f"{where}: there is no new credential before an issue step.")
        _need(step.do != "restore" or not seen or "suspend" in seen, f"{where}: nothing was suspended before.")
        if step.do == "destroy_old_versions":
            _need("issue" in seen and "prove" in seen, f"{where}: old versions go after `issue` and `prove`.")
        seen.append(step.do)


def _revoked_is_proven(book: Playbook) -> None:
    dos = [step.do for step in book.steps]
    for at, do in enumerate(dos):
        _need(do != "revoke" or "prove" in dos[at:], f"Playbook {book.id}: after `revoke` a step must `prove` the death.")


LAWS = (_unique_ids, _declared_effects, _complete_steps, _new_before_old_goes, _references, _revoked_is_proven)


def _need(holds: object, message: str) -> None:
    if not holds:
        raise ConfigError(message)


def _known(where: str, table: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in table:
        _need(name in names, f"{where}: unknown key {name!r}{_nearest(name, names)}.")


def _texts(where: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}: `{key}` must be a list of names.")
    return tuple(value)


def _number(where: str, table: Mapping[str, Any], key: str, default: int) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise ConfigError(f"{where}: `{key}` must be a whole number from 1 on.")
    return value


def _effect(where: str, name: str) -> Effect:
    _need(name in CHANGES, f"{where}: unknown effect {name!r}{_nearest(name, CHANGES)}.")
    return Effect(name)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean {close[0]}?" if close else ""
