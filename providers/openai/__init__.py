"""OpenAI: project, service-account, legacy user and admin keys.

The Admin API shows keys by their first and last characters only, so a person confirms which listed key is the leaked one.
What a leaked key does prove is its project: there a new service account with a new key can be made.
"""

from datetime import timedelta

from revoker.providers.openai.keys import (
    ADMIN_KEYS,
    ANSWERS,
    PROJECTS,
    admin_keys,
    bind_admin_key,
    bind_key,
    bind_organisation,
    bind_project,
    issue_admin_key,
    issue_key,
    project_keys,
    revoke_admin_key,
    revoke_key,
    whoami,
)
from revoker.sdk import (
    Action,
    Binder,
    Budget,
    Effect,
    Kind,
    Lister,
    Manual,
    Mutation,
    Propagation,
    Provider,
    absent,
    can_read,
    example_value,
    probe,
)

DOCS = "https://platform.openai.com/docs/guides/error-codes"
KEY_DOCS = "https://platform.openai.com/docs/api-reference/project-api-keys/delete"
ACCOUNT_DOCS = "https://platform.openai.com/docs/api-reference/project-service-accounts"
ADMIN_DOCS = "https://platform.openai.com/docs/api-reference/admin-api-keys"
CONSOLE = "https://platform.openai.com"
NEEDS = "an admin key of the organisation with management write"
LETTERS = r"[A-Za-z0-9_-]"
MARK = "T3BlbkFJ"  # "OpenAI" in base64; it stands in every key
TAIL = "(?:" + "|".join(f"{LETTERS}{{{n}}}{MARK}{LETTERS}{{{n}}}" for n in (20, 58, 74)) + ")"


def _delete(id: str, run: Mutation, bind: Binder, docs: str, lister: Lister) -> Action:
    return Action(id, Effect.REVOKE, run, bind, NEEDS, docs, authority="admin_key", observe=absent(lister))


def _issue(run: Mutation, bind: Binder, docs: str, undo: str, lister: Lister) -> Action:
    return Action("issue", Effect.ISSUE, run, bind, NEEDS, docs, authority="admin_key", undo=undo, siblings=lister)


ACTIONS = (
    _delete("revoke", revoke_key, bind_key, KEY_DOCS, project_keys),
    _issue(issue_key, bind_project, ACCOUNT_DOCS, "revoke", project_keys),
)


def _kind(
    id: str,
    title: str,
    pattern: str,
    actions: tuple[Action, ...],
    *steps: str,
    path: str = "/v1/models",
    page: str = "/api-keys",
    sure: bool = True,
) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=probe(path, ANSWERS, identity=whoami, params={"limit": "1"} if path == ADMIN_KEYS else {}),
        docs=DOCS,
        identity="project, and organisation by the short name that the answer's header carries (not org-...), where they are named",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(CONSOLE + page, steps, notify="the organisation's owners; the key's owner"),
        offline=(example_value,),
        budget=Budget(per_second=0, in_flight=100),  # no limit is documented for this list; a 429 slows us down
        irreversible_loss="a deleted key cannot be brought back",
        actions=actions,
        labels={} if sure else {"list": (id,)},
        fallback=not sure,
        local_refusals=() if sure else ("refused",),  # what is cut off is refused, and the whole key may live
    )


FIND = "Find the leaked key by its first and last characters, and compare the owner and the date with the leak."
DELETE = (
    "Hand a new key to its users, then delete the leaked one; or cut its scopes first (never to an empty list: that means all)."
)

PROVIDER = Provider(
    id="openai",
    title="OpenAI",
    hosts=("api.openai.com",),
    docs="https://platform.openai.com/docs/api-reference",
    obtain="An owner makes one in the Platform, Settings, Organization, Admin keys, with "
    "the permission Write on Management alone.",
    authority={"admin_key": NEEDS},
    check_authority=can_read("admin_key", {"projects and their keys": PROJECTS, "admin keys": ADMIN_KEYS}),
    kinds=(
        _kind("openai_project_key", "OpenAI project key", rf"sk-proj-{TAIL}", ACTIONS, FIND, DELETE, page="/api-keys"),
        _kind(
            "openai_service_account_key",
            "OpenAI service-account key",
            rf"sk-(?:svcacct|service|None)-{TAIL}",
            ACTIONS,
            FIND,
            DELETE,
            "Or delete the service account: all its keys die with it.",
        ),
        _kind(
            "openai_user_key",
            "OpenAI user key (legacy)",
            r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
            (),
            "The owner signs in, finds the key by its last characters and revokes it.",
            "When the owner cannot be reached: an organisation owner removes the user from the organisation.",
        ),
        _kind(
            "openai_admin_key",
            "OpenAI admin key",
            r"sk-admin-[A-Za-z0-9_-]{58}T3BlbkFJ[A-Za-z0-9_-]{58}",
            (
                _delete("revoke", revoke_admin_key, bind_admin_key, ADMIN_DOCS, admin_keys),
                _issue(issue_admin_key, bind_organisation, ADMIN_DOCS, "revoke", admin_keys),
            ),
            FIND,
            "Delete it, then look for keys, service accounts and users that were made since the leak.",
            path=ADMIN_KEYS,
            page="/settings/organization/admin-keys",
        ),
        _kind(
            "openai_other_key",
            "OpenAI key of another form",
            rf"sk-{LETTERS}{{16,200}}{MARK}{LETTERS}{{16,200}}",
            ACTIONS,
            "See whether the report has the whole key: it has OpenAI's mark, and a form or a length that is not known.",
            FIND,
            DELETE,
            sure=False,
        ),
    ),
)
