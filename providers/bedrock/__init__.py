"""Amazon Bedrock API keys: long-term ones of an IAM user, and short-term ones that last twelve hours at the most.

A long-term key holds its own public name, user and account; a short-term one is a presigned request with its region and
its end. The authority is an identity of the same account (`[authority.bedrock] access_key_id, secret_access_key`).
"""

from datetime import timedelta

from revoker.providers.bedrock.changes import AUTHORITY, LIST, bind, check_authority, has_status, revoke, set_status, siblings
from revoker.providers.bedrock.checks import ASKED, REGIONS, account_of, host, over, verify, verify_short
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
    absent,
    example_value,
    shown_by,
)

DOCS = "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"
REVOKE_DOCS = "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-revoke.html"
API = "https://docs.aws.amazon.com/IAM/latest/APIReference"


def _action(id: str, effect: Effect, run: Mutation, right: str, undo: str | None, seen: Observer) -> Action:
    needs = f"iam:{LIST}, iam:{right}"
    return Action(id, effect, run, bind, needs, f"{API}/API_{right}.html", authority=AUTHORITY, undo=undo, observe=seen)


UPDATE = "UpdateServiceSpecificCredential"
ACTIONS = (
    _action(
        "suspend", Effect.SUSPEND, set_status("suspend", Effect.SUSPEND, "Inactive"), UPDATE, "restore", has_status("Inactive")
    ),
    _action("restore", Effect.RESTORE, set_status("restore", Effect.RESTORE, "Active"), UPDATE, "suspend", has_status("Active")),
    _action("revoke", Effect.REVOKE, revoke, "DeleteServiceSpecificCredential", None, absent(siblings)),
)


PROVIDER = Provider(
    id="bedrock",
    title="Amazon Bedrock",
    hosts=(*(host(region) for region in REGIONS), "iam.amazonaws.com"),
    docs=DOCS,
    check_authority=check_authority,
    obtain="Make an IAM user or role with a policy of just the actions below, then an access key or a session of it.",
    authority={
        AUTHORITY: "the secret of an access key of the same account",
        "access_key_id": "the id that belongs to it",
        "session_token": "its session token, when it is temporary (optional)",
    },
    kinds=(
        Kind(
            id="aws_bedrock_key",
            title="Amazon Bedrock API key (long-term)",
            pattern=r"ABSK[A-Za-z0-9+/]{109,269}={0,2}",
            labels={
                "gitleaks": ("aws-amazon-bedrock-api-key-long-lived",),
                "kingfisher": ("kingfisher.aws.bedrock.long_lived", "betterleaks.aws-amazon-bedrock-api-key-long-lived"),
            },
            verify=verify,
            requests=len(ASKED),
            docs=DOCS,
            identity="account and IAM user, which stand in the key itself",
            account=account_of,
            owner=OwnerCheck(shown_by(bind), AUTHORITY, f"iam:{LIST}"),
            propagation=Propagation(timedelta(minutes=5), source="IAM is eventually consistent; AWS names no figure"),
            effects_of_check="one CloudTrail event in the owner's account per region that is asked",
            residual=(Residual("access keys that somebody made for the key's own IAM user", None, "list and delete them"),),
            manual=Manual(
                url="https://console.aws.amazon.com/iam/home#/users",
                steps=(
                    "Open the user that the key names, Security credentials, API keys for Amazon Bedrock.",
                    "Make a new key (a user has room for two) and hand it to its users.",
                    "Deactivate the leaked key; when nothing breaks, delete it.",
                    "A user named BedrockAPIKey-... was made for this key alone: see that it has no access keys, then delete it.",
                ),
                notify="the account's security contact",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=ACTIONS,
        ),
        Kind(
            id="aws_bedrock_short_term_key",
            title="Amazon Bedrock API key (short-term)",
            pattern=r"bedrock-api-key-[A-Za-z0-9+/]{100,7000}={0,2}",
            labels={
                "gitleaks": ("aws-amazon-bedrock-api-key-short-lived",),
                "kingfisher": ("kingfisher.aws.6", "betterleaks.aws-amazon-bedrock-api-key-short-lived"),
            },
            verify=verify_short,
            docs=DOCS,
            identity="none from the answer; the access key id of the session stands in the key itself",
            propagation=Propagation(timedelta(minutes=5), source="IAM is eventually consistent; AWS names no figure"),
            effects_of_check="one CloudTrail event in the owner's account",
            manual=Manual(
                url=REVOKE_DOCS,
                steps=(
                    "It ends by itself after twelve hours at the most.",
                    "Sooner: deny bedrock:CallWithBearerToken to the user or role that made it, or revoke the role's sessions.",
                    "Find how the session leaked that made it, and replace that credential: it can make more.",
                ),
                notify="the account's security contact",
            ),
            offline=(over, example_value),
        ),
    ),
)
