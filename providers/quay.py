"""Quay.io: robot accounts, OAuth tokens, and app-specific tokens of users."""

import re
from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Issued,
    Kind,
    Manual,
    OwnerCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Residual,
    Secret,
    Unbound,
    Verdict,
    Writer,
    as_authority,
    basic,
    dead,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    no_authority,
    probe,
    receipt,
    seen_dead,
    shown_by,
    text_at,
)

DOCS = "https://docs.quay.io/glossary/robot-accounts.html"
API_DOCS = "https://docs.quay.io/api/"
REGENERATE = "an OAuth token with org:admin of the robot's organisation"

LOGIN = (live(200, has=["token"]), dead(401, has=["errors"]))
USER = (
    live(200, has=["username"]),
    dead(401, has=["error_message"]),
    dead(401, has=["error"]),
    live(403, "restricted", has=["error_message"]),
)


@declares(*LOGIN)
async def verify_login(cred: Credential, api: Reader) -> Verdict:
    """A registry login without a scope: it asks for nothing and gets a token that opens nothing, which is thrown away."""
    reply = await api.get("/v2/auth", auth=basic(cred.parts.get("username", ""), cred.secret), params={"service": "quay.io"})
    return judge(reply, LOGIN, api.now)


def robot(name: str) -> tuple[str, str] | None:
    """Organisation and short name of `org+name`."""
    found = re.fullmatch(r"([a-z0-9_.-]{1,100})\+([a-z0-9_.-]{1,100})", name)
    return (found[1], found[2]) if found else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The user name of the leaked pair is the robot, and the robot's organisation shows it to the operator."""
    name = cred.parts.get("username", "")
    parts = robot(name)
    if api.authority("oauth_token") is None:
        return no_authority("oauth_token")
    if parts is None:
        return Unbound("no_match", "the user name of the pair is no robot (org+name)")
    seen = await api.get(f"/api/v1/organization/{parts[0]}/robots/{parts[1]}", auth=as_authority(api, "oauth_token"))
    if seen.status != 200 or seen.trouble is not None or seen.pick("name") != name:
        return Unbound("refused", f"the organisation does not show this robot ({seen.status or seen.trouble})")
    return Bound(cred, name, Proof.EMBEDDED, "the user name of the leaked pair is this robot", parts[0])


def place(bound: Bound) -> str:
    """The robot in its organisation. Raises ActionFailed for what is no robot."""
    parts = robot(bound.target)
    if parts is None:
        raise ActionFailed("The target is no robot of an organisation.", safe="nothing was sent")
    return f"/api/v1/organization/{parts[0]}/robots/{parts[1]}"


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Give a robot a new token; the old one stops at once."""
    reply = await api.send("POST", f"{place(bound)}/regenerate", auth=as_authority(api, "oauth_token"))
    told = receipt(
        "rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda r: "done" if text_at(r, "token") else ""
    )
    new = Issued(bound.target, Secret(str(reply.pick("token"))), {"username": bound.target})
    return replace(told, issued=new)


PROVIDER = Provider(
    id="quay",
    title="Quay.io",
    hosts=("quay.io",),
    docs=API_DOCS,
    obtain="The organisation, Applications: make an OAuth application, then Generate Token with Administer Organization.",
    authority={"oauth_token": REGENERATE},
    kinds=(
        Kind(
            id="quay_robot_token",
            title="Quay robot or app token",
            pattern=r"[A-Z0-9]{64}|[A-Za-z0-9]{100,200}",
            ambiguous=True,
            needs=("username",),
            proves_pair=True,
            owner=OwnerCheck(shown_by(bind), "oauth_token", REGENERATE),
            verify=verify_login,
            docs=DOCS,
            also_at="Red Hat Quay",
            identity="none: the name came with the finding (org+robot, or $app)",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://quay.io/organization/",
                steps=(
                    "A robot: open the organisation, Robot accounts, the robot, and regenerate its token.",
                    "An app token: its user opens Account settings, CLI and app tokens, and revokes it.",
                    "Hand the new one to the clusters and pipelines that pull with it.",
                ),
                notify="the organisation's administrators",
            ),
            offline=(example_value,),
            labels={"list": ("quay_robot_token", "quay_token")},
            actions=(
                Action(
                    "rotate",
                    Effect.ISSUE,
                    rotate,
                    bind,
                    REGENERATE,
                    API_DOCS,
                    authority="oauth_token",
                    replaces=True,
                    observe=seen_dead(verify_login),
                ),
            ),
            residual=(Residual("registry bearer tokens minted before", timedelta(hours=1)),),
            effects_of_check="a registry token without any access is made and thrown away; logged as a login",
            irreversible_loss="the old token",
        ),
        Kind(
            id="quay_oauth_token",
            title="Quay OAuth token",
            pattern=r"[A-Za-z0-9]{40}",
            ambiguous=True,
            verify=probe("/api/v1/user/", USER, identity=identity_from(principal="username")),
            docs=API_DOCS,
            also_at="Red Hat Quay",
            identity="the user",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://quay.io/organization/",
                steps=(
                    "The user who gave the token opens Account settings, External logins and applications.",
                    "Revoke the application's authorization; then make a new token and hand it to its users.",
                ),
                notify="the user who authorized it",
            ),
            offline=(example_value,),
            labels={"list": ("quay_oauth_token",)},
        ),
    ),
)
