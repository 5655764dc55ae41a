"""HashiCorp Vault and OpenBao: service and batch tokens, and the secret-ids of AppRole.

There is no public Vault: the operator names the server (`[endpoints] vault`, or `[vault] addr`).
"""

from revoker.providers.vault import accessors, approle, leases, rights, tokens
from revoker.providers.vault.kinds import ACCESSOR, AT_ONCE, FAST, LEASE, RECOVERY, ROLE_DOCS, ROLE_ID, TOKENS_PAGE
from revoker.providers.vault.tokens import AUTHORITY
from revoker.sdk import (
    Action,
    Effect,
    Kind,
    Manual,
    Provider,
    Read,
    Residual,
    example_value,
    opposite,
    seen_dead,
)

ENTITY_DOCS = "https://developer.hashicorp.com/vault/api-docs/secret/identity/entity"
LOOK_UP = "update on auth/token/lookup"
LOOK_ROLE = (
    "list on auth/approle/role, read on auth/approle/role/+/role-id, update on auth/approle/role/+/secret-id/lookup "
    "and .../secret-id-accessor/lookup"
)
ENTITY = f"{LOOK_UP}, read and update on identity/entity/id/*"

REVOKE_TOKEN = Action(
    "revoke",
    Effect.REVOKE,
    tokens.revoke_token,
    tokens.bind_accessor,
    f"{LOOK_UP}, update on auth/token/revoke-accessor",
    f"{TOKENS_PAGE}#revoke-a-token-accessor",
    authority=AUTHORITY,
    observe=seen_dead(tokens.verify),
)
REVOKE_ITSELF = Action(
    "revoke_self",
    Effect.REVOKE,
    tokens.revoke_itself,
    tokens.bind_itself,
    "none of ours; the token's own `default` policy",
    f"{TOKENS_PAGE}#revoke-a-token-self",
    by="self",
    observe=seen_dead(tokens.verify),
)
DISABLE = Action(
    "suspend_entity",
    Effect.SUSPEND,
    tokens.set_disabled("suspend_entity", Effect.SUSPEND, disabled=True),
    tokens.bind_entity,
    ENTITY,
    f"{ENTITY_DOCS}#update-entity-by-id",
    authority=AUTHORITY,
    undo="restore_entity",
    observe=tokens.is_disabled,
    wide="every other token and login of its entity stops too, until it is restored",
)
ENABLE = Action(
    "restore_entity",
    Effect.RESTORE,
    tokens.set_disabled("restore_entity", Effect.RESTORE, disabled=False),
    tokens.bind_entity,
    ENTITY,
    f"{ENTITY_DOCS}#update-entity-by-id",
    authority=AUTHORITY,
    undo="suspend_entity",
    observe=opposite(tokens.is_disabled),
)
DESTROY = Action(
    "revoke",
    Effect.REVOKE,
    approle.revoke,
    approle.bind,
    f"{LOOK_ROLE}, update on auth/approle/role/+/secret-id-accessor/destroy",
    f"{ROLE_DOCS}#destroy-approle-secret-id-accessor",
    authority=AUTHORITY,
    observe=approle.is_gone,
)
NEW_SECRET_ID = Action(
    "issue",
    Effect.ISSUE,
    approle.issue,
    approle.bind,
    f"{LOOK_ROLE}, update and list on auth/approle/role/+/secret-id",
    f"{ROLE_DOCS}#generate-new-secret-id",
    authority=AUTHORITY,
    undo="revoke",
    siblings=approle.siblings,
)
SWEEP = Action(
    "end_sessions",
    Effect.END_SESSIONS,
    approle.end_sessions,
    approle.bind_role,
    f"{LOOK_ROLE}, list and sudo on auth/token/accessors, update on auth/token/lookup-accessor and auth/token/revoke-accessor",
    f"{TOKENS_PAGE}#list-accessors",
    authority=AUTHORITY,
)

PROVIDER = Provider(
    id="vault",
    title="HashiCorp Vault and OpenBao",
    hosts=(),
    docs="https://developer.hashicorp.com/vault/api-docs",
    reads=(
        Read(tokens.LOOKUP, json=("token",)),
        Read(tokens.CAPABILITIES, json=("paths",)),
        Read(tokens.WRAPPING, json=("token",)),
        Read(accessors.LOOKUP, json=("accessor",)),
        Read(leases.LOOKUP, json=("lease_id",)),
        Read("/v1/auth/*/role/*/secret-id/lookup", json=("secret_id",)),
        Read("/v1/auth/*/role/*/secret-id-accessor/lookup", json=("secret_id_accessor",)),
    ),
    obtain="vault policy write with the paths below, then vault token create -policy of it, or an AppRole of its own.",
    authority={
        AUTHORITY: "a token that may look up and revoke tokens and secret-ids; another one than the one that writes secrets",
        "namespace": "the namespace of the leaked ones (optional)",
        "approle_mount": "where AppRole is mounted (optional, approle)",
    },
    check_authority=rights.check_authority,
    kinds=(
        Kind(
            id="vault_token",
            title="Vault or OpenBao token (service, batch, wrapping)",
            pattern=r"(?:hv[sb]\.[A-Za-z0-9_-]{24,400}|b\.[A-Za-z0-9_-]{24,400}|s\.[A-Za-z0-9]{24,200})(?:\.[A-Za-z0-9]{4,8})?",
            verify=tokens.verify,
            docs=f"{TOKENS_PAGE}#lookup-a-token",
            check_needs="token: update on auth/token/lookup, read on identity/entity/id/*; without it the token looks itself up",
            identity="display name, policies and end",
            propagation=AT_ONCE,
            manual=Manual(
                url="https://developer.hashicorp.com/vault/docs/commands/token/revoke",
                steps=(
                    "Look the token up with `vault token lookup` as an administrator; never log in with it: that uses a wrapping token up.",
                    "Revoke it by its accessor: `vault token revoke -accessor`. Its child tokens and leases go with it.",
                    "A batch token cannot be revoked: revoke its parent, disable its entity, or rotate what it can read.",
                    "A wrapping token: revoke it by its accessor, and rotate what it wraps if somebody unwrapped it before you.",
                    "A root token: revoke it, and make a new one by quorum only when one is needed.",
                ),
                notify="the Vault administrators",
            ),
            offline=(example_value,),
            actions=(REVOKE_TOKEN, REVOKE_ITSELF, DISABLE, ENABLE),
            residual=(Residual("credentials that it read, and database users that a failed lease revocation left", None),),
            budget=FAST,
            requests=2,
            effects_of_check="none with an authority `token`; without one, lookup-self burns a use of a use-limited token (never of a wrapping token)",
            irreversible_loss="child tokens and leases of the token end with it",
        ),
        Kind(
            id="vault_approle_secret_id",
            title="Vault or OpenBao AppRole secret-id",
            pattern=r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
            verify=approle.verify,
            docs=f"{ROLE_DOCS}#read-approle-secret-id",
            check_needs="token: list on auth/approle/role, read on auth/approle/role/+/role-id, update "
            "on auth/approle/role/+/secret-id/lookup",
            identity="the role, and the end of the secret-id",
            propagation=AT_ONCE,
            manual=Manual(
                url="https://developer.hashicorp.com/vault/docs/auth/approle",
                steps=(
                    "Make a new secret-id of the role, response-wrapped, and hand it to the consumers.",
                    "Find the leaked one with `vault write auth/approle/role/ROLE/secret-id/lookup secret_id=-`.",
                    "Destroy it by its accessor.",
                    "Revoke the tokens that were made with the role.",
                ),
                notify="the owner of the role",
            ),
            offline=(example_value,),
            actions=(DESTROY, NEW_SECRET_ID, SWEEP),
            residual=(Residual("tokens that were made with it", None, "end_sessions"),),
            budget=FAST,
            requests=1 + 2 * approle.MOST_ROLES,
            effects_of_check="none: a lookup uses nothing up",
            ambiguous=True,
        ),
        RECOVERY,
        ACCESSOR,
        ROLE_ID,
        LEASE,
    ),
)
