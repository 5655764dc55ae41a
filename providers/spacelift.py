"""Spacelift: API keys. The one call that would tell mints a session, and the bill counts its user: it is not made."""

from datetime import timedelta

from revoker.sdk import Credential, Kind, Manual, Propagation, Provider, Reader, Validity, Verdict, example_value

DOCS = "https://docs.spacelift.io/integrations/api"


async def verify(cred: Credential, api: Reader) -> Verdict:
    """No call only reads with a key: it is exchanged for a session first."""
    return Verdict(Validity.UNKNOWN, "no_safe_check")


PROVIDER = Provider(
    id="spacelift",
    title="Spacelift",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="spacelift_key",
            title="Spacelift API key",
            pattern=r"[0-9a-f]{64}",
            verify=verify,
            docs=DOCS,
            identity="the key id, which is the finding's own",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://docs.spacelift.io/integrations/api#api-key-management",
                (
                    "An administrator: open the account, Organization settings, API keys.",
                    "Make a new key in the same spaces and hand it to its users.",
                    "Find the leaked one by its id, and delete it.",
                ),
                notify="the account's administrators",
                proves="the list of API keys holds the id no more",
            ),
            needs=("key_id",),
            offline=(example_value,),
            ambiguous=True,
        ),
    ),
)
