"""The other families of GitLab's tokens: known by their prefix, looked up by their value as an administrator of the server.

No call of their own only reads, but for a job's token. The look-up is there on self-managed servers only; on gitlab.com,
and once a token is revoked or reset, a person sees to it.
"""

from datetime import timedelta

from revoker.providers.gitlab import deploy
from revoker.providers.gitlab.tokens import AUTHORITY
from revoker.sdk import (
    Action,
    Budget,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Reader,
    Verdict,
    dead,
    declares,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_safe_check,
    seen_dead,
    unsure,
)

DOCS = "https://docs.gitlab.com/security/tokens/"
ADMIN_DOCS = "https://docs.gitlab.com/api/admin/token"
JOB_DOCS = "https://docs.gitlab.com/api/jobs/#retrieve-job-by-job-token"
BODY = r"[A-Za-z0-9_-]{20,64}"
ROUTABLE = r"[A-Za-z0-9_-]{27,300}\.[0-9a-z]{2}\.[0-9a-z]{9}"
ALSO = "self-managed GitLab"
RUNNER = r"(?:t\d_)?"
JOB = (
    live(200, "job_running", has=["id", "status"]),
    dead(401, at="message", codes=["401 Unauthorized"]),  # the job is over, and its token with it
    unsure(404, "old_server"),
)
IDENTITY = "what the server's administrator sees: the owner by id or user name"
REVOKE = Action(
    "revoke_by_value",
    Effect.REVOKE,
    deploy.revoke,
    deploy.bind,
    "an administrator's token with scope api (experimental at GitLab; runner, feed and other tokens are reset)",
    f"{ADMIN_DOCS}/#revoke-a-token",
    authority=AUTHORITY,
    observe=seen_dead(deploy.verify_other),
    experimental=True,
    confirm="on a test server of your version, revoke one of this family by /api/v4/admin/token, and see the old value refused",
)


@declares(*JOB)
async def verify_job(cred: Credential, api: Reader) -> Verdict:
    """The job whose token this is, while it runs."""
    reply = await api.get("/api/v4/job", auth=header("JOB-TOKEN", cred.secret))
    return judge(reply, JOB, api.now, identity_from(account="pipeline.project_id", principal="user.username"))


def _family(id: str, title: str, pattern: str, page: str, notify: str, *steps: str, looked_up: bool = True) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=deploy.verify_other if looked_up else no_safe_check,
        docs=ADMIN_DOCS if looked_up else DOCS,
        check_needs="admin_token: an administrator's token with scope api or read_api" if looked_up else "",
        identity=IDENTITY if looked_up else "none: no call that takes it only reads",
        propagation=Propagation(timedelta(minutes=2), source="GitLab names no delay"),
        manual=Manual(page, steps, notify=notify, proves="the server shows another token there, or none"),
        offline=(example_value,),
        labels={"list": (id,)},
        actions=(REVOKE,) if looked_up else (),
        budget=Budget(per_second=10),
        effects_of_check="none: the operator's own authority asks" if looked_up else "none: nothing is sent",
        irreversible_loss="what is reset or revoked cannot be brought back" if looked_up else "",
    )


CI = "https://docs.gitlab.com/ci/"
FAMILIES = (
    Kind(
        id="gitlab_ci_job_token",
        title="GitLab CI job token",
        pattern=rf"glcbt-(?:[0-9a-zA-Z]{{1,5}}_{BODY}|{ROUTABLE}|[A-Za-z0-9_-]{{20,64}})",
        verify=verify_job,
        docs=JOB_DOCS,
        identity="the project and the user whose job runs",
        also_at=ALSO,
        propagation=Propagation(timedelta(minutes=2), source="it ends with its job"),
        manual=Manual(
            f"{CI}jobs/ci_job_token/",
            (
                "Cancel the job: its token ends with it.",
                "Limit in the project's settings, CI/CD, Job token permissions, which projects may be reached with such tokens.",
            ),
            notify="the project's owner",
        ),
        offline=(example_value,),
        budget=Budget(per_second=10),
    ),
    _family(
        "gitlab_runner_token",
        "GitLab runner authentication token",
        rf"glrtr?-(?:{RUNNER}{ROUTABLE}|{RUNNER}{BODY})",
        f"{CI}runners/runners_scope/",
        "the runner's owner",
        "Stop the runner, and look for jobs that it took since the leak: whoever has the token gets its jobs with their secrets.",
        "Make the runner anew (or POST /runners/{id}/reset_authentication_token), and register it with the new token.",
    ),
    _family(
        "gitlab_runner_registration_token",
        "GitLab runner registration token (old)",
        rf"GR1348941{BODY}",
        f"{CI}runners/new_creation_workflow/",
        "the project's, group's or server's owner",
        "Reset it in the settings, CI/CD, Runners; better, turn registration tokens off.",
        "Remove runners that nobody knows.",
        looked_up=False,
    ),
    _family(
        "gitlab_trigger_token",
        "GitLab pipeline trigger token",
        r"glptt-[0-9a-f]{40}",
        f"{CI}triggers/",
        "the project's owner",
        "Open the project's settings, CI/CD, Pipeline trigger tokens, and find it by its description and last use.",
        "Add another, hand it to its users, and revoke the leaked one.",
    ),
    _family(
        "gitlab_feed_token",
        "GitLab feed token",
        r"glft-(?:[0-9a-f]{64}-\d{1,12}|[A-Za-z0-9_-]{20,64})",
        "https://gitlab.com/-/user_settings/personal_access_tokens",
        "the user",
        "As the user, open Access tokens, Feed token, and reset it: calendars and feeds take the new address.",
    ),
    _family(
        "gitlab_incoming_mail_token",
        "GitLab incoming mail token",
        rf"glimt-{BODY}",
        "https://gitlab.com/-/user_settings/personal_access_tokens",
        "the user",
        "As the user, open Access tokens, Incoming email token, and reset it.",
        "Look for issues and merge requests that were made by mail in the user's name.",
    ),
    _family(
        "gitlab_agent_token",
        "GitLab agent for Kubernetes token",
        r"glagent-[A-Za-z0-9_-]{50,1024}",
        "https://docs.gitlab.com/user/clusters/agent/work_with_agent/",
        "the project's owner, and the cluster's",
        "Open the project, Operate, Kubernetes clusters, the agent, Access tokens: an agent may have two.",
        "Create a second token, hand it to the agent, and revoke the leaked one.",
    ),
    _family(
        "gitlab_oauth_app_secret",
        "GitLab OAuth application secret",
        r"gloas-[0-9a-zA-Z_-]{64}",
        "https://gitlab.com/-/user_settings/applications",
        "the application's owner",
        "Open the application (user settings, group settings, or the admin area), and renew its secret: the old one stops.",
        "Hand the new one to its users, and revoke the authorisations that look strange.",
    ),
    _family(
        "gitlab_scim_token",
        "GitLab SCIM token",
        rf"glsoat-{BODY}",
        "https://docs.gitlab.com/user/group/saml_sso/scim_setup/",
        "the group's owner, and the identity provider's administrators",
        "Open the group's settings, SAML SSO, and reset the SCIM token: it can add and remove members.",
        "Hand the new one to the identity provider, and look for members that came since the leak.",
        looked_up=False,
    ),
    _family(
        "gitlab_feature_flags_token",
        "GitLab feature flags client token",
        rf"glffct-{BODY}",
        "https://docs.gitlab.com/operations/feature_flags/",
        "the project's owner",
        "Open the project, Deploy, Feature flags, Configure, and regenerate the instance id.",
        "Hand the new one to the applications.",
    ),
    _family(
        "gitlab_workspace_token",
        "GitLab workspace token",
        rf"glwt-{BODY}",
        "https://docs.gitlab.com/user/workspace/",
        "the workspace's user",
        "Terminate the workspace: its token ends with it.",
        looked_up=False,
    ),
    _family(
        "gitlab_session_cookie",
        "GitLab session cookie",
        r"_gitlab_session=[0-9a-f]{32}",
        "https://gitlab.com/-/user_settings/active_sessions",
        "the user",
        "As the user, open Active sessions, and revoke all others; an administrator can block the user for the moment.",
    ),
)
