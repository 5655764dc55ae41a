"""Writes docs/config.md from the declarations of the settings, so that the page cannot differ from the code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

from revoker.config import Settings
from revoker.config_fields import required, toml_name

HEAD = """# Configuration

One TOML file: `--config FILE`, else the one that `REVOKER_CONFIG` names, else `./revoker.toml`, else `~/.config/revoker/revoker.toml`.
`config.example.toml` shows every key. This page is made from the code by `python -m revoker.config_docs`.

- A key that does not exist is an error, which names the nearest one that does.
- Secrets stand in the file only as references: `env:NAME`, `file:PATH` (mode 0600, no link), `vault:PATH#FIELD`, `keyring:NAME`.
- Relative paths start at the folder of the file. Durations are written `"10s"`, `"90m"`, `"1h30m"`, `"7d"`.
"""
UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))


def markdown() -> str:
    """The whole page."""
    hints = get_type_hints(Settings)
    plain = [key for key in keys(Settings) if _simple(key, hints)]
    tables = [key for key in keys(Settings) if key not in plain]
    parts = [HEAD, "## Top of the file\n", _table(plain)]
    for key in tables:
        cls = nested_class(hints[key.name])
        many = key.metadata["toml"] != ""
        parts += [f"\n## `{'[[' if many else '['}{toml_name(key)}{']]' if many else ']'}`\n", f"{key.metadata['doc']}\n"]
        parts += [_table(keys(cls))] if cls else [f"Default: `{_shown(_default(key))}`.\n"]
    return "\n".join(parts)


def keys(cls: type[Any]) -> list[Field[Any]]:
    """The fields of a settings class that stand in the file."""
    return [key for key in fields(cls) if "doc" in key.metadata]


def key_paths() -> Iterator[str]:
    """The dotted name of every key, as in `store.url`."""
    hints = get_type_hints(Settings)
    for key in keys(Settings):
        cls = nested_class(hints[key.name])
        names = [f"{toml_name(key)}.{toml_name(inner)}" for inner in keys(cls)] if cls else [toml_name(key)]
        yield from names


def nested_class(hint: Any) -> type[Any] | None:
    """The settings class in a type such as `VaultSettings | None` or `tuple[DestinationSettings, ...]`."""
    for one in (hint, *get_args(hint)):
        if isinstance(one, type) and is_dataclass(one):
            return one
    return None


def _simple(key: Field[Any], hints: Mapping[str, Any]) -> bool:
    """True for a list of texts, which stands at the top of the file; all else is a table."""
    return nested_class(hints[key.name]) is None and key.default == ()


def _table(rows: list[Field[Any]]) -> str:
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key in rows:
        default = "must be given" if required(key) else f"`{_shown(_default(key))}`"
        lines.append(f"| `{toml_name(key)}` | {default} | {key.metadata['doc']} |")
    return "\n".join(lines) + "\n"


def _default(key: Field[Any]) -> Any:
    return key.default_factory() if key.default_factory is not MISSING else key.default


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return '"' + next(f"{value // unit}{name}" for name, unit in UNITS if not value % unit) + '"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_shown(one)}" for name, one in value.items()) + " }" if value else "{}"
    if isinstance(value, Path):
        return json.dumps(value.as_posix())
    return json.dumps(list(value) if isinstance(value, tuple) else value)


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
