"""Google: API keys (`AIza`, and the `AQ.` keys that are bound to a service account), checked at Gemini.

A key that Gemini refuses may still open Maps or YouTube, so only `API_KEY_INVALID` is a death. The API Keys API gives
the full value of each key of a project: the leaked one is found by comparing values here, never by sending it in a URL.
"""

from datetime import timedelta

from revoker.providers.google.keys import (
    ADMIN_DOCS,
    ANSWERS,
    DOCS,
    ELSEWHERE,
    HOST,
    bind,
    bind_standard,
    by_key,
    check_authority,
    is_deleted,
    is_noted,
    is_suspended,
    issue,
    reason,
    restore,
    revoke,
    siblings,
    suspend,
    undelete,
    whoami,
)
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
    example_value,
    opposite,
    probe,
    shown_by,
)

LOOK = "apikeys.keys.list and apikeys.keys.getKeyString"


def _action(id: str, run: Mutation, effect: Effect, right: str, undo: str, *, seen: Observer | None = None) -> Action:
    binder, lister = (bind_standard, siblings) if effect is Effect.ISSUE else (bind, None)
    needs = f"apikeys.keys.{right}, apikeys.keys.get, {LOOK}"
    return Action(
        id,
        effect,
        run,
        binder,
        needs,
        ADMIN_DOCS,
        authority="access_token",
        undo=undo,
        observe=seen,
        siblings=lister,
        leaves=(ELSEWHERE,) if effect is Effect.SUSPEND else (),
    )


PROVIDER = Provider(
    id="google",
    title="Google",
    hosts=("generativelanguage.googleapis.com", HOST),
    docs="https://cloud.google.com/docs/authentication/api-keys",
    obtain="Bind the role on the projects to a service account, then `gcloud auth "
    "print-access-token --impersonate-service-account`.",
    authority={
        "access_token": "OAuth access token of a principal with roles/serviceusage.apiKeysAdmin",
        "project": "the project ids or numbers to search, separated by commas",
    },
    check_authority=check_authority,
    kinds=(
        Kind(
            id="google_api_key",
            title="Google API key",
            pattern=r"AIza[0-9A-Za-z_-]{35}|AQ\.Ab8R[A-Za-z0-9_-]{46}",
            owner=OwnerCheck(shown_by(bind), "access_token", LOOK),
            verify=probe("/v1beta/models", ANSWERS, auth=by_key, params={"pageSize": "1"}, identity=whoami, code=reason),
            docs=DOCS,
            identity="at most the project number, which some refusals name; Maps, YouTube and Firebase are not asked",
            propagation=Propagation(timedelta(minutes=10), source="commonly a few minutes; not documented, our margin"),
            manual=Manual(
                url="https://console.cloud.google.com/apis/credentials",
                steps=(
                    "Choose the project; keys of AI Studio are also at https://aistudio.google.com/api-keys.",
                    "Make a new key with the same restrictions (AQ. keys: gcloud services api-keys create --service-account).",
                    "Use Show key to find the leaked value, and delete that key. It can be restored for 30 days.",
                ),
                notify="the project's owner",
            ),
            offline=(example_value,),
            actions=(
                _action("suspend", suspend, Effect.SUSPEND, "update", "restore", seen=is_suspended),
                _action("restore", restore, Effect.RESTORE, "update", "suspend", seen=opposite(is_noted)),
                _action("revoke", revoke, Effect.REVOKE, "delete", "undelete", seen=is_deleted),
                _action("undelete", undelete, Effect.RESTORE, "undelete", "revoke", seen=opposite(is_deleted)),
                _action("issue", issue, Effect.ISSUE, "create", "revoke"),
            ),
        ),
    ),
)
