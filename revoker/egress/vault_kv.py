"""KV engines, version 1 and 2: their paths, and the documents that stand there with every string as a Secret.

A field is named by its own name, or by a JSON pointer (`/aws/0/key`, RFC 6901) when it stands inside another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from revoker.errors import ConfigError
from revoker.model import NOTHING, Secret

COPY = ".before-revoker"  # KV version 1 keeps no versions: what stood there is copied beside it before it is overwritten


@dataclass(frozen=True, slots=True)
class Kv:
    """A mounted KV engine: its mount without slashes at the ends, and its version (1 or 2)."""

    mount: str
    version: int = 2

    def api(self, path: str, part: str = "data") -> str:
        """The API's path of `mount/path`. Version 1 has only the secret itself."""
        rest = path.strip("/").removeprefix(self.mount).strip("/")
        return f"/v1/{self.mount}/{rest}" if self.version == 1 else f"/v1/{self.mount}/{part}/{rest}"

    def holds(self, path: str) -> bool:
        """True for a path of this mount."""
        return path.strip("/").startswith(self.mount + "/")


@dataclass(frozen=True, slots=True, eq=False)
class VaultSecret:
    """One version of a secret. `metadata` is the version's own: created_time, custom_metadata.

    `data` are the fields on top as text; `tree` is the whole document. KV version 1 has no versions: its number is 0.
    """

    data: Mapping[str, Secret]
    version: int
    metadata: Mapping[str, Any]
    tree: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    engine: int = 2

    def at(self, name: str) -> Secret | None:
        """The text of a field, or None."""
        found = _at(self.tree, steps_of(name))
        return found if isinstance(found, Secret) else self.data.get(name)


def checked(path: str) -> str:
    """A path with its mount. Raises ConfigError for one that has none."""
    mount, _, rest = path.strip("/").partition("/")
    if not mount or not rest or "?" in path or "#" in path:
        raise ConfigError(f"{path!r} is no path of a KV secret.", next="write it with its mount: secret/billing/aws")
    return path.strip("/")


def declared(path: str, mounts: Sequence[str], kv1: Sequence[str]) -> Kv:
    """The engine of a path as the configuration says; without a word of it, version 2 at the path's first part."""
    known = [Kv(name.strip("/"), 2) for name in mounts] + [Kv(name.strip("/"), 1) for name in kv1]
    fits = sorted((kv for kv in known if kv.holds(path)), key=lambda kv: len(kv.mount))
    return fits[-1] if fits else Kv(path.strip("/").partition("/")[0])


def secret_of(document: Mapping[str, Any], version: int, metadata: Mapping[str, Any], engine: int) -> VaultSecret:
    """A version from the parsed document."""
    data = {str(k): Secret(v if isinstance(v, str) else json.dumps(v)) for k, v in document.items()}
    return VaultSecret(data, version, metadata, sealed(document), engine)


def sealed(value: Any) -> Any:
    """The same JSON with every string as a Secret."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Mapping):
        return {str(name): sealed(inner) for name, inner in value.items()}
    return [sealed(inner) for inner in value] if isinstance(value, list) else value


def leaves(tree: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, Secret]]:
    """Every string of a document, with the name of its field."""
    if isinstance(tree, Secret):
        yield name_of(at), tree
    elif isinstance(tree, Mapping):
        for name, inner in tree.items():
            yield from leaves(inner, (*at, str(name)))
    elif isinstance(tree, list):
        for number, inner in enumerate(tree):
            yield from leaves(inner, (*at, str(number)))


def name_of(at: Sequence[str]) -> str:
    """The field's own name on top, else a JSON pointer."""
    if len(at) == 1 and not at[0].startswith("/"):
        return at[0]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in at)


def steps_of(name: str) -> tuple[str, ...]:
    """The way to a field."""
    if not name.startswith("/"):
        return (name,)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in name[1:].split("/"))


def changed(tree: Mapping[str, Any], changes: Mapping[str, Secret]) -> dict[str, Any]:
    """The document with some fields set; all others stay as they are. Raises ConfigError when a field's place is none."""
    whole: Any = dict(tree)
    for name, value in changes.items():
        whole = _put(whole, steps_of(name), value, name)
    made: dict[str, Any] = whole
    return made


def merge_patch(tree: Mapping[str, Any], changes: Mapping[str, Secret]) -> dict[str, Any]:
    """The changes alone, as a JSON merge patch (RFC 7396): a list travels whole."""
    whole, patch = changed(tree, changes), dict[str, Any]()
    for name in changes:
        _copy(patch, whole, steps_of(name))
    return patch


def _copy(patch: dict[str, Any], source: Mapping[str, Any], steps: Sequence[str]) -> None:
    inner = source[steps[0]]
    if len(steps) == 1 or not isinstance(inner, Mapping):
        patch[steps[0]] = inner
    else:
        _copy(patch.setdefault(steps[0], {}), inner, steps[1:])


def _put(tree: Any, steps: Sequence[str], value: Secret, name: str) -> Any:
    if not steps:
        return value
    if isinstance(tree, list):
        if not steps[0].isdigit() or int(steps[0]) >= len(tree):
            raise _no_place(name)
        return [_put(one, steps[1:], value, name) if str(n) == steps[0] else one for n, one in enumerate(tree)]
    if not isinstance(tree, Mapping):
        raise _no_place(name)
    return {**tree, steps[0]: _put(tree.get(steps[0], {}), steps[1:], value, name)}


def _no_place(name: str) -> ConfigError:
    return ConfigError(f"The Vault secret has no place for the field {name!r}.", safe="nothing was written")


def _at(tree: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(tree, Mapping):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree
