"""Supabase: management tokens of people, and keys of projects (new secret keys, old service-role JWTs).

An old key names its project in itself; a new one does not, so its project must stand beside it.
"""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    at_its_host,
    dead,
    example_value,
    expired_jwt,
    guided,
    header,
    identity_from,
    live,
    probe,
)

DOCS = "https://supabase.com/docs/reference/api/introduction"
KEYS = "https://supabase.com/docs/guides/api/api-keys"
API = "api.supabase.com"
AT_PROJECT = (
    live(200, has=["swagger"]),
    live(200, has=["openapi"]),
    # A working secret key is refused where the caller looks like a browser.
    live(401, "taken_for_a_browser", says="Forbidden use of secret API key in browser"),
    dead(401, says="Invalid API key", has=["message"]),
)

PROVIDER = Provider(
    id="supabase",
    title="Supabase",
    hosts=(API,),
    docs=DOCS,
    kinds=(
        Kind(
            id="supabase_management_token",
            title="Supabase management token",
            pattern=r"sbp_(?:[0-9a-f]{40}|[A-Za-z0-9_]{40,64})",
            verify=probe(
                "/v1/organizations",
                [live(200, has=["0.id"]), dead(401, has=["message"]), live(403, "restricted", has=["message"])],
                identity=identity_from(account="0.id", principal="0.name"),
            ),
            docs=DOCS,
            identity="the first organisation that it reads",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://supabase.com/dashboard/account/tokens",
                steps=(
                    "As the token's user, open Account, Access Tokens.",
                    "Generate a new one and hand it to its users.",
                    "Delete the leaked one: it is listed by its name and its last characters.",
                ),
                notify="the token's user",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted token cannot be brought back",
        ),
        Kind(
            id="supabase_secret_key",
            title="Supabase secret key of a project",
            pattern=r"sb_secret_[A-Za-z0-9_-]{31}",
            host_from="host",
            verify=at_its_host(
                "/rest/v1/",
                AT_PROJECT,
                auth=lambda cred: header("apikey", cred.secret),
            ),
            docs=KEYS,
            identity="none: the project is the host",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://supabase.com/dashboard/project/_/settings/api-keys",
                steps=(
                    "Open the project, Settings, API Keys: the secret keys are listed by name and beginning.",
                    "Create a new secret key and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the project's owner: the key passes by every row's policy",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
        ),
        guided(
            "supabase_publishable_key",
            "Supabase publishable key",
            r"sb_publishable_[A-Za-z0-9_-]{31}",
            docs=KEYS,
            why="it is public by its nature: it stands in web pages, and the rows' policies are what guards",
            manual=Manual(
                "https://supabase.com/dashboard/project/_/settings/api-keys",
                ("See that row level security is on for every table.", "Replace the key when it is abused."),
                notify="the project's owner",
                proves="a person has looked at the policies, or the project lists another key",
            ),
            labels={"list": ("supabase_publishable_key",)},
        ),
        Kind(
            id="supabase_service_key",
            title="Supabase service-role key (old JWT)",
            pattern=r"eyJ[\w-]{10,200}\.eyJ[\w-]{40,400}\.[\w-]{43}",
            ambiguous=True,
            host_from="host",
            verify=at_its_host(
                "/rest/v1/",
                AT_PROJECT,
                auth=lambda cred: header("apikey", cred.secret),
            ),
            docs=KEYS,
            identity="none is asked for; the project (`ref`) and the role stand in the key itself",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://supabase.com/dashboard/project/_/settings/api-keys",
                steps=(
                    "Move its users to a new secret key; anon and service-role keys go together.",
                    "Disable the project's legacy keys (PUT /v1/projects/{ref}/api-keys/legacy?enabled=false). It can be taken back.",
                    "For good: rotate the project's JWT secret; that ends every session too.",
                ),
                notify="the project's owner: the key passes by every row's policy",
            ),
            offline=(example_value, expired_jwt),
            irreversible_loss="after a rotation of the JWT secret: all old keys and sessions",
        ),
    ),
)
