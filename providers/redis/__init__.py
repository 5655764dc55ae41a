"""Redis and Valkey: users by their URI. A new password is chosen here, stored first, and sent as its hash."""

from datetime import timedelta

from revoker.providers.redis.login import verify
from revoker.providers.redis.users import (
    AUTHORITY,
    NEEDS,
    by_hash,
    change_password,
    choose,
    end_sessions,
    forget_password,
    named,
    stored,
    switch,
)
from revoker.sdk import Action, Budget, Effect, Kind, Manual, Propagation, Provider, Residual, example_value

DOCS = "https://redis.io/docs/latest/commands/auth/"
ACL_DOCS = "https://redis.io/docs/latest/commands/acl-setuser/"
KILL_DOCS = "https://redis.io/docs/latest/commands/client-kill/"

PROVIDER = Provider(
    id="redis",
    title="Redis and Valkey",
    hosts=(),
    docs="https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/",
    authority={AUTHORITY: f"the password of {NEEDS}", "user": "the name of that user"},
    obtain="ACL SETUSER rotator on >... -@all +acl +config|get +config|set +config|rewrite +client|kill",
    kinds=(
        Kind(
            id="redis_uri",
            title="Redis or Valkey login (URI)",
            pattern=r"(?:rediss?|valkeys?)://(?P<user>[^:@/\s]{1,256})?:[^@/\s]{1,1024}@\[?(?P<host>[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})\]?"
            r"(?::(?P<port>\d{1,5}))?(?:/[^?#\s]{0,64})?(?:\?\S{0,512})?",
            verify=verify,
            docs=DOCS,
            identity="the user's name (ACL WHOAMI)",
            propagation=Propagation(
                timedelta(minutes=1), source="a new password holds at once on this server; replicas have lists of their own"
            ),
            manual=Manual(
                url=ACL_DOCS,
                steps=(
                    "ACL SETUSER user resetpass #SHA256-OF-THE-NEW-ONE; where only requirepass is used: CONFIG SET requirepass.",
                    "Keep it: ACL SAVE with a file of users, else CONFIG REWRITE, else edit the configuration.",
                    "CLIENT KILL USER user ends its connections. Do the same on every replica, and change masterauth and the sentinels.",
                    "ACL LOG shows who tried the old one, by address.",
                ),
                notify="the owner of the server",
            ),
            needs=("host",),
            proves_pair=True,
            offline=(example_value,),
            actions=(
                Action(
                    "change_password",
                    Effect.ISSUE,
                    change_password,
                    by_hash(),
                    NEEDS,
                    ACL_DOCS,
                    authority=AUTHORITY,
                    replaces=True,
                    choose=choose,
                    observe=stored(holds=False),
                ),
                Action(
                    "forget_password",
                    Effect.REVOKE,
                    forget_password,
                    by_hash(),
                    NEEDS,
                    ACL_DOCS,
                    authority=AUTHORITY,
                    observe=stored(holds=False),
                ),
                Action(
                    "suspend",
                    Effect.SUSPEND,
                    switch("suspend", Effect.SUSPEND, "off"),
                    by_hash(),
                    NEEDS,
                    ACL_DOCS,
                    authority=AUTHORITY,
                    undo="restore",
                    observe=stored(on=False),
                ),
                Action(
                    "restore",
                    Effect.RESTORE,
                    switch("restore", Effect.RESTORE, "on"),
                    by_hash(shut=True),
                    NEEDS,
                    ACL_DOCS,
                    authority=AUTHORITY,
                    undo="suspend",
                    observe=stored(on=True),
                ),
                Action("end_sessions", Effect.END_SESSIONS, end_sessions, named, NEEDS, KILL_DOCS, authority=AUTHORITY),
            ),
            residual=(Residual("connections that are open now", None, "end_sessions"),),
            budget=Budget(per_second=2, in_flight=2),
            host_from="host",
            effects_of_check="two logins, one of them with a made-up password: ACL LOG counts that one",
            irreversible_loss="a user without a password cannot log in until somebody sets one",
        ),
    ),
)
