"""Brings the schema up to date with Alembic, forward only. Imported only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from revoker.errors import StoreError
from revoker.store.database import converted, serialize


def upgrade(engine: Engine) -> None:
    """Run the missing migrations in one transaction. A second process that comes at the same time waits."""
    with converted(), engine.connect().execution_options(revoker_write=True) as connection, connection.begin():
        serialize(connection, 1)
        config = configuration(connection)
        current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if current is not None and current not in known:
            raise StoreError(
                "The store was made by a newer revoker.",
                safe="nothing was changed",
                next="use that version, or restore an older backup",
            )
        command.upgrade(config, "head")


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
