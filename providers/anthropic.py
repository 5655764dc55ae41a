"""Anthropic: API keys (made inactive or archived through the Admin API) and admin keys (console only).

The Admin API lists keys by a hint of a few characters, so a person confirms which listed key is the leaked one.
New keys are made in the console alone.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Budget,
    Effect,
    Identity,
    Kind,
    Manual,
    Mutation,
    Observer,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Writer,
    as_authority,
    can_read,
    dead,
    example_value,
    guided,
    header,
    identity_from,
    last_id,
    live,
    named_by_hint,
    pages,
    probe,
    receipt,
    safe_id,
    text_at,
    unsure,
)

DOCS = "https://platform.claude.com/docs/en/api/errors"
ADMIN_DOCS = "https://platform.claude.com/docs/en/api/admin-api/apikeys/update-api-key"
KEYS = "/v1/organizations/api_keys"
VERSION = {"anthropic-version": "2023-06-01"}
NEEDS = "an organisation admin's Admin API key"


def by_key(secret: Secret) -> Auth:
    """The key in `x-api-key`."""
    return header("x-api-key", secret)


ANSWERS = (
    dead(401, at="error.type", codes=["authentication_error"]),  # revoked, expired and mistyped look alike
    live(402, "no_quota", at="error.type", codes=["billing_error"]),
    live(403, "restricted", at="error.type", codes=["permission_error"]),
    live(400, "blocked", says="organization_on_hold"),
    live(400, "no_quota", says="spend limit"),
    live(400, "no_quota", says="credit balance is too low"),
    unsure(404, "not_found"),
)


def whoami(reply: Reply) -> Identity:
    """The organisation and the workspace, from the headers of every answer."""
    return Identity(reply.headers.get("anthropic-organization-id"), reply.headers.get("anthropic-workspace-id"))


async def candidates(api: Reader) -> list[tuple[str, object]]:
    """All API keys of the organisation with their hints: three characters after the prefix, and the last four."""

    async def ask(cursor: str | None) -> Reply:
        params = {"limit": "1000"} | ({"after_id": cursor} if cursor else {})
        return await api.get(KEYS, auth=as_authority(api, "admin_key", by_key), headers=VERSION, params=params)

    rows = [row async for row in pages(ask, "data", last_id)]
    return [(f"{row.get('id')} ({row.get('name')}, {row.get('status')})", row.get("partial_key_hint")) for row in rows]


bind = named_by_hint("admin_key", candidates)


def set_status(action: str, effect: Effect, status: str) -> Mutation:
    """Set the key's status. `inactive` can be taken back; `archived` is treated as final."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path = f"{KEYS}/{safe_id(bound.target)}"
        reply = await api.send(
            "POST", path, auth=as_authority(api, "admin_key", by_key), headers=VERSION, json={"status": status}
        )
        return receipt(
            action, effect, bound, reply, api.now, done=[200], told=lambda r: "done" if r.pick("status") == status else ""
        )

    return run


def has_status(*wanted: str) -> Observer:
    """Look whether the key has one of these statuses now."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        path = f"{KEYS}/{safe_id(bound.target)}"
        reply = await api.get(path, auth=as_authority(api, "admin_key", by_key), headers=VERSION)
        status = text_at(reply, "status") if reply.status == 200 else None
        return None if status is None else status in wanted

    return observe


def _action(id: str, effect: Effect, status: str, undo: str | None, *seen: str) -> Action:
    run = set_status(id, effect, status)
    return Action(id, effect, run, bind, NEEDS, ADMIN_DOCS, authority="admin_key", undo=undo, observe=has_status(status, *seen))


OAUTH_DOCS = "https://code.claude.com/docs/en/authentication"
SIGN_OUT = Manual(
    url="https://claude.ai/settings/account",
    steps=(
        "As the user, log out of all devices; a setup token lives for a year otherwise.",
        "An Enterprise organisation's admin: sign the member out (POST /v1/organizations/users/{id}/sign_out), which leaves API keys.",
        "Let the user sign in again.",
    ),
    notify="the user, and the organisation's admins",
    proves="the user's list of sessions holds none from before",
)
AWS_DOCS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_bedrock.html"
BY_IAM = Manual(
    url="https://console.aws.amazon.com/iam/home#/users",
    steps=(
        "A long-term key: find its IAM user, Security credentials, API keys (service aws-external-anthropic); deactivate, then delete.",
        "A short-term key ends by itself within twelve hours; sooner: revoke the sessions of the role that made it.",
    ),
    notify="the AWS account's security contact",
    proves="IAM lists the key as inactive or gone; for a short-term key, twelve hours are over",
)


def _oauth(id: str, title: str, pattern: str, why: str) -> Kind:
    return guided(id, title, pattern, docs=OAUTH_DOCS, why=why, manual=SIGN_OUT, window=timedelta(hours=1))


PROVIDER = Provider(
    id="anthropic",
    title="Anthropic",
    hosts=("api.anthropic.com",),
    docs="https://platform.claude.com/docs/en/api/overview",
    obtain="An organisation admin makes one in the Console, Settings, Admin keys. Admin keys cannot make others.",
    authority={"admin_key": NEEDS},
    check_authority=can_read("admin_key", {"Admin API: API keys": KEYS}, auth=by_key, headers=VERSION),
    kinds=(
        Kind(
            id="anthropic_api_key",
            title="Anthropic API key",
            pattern=r"sk-ant-api03-[A-Za-z0-9_-]{93}AA",
            verify=probe(
                "/v1/models",
                [live(200, has=["data"]), *ANSWERS],
                auth=by_key,
                headers=VERSION,
                params={"limit": "1"},
                identity=whoami,
            ),
            docs=DOCS,
            identity="organisation id and workspace id, from response headers; no user or key id",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://platform.claude.com/settings/keys",
                steps=(
                    "Make a new key here (no API can) and hand it to its users.",
                    "Find the leaked key by its hint: the first three characters after the prefix and the last four.",
                    "Open its menu and choose Disable; when nothing breaks, choose Delete (permanent).",
                ),
                notify="the workspace's admin",
            ),
            offline=(example_value,),
            budget=Budget(per_second=0, in_flight=100),  # no limit is documented for this list; a 429 slows us down
            irreversible_loss="an archived key cannot be made active again",
            actions=(
                _action("suspend", Effect.SUSPEND, "inactive", "restore", "archived"),
                _action("restore", Effect.RESTORE, "active", "suspend"),
                _action("revoke", Effect.REVOKE, "archived", None),
            ),
        ),
        Kind(
            id="anthropic_admin_key",
            title="Anthropic admin key",
            pattern=r"sk-ant-admin01-[A-Za-z0-9_-]{93}AA",
            verify=probe(
                "/v1/organizations/me",
                [live(200, has=["id", "name"]), *ANSWERS],
                auth=by_key,
                headers=VERSION,
                identity=identity_from(account="id", principal="name"),
            ),
            docs="https://platform.claude.com/docs/en/api/admin-api",
            identity="organisation id and name",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://platform.claude.com/settings/admin-keys",
                steps=(
                    "Sign in as an organisation admin and open the admin keys.",
                    "Find the leaked key by its hint and delete it.",
                    "Look for members and keys that were added since the leak: this key could invite people.",
                ),
                notify="the organisation's admins",
            ),
            offline=(example_value,),
        ),
        _oauth(
            "anthropic_oauth_token",
            "Anthropic OAuth access token or setup token",
            r"sk-ant-oat01-[A-Za-z0-9_-]{80,130}",
            "the only call known to take it is billed to its user",
        ),
        _oauth(
            "anthropic_oauth_refresh_token",
            "Anthropic OAuth refresh token",
            r"sk-ant-ort01-[A-Za-z0-9_-]{80,130}",
            "an exchange uses it up and makes another",
        ),
        guided(
            "anthropic_aws_key",
            "Claude on AWS API key",
            r"AEAA[A-Za-z0-9+/]{100,300}={0,2}",
            docs=AWS_DOCS,
            why="no free call is confirmed; the IAM user that it is of stands in the key",
            manual=BY_IAM,
            labels={"list": ("anthropic_aws_key",)},
            ambiguous=True,
        ),
        guided(
            "anthropic_aws_short_term_key",
            "Claude on AWS API key (short-term)",
            r"aws-external-anthropic-api-key-[A-Za-z0-9+/]{100,7000}={0,2}",
            docs=AWS_DOCS,
            why="no free call is confirmed; the session that made it stands in the key",
            manual=BY_IAM,
            labels={"list": ("anthropic_aws_short_term_key",)},
        ),
    ),
)
