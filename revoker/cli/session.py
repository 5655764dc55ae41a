"""What a command works with: settings, store and clock, opened when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from revoker.config import Settings
    from revoker.store.database import Store


@dataclass(frozen=True)
class Session:
    """The global options of one command line."""

    config: Path | None = None
    debug: bool = False
    json_logs: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The checked configuration, with the providers that it names loaded. Raises ConfigError."""
        from revoker import catalog, log
        from revoker.config import load_settings

        log.configure(debug=self.debug, json=self.json_logs)
        settings = load_settings(self.config)
        if settings.providers:
            catalog.load_extra(settings.providers)
        return settings

    @cached_property
    def store(self) -> Store:
        """The store, which must exist. Raises StoreError."""
        return self._open(create=False)

    @cached_property
    def new_store(self) -> Store:
        """The store, made (with its key) when it does not exist yet. Raises StoreError."""
        return self._open(create=True)

    def _open(self, *, create: bool) -> Store:
        from revoker.store import open_store

        if not self.settings.store.key.startswith(("vault-transit:", "vault-wrapped:")):
            return open_store(self.settings, create=create)
        from revoker.egress.vault_transit import transit, wrapping

        return open_store(self.settings, create=create, vault_transit=transit(self.settings), wrapping=wrapping(self.settings))

    def reopened(self) -> Store:
        """The store with the keys as they are now."""
        return self._open(create=False)


def now() -> datetime:
    """The time, aware and UTC."""
    return datetime.now(UTC)


def session_of(ctx: typer.Context) -> Session:
    """The session of the command line that is being run."""
    found = ctx.find_object(Session)
    return found if found is not None else Session()
