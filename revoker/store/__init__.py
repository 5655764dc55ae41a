"""Everything that revoker remembers: one database, SQLite by default or PostgreSQL, through SQLAlchemy Core."""

from revoker.store.database import Store, open_store

__all__ = ["Store", "open_store"]
