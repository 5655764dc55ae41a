"""Together AI: project keys and the legacy user keys. No API manages them."""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Validity,
    Verdict,
    bearer,
    dead,
    declares,
    example_value,
    identity_from,
    live,
    probe,
)

DOCS = "https://docs.together.ai/docs/error-codes"
listed = probe("/v1/models", [live(200, has=["0.id"]), dead(401), live(402, "no_quota"), live(403, "restricted")])
whoami = identity_from(account="organization.id", principal="project.id")


@declares(*listed.answers)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The list of models; and whose key it is, when it is live. Legacy keys may not tell."""
    verdict = await listed(cred, api)
    if verdict.validity is not Validity.LIVE:
        return verdict
    reply = await api.get("/v3/whoami", auth=bearer(cred.secret))
    return replace(verdict, identity=whoami(reply)) if reply.status == 200 and reply.trouble is None else verdict


def _kind(id: str, title: str, pattern: str, label: tuple[str, str], *steps: str, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels={label[0]: (label[1],)},
        verify=verify,
        requests=2,
        docs=DOCS,
        identity="organisation and project, where the key is one of a project",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual("https://api.together.ai/settings/api-keys", steps, notify="the organisation's admins"),
        offline=(example_value,),
    )


PROVIDER = Provider(
    id="together",
    title="Together AI",
    hosts=("api.together.xyz",),
    docs=DOCS,
    kinds=(
        _kind(
            "together_api_key",
            "Together AI key",
            r"tgp_v1_[A-Za-z0-9_-]{43}",
            ("kingfisher", "betterleaks.togetherai-api-key"),
            "Open the project that the check names, and its API keys.",
            "Make a new key and hand it to its users.",
            "Delete the leaked key.",
        ),
        _kind(
            "together_legacy_key",
            "Together AI key (legacy)",
            r"[0-9a-f]{64}",
            ("other", "together_legacy_key"),
            "The default key of a user cannot be deleted: regenerate it, and hand the new value to its users.",
            "Move its users to keys of a project.",
            ambiguous=True,
        ),
    ),
)
