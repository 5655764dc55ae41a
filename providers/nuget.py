"""NuGet.org: API keys. Only a push tells surely whether one works, so none is tried; keys of the new form carry their end."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    example_value,
    no_safe_check,
)

DOCS = "https://learn.microsoft.com/en-us/nuget/nuget-org/scoped-api-keys"

PROVIDER = Provider(
    id="nuget",
    title="NuGet.org",
    hosts=("www.nuget.org",),
    docs="https://learn.microsoft.com/en-us/nuget/nuget-org/overview-nuget-org",
    kinds=(
        Kind(
            id="nuget_key",
            title="NuGet API key",
            pattern=r"oy2[a-z2-7]{43}|[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18}NUGT[A-Za-z0-9+/_-]{4}",
            verify=no_safe_check,  # the one read that takes a key answers the same to a dead key and to a missing scope
            docs=DOCS,
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://www.nuget.org/account/apikeys",
                steps=(
                    "As the key's owner, open API Keys, and find the key by its name, packages and expiry.",
                    "Make a new one with the least scopes, or regenerate it: the old value stops.",
                    "Hand the new one to its users, and delete the leaked one.",
                    "Look for versions that were pushed with it, and unlist what is not yours.",
                ),
                notify="the owners of the packages; keys do not end sooner by themselves than their date",
                proves="the page shows the key as deleted or regenerated",
            ),
            offline=(example_value,),
            effects_of_check="none: nothing is asked",
            irreversible_loss="a deleted key cannot be brought back",
        ),
    ),
)
