"""GitLab (gitlab.com, or the operator's own server by `[endpoints] gitlab`): access tokens, deploy tokens, and the other families.

Personal, project, group and impersonation tokens share the prefix `glpat-`, and administrators can choose another one:
a value never says which of them it is. The token's own answer does: project and group tokens belong to bot users.
"""

from datetime import timedelta

from revoker.providers.gitlab import deploy, families, tokens
from revoker.providers.gitlab.tokens import AUTHORITY
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
    absent,
    bound_as_itself,
    can_read,
    checksum,
    example_value,
    seen_dead,
)

DOCS = "https://docs.gitlab.com/api/personal_access_tokens"
ADMIN_DOCS = "https://docs.gitlab.com/api/admin/token"
NEEDS = "an administrator's token with scope api; for project and group tokens an owner's is enough"
GLPAT = r"glpat-(?:[A-Za-z0-9_-]{20}|[A-Za-z0-9_-]{27,300}\.[0-9a-z]{2}\.[0-9a-z]{9})"

ACTIONS = (
    Action(
        "revoke",
        Effect.REVOKE,
        tokens.revoke,
        bound_as_itself("the token deletes itself"),
        "none: a token with any scope may do this",
        f"{DOCS}/#revoke-a-personal-access-token",
        by="self",
        observe=seen_dead(tokens.verify),
    ),
    Action(
        "revoke_by_id",
        Effect.REVOKE,
        tokens.revoke_by_id,
        tokens.bind_id,
        NEEDS,
        f"{DOCS}/#revoke-a-personal-access-token",
        authority=AUTHORITY,
        observe=absent(tokens.siblings),
    ),
    Action(
        "issue",
        Effect.ISSUE,
        tokens.issue,
        tokens.bind_id,
        NEEDS,
        "https://docs.gitlab.com/api/user_tokens/#create-a-personal-access-token-for-a-user",
        authority=AUTHORITY,
        undo="revoke_by_id",
        siblings=tokens.siblings,
    ),
    Action(
        "rotate",
        Effect.ISSUE,
        tokens.rotate,
        bound_as_itself("the token replaces itself"),
        "none of ours; the token's own scope api or self_rotate",
        f"{DOCS}/#rotate-a-personal-access-token",
        by="self",
        replaces=True,
    ),
)


def _access(id: str, title: str, page: str, whom: str, *, ambiguous: bool) -> Kind:
    """Personal, project and group tokens: the same value and the same calls, another place in the console."""
    return Kind(
        id=id,
        title=title,
        pattern=GLPAT,
        verify=tokens.verify,
        docs=f"{DOCS}/#retrieve-personal-access-token-details-for-self",
        identity="user id, scopes, end and last use; a bot user says that it is a project's or group's token",
        propagation=Propagation(timedelta(minutes=2), source="GitLab names no delay"),
        manual=Manual(
            "https://gitlab.com/-/user_settings/personal_access_tokens",
            (
                f"Open {page} on the server that made it, and find the token by its name, scopes and last use.",
                "Make a new one, hand it to its users, and revoke the leaked one.",
                "Look in the audit events for tokens, keys, runners and users that were made with it.",
            ),
            notify=whom,
        ),
        labels={} if not ambiguous else {"list": (id, id.removesuffix("_token") + "_access_token")},
        offline=(example_value, checksum(tokens.right_sum)),
        actions=ACTIONS,
        last_used=tokens.last_used,
        also_at=families.ALSO,
        residual=(Residual("runners, deploy keys and pipelines that were made with it", None),),
        budget=Budget(per_second=10),
        requests=2,
        effects_of_check="the token's last use becomes this check",
        irreversible_loss="a revoked token cannot be brought back",
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="gitlab",
    title="GitLab",
    hosts=("gitlab.com",),
    docs="https://docs.gitlab.com/security/tokens/",
    reads=(Read(deploy.BY_VALUE, json=("token",)),),
    obtain="As an administrator: Edit profile, Access tokens, a personal access token with the "
    "scope api (or admin_mode too, where it is on).",
    authority={AUTHORITY: NEEDS},
    check_authority=can_read(AUTHORITY, {"a working token": tokens.SELF}, auth=tokens.by_token),
    kinds=(
        _access("gitlab_pat", "GitLab access token", "User settings, Access tokens", "the token's owner", ambiguous=False),
        _access(
            "gitlab_project_token",
            "GitLab project token",
            "the project's Settings, Access tokens",
            "the project's owner",
            ambiguous=True,
        ),
        _access(
            "gitlab_group_token", "GitLab group token", "the group's Settings, Access tokens", "the group's owner", ambiguous=True
        ),
        Kind(
            id="gitlab_deploy_token",
            title="GitLab deploy token",
            pattern=r"gldt-[A-Za-z0-9_-]{20,64}",
            verify=deploy.verify,
            docs=f"{ADMIN_DOCS}/#get-token-information",
            check_needs="admin_token: an administrator's token with scope api or read_api",
            identity="user name, scopes and end, when an administrator looks it up",
            propagation=Propagation(timedelta(minutes=2), source="GitLab names no delay"),
            manual=Manual(
                "https://docs.gitlab.com/user/project/deploy_tokens/",
                (
                    "Open the project's or group's Settings, Repository, Deploy tokens.",
                    "Make a new one, hand it to the registries and deployments that pull with it.",
                    "Find the leaked one by its user name and name, and revoke it.",
                ),
                notify="the project's or group's owner",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke_by_value",
                    Effect.REVOKE,
                    deploy.revoke,
                    deploy.bind,
                    "an administrator's token with scope api (GitLab 17.7; experimental there)",
                    f"{ADMIN_DOCS}/#revoke-a-token",
                    authority=AUTHORITY,
                    observe=seen_dead(deploy.verify),
                    experimental=True,
                    confirm="on a test server of your version, look a deploy token up and revoke it by /api/v4/admin/token",
                ),
            ),
            budget=Budget(per_second=10),
            effects_of_check="none",
            irreversible_loss="a revoked token cannot be brought back",
        ),
        *families.FAMILIES,
    ),
)
