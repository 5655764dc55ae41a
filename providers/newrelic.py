"""New Relic: user keys, and the keys that only send data (licence, Insights, browser), which no read checks."""

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
    anywhere,
    dead,
    declares,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_safe_check,
)

DOCS = "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"
HOSTS = ("api.newrelic.com", "api.eu.newrelic.com")
GRAPH = "/graphql"
QUERY = "{ requestContext { userId } actor { user { email name } accounts { id name } } }"

ANSWERS = (
    live(200, has=["data.requestContext.userId"]),
    live(200, has=["data.actor.user.email"]),
    dead(401, has=["errors"]),
    dead(403, has=["errors"]),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One query that reads the user and the accounts, at each region. The key itself is not asked back."""

    async def ask(host: str) -> Verdict:
        reply = await api.query(GRAPH, auth=header("API-Key", cred.secret), json={"query": QUERY}, host=host)
        who = identity_from(account="data.actor.accounts.0.id", principal="data.actor.user.email")
        return judge(reply, ANSWERS, api.now, who)

    return await anywhere(HOSTS, ask)


def _sender(id: str, title: str, pattern: str, *steps: str, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        verify=no_safe_check,  # every check of such a key sends data
        docs=DOCS,
        identity="none: nothing is asked",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(
            "https://one.newrelic.com/api-keys",
            (*steps, "Look at NrAuditEvent for who made and used keys."),
            notify="the account's administrators",
            proves="the list of keys shows it no more, and the data that it sent stops",
        ),
        offline=(example_value,),
        labels={"list": (id,)},
        effects_of_check="none: nothing is asked",
    )


PROVIDER = Provider(
    id="newrelic",
    title="New Relic",
    hosts=HOSTS,
    docs="https://docs.newrelic.com/docs/apis/nerdgraph/get-started/introduction-new-relic-nerdgraph/",
    reads=(Read(GRAPH, json=("query",), fixed={"query": (QUERY,)}),),
    kinds=(
        Kind(
            id="newrelic_user_key",
            title="New Relic user key",
            pattern=r"NRAK-[A-Z0-9]{27}",
            verify=verify,
            docs=DOCS,
            identity="the user's address and the first account",
            propagation=Propagation(timedelta(minutes=15)),
            requests=2,
            manual=Manual(
                url="https://one.newrelic.com/api-keys",
                steps=(
                    "Find the key by its user (revoker tells), its name and its last characters.",
                    "Make a new one and hand it to its users.",
                    "Delete the leaked one there, or by its id with NerdGraph's apiAccessDeleteKeys.",
                ),
                notify="the key's user",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
        ),
        _sender(
            "newrelic_license_key",
            "New Relic licence key",
            r"(?:eu01xx)?[0-9a-f]{30,36}(?:FFFF)?NRAL",
            "Make another licence key and hand it to the agents.",
            "Delete the leaked one; the account's original key cannot be deleted: open a support ticket.",
        ),
        _sender(
            "newrelic_insert_key",
            "New Relic Insights key (old)",
            r"NRI[IQ]-[A-Za-z0-9_-]{32}",
            "Move its users to a licence key or a user key.",
            "Delete the leaked one under Insights keys.",
        ),
        _sender(
            "newrelic_admin_key",
            "New Relic REST API or admin key (old)",
            r"NRA[AR]-[A-Za-z0-9]{32,42}",
            "Move its users to a user key: these keys are at the end of their life.",
            "Delete the leaked one, or regenerate the account's REST key.",
        ),
        _sender(
            "newrelic_browser_key",
            "New Relic browser key",
            r"NRJS-[0-9a-f]{19}",
            "A browser key is public by its nature: it stands in web pages and can only send.",
            "Replace it when somebody sends false data with it.",
        ),
    ),
)
