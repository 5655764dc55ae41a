"""Google Cloud: service-account keys, OAuth tokens, OAuth client secrets. API keys are in google.py."""

from datetime import timedelta

from revoker.providers.gcp import keys, oauth, storage_keys
from revoker.sdk import (
    Action,
    Effect,
    Kind,
    Manual,
    Mutation,
    Observer,
    OwnerCheck,
    Propagation,
    Provider,
    Residual,
    bound_as_itself,
    bound_by_part,
    can_read,
    example_value,
    no_safe_check,
    opposite,
    seen_dead,
)

KEY_DOCS = "https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys"
ACCOUNT_DOCS = "https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts"
LIST_DOCS = "https://cloud.google.com/iam/docs/keys-list-get"
OAUTH_DOCS = "https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke"
HOUR = timedelta(hours=1)
DELAY = Propagation(timedelta(minutes=10), source="not documented for keys; policy changes take up to seven minutes")
PART = r'(?=[^{}]*"%s"\s*:\s*"%s")'
KEY_FILE = (
    r"\s*\{"
    + PART % ("type", "service_account")
    + PART % ("private_key_id", "(?P<key_id>[0-9a-f]{40})")
    + PART % ("client_email", r"(?P<email>[\w.-]{1,100}@[\w.-]{1,100})")
    + PART % ("project_id", r"(?P<project>[\w:.-]{1,60})")
    + r"[^{}]*\}\s*"
)
USER_FILE = r"\s*\{" + PART % ("type", "authorized_user") + PART % ("refresh_token", r"1//[\w-]{20,500}") + r"[^{}]*\}\s*"


def _action(id: str, effect: Effect, run: Mutation, right: str, seen: Observer | None, undo: str | None = None) -> Action:
    looks = f", iam.{right.partition('.')[0]}.get" if seen else ""
    return Action(
        id,
        effect,
        run,
        keys.bind,
        f"iam.{right}{looks}",
        ACCOUNT_DOCS if id.endswith("_account") else KEY_DOCS,
        authority="access_token",
        undo=undo,
        observe=seen,
        siblings=keys.siblings if effect is Effect.ISSUE else None,
        confirm="disable and enable a test account, and see how long its keys still get tokens",
        experimental=id.endswith("_account"),  # it stops every other key of the account too: only when the operator allows that
        leaves=(keys.LISTED,) if effect is Effect.SUSPEND else (),  # the public list shows what is there, disabled or not
    )


def _switch(id: str, effect: Effect, verb: str, *, account: bool = False) -> Mutation:
    return keys.switch(id, effect, verb, account=account)


KEY_OFF, ACCOUNT_OFF = keys.is_disabled(), keys.is_disabled(account=True)
SUSPEND, RESTORE = Effect.SUSPEND, Effect.RESTORE
KEY_ACTIONS = (
    _action("suspend", SUSPEND, _switch("suspend", SUSPEND, "disable"), "serviceAccountKeys.disable", KEY_OFF, "restore"),
    _action("restore", RESTORE, _switch("restore", RESTORE, "enable"), "serviceAccountKeys.enable", opposite(KEY_OFF), "suspend"),
    _action(
        "suspend_account",
        SUSPEND,
        _switch("suspend_account", SUSPEND, "disable", account=True),
        "serviceAccounts.disable",
        ACCOUNT_OFF,
        "restore_account",
    ),
    _action(
        "restore_account",
        RESTORE,
        _switch("restore_account", RESTORE, "enable", account=True),
        "serviceAccounts.enable",
        opposite(ACCOUNT_OFF),
        "suspend_account",
    ),
    _action("revoke", Effect.REVOKE, keys.revoke, "serviceAccountKeys.delete", keys.is_deleted),
    _action("issue", Effect.ISSUE, keys.issue, "serviceAccountKeys.create", None, "revoke"),
)
HMAC_DOCS = "https://cloud.google.com/storage/docs/authentication/managing-hmackeys"
BY_ID = bound_by_part("key_id", "the key id is half of the leaked pair")


def _hmac(id: str, effect: Effect, run: Mutation, right: str, seen: Observer, undo: str | None = None) -> Action:
    return Action(
        id, effect, run, BY_ID, f"storage.hmacKeys.{right}", HMAC_DOCS, authority="access_token", undo=undo, observe=seen
    )


HMAC_ACTIONS = (
    _hmac(
        "suspend",
        SUSPEND,
        storage_keys.switch("suspend", SUSPEND, "INACTIVE"),
        "update",
        storage_keys.has_state("INACTIVE", "DELETED"),
        "restore",
    ),
    _hmac(
        "restore",
        RESTORE,
        storage_keys.switch("restore", RESTORE, "ACTIVE"),
        "update",
        storage_keys.has_state("ACTIVE"),
        "suspend",
    ),
    _hmac("revoke", Effect.REVOKE, storage_keys.revoke, "delete", storage_keys.has_state("DELETED")),
)
REVOKE_GRANT = bound_as_itself("the request carries this very token, and can revoke no other")


def _oauth(id: str, title: str, pattern: str, *, asked: bool = False) -> Kind:
    verify = oauth.verify if asked else no_safe_check
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=OAUTH_DOCS,
        identity="client, user, scopes and end" if asked else "none: only an exchange would tell, and that mints a token",
        propagation=Propagation(timedelta(minutes=10), source="Google says that it may take some time"),
        manual=Manual(
            "https://myaccount.google.com/connections",
            (
                "Sign in as the user whose grant it is and remove the app's access.",
                "For a Workspace user an administrator can do the same in the admin console, Security, API controls.",
                "Let the user consent again where the app is still wanted.",
                "A token of a service account is no user's: it ends within the hour, or when that account is disabled.",
            ),
            notify="the user, or the Workspace administrators",
        ),
        offline=(example_value,),
        residual=(Residual("access tokens of the same grant, until the revocation has spread", HOUR),),
        actions=(
            Action(
                "revoke",
                Effect.REVOKE,
                oauth.revoke,
                REVOKE_GRANT,
                "nothing: the holder may revoke; it does not work for a service account's tokens",
                OAUTH_DOCS,
                by="self",
                observe=seen_dead(verify) if asked else None,
            ),
        ),
        irreversible_loss="the user's consent to the app, with all its tokens",
    )


PROVIDER = Provider(
    id="gcp",
    title="Google Cloud",
    hosts=("www.googleapis.com", keys.IAM, "oauth2.googleapis.com", storage_keys.HOST),
    docs="https://cloud.google.com/iam/docs/service-account-creds",
    obtain="Bind the roles to a service account, then `gcloud auth print-access-token --impersonate-service-account`.",
    authority={
        "access_token": "OAuth access token with roles/iam.serviceAccountKeyAdmin (keys) and roles/storage.hmacKeyAdmin (HMAC keys)",
        "project": "the project whose HMAC keys are managed",
    },
    check_authority=can_read("access_token", {"a working token": "/v1/roles"}, host=keys.IAM),
    kinds=(
        Kind(
            id="gcp_service_account_key",
            title="Google Cloud service-account key",
            pattern=KEY_FILE,
            verify=keys.verify,
            owner=OwnerCheck(keys.owned, "access_token", "iam.serviceAccountKeys.list"),
            docs=LIST_DOCS,
            identity="project and account, which stand in the file; its public half is compared with the public certificate",
            propagation=DELAY,
            manual=Manual(
                "https://console.cloud.google.com/iam-admin/serviceaccounts",
                (
                    "Choose the project and the service account, and open Keys.",
                    "Make a new key and hand it to its users; better, use workload identity and no key.",
                    "Delete the key with the leaked key id. When it is abused, disable the whole service account first.",
                ),
                notify="the project's owners",
            ),
            offline=(keys.is_whole,),
            actions=KEY_ACTIONS,
            residual=(Residual("access tokens that it minted", HOUR, ended_by="suspend_account"),),
            account=lambda cred: cred.parts.get("project"),
            effects_of_check="none: a public list is read, and the key is not used",
            irreversible_loss="a deleted key cannot be brought back",
        ),
        _oauth("gcp_oauth_access_token", "Google OAuth access token", r"ya29\.[A-Za-z0-9_.-]{20,2000}", asked=True),
        _oauth("gcp_oauth_refresh_token", "Google OAuth refresh token", r"1//[A-Za-z0-9_-]{40,500}"),
        _oauth("gcp_application_default_credentials", "Google application default credentials of a user", USER_FILE),
        Kind(
            id="gcp_hmac_key",
            title="Google Cloud Storage HMAC key",
            pattern=r"[A-Za-z0-9+/]{40}",
            verify=storage_keys.verify,
            owner=OwnerCheck(storage_keys.owned, "access_token", "storage.hmacKeys.get"),
            docs=HMAC_DOCS,
            check_needs="access_token: storage.hmacKeys.get",
            identity="the key id, which is the finding's own; its state needs the operator's authority",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://console.cloud.google.com/storage/settings",
                (
                    "Choose the project, open Interoperability, and find the key by its access id.",
                    "Make a new key for the same account and hand it to its users.",
                    "Deactivate the leaked one; when nothing breaks, delete it.",
                ),
                notify="the project's owners",
            ),
            needs=("key_id",),
            offline=(example_value,),
            actions=HMAC_ACTIONS,
            effects_of_check="none on the credential: its state is read by the operator's own authority",
            irreversible_loss="a deleted key cannot be brought back",
            ambiguous=True,
        ),
        Kind(
            id="google_oauth_client",
            title="Google OAuth client secret",
            pattern=r"GOCSPX-[A-Za-z0-9_-]{28}",
            verify=no_safe_check,
            docs="https://support.google.com/cloud/answer/15549257",
            identity="none: only an exchange would tell, and that mints a token",
            propagation=DELAY,
            manual=Manual(
                "https://console.cloud.google.com/auth/clients",
                (
                    "Open the client and add a second secret.",
                    "Hand the new one to the app, and see that sign-ins work.",
                    "Disable the leaked one, and delete it when nothing breaks.",
                ),
                notify="the app's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
