"""Snowflake: programmatic access tokens and passwords, at the account's own host.

A token cannot manage tokens, and nothing lists a token by its value: an administrator acts by user and token name, in SQL.
"""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Residual,
    Verdict,
    bearer,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    no_safe_check,
    unsure,
)

DOCS = "https://docs.snowflake.com/en/user-guide/programmatic-access-tokens"
SQL = "/api/v2/statements"
WHO = "select current_user(), current_role()"

ANSWERS = (
    live(200, has=["data.0.0"]),
    live(401, "network_policy", says="network policy"),
    live(403, "network_policy", says="network policy"),
    live(401, "network_policy", says="not allowed to access Snowflake"),
    live(403, "network_policy", says="not allowed to access Snowflake"),
    unsure(401, "refused_without_a_documented_code", json=False),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One statement that reads the session's own user, with the header that says what the token is."""
    reply = await api.query(
        SQL,
        auth=bearer(cred.secret),
        json={"statement": WHO, "timeout": 10},
        headers={"X-Snowflake-Authorization-Token-Type": "PROGRAMMATIC_ACCESS_TOKEN"},
        host=cred.parts.get("host"),
    )
    return judge(reply, ANSWERS, api.now, identity_from(principal="data.0.0"))


PROVIDER = Provider(
    id="snowflake",
    title="Snowflake",
    hosts=(),
    docs="https://docs.snowflake.com/en/developer-guide/sql-api/index",
    reads=(Read(SQL, json=("statement", "timeout"), fixed={"statement": (WHO,)}),),
    kinds=(
        Kind(
            id="snowflake_pat",
            title="Snowflake programmatic access token",
            pattern=r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}",
            ambiguous=True,
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the user",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=DOCS,
                steps=(
                    "As a user administrator: SHOW USER PATS FOR USER u; find it by name, creation and last use.",
                    "Contain: ALTER USER u MODIFY PAT p SET DISABLED = TRUE. It can be taken back.",
                    "Rotate: ALTER USER u ROTATE PAT p EXPIRE_ROTATED_TOKEN_AFTER_HOURS = 0; without that the old one lives a day.",
                    "Or for good: ALTER USER u REMOVE PAT p. Then ALTER USER u ABORT ALL QUERIES.",
                ),
                notify="the account's administrators",
            ),
            offline=(example_value,),
            residual=(Residual("queries that run, and sessions that are open", None, "ALTER USER u ABORT ALL QUERIES"),),
            effects_of_check="a row in the query history",
            irreversible_loss="a removed token cannot be brought back",
        ),
        Kind(
            id="snowflake_password",
            title="Snowflake password",
            pattern=r"\S{8,256}",
            ambiguous=True,
            needs=("username",),
            host_from="host",
            verify=no_safe_check,  # a login makes a session, counts toward the lock-out, and fails under MFA
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://docs.snowflake.com/en/user-guide/admin-user-management",
            identity="none: nothing is asked; the user name came with the finding",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://docs.snowflake.com/en/user-guide/admin-user-management",
                steps=(
                    "Contain: ALTER USER u SET DISABLED = TRUE. It can be taken back.",
                    "ALTER USER u SET PASSWORD, or move the user to a key pair or a token and unset the password.",
                    "ALTER USER u ABORT ALL QUERIES, and read LOGIN_HISTORY for strange addresses.",
                ),
                notify="the account's administrators",
                proves="a person sees in LOGIN_HISTORY that the old password fails",
            ),
            offline=(example_value,),
            residual=(Residual("sessions that are open", timedelta(hours=4), "ALTER USER u ABORT ALL QUERIES"),),
        ),
    ),
)
