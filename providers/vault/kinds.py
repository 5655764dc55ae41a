"""The kinds beside tokens and secret-ids: recovery tokens, accessors, role-ids and leases."""

from datetime import timedelta

from revoker.providers.vault import accessors, approle, leases, role_ids, tokens
from revoker.providers.vault.tokens import AUTHORITY
from revoker.sdk import (
    Action,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Residual,
    example_value,
    no_safe_check,
    seen_dead,
)

TOKENS_PAGE = "https://developer.hashicorp.com/vault/api-docs/auth/token"
ROLE_DOCS = "https://developer.hashicorp.com/vault/api-docs/auth/approle"
LEASE_DOCS = "https://developer.hashicorp.com/vault/api-docs/system/leases"
LOOK_LEASE = "update on sys/leases/lookup"
AT_ONCE = Propagation(
    timedelta(minutes=1), source="a revocation holds when it is acknowledged; standbys and replicas lag a little"
)
FAST = Budget(per_second=50)

RECOVERY = Kind(
    id="vault_recovery_token",
    title="Vault or OpenBao recovery token",
    pattern=r"(?:hvr\.[A-Za-z0-9_-]{24,400}|r\.[A-Za-z0-9]{24,200})",
    verify=no_safe_check,
    docs="https://developer.hashicorp.com/vault/docs/concepts/recovery-mode",
    identity="none: only a server that was started in recovery mode knows one, and it has no lookup",
    propagation=AT_ONCE,
    manual=Manual(
        url="https://developer.hashicorp.com/vault/docs/concepts/recovery-mode",
        steps=(
            "Look for a node that runs in recovery mode: `recovery_mode` in its configuration or `-recovery` in its command line.",
            "Restart it in the normal way: a recovery token lives only in the memory of that one process.",
            "Who had the token could read and write the raw storage: look for what was changed, and rotate the recovery keys.",
        ),
        notify="the Vault administrators",
        proves="no node runs in recovery mode any more",
    ),
    labels={"other": ("vault_recovery_token",)},
    offline=(example_value,),
)
ACCESSOR = Kind(
    id="vault_token_accessor",
    title="Vault or OpenBao token accessor",
    pattern=r"[A-Za-z0-9]{20,40}(?:\.[A-Za-z0-9]{4,8})?",
    verify=accessors.verify,
    docs=f"{TOKENS_PAGE}#lookup-a-token-accessor",
    check_needs="token: update on auth/token/lookup-accessor",
    identity="display name, policies and end of its token",
    propagation=AT_ONCE,
    manual=Manual(
        url="https://developer.hashicorp.com/vault/docs/commands/token/revoke",
        steps=(
            "Look it up with `vault token lookup -accessor`, in the namespace that it is of.",
            "Revoke the token with `vault token revoke -accessor` if it is one that must go.",
        ),
        notify="the Vault administrators",
    ),
    labels={"other": ("vault_token_accessor",)},
    offline=(example_value,),
    actions=(
        Action(
            "revoke",
            Effect.REVOKE,
            tokens.revoke_token,
            accessors.bind,
            "update on auth/token/lookup-accessor and auth/token/revoke-accessor",
            f"{TOKENS_PAGE}#revoke-a-token-accessor",
            authority=AUTHORITY,
            observe=seen_dead(accessors.verify),
        ),
    ),
    budget=FAST,
    effects_of_check="none with an authority `token`; without one it is not checked",
    irreversible_loss="child tokens and leases of the token end with it",
    ambiguous=True,
)
ROLE_ID = Kind(
    id="vault_approle_role_id",
    title="Vault or OpenBao AppRole role-id",
    pattern=r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    verify=role_ids.verify,
    docs=f"{ROLE_DOCS}#read-approle-role-id",
    check_needs="token: list on auth/approle/role, read on auth/approle/role/+/role-id",
    identity="the role",
    propagation=AT_ONCE,
    manual=Manual(
        url=ROLE_DOCS,
        steps=(
            "Alone it opens nothing: see that the role asks for a secret-id (bind_secret_id).",
            "Give the role another one when the pair leaked: `vault write auth/approle/role/ROLE/role-id role_id=...`.",
            "Give the new one to every consumer of the role.",
        ),
        notify="the owner of the role",
    ),
    labels={"other": ("vault_approle_role_id",)},
    offline=(example_value,),
    actions=(
        Action(
            "change_role_id",
            Effect.ISSUE,
            role_ids.change,
            role_ids.bind,
            "list on auth/approle/role, read and update on auth/approle/role/+/role-id",
            f"{ROLE_DOCS}#update-approle-role-id",
            authority=AUTHORITY,
            replaces=True,
            choose=role_ids.choose,
            observe=seen_dead(role_ids.verify),
        ),
    ),
    residual=(Residual("tokens that were made with it, and its secret-ids", None),),
    budget=FAST,
    requests=1 + approle.MOST_ROLES,
    effects_of_check="none: a role-id is read, nobody logs in",
    ambiguous=True,
)
REVOKE_LEASE = Action(
    "revoke",
    Effect.REVOKE,
    leases.revoke,
    leases.bind,
    f"{LOOK_LEASE}, update on sys/leases/revoke",
    f"{LEASE_DOCS}#revoke-lease",
    authority=AUTHORITY,
    observe=leases.is_gone,
)
REVOKE_PREFIX = Action(
    "revoke_prefix",
    Effect.REVOKE,
    leases.revoke_prefix,
    leases.bind_prefix,
    f"{LOOK_LEASE}, list and sudo on sys/leases/lookup/*, update and sudo on sys/leases/revoke-prefix/*",
    f"{LEASE_DOCS}#revoke-prefix",
    authority=AUTHORITY,
    observe=leases.are_gone,
    wide="every other lease of the role ends with it, for all its consumers",
)
LEASE = Kind(
    id="vault_lease",
    title="Vault or OpenBao lease id",
    pattern=r"[A-Za-z0-9_.-]{1,100}(?:/[A-Za-z0-9_.-]{1,200}){1,6}/[A-Za-z0-9]{24}(?:\.[A-Za-z0-9]{4,8})?",
    verify=leases.verify,
    docs=f"{LEASE_DOCS}#read-lease",
    check_needs="token: update on sys/leases/lookup",
    identity="the path that made it, and its end",
    propagation=AT_ONCE,
    manual=Manual(
        url=LEASE_DOCS,
        steps=(
            "Revoke it and wait for the database's answer: `vault lease revoke -sync LEASE`.",
            "Look in the database whether the login is gone, and end its open sessions: dropping it does not.",
            "Never `-force`: that forgets the lease and leaves the login alive.",
        ),
        notify="the owner of the database role",
    ),
    labels={"other": ("vault_lease",)},
    offline=(example_value,),
    actions=(REVOKE_LEASE, REVOKE_PREFIX),
    residual=(Residual("open sessions of the login that the lease stood for", None, "end them at the database"),),
    budget=FAST,
    effects_of_check="none with an authority `token`; without one it is not checked",
    ambiguous=True,
)
