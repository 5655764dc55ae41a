"""From TOML to a checked playbook: unknown keys, words and values are named, with the nearest known one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from revoker.errors import ConfigError
from revoker.model import Effect, Status, Validity
from revoker.playbook.laws import check_laws, need
from revoker.playbook.shapes import CHANGES, Playbook, Step, When
from revoker.sdk.shapes import Kind

ACTION_KEYS = ("action", "unless")
KEYS: Mapping[str, tuple[str, ...]] = {  # which keys a step may have beside id, do and note
    "issue": (*ACTION_KEYS, "into"),
    **dict.fromkeys(("suspend", "restore", "revoke", "end_sessions"), ACTION_KEYS),
    "verify": ("expect", "of"),
    "wait": ("for",),
    "prove": (),
    "guide": (),
    "notify": ("to",),
    "hand_over": ("for",),
    "signal": (),
    "moved": ("within",),
    "destroy_old_versions": (),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "into": ("destination",),
    "of": ("old", "new"),
    "expect": ("live", "dead"),
    "unless": ("unbound",),
}
TOP = ("title", "kinds", "effects", "limit", "mode", "when", "prefer", "step")
MODES = ("incident", "routine")
WHEN = ("status", "validity", "destination", "owned", "used", "binds")
PLAYBOOK_ID = re.compile(r"[a-z][a-z0-9-]{1,40}")
STEP_ID = re.compile(r"[a-z][a-z0-9_-]{0,30}")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
LONGEST_WAIT = timedelta(days=90)
SHORTEST_HAND, LONGEST_HAND = timedelta(minutes=5), timedelta(minutes=60)


def parse(id: str, table: Mapping[str, Any], digest: str = "") -> Playbook:
    """Turn a parsed table into a checked Playbook. Raises ConfigError."""
    where = f"Playbook {id}"
    need(PLAYBOOK_ID.fullmatch(id), f"{where}: the name must be lower-case letters, digits and hyphens.")
    _known(where, table, TOP)
    steps = table.get("step")
    if not isinstance(steps, list) or not steps:
        raise ConfigError(f"{where}: it has no [[step]].")
    need(isinstance(table.get("title"), str) and table["title"], f"{where}: `title` is missing.")
    book = Playbook(
        id=id,
        title=str(table["title"]),
        kinds=_texts(where, table, "kinds"),
        effects=tuple(_effect(where, name) for name in _texts(where, table, "effects")),
        steps=tuple(_step(where, number, step) for number, step in enumerate(steps, 1)),
        when=_when(where, table.get("when", {})),
        limit=_number(where, table, "limit", 25),
        prefer=_number(where, table, "prefer", 50),
        mode=_mode(where, table),
        digest=digest,
    )
    check_laws(book)
    return book


def check_kinds(book: Playbook, kinds: Mapping[str, Kind]) -> None:
    """Check a playbook against the catalogue: its kinds, and the actions it names. Raises ConfigError."""
    for kind in book.kinds:
        need(kind in kinds, f"Playbook {book.id}: no provider has the kind {kind}{_nearest(kind, kinds)}.")
        offered = {(action.id, action.effect) for action in kinds[kind].actions}
        for step in book.steps:
            fits = step.action is None or (step.action, step.effect) in offered
            need(fits, f"Playbook {book.id}, step {step.id}: {kind} has no {step.do} action {step.action}.")


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
    need(do in KEYS, f"{where}: unknown `do` {do!r}{_nearest(do, KEYS)}.")
    _known(where, table, ("id", "do", "note", *KEYS[do]))
    name = table.get("id", do)
    need(isinstance(name, str) and STEP_ID.fullmatch(name), f"{where}: the id must be lower-case letters, digits, _ and -.")
    for key in ("note", "action", "to"):
        need(isinstance(table.get(key, ""), str), f"{where}: {key} must be a text.")
    for key, allowed in CHOICES.items():
        value = table.get(key, allowed[0])
        need(value in allowed, f"{where}: {key} must be {' or '.join(allowed)}, not {value!r}.")
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


def _mode(where: str, table: Mapping[str, Any]) -> str:
    mode = table.get("mode", "")
    need(mode == "" or mode in MODES, f"{where}: mode must be {' or '.join(MODES)}, not {mode!r}.")
    return str(mode)


def _wait(where: str, do: str, table: Mapping[str, Any]) -> timedelta:
    if do not in ("wait", "hand_over", "moved"):
        return timedelta()
    try:
        lasts = duration(table.get("within" if do == "moved" else "for"))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.") from None
    if do == "hand_over":
        need(SHORTEST_HAND <= lasts <= LONGEST_HAND, f"{where}: a hand-over lasts 5 to 60 minutes.")
    need(timedelta() < lasts <= LONGEST_WAIT, f"{where}: a wait is longer than nothing and at most 90 days.")
    return lasts


def _when(where: str, table: Any) -> When:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: `when` must be a table.")
    _known(f"{where}, when", table, WHEN)
    for name in ("destination", "owned", "used"):
        need(isinstance(table.get(name, True), bool), f"{where}, when: {name} must be true or false.")
    return When(
        status=_known_values(where, table, "status", Status),
        validity=_known_values(where, table, "validity", Validity),
        destination=table.get("destination"),
        owned=table.get("owned"),
        used=table.get("used"),
        binds=tuple(_effect(where, name) for name in _texts(where, table, "binds")),
    )


def _known(where: str, table: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in table:
        need(name in names, f"{where}: unknown key {name!r}{_nearest(name, names)}.")


def _texts(where: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}: `{key}` must be a list of names.")
    return tuple(value)


def _known_values(where: str, table: Mapping[str, Any], key: str, known: type[StrEnum]) -> tuple[str, ...]:
    found = _texts(where, table, key)
    for value in found:
        need(value in known.__members__.values(), f"{where}, when: unknown {key} {value!r}{_nearest(value, list(known))}.")
    return found


def _number(where: str, table: Mapping[str, Any], key: str, default: int) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise ConfigError(f"{where}: `{key}` must be a whole number from 1 on.")
    return value


def _effect(where: str, name: str) -> Effect:
    need(name in CHANGES, f"{where}: unknown effect {name!r}{_nearest(name, CHANGES)}.")
    return Effect(name)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean {close[0]}?" if close else ""
