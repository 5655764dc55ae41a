"""Cohere: trial and production API keys, which look alike. Keys are managed in the dashboard or by its CLI's login only."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Verdict,
    bearer,
    dead,
    declares,
    example_value,
    identity_from,
    judge,
    live,
)

DOCS = "https://docs.cohere.com/reference/checkapikey"
CHECK = "/v1/check-api-key"  # a POST without a body that only reads
ANSWERS = (
    live(200, at="valid", codes=["True"]),
    dead(200, "invalid", at="valid", codes=["False"]),
    dead(401),
    dead(498),  # Cohere's own status for an invalid token
    live(402, "no_quota"),
    live(403, "restricted"),
)
whoami = identity_from(account="organization_id", principal="owner_id")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask whether the key is valid, and whose it is."""
    return judge(await api.query(CHECK, auth=bearer(cred.secret)), ANSWERS, api.now, whoami)


PROVIDER = Provider(
    id="cohere",
    title="Cohere",
    hosts=("api.cohere.com",),
    docs="https://docs.cohere.com/reference/errors",
    reads=(Read(CHECK),),
    kinds=(
        Kind(
            id="cohere_api_key",
            title="Cohere API key",
            pattern=r"[A-Za-z0-9]{40}",
            ambiguous=True,
            labels={
                "gitleaks": ("cohere-api-token",),
                "kingfisher": ("kingfisher.cohere.1", "betterleaks.cohere-api-token"),
                "github": ("cohere_api_key",),
                "ggshield": ("cohere_apikey", "Cohere API Key"),
            },
            verify=verify,
            docs=DOCS,
            identity="organisation id and owner id",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://dashboard.cohere.com/api-keys",
                steps=(
                    "Make a new key of the same sort (trial or production) and hand it to its users.",
                    "Find the leaked key by its name: the list shows no part of the value.",
                    "Revoke it.",
                ),
                notify="the owner, whose id the check names",
            ),
            offline=(example_value,),
        ),
    ),
)
