"""Amazon Web Services: access keys of IAM users, root keys, and temporary sessions.

The authority is another identity of the same account (`[authority.aws] access_key_id, secret_access_key`, and
`session_token`, `region`, `role_arn` where wanted): a quarantine by AWS denies the leaked key what we would need.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.providers.aws.accounts import account_of, canary, half_a_session, no_credential
from revoker.providers.aws.caller import AUTHORITY, PARTITIONS, check_authority, verify
from revoker.providers.aws.keys import issue, revoke, revoke_root, set_status
from revoker.providers.aws.owner import ACCOUNTS, owned
from revoker.providers.aws.sessions import allow_sessions, bind_session, bind_user, end_sessions, is_allowed, is_denied
from revoker.providers.aws.target import bind, bind_issue, bind_root, has_status, last_used, siblings
from revoker.sdk import (
    Action,
    Binder,
    Budget,
    Effect,
    Kind,
    Manual,
    OwnerCheck,
    Propagation,
    Provider,
    Residual,
    absent,
    example_value,
)

API = "https://docs.aws.amazon.com/IAM/latest/APIReference"
STS_DOCS = "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"
SESSIONS_DOCS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html"
LOOK = "sts:GetCallerIdentity, iam:GetAccessKeyLastUsed, iam:ListAccessKeys, iam:ListAttachedUserPolicies"
SAYS_WHERE = (
    "no right: the setting region says which partition is asked first; an authority, whether the key is of its own account"
)
CALM = Budget(per_second=10, in_flight=8)
DELAY = Propagation(timedelta(minutes=5), source="IAM is eventually consistent; AWS names no figure for key status")

SUSPEND = Action(
    "suspend",
    Effect.SUSPEND,
    set_status("suspend", Effect.SUSPEND, "Inactive"),
    bind,
    f"{LOOK}, iam:UpdateAccessKey",
    f"{API}/API_UpdateAccessKey.html",
    authority=AUTHORITY,
    undo="restore",
    observe=has_status("Inactive"),
)
RESTORE = Action(
    "restore",
    Effect.RESTORE,
    set_status("restore", Effect.RESTORE, "Active"),
    bind,
    f"{LOOK}, iam:UpdateAccessKey",
    f"{API}/API_UpdateAccessKey.html",
    authority=AUTHORITY,
    undo="suspend",
    observe=has_status("Active"),
)
REVOKE = Action(
    "revoke",
    Effect.REVOKE,
    revoke,
    bind,
    f"{LOOK}, iam:DeleteAccessKey",
    f"{API}/API_DeleteAccessKey.html",
    authority=AUTHORITY,
    observe=absent(siblings),
)
REVOKE_ROOT = Action(
    "revoke_root",
    Effect.REVOKE,
    revoke_root,
    bind_root,
    "none: the leaked root key deletes itself",
    f"{API}/API_DeleteAccessKey.html",
    by="self",
)
ISSUE = Action(
    "issue",
    Effect.ISSUE,
    issue,
    bind_issue,
    f"{LOOK}, iam:CreateAccessKey, iam:DeleteAccessKey",
    f"{API}/API_CreateAccessKey.html",
    authority=AUTHORITY,
    undo="revoke",
    siblings=siblings,
)


def _sessions(binder: Binder, owner: str) -> tuple[Action, ...]:
    """Deny what was issued before now, and take that away again."""
    needs = f"{LOOK}, iam:Put{owner}Policy, iam:Get{owner}Policy, iam:Delete{owner}Policy"
    deny = Action(
        "end_sessions",
        Effect.END_SESSIONS,
        end_sessions,
        binder,
        needs,
        SESSIONS_DOCS,
        authority=AUTHORITY,
        undo="allow_sessions",
        observe=is_denied,
    )
    return deny, replace(
        deny, id="allow_sessions", effect=Effect.RESTORE, run=allow_sessions, undo="end_sessions", observe=is_allowed
    )


MINTED = Residual("sessions that were made with the key (GetSessionToken, AssumeRole)", timedelta(hours=36), "end_sessions")

PROVIDER = Provider(
    id="aws",
    title="Amazon Web Services",
    hosts=(
        "sts.us-east-1.amazonaws.com",
        "sts.amazonaws.com",
        "iam.amazonaws.com",
        "sts.cn-north-1.amazonaws.com.cn",
        "iam.cn-north-1.amazonaws.com.cn",
        "sts.us-gov-west-1.amazonaws.com",
        "iam.us-gov.amazonaws.com",
        "sts.eusc-de-east-1.amazonaws.eu",
        "iam.eusc-de-east-1.amazonaws.eu",
        "organizations.us-east-1.amazonaws.com",
        "organizations.us-gov-west-1.amazonaws.com",
    ),
    docs=API,
    check_authority=check_authority,
    obtain="Make an IAM user or role with a policy of just the actions below, then an access key or a session of it.",
    authority={
        AUTHORITY: "the secret of an access key of the same account, of another user or role than the leaked one",
        "access_key_id": "the id that belongs to it",
        "session_token": "its session token, when it is temporary (optional)",
        "region": "the region that is asked first; it decides the partition of the authority (optional, us-east-1)",
    },
    kinds=(
        Kind(
            id="aws_access_key",
            title="AWS access key",
            pattern=r"[A-Za-z0-9/+]{40}",
            verify=verify,
            docs=STS_DOCS,
            requests=1 + len(PARTITIONS),
            check_needs=SAYS_WHERE,
            identity="account and ARN of the caller; with an authority also the user, the last use and a quarantine, in the plan",
            propagation=DELAY,
            manual=Manual(
                url="https://console.aws.amazon.com/iam/home#/users",
                steps=(
                    "Sign in to the account that the plan names; open the user and its Security credentials.",
                    "Make a second key when there is room, and hand it to the consumers.",
                    "Find the leaked key by its id, choose Actions, Deactivate; watch; then Delete.",
                    "A root key: sign in as root, or use IAM's central root access from the organisation's management account.",
                    "Look in CloudTrail for users, roles, keys and functions that were made with it.",
                ),
                notify="the account's security contact; AWS Support when a quarantine policy is attached",
            ),
            needs=("key_id",),
            proves_pair=True,
            offline=(no_credential, half_a_session, canary, example_value),
            actions=(SUSPEND, RESTORE, REVOKE, REVOKE_ROOT, ISSUE, *_sessions(bind_user, "User")),
            last_used=last_used,
            residual=(MINTED,),
            budget=CALM,
            account=account_of,
            owner=OwnerCheck(owned, AUTHORITY, ACCOUNTS),
            effects_of_check="one CloudTrail event in the owner's account, and the key's last use becomes this check (service sts)",
            irreversible_loss="a deleted key id cannot be brought back",
            ambiguous=True,
        ),
        Kind(
            id="aws_session",
            title="AWS temporary credentials",
            pattern=r"[A-Za-z0-9/+]{40}",
            verify=verify,
            docs=STS_DOCS,
            requests=1 + len(PARTITIONS),
            check_needs=SAYS_WHERE,
            identity="account and ARN: the role and session name, or the user",
            propagation=DELAY,
            manual=Manual(
                url="https://console.aws.amazon.com/iam/home#/roles",
                steps=(
                    "Open the role that the ARN names, then Revoke sessions, Revoke active sessions.",
                    "A role of IAM Identity Center: delete the session or the assignment there.",
                    "A session of root: a service control policy of the organisation is the only way to deny it.",
                    "Find and close the way in which the session was stolen: a new one can be made at once.",
                ),
                notify="the account's security contact",
                proves="the check says `live` until the session ends by itself, at the most after 36 hours; the denial is read back",
            ),
            needs=("key_id",),
            proves_pair=True,
            needs_secret=("session_token",),
            offline=(no_credential, canary, example_value),
            actions=_sessions(bind_session, "Role"),
            residual=(Residual("sessions of roles that were assumed from this one", timedelta(hours=12)),),
            budget=CALM,
            account=account_of,
            owner=OwnerCheck(owned, AUTHORITY, ACCOUNTS),
            effects_of_check="one CloudTrail event in the owner's account",
            ambiguous=True,
        ),
    ),
)
