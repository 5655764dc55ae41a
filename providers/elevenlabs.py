"""ElevenLabs: API keys. A key disables itself, unless the workspace's policy forbids it.

A 401 is a live key without the right when it says `missing_permissions`.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Secret,
    Unbound,
    Validity,
    Writer,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    judge,
    live,
    receipt,
    seen_dead,
)

DOCS = "https://elevenlabs.io/docs/api-reference/authentication"
HOSTS = (
    "api.elevenlabs.io",
    *(f"api.{place}.residency.elevenlabs.io" for place in ("eu", "in", "sg")),
)  # each with keys of its own
DISABLE_DOCS = "https://elevenlabs.io/docs/api-reference/workspace"


def by_key(secret: Secret) -> Auth:
    """The key in `xi-api-key`."""
    return header("xi-api-key", secret)


verify = everywhere(
    HOSTS,
    "/v1/user",
    [
        live(200, has=["user_id"]),
        live(401, "restricted", at="detail.status", codes=["missing_permissions"]),
        dead(401, at="detail.status", codes=["invalid_api_key", "api_key_not_verifiable"]),
        live(401, "no_quota", at="detail.status", codes=["quota_exceeded"]),
        live(401, "blocked", at="detail.status", codes=["detected_unusual_activity"]),
        live(403, "restricted", has=["detail"]),  # an address that the key does not allow, or the plan
    ],
    auth=by_key,
    identity=identity_from(account="workspace_id", principal="user_id"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key names itself, at the one host that lets it in."""
    for host in HOSTS:
        reply = await api.get("/v1/user", auth=by_key(cred.secret), host=host)
        if judge(reply, verify.answers, api.now).validity is Validity.LIVE:
            how = f"the key is let in at {host}, names itself, and can disable no other in this way"
            return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, how, extra={"host": host})
    return Unbound("refused", "no host of ElevenLabs lets this key in")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The key disables itself. It stays listed as `self_disabled`."""
    path, host = "/v1/workspaces/api-keys/disable", bound.extra.get("host", HOSTS[0])
    reply = await api.send("POST", path, auth=by_key(bound.credential.secret), params={"api_key_name": "self"}, host=host)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


def _kind(id: str, title: str, pattern: str, labels: dict[str, tuple[str, ...]], *, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels=labels,
        verify=verify,
        requests=len(HOSTS),
        docs=DOCS,
        identity="workspace and user",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(
            url="https://elevenlabs.io/app/developers/api-keys",
            steps=(
                "Sign in as the user that the check names, at the site of the residency whose host let the key in.",
                "Keys of service accounts are listed for the workspace's admins.",
                "Make a new key with the same permissions and hand it to its users.",
                "Find the leaked key by its hint; disable it, and delete it when nothing breaks.",
            ),
            notify="the workspace's admins",
        ),
        offline=(example_value,),
        irreversible_loss="the key is disabled by itself, and only its owner could enable it again",
        actions=(
            Action(
                id="revoke",
                effect=Effect.REVOKE,
                run=revoke,
                bind=bind,
                needs="the key itself, where the workspace's policy allows it (by default; not for Enterprise)",
                docs=DISABLE_DOCS,
                by="self",
                observe=seen_dead(verify),
            ),
        ),
    )


PROVIDER = Provider(
    id="elevenlabs",
    title="ElevenLabs",
    hosts=HOSTS,
    docs="https://elevenlabs.io/docs/api-reference/introduction",
    kinds=(
        _kind(
            "elevenlabs_api_key",
            "ElevenLabs API key",
            r"sk_[0-9a-f]{48}",
            {
                "trufflehog": ("ElevenLabs",),
                "kingfisher": ("kingfisher.elevenlabs.1", "betterleaks.elevenlabs-api-key"),
            },
        ),
        _kind(
            "elevenlabs_legacy_key",
            "ElevenLabs API key (legacy)",
            r"[0-9a-f]{32}",
            {"trufflehog": ("ElevenLabs",)},
            ambiguous=True,
        ),
    ),
)
