"""POSTs that only read: allow-listed by their exact path and by the exact shape of their body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from revoker.model import NOTHING


@dataclass(frozen=True, slots=True)
class Read:
    """One POST that reads. What it may carry is named here, and nothing else leaves.

    In `path` a `*` stands for one part, a last `/*` for any path below. `json` and `form` name the fields of the body: all of
    them and no other; without both the body is empty (or `{}`). `fixed` gives the only values of a field, such as the text
    of a GraphQL query: without it, a query could be a mutation under the same path.
    """

    path: str
    json: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: NOTHING)

    def allows(self, path: str, json: Any, form: Mapping[str, Any]) -> bool:
        """True when this path with this body is the declared one."""
        told = {} if json is None else json
        if not _covers(self.path, path) or not _named(told, self.json) or not _named(form, self.form):
            return False
        body = {**told, **form}
        return all(_same(body.get(name), values) for name, values in self.fixed.items())


def may_query(reads: Iterable[Read], path: str, json: Any = None, form: Mapping[str, Any] = NOTHING) -> bool:
    """True when a POST to this path with this body is declared to read only."""
    return ".." not in path and any(known.allows(path, json, form) for known in reads)


def _named(body: Any, names: tuple[str, ...]) -> bool:
    return isinstance(body, Mapping) and set(body) == set(names)


def _same(value: Any, allowed: tuple[Any, ...]) -> bool:
    """True for one of the values, and of its type: `True` is not 1."""
    return any(type(value) is type(known) and value == known for known in allowed)


def _covers(known: str, path: str) -> bool:
    if "*" not in known:
        return known == path
    start, rest = (known[:-2], True) if known.endswith("/*") else (known, False)
    wanted, given = start.split("/"), path.split("/")
    if len(given) <= len(wanted) if rest else len(given) != len(wanted):
        return False
    return all(want == part or (want == "*" and part != "") for want, part in zip(wanted, given, strict=False))
