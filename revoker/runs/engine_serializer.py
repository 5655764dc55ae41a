"""What the durable engine may write: JSON, sealed with the store's own key. Pickle is refused in both directions.

The engine would otherwise keep inputs, outputs and errors as base64 of a pickle: readable by anybody with the file, and
code that runs for anybody who can write to it.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any, NoReturn

from dbos import Serializer, _serialization

from revoker import errors, secrets
from revoker.errors import RevokerError, StoreError
from revoker.model import Secret

TAG = "~"
NAME = "revoker_sealed_1"


class SealedSerializer(Serializer):
    """JSON with a few tagged types, sealed by AES-256-GCM."""

    def __init__(self, keys: secrets.Keys) -> None:
        self._keys = keys

    def serialize(self, data: Any) -> str:
        """Seal. Raises TypeError, which names the type alone, for what may not be written."""
        text = json.dumps(_plain(data), separators=(",", ":"))
        return base64.b64encode(secrets.seal(self._keys, Secret(text), record="engine", field=NAME)).decode()

    def deserialize(self, serialized_data: str) -> Any:
        """Unseal. Raises StoreError for what was not sealed with our key."""
        try:
            blob = base64.b64decode(serialized_data, validate=True)
        except ValueError:
            raise StoreError("The engine's table holds something that was not sealed with this store's key.") from None
        return _rich(json.loads(secrets.unseal(self._keys, blob, record="engine", field=NAME).reveal()))

    def name(self) -> str:
        return NAME


def refuse_pickle() -> None:
    """Replace the engine's own pickle by a refusal: it reads rows marked as pickled even with another serializer set."""

    def refuse(*_: object) -> NoReturn:
        raise StoreError("The engine's table holds a pickle; it is not loaded.")

    _serialization.DefaultSerializer.serialize = refuse  # type: ignore[assignment]
    _serialization.DefaultSerializer.deserialize = refuse  # type: ignore[assignment]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {TAG: "tuple", "items": [_plain(item) for item in value]}
    if isinstance(value, dict) and all(isinstance(name, str) and name != TAG for name in value):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, datetime):
        return {TAG: "time", "at": value.astimezone(UTC).isoformat()}
    if isinstance(value, RevokerError):
        parts = {"message": value.message, "fingerprint": value.fingerprint, "safe": value.safe, "next": value.next}
        return {TAG: "error", "type": type(value).__name__, **parts}
    if isinstance(value, BaseException):
        return {TAG: "error", "type": "RevokerError", "message": f"{type(value).__name__} in the durable engine"}
    raise TypeError(f"a {type(value).__name__} may not be written by the durable engine")


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return [_rich(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(TAG)
    if kind == "tuple":
        return tuple(_rich(item) for item in value["items"])
    if kind == "time":
        return datetime.fromisoformat(value["at"])
    if kind == "error":
        return _error(value)
    return {name: _rich(item) for name, item in value.items()}


def _error(value: dict[str, str]) -> RevokerError:
    found = getattr(errors, value["type"], RevokerError)
    kind = found if isinstance(found, type) and issubclass(found, RevokerError) else RevokerError
    more = {name: value[name] for name in ("fingerprint", "safe", "next") if name in value}
    return kind(value["message"], **more)
