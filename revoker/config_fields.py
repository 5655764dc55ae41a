"""Declares configuration keys as dataclass fields that carry their reader and their documentation."""

from __future__ import annotations

from dataclasses import MISSING, Field, field, fields
from typing import Any

from revoker import config_read as read
from revoker.config_read import Reader, Where
from revoker.errors import ConfigError


def option(reader: Reader, doc: str, default: Any = None, *, toml: str = "") -> Any:
    """One key: how it is read, what it means, and its default."""
    return field(default=default, metadata={"read": reader, "doc": doc, "toml": toml})


def must(reader: Reader, doc: str) -> Any:
    """One key without a default."""
    return field(metadata={"read": reader, "doc": doc, "toml": ""})


def free(reader: Reader, doc: str) -> Any:
    """A table whose names are free; empty by default."""
    return field(default_factory=read.nothing, metadata={"read": reader, "doc": doc, "toml": ""})


def nested(cls: type, raw: object, where: Where) -> Any:
    """A dataclass from a table."""
    table = read.table(raw, where)
    known = {toml_name(f): f for f in fields(cls) if f.init and "read" in f.metadata}
    for name in table:
        if name not in known:
            raise unknown(name, where, list(known))
    missing = [name for name, f in known.items() if name not in table and required(f)]
    if missing:
        raise ConfigError(f"The configuration table {where.key} lacks the key {missing[0]!r}.", next="see docs/config.md")
    return cls(**{f.name: f.metadata["read"](table[name], where.at(name)) for name, f in known.items() if name in table})


def of(cls: type) -> Reader:
    return lambda raw, where: nested(cls, raw, where)


def each(cls: type) -> Reader:
    def read_list(raw: object, where: Where) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise where.wrong(f"a list of tables, written [[{where.key}]]")
        return tuple(nested(cls, item, where.at(str(n + 1))) for n, item in enumerate(raw))

    return read_list


def each_one(reader: Reader) -> Reader:
    """The reader for a list whose items are read alike."""

    def read_list(raw: object, where: Where) -> tuple[Any, ...]:
        return tuple(reader(item, where) for item in read.texts(raw, where))

    return read_list


def toml_name(key: Field[Any]) -> str:
    """A field's name in the file: [[destination]] is `destinations` in code."""
    return str(key.metadata.get("toml") or key.name)


def unknown(name: str, where: Where, known: list[str]) -> ConfigError:
    """The error for a key that does not exist. Its name is shown only when it is a plain word."""
    from difflib import get_close_matches

    shown = where.at(name[:40] if name.isidentifier() else "?").key
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {where.at(near[0]).key}?" if near else f"known keys: {', '.join(sorted(known))}"
    return ConfigError(f"There is no configuration key {shown}.", next=hint)


def required(key: Field[Any]) -> bool:
    """True for a key without a default."""
    return key.default is MISSING and key.default_factory is MISSING
