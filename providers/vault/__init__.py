"""HashiCorp Vault and OpenBao: service and batch tokens, and the secret-ids of AppRole.

There is no public Vault: the operator names the server (`[endpoints] vault`, or `[vault] addr`).
"""

from datetime import timedelta

from revoker.providers.vault import approle, tokens
from revoker.providers.vault.tokens import AUTHORITY
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
    opposite,
    seen_dead,
)

TOKENS_PAGE = "https://developer.hashicorp.com/vault/api-docs/auth/token"
ROLE_DOCS = "https://developer.hashicorp.com/vault/api-docs/auth/approle"
ENTITY_DOCS = "https://developer.hashicorp.com/vault/api-docs/secret/identity/entity"
LOOK_UP = "update on auth/token/lookup"
LOOK_ROLE = (
    "list on auth/approle/role, read on auth/approle/role/+/role-id, update on auth/approle/role/+/secret-id/lookup "
    "and .../secret-id-accessor/lookup"
)
ENTITY = f"{LOOK_UP}, read and update on identity/entity/id/*"
AT_ONCE = Propagation(
    timedelta(minutes=1), source="a revocation holds when it is acknowledged; standbys and replicas lag a little"
)

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
    experimental=True,  # it stops every other token of the entity too: only when the operator allows that
    confirm="list what else the entity holds (vault read identity/entity/id/ID), and disable a test entity first",
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
    experimental=True,
    confirm="enable the test entity again, and see its token answer",
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
        Read("/v1/auth/token/lookup-accessor", json=("accessor",)),
        Read("/v1/auth/*/role/*/secret-id/lookup", json=("secret_id",)),
        Read("/v1/auth/*/role/*/secret-id-accessor/lookup", json=("secret_id_accessor",)),
    ),
    obtain="vault policy write with the paths below, then vault token create -policy of it, or an AppRole of its own.",
    authority={
        AUTHORITY: "a token that may look up and revoke tokens and secret-ids; another one than the one that writes secrets",
        "namespace": "the namespace of the leaked ones (optional)",
        "approle_mount": "where AppRole is mounted (optional, approle)",
    },
    check_authority=tokens.check_authority,
    kinds=(
        Kind(
            id="vault_token",
            title="Vault or OpenBao token",
            pattern=r"(?:hv[sb]\.[A-Za-z0-9_-]{24,400}|[sb]\.[A-Za-z0-9]{24,200})(?:\.[A-Za-z0-9]{4,8})?",
            verify=tokens.verify,
            docs=f"{TOKENS_PAGE}#lookup-a-token",
            check_needs="token: update on auth/token/lookup, read on identity/entity/id/*; without it the token looks itself up",
            identity="display name, policies and end",
            propagation=AT_ONCE,
            manual=Manual(
                url="https://developer.hashicorp.com/vault/docs/commands/token/revoke",
                steps=(
                    "Look the token up with `vault token lookup` as an administrator; never log in with it.",
                    "Revoke it by its accessor: `vault token revoke -accessor`. Its child tokens and leases go with it.",
                    "A batch token cannot be revoked: revoke its parent, disable its entity, or rotate what it can read.",
                    "A root token: revoke it, and make a new one by quorum only when one is needed.",
                ),
                notify="the Vault administrators",
            ),
            offline=(example_value,),
            actions=(REVOKE_TOKEN, REVOKE_ITSELF, DISABLE, ENABLE),
            residual=(Residual("credentials that it read, and database users that a failed lease revocation left", None),),
            budget=Budget(per_second=50),
            requests=2,
            effects_of_check="none with an authority `token`; without one, lookup-self burns a use of a use-limited token",
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
            budget=Budget(per_second=50),
            requests=1 + 2 * approle.MOST_ROLES,
            effects_of_check="none: a lookup uses nothing up",
            ambiguous=True,
        ),
    ),
)
