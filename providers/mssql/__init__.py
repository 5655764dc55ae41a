"""Microsoft SQL Server and Azure SQL: logins by their URI or connection string.

All of it is from documentation. A refused login (18456) proves nothing, and each change is experimental; to confirm one,
run it once against a login of a test server.
"""

from datetime import timedelta

from revoker.providers.mssql.login import AUTHORITY, bind, bind_working, is_disabled, is_refused, verify
from revoker.providers.mssql.logins import NEEDS, NEEDS_TO_END, change_password, choose, end_sessions, switch
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

DOCS = "https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/mssqlserver-18456-database-engine-error"
ALTER_DOCS = "https://learn.microsoft.com/en-us/sql/t-sql/statements/alter-login-transact-sql"
CONFIRM = "Run it once with a made-up login of a test server, and log in with the old and the new password."
KILL_DOCS = "https://learn.microsoft.com/en-us/sql/t-sql/language-elements/kill-transact-sql"
PROVIDER = Provider(
    id="mssql",
    title="Microsoft SQL Server",
    hosts=(),
    docs="https://learn.microsoft.com/en-us/sql/",
    obtain="CREATE LOGIN rotator WITH PASSWORD ..., GRANT ALTER ANY LOGIN, ALTER ANY CONNECTION, VIEW SERVER STATE TO rotator.",
    authority={AUTHORITY: f"the password of a login with {NEEDS}; and {NEEDS_TO_END}", "user": "the name of that login"},
    kinds=(
        Kind(
            id="mssql_uri",
            title="SQL Server login (URI)",
            pattern=r"(?:mssql|sqlserver)://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@\[?(?P<host>[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})\]?"
            r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=DOCS,
            identity="the login, whether it is a sysadmin, and the server's version",
            propagation=Propagation(
                timedelta(minutes=1), source="a new password holds at once; connection pools keep open sessions"
            ),
            manual=Manual(
                url=ALTER_DOCS,
                steps=(
                    "As an administrator: ALTER LOGIN [LOGIN] WITH PASSWORD = N'a new password'.",
                    "A user that lives in one database only (contained): ALTER USER [USER] WITH PASSWORD = N'...' in it.",
                    "End its sessions: SELECT session_id FROM sys.dm_exec_sessions WHERE login_name = 'LOGIN', then KILL each.",
                    "Look for logins, users, jobs and grants that were made with it.",
                ),
                notify="the owner of the database",
                proves="the server's error log shows a refused login with state 8 (wrong password) for it; a client is not told",
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
                    observe=is_refused,
                    experimental=True,
                    confirm=CONFIRM,
                ),
                Action(
                    "suspend",
                    Effect.SUSPEND,
                    switch("suspend", Effect.SUSPEND, "DISABLE"),
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    undo="restore",
                    observe=is_disabled(wanted=True),
                    experimental=True,
                    confirm=CONFIRM,
                ),
                Action(
                    "restore",
                    Effect.RESTORE,
                    switch("restore", Effect.RESTORE, "ENABLE"),
                    bind_working,
                    NEEDS,
                    ALTER_DOCS,
                    authority=AUTHORITY,
                    undo="suspend",
                    observe=is_disabled(wanted=False),
                    experimental=True,
                    confirm=CONFIRM,
                ),
                Action(
                    "end_sessions",
                    Effect.END_SESSIONS,
                    end_sessions,
                    bind,
                    NEEDS_TO_END,
                    KILL_DOCS,
                    authority=AUTHORITY,
                    experimental=True,
                    confirm=CONFIRM,
                ),
            ),
            residual=(Residual("sessions that are open now", None, "end_sessions"),),
            budget=Budget(per_second=2, in_flight=2),
            host_from="host",
            effects_of_check="one login, written to the server's log when it is refused",
            irreversible_loss="",
        ),
    ),
)
