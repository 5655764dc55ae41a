"""Bitbucket Cloud: access tokens of repositories, projects and workspaces, and app passwords.

Atlassian's API tokens are in atlassian.py. App passwords stopped working on 9 June 2026.
"""

import zlib
from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Residual,
    Verdict,
    basic,
    checksum,
    dead,
    declares,
    example_value,
    guided,
    identity_from,
    judge,
    live,
    no_safe_check,
)

DOCS = "https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/"
APP_DOCS = "https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/"


def right_sum(value: str) -> bool:
    """True when the last eight digits are the CRC-32 of all that stands before them."""
    return f"{zlib.crc32(value[:-8].encode()):08x}" == value[-8:].lower()


ANSWERS = (live(200, has=["uuid"]), live(403, "restricted", has=["error"]), dead(401, has=["error"]))


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """An app password, with its user's name: a wrong name is refused in the same way."""
    reply = await api.get("/2.0/user", auth=basic(cred.parts.get("username", ""), cred.secret))
    return judge(reply, ANSWERS, api.now, identity_from(account="username", principal="uuid"))


PROVIDER = Provider(
    id="bitbucket",
    title="Bitbucket Cloud",
    hosts=("api.bitbucket.org",),
    docs="https://developer.atlassian.com/cloud/bitbucket/rest/intro/#authentication",
    kinds=(
        Kind(
            id="bitbucket_access_token",
            title="Bitbucket access token",
            pattern=r"ATCTT3xFfGN0[A-Za-z0-9_-]{100,400}=[0-9A-Fa-f]{8}",
            verify=no_safe_check,
            docs=DOCS,
            identity="none: the value does not say which repository, project or workspace it opens",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://bitbucket.org/account/workspaces/",
                (
                    "Open the repository's, project's or workspace's settings, Access tokens, and find it by name and last use.",
                    "Make a new one with the same scopes and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the workspace's administrators",
                proves="the list of access tokens holds it no more",
            ),
            offline=(example_value, checksum(right_sum)),
        ),
        Kind(
            id="bitbucket_app_password",
            title="Bitbucket app password",
            pattern=r"ATBB[A-Za-z0-9]{24}[0-9A-Fa-f]{8}",
            verify=verify,
            docs=APP_DOCS,
            identity="user name and id",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://bitbucket.org/account/settings/app-passwords/",
                (
                    "Sign in as the user and revoke the app password by its label.",
                    "Give its users an API token with scopes instead.",
                ),
                notify="the user",
            ),
            needs=("username",),
            offline=(example_value, checksum(right_sum)),
        ),
        guided(
            "bitbucket_oauth_client",
            "Bitbucket OAuth consumer secret",
            r"[A-Za-z0-9]{32}",
            docs="https://support.atlassian.com/bitbucket-cloud/docs/use-oauth-on-bitbucket-cloud/",
            why="every call that takes it makes a token",
            manual=Manual(
                "https://bitbucket.org/account/workspaces/",
                (
                    "Open the workspace's settings, OAuth consumers; add another consumer.",
                    "Move its users, and delete the leaked one.",
                ),
                notify="the workspace's administrators",
                proves="the list of consumers holds its key no more",
            ),
            ambiguous=True,
            residual=(Residual("access tokens that it made", timedelta(hours=2)),),
        ),
    ),
)
