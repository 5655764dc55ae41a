"""RubyGems.org: API keys. Nothing but the site's own pages revokes one."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    example_value,
    header,
    live,
    probe,
    unsure,
)

DOCS = "https://guides.rubygems.org/api-key-scopes/"

PROVIDER = Provider(
    id="rubygems",
    title="RubyGems.org",
    hosts=("rubygems.org",),
    docs="https://guides.rubygems.org/rubygems-org-api/",
    kinds=(
        Kind(
            id="rubygems_key",
            title="RubyGems API key",
            pattern=r"rubygems_[0-9a-f]{48}",
            verify=probe(
                "/api/v1/gems.json",
                [
                    live(200, has=["0.name"]),
                    live(403, "restricted", says="cannot perform the specified action", json=False),
                    live(403, "restricted", says="doesn't have access", json=False),
                    dead(403, "soft_deleted", says="An invalid API key cannot be used", json=False),
                    unsure(
                        403, "refused_or_restricted", json=False
                    ),  # a missing scope, a soft-deleted key, or an unconfirmed account
                    dead(401, says="access denied", json=False),
                    dead(401, has=["error"]),
                ],
                auth=lambda secret: header("Authorization", secret),
            ),
            docs=DOCS,
            identity="none: the owned gems are listed, and no user",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://rubygems.org/profile/api_keys",
                steps=(
                    "As the key's owner, open the profile, API keys.",
                    "Make a new key with the least scopes, for one gem where that is enough, and hand it to its users.",
                    "Delete the leaked one, or reset all when it is not clear which it is.",
                    "Look for versions that were pushed with it, and yank what is not yours.",
                ),
                notify="the owners of the gems",
            ),
            offline=(example_value,),
            effects_of_check="the key's last access becomes this check",
            irreversible_loss="a deleted key cannot be brought back",
        ),
    ),
)
