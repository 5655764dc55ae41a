"""PostgreSQL: login roles by their URI.

A new password is chosen here, stored first, and sent as its SCRAM verifier.
"""

from datetime import timedelta

from revoker.providers.postgresql.kept import DYNAMIC, KEPT, MADE
from revoker.providers.postgresql.login import AUTHORITY, DISABLED, bind, bind_working, is_open, says, verify
from revoker.providers.postgresql.roles import NEEDS, change_password, choose, end_sessions, set_login
from revoker.providers.postgresql.vault import LOOKUP, VAULT
from revoker.sdk import (
    Action,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Residual,
    example_value,
)

DOCS = "https://www.postgresql.org/docs/current/errcodes-appendix.html"
ALTER_DOCS = "https://www.postgresql.org/docs/current/sql-alterrole.html"
KILL_DOCS = "https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL"
PROVIDER = Provider(
    id="postgresql",
    title="PostgreSQL",
    hosts=(),
    docs="https://www.postgresql.org/docs/current/",
    obtain="CREATE ROLE rotator LOGIN CREATEROLE PASSWORD ..., GRANT pg_signal_backend TO "
    "rotator, and the grant below for each role.",
    reads=(Read(LOOKUP, json=("lease_id",)),),
    authority={
        AUTHORITY: f"the password of a role with {NEEDS}, and pg_signal_backend",
        "user": "the name of that role",
        VAULT: "a token of the Vault whose database engine makes or keeps logins (optional)",
        "vault_mount": "where that engine is mounted (optional, database)",
        "namespace": "the namespace of that Vault (optional)",
    },
    kinds=(
        Kind(
            id="postgresql_uri",
            title="PostgreSQL login (URI)",
            pattern=rf"postgres(?:ql)?://(?!{MADE}:)"
            r"(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@\[?(?P<host>[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})\]?"
            r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=DOCS,
            identity="the role, what it may do, and the end of its password",
            propagation=Propagation(
                timedelta(minutes=1), source="a new password holds at once; poolers keep old ones for a while"
            ),
            manual=Manual(
                url=ALTER_DOCS,
                steps=(
                    "As an administrator: \\password ROLE in psql, which sends a verifier and not the password.",
                    "End its sessions: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ROLE'.",
                    "Change the password in every pooler (PgBouncer keeps its own list).",
                    "Look for roles, functions and grants that were made with it.",
                ),
                notify="the owner of the database",
            ),
            needs=("user", "host"),
            proves_pair=True,
            offline=(example_value,),
            actions=(
                Action(
                    "change_password",
                    Effect.ISSUE,
                    change_password,
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    replaces=True,
                    choose=choose,
                    observe=says("refused"),
                ),
                Action(
                    "suspend",
                    Effect.SUSPEND,
                    set_login("suspend", Effect.SUSPEND, "NOLOGIN"),
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    undo="restore",
                    observe=says(DISABLED),
                ),
                Action(
                    "restore",
                    Effect.RESTORE,
                    set_login("restore", Effect.RESTORE, "LOGIN"),
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    undo="suspend",
                    observe=is_open,
                ),
                Action(
                    "end_sessions",
                    Effect.END_SESSIONS,
                    end_sessions,
                    bind,
                    "pg_signal_backend",
                    KILL_DOCS,
                    authority=AUTHORITY,
                ),
                *KEPT,
            ),
            residual=(Residual("sessions that are open now", None, "end_sessions"),),
            budget=Budget(per_second=2, in_flight=2),
            host_from="host",
            effects_of_check="one login, written to the server's log when it logs connections",
            irreversible_loss="",
        ),
        DYNAMIC,
    ),
)
