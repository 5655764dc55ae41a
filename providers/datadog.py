"""Datadog: API keys, which tell their own id, and application keys, which cannot be checked alone.

There are many sites, and a key of one is refused by all others: only the refusal of every one proves anything.
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
    Unbound,
    Validity,
    Writer,
    as_authority,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    no_safe_check,
    receipt,
    safe_id,
    seen_dead,
)

DOCS = "https://docs.datadoghq.com/api/latest/authentication/"
KEYS_DOCS = "https://docs.datadoghq.com/api/latest/key-management/"
SITES = (
    "datadoghq.com",
    "datadoghq.eu",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
HOSTS = tuple(f"api.{site}" for site in SITES)
NEEDS = "an application key with api_keys_write and api_keys_delete, and an API key of the same organisation"

ANSWERS = (
    live(200, at="valid", codes=["True"], has=["api_key_id"]),
    dead(403, has=["errors"]),
)

verify = everywhere(
    HOSTS,
    "/api/v2/validate",
    ANSWERS,
    auth=lambda secret: header("DD-API-KEY", secret),
    identity=identity_from(principal="api_key_id", scopes="api_key_scopes"),
)


def owner(api: Reader) -> dict[str, str]:
    """The second of the two keys that Datadog wants from the operator."""
    return {"DD-API-KEY": as_authority(api, "api_key").value.reveal()}


def app_key(api: Reader) -> Auth:
    """The operator's application key."""
    return as_authority(api, "application_key", lambda secret: header("DD-APPLICATION-KEY", secret))


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key itself says its id and site, and the operator's organisation holds that key."""
    if api.authority("application_key") is None or api.authority("api_key") is None:
        return no_authority("application_key and api_key")
    for host in HOSTS:
        own = await api.get("/api/v2/validate", auth=header("DD-API-KEY", cred.secret), host=host)
        if judge(own, ANSWERS, api.now).validity is Validity.LIVE:
            id = safe_id(own.pick("api_key_id"))
            seen = await api.get(f"/api/v2/api_keys/{id}", auth=app_key(api), headers=owner(api), host=host)
            if seen.status != 200 or seen.trouble is not None or seen.pick("data.id") != id:
                return Unbound("refused", f"the operator's organisation does not show {id} ({seen.status or seen.trouble})")
            return Bound(cred, id, Proof.SELF_ENDPOINT, f"the key itself says that it is {id}", extra={"host": host})
    return Unbound("no_match", "no site says whose key this is")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key, for good."""
    host = bound.extra.get("host", HOSTS[0])
    path = f"/api/v2/api_keys/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=app_key(api), headers=owner(api), host=host)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


def _app_key(id: str, title: str, pattern: str, *, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels={} if ambiguous else {"list": (id,)},
        verify=no_safe_check,  # it is only valid beside an API key of its own organisation
        docs=KEYS_DOCS,
        identity="none: it cannot be asked alone",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(
            url="https://app.datadoghq.com/organization-settings/application-keys",
            steps=(
                "Open the organisation's site, Organization Settings, Application Keys: the list shows the last four characters.",
                "Confirm with the key's owner, make a new one with the same scopes and hand it to its users.",
                "Revoke the leaked one.",
            ),
            notify="the key's owner",
            proves="the list holds no key with these last four characters, and the audit trail shows its deletion",
        ),
        offline=(example_value,),
        effects_of_check="none: nothing is asked",
    )


PROVIDER = Provider(
    id="datadog",
    title="Datadog",
    hosts=HOSTS,
    docs=DOCS,
    obtain="Organization Settings, Service Accounts: make one whose role has the two rights, "
    "and an application key of it scoped to them.",
    authority={"application_key": NEEDS, "api_key": "an API key of that organisation, not a leaked one"},
    kinds=(
        Kind(
            id="datadog_api_key",
            title="Datadog API key",
            pattern=r"[0-9a-f]{32}",
            ambiguous=True,
            verify=verify,
            docs=DOCS,
            identity="the key's own id and scopes",
            propagation=Propagation(timedelta(minutes=15), source="not documented; seconds to minutes are reported, our margin"),
            requests=len(HOSTS),
            manual=Manual(
                url="https://app.datadoghq.com/organization-settings/api-keys",
                steps=(
                    "Open the organisation's site, Organization Settings, API Keys, and find the key by the id that revoker tells.",
                    "Make a new one and hand it to its agents and users.",
                    "When its use has stopped, revoke the leaked one: there is no way to disable it first.",
                ),
                notify="the organisation's administrators",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    NEEDS,
                    KEYS_DOCS,
                    authority="application_key",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="a deleted key cannot be brought back; agents that send with it go silent",
        ),
        _app_key("datadog_app_key", "Datadog application key", r"[0-9a-f]{40}", ambiguous=True),
        _app_key("datadog_ddapp_key", "Datadog application key (ddapp_)", r"ddapp_[A-Za-z0-9]{34}", ambiguous=False),
    ),
)
