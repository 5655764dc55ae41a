"""AssemblyAI: API keys of either region. No API manages them."""

from datetime import timedelta

from revoker.sdk import Auth, Kind, Manual, Propagation, Provider, Secret, dead, everywhere, example_value, header, live

DOCS = "https://www.assemblyai.com/docs/api-reference/overview"
HOSTS = ("api.assemblyai.com", "api.eu.assemblyai.com")


def by_key(secret: Secret) -> Auth:
    """The bare key in `Authorization`, without a scheme."""
    return header("Authorization", secret)


PROVIDER = Provider(
    id="assemblyai",
    title="AssemblyAI",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        Kind(
            id="assemblyai_api_key",
            title="AssemblyAI API key",
            pattern=r"[a-z0-9]{32}",
            ambiguous=True,
            labels={"kingfisher": ("betterleaks.assemblyai-api-key",)},
            verify=everywhere(
                HOSTS, "/v2/transcript", [live(200, has=["transcripts"]), dead(401)], auth=by_key, params={"limit": "1"}
            ),
            requests=2,
            docs=DOCS,
            identity="none: the answer lists a customer's transcript, of which nothing is kept",
            effects_of_check="logged at the provider like any read; the answer holds one transcript's entry, which is dropped",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://www.assemblyai.com/dashboard/api-keys",
                steps=(
                    "Choose the project (and the region) that the key belongs to.",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key.",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
