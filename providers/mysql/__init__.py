"""MySQL and MariaDB: accounts by their URI.

A new password is chosen here, stored first, and sent as its hash to each account that holds the leaked one.
"""

from datetime import timedelta

from revoker.providers.mysql.accounts import NEEDS, NEEDS_TO_END, change_password, choose, end_sessions, set_lock
from revoker.providers.mysql.login import AUTHORITY, DISABLED, HERE, REFUSED, bind, bind_working, is_open, says, verify
from revoker.sdk import (
    Action,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Residual,
    example_value,
)

DOCS = "https://mariadb.com/kb/en/mariadb-error-code-reference/"
ALTER_DOCS = "https://mariadb.com/kb/en/alter-user/"
MYSQL_DOCS = "https://dev.mysql.com/doc/refman/8.4/en/alter-user.html"
CONFIRM = "Run it once with a made-up account of a MySQL 8.4, and log in with the old and the new password."
KILL_DOCS = "https://mariadb.com/kb/en/kill/"


def _changes(suffix: str, docs: str, *, mariadb: bool) -> tuple[Action, ...]:
    """The changes of one family. On MySQL they are off: to confirm, run them once against a test account of a MySQL 8."""
    bound, off = bind_working(mariadb=mariadb), not mariadb
    change, suspend, restore = f"change_password{suffix}", f"suspend{suffix}", f"restore{suffix}"
    lock, unlock = set_lock(suspend, Effect.SUSPEND, "LOCK"), set_lock(restore, Effect.RESTORE, "UNLOCK")
    return (
        Action(
            change,
            Effect.ISSUE,
            change_password(change),
            bound,
            NEEDS,
            docs,
            authority=AUTHORITY,
            replaces=True,
            choose=choose,
            observe=says(HERE, REFUSED),
            experimental=off,
            confirm=CONFIRM if off else "",
        ),
        Action(
            suspend,
            Effect.SUSPEND,
            lock,
            bound,
            NEEDS,
            docs,
            authority=AUTHORITY,
            undo=restore,
            observe=says(DISABLED),
            experimental=off,
            confirm=CONFIRM if off else "",
        ),
        Action(
            restore,
            Effect.RESTORE,
            unlock,
            bound,
            NEEDS,
            docs,
            authority=AUTHORITY,
            undo=suspend,
            observe=is_open,
            experimental=off,
            confirm=CONFIRM if off else "",
        ),
    )


PROVIDER = Provider(
    id="mysql",
    title="MySQL and MariaDB",
    hosts=(),
    docs="https://mariadb.com/kb/en/documentation/",
    obtain="CREATE USER rotator IDENTIFIED BY ..., GRANT CREATE USER, CONNECTION ADMIN ON *.* TO rotator, "
    "GRANT SELECT ON mysql.global_priv TO rotator (MySQL: CREATE USER, CONNECTION_ADMIN, PROCESS, and SELECT ON mysql.user).",
    authority={AUTHORITY: f"the password of a user with {NEEDS}; and {NEEDS_TO_END}", "user": "the name of that user"},
    kinds=(
        Kind(
            id="mysql_uri",
            title="MySQL or MariaDB login (URI)",
            pattern=r"(?:mysql|mariadb)://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@\[?(?P<host>[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})\]?"
            r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=DOCS,
            identity="the account with its host pattern, its grants without the hash, and the server's version",
            propagation=Propagation(
                timedelta(minutes=1), source="a new password holds at once; proxies keep old ones for a while"
            ),
            manual=Manual(
                url=ALTER_DOCS,
                steps=(
                    "See every account of the user, one for each host: SELECT Host, plugin FROM mysql.user WHERE User = 'USER'.",
                    "As an administrator, for each: ALTER USER 'USER'@'HOST' IDENTIFIED BY 'a new password'.",
                    "End its sessions: KILL USER 'USER' (MariaDB), or KILL each id of SHOW PROCESSLIST (MySQL).",
                    "Change the password in every proxy (ProxySQL and MaxScale keep their own lists).",
                    "Look for users, grants, events and triggers that were made with it.",
                ),
                notify="the owner of the database",
                proves="revoker logs in again and is refused, and its authority sees no account that holds the password; without an "
                "authority look at mysql.user for each host, for a refusal here does not tell about other hosts",
            ),
            needs=("user", "host"),
            proves_pair=True,
            offline=(example_value,),
            actions=(
                *_changes("", ALTER_DOCS, mariadb=True),
                *_changes("_on_mysql", MYSQL_DOCS, mariadb=False),
                Action(
                    "end_sessions",
                    Effect.END_SESSIONS,
                    end_sessions,
                    bind,
                    NEEDS_TO_END,
                    KILL_DOCS,
                    authority=AUTHORITY,
                ),
            ),
            residual=(Residual("sessions that are open now", None, "end_sessions"),),
            budget=Budget(per_second=2, in_flight=2),
            host_from="host",
            local_refusals=(HERE,),
            requests=2,
            effects_of_check="one login, written to the server's log when it logs connections",
            irreversible_loss="",
        ),
    ),
)
