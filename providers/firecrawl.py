"""Firecrawl: API keys. No API manages them."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, live, probe

DOCS = "https://docs.firecrawl.dev/api-reference/introduction"

PROVIDER = Provider(
    id="firecrawl",
    title="Firecrawl",
    hosts=("api.firecrawl.dev",),
    docs=DOCS,
    kinds=(
        Kind(
            id="firecrawl_api_key",
            title="Firecrawl API key",
            pattern=r"fc-[a-f0-9]{32}",
            labels={"kingfisher": ("kingfisher.firecrawl.1",)},
            verify=probe(
                "/v2/team/credit-usage",  # even a restricted key may ask this
                [live(200, has=["data"]), dead(401), live(402, "no_quota"), live(403, "restricted")],
            ),
            docs=DOCS,
            identity="none: the answer holds the team's credits only",
            propagation=Propagation(timedelta(minutes=10), source="changes of a key take about a minute; our margin"),
            manual=Manual(
                url="https://www.firecrawl.dev/app/api-keys",
                steps=(
                    "Make a new key in the same team and hand it to its users.",
                    "Find the leaked key by its name and the characters that the list shows.",
                    "Delete it.",
                ),
                notify="the team's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
