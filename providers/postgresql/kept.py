"""What a Vault or OpenBao beside the database can do for a login, and the kind of the logins that it makes."""

from datetime import timedelta

from revoker.providers.postgresql import dynamic, static, vault
from revoker.providers.postgresql.login import AUTHORITY, verify
from revoker.sdk import Action, Budget, Effect, Kind, Manual, Propagation, Residual, example_value, seen_dead

LEASES = "https://developer.hashicorp.com/vault/api-docs/system/leases"
ENGINE_DOCS = "https://developer.hashicorp.com/vault/api-docs/secret/databases"
KILL_DOCS = "https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL"
MADE = r"v-[A-Za-z0-9_.%-]{1,60}-[A-Za-z0-9]{20}-\d{10}"
LOOK_LEASE = "list on database/roles, list and sudo on sys/leases/lookup/database/creds/*, update on sys/leases/lookup (at Vault)"
LOOK_ROLE = "list and read on database/config and database/static-roles (at Vault)"

REVOKE_LEASE = Action(
    "revoke",
    Effect.REVOKE,
    dynamic.revoke,
    dynamic.bind_lease,
    f"{LOOK_LEASE}, update on sys/leases/revoke",
    f"{LEASES}#revoke-lease",
    authority=vault.VAULT,
    observe=seen_dead(verify),
)
REVOKE_PREFIX = Action(
    "revoke_prefix",
    Effect.REVOKE,
    dynamic.revoke_prefix,
    dynamic.bind_prefix,
    f"{LOOK_LEASE}, update and sudo on sys/leases/revoke-prefix/*",
    f"{LEASES}#revoke-prefix",
    authority=vault.VAULT,
    observe=seen_dead(verify),
    wide="every other lease of the role ends with it, for all its consumers",
)
END_SESSIONS = Action(
    "end_sessions",
    Effect.END_SESSIONS,
    dynamic.end_sessions,
    dynamic.bind_sessions,
    "pg_signal_backend",
    KILL_DOCS,
    authority=AUTHORITY,
)
ROTATE_STATIC = Action(
    "rotate_static_role",
    Effect.REVOKE,
    static.rotate,
    static.bind_static,
    f"{LOOK_ROLE}, update on database/rotate-role/*, read on database/static-creds/* to see that the new one works",
    f"{ENGINE_DOCS}#rotate-static-role-credentials",
    authority=vault.VAULT,
    observe=seen_dead(verify),
)
CREATE_STATIC = Action(
    "create_static_role",
    Effect.REVOKE,
    static.take_over,
    static.bind_free,
    f"{LOOK_ROLE}, create and update on database/static-roles/*, read on database/static-creds/*",
    f"{ENGINE_DOCS}#create-static-role",
    authority=vault.VAULT,
    observe=seen_dead(verify),
    wide="creating the static role rotates the password at once: whoever does not read static-creds is locked out",
)
ROTATE_ROOT = Action(
    "rotate_root",
    Effect.REVOKE,
    static.rotate_root(),
    static.bind_root,
    f"{LOOK_ROLE}, update on database/rotate-root/*",
    f"{ENGINE_DOCS}#rotate-root-credentials",
    authority=vault.VAULT,
    observe=seen_dead(verify),
    wide="nobody can read the new password: have a second administrator's login at the database first",
)
KEPT = (ROTATE_STATIC, CREATE_STATIC, ROTATE_ROOT)

DYNAMIC = Kind(
    id="postgresql_dynamic_uri",
    title="PostgreSQL login made by Vault or OpenBao (URI)",
    pattern=rf"postgres(?:ql)?://(?P<user>{MADE}):[^@/\s]{{1,1024}}@\[?(?P<host>[A-Za-z0-9._-]{{1,253}}|[0-9A-Fa-f:.]{{2,45}})\]?"
    r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
    verify=verify,
    docs=f"{ENGINE_DOCS}#generate-credentials",
    identity="the role, what it may do, and the end of its password",
    propagation=Propagation(timedelta(minutes=1), source="a dropped role is refused at once; poolers keep sessions for a while"),
    manual=Manual(
        url=LEASES,
        steps=(
            "Find its lease: list sys/leases/lookup/database/creds/ROLE and look for the issue time in the login's name.",
            "Revoke it and wait: `vault lease revoke -sync LEASE`; if none can be told, `-prefix` ends all of the role.",
            "End its sessions: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'LOGIN' OR usename IS NULL.",
            "See in pg_roles that it is gone. Never `-force`: that forgets the lease and leaves the login alive.",
        ),
        notify="the owner of the database role",
    ),
    labels={"other": ("postgresql_dynamic_uri",)},
    needs=("user", "host"),
    proves_pair=True,
    offline=(example_value,),
    actions=(REVOKE_LEASE, REVOKE_PREFIX, END_SESSIONS),
    residual=(Residual("sessions that are open now: dropping the login does not end them", None, "end_sessions"),),
    budget=Budget(per_second=2, in_flight=2),
    host_from="host",
    effects_of_check="one login, written to the server's log when it logs connections",
)
