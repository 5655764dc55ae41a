"""Entra client secrets, looked at through Microsoft Graph by the operator's own authority.

Graph shows the first three characters of each secret of an application. They name whom a person should look at and
bind nothing; where no listed secret begins like this one, it is gone. Signing in with it would mint a token.
"""

from collections.abc import Iterator
from datetime import datetime

from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    ListUnread,
    Mutation,
    Observer,
    Owned,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    decided,
    declares,
    evidence,
    judge,
    no_authority,
    receipt,
    safe_id,
    text_at,
    time_at,
    unproven_pair,
)

GRAPH = "graph.microsoft.com"
PLACES = ("applications", "servicePrincipals")  # a secret may sit on either
FIELDS = "id,appId,displayName,passwordCredentials"


async def holder(cred: Credential, api: Reader, place: str) -> Reply:
    """The application, or its service principal, with the hints of its secrets. Raises ListUnread."""
    client = safe_id(cred.parts.get("client_id"))
    params = {"$filter": f"appId eq '{client}'", "$select": FIELDS}
    reply = await api.get(f"/v1.0/{place}", auth=as_authority(api, "graph_token"), params=params, host=GRAPH)
    if reply.status != 200 or reply.trouble is not None or not isinstance(reply.pick("value"), list):
        raise ListUnread(reply)
    return reply


def secrets(reply: Reply) -> Iterator[Reply]:
    """The secrets of the holders in an answer."""
    for row in reply.pick("value"):
        listed = row.get("passwordCredentials") if isinstance(row, dict) else None
        yield from (Reply("", json=one) for one in listed or [] if isinstance(one, dict))


def fits(row: Reply, cred: Credential) -> bool:
    """Whether a listed secret could be this one; one without a hint could be any."""
    hint = text_at(row, "hint")
    return not hint or cred.secret.reveal().startswith(hint)


def is_over(row: Reply, now: datetime) -> bool:
    """Whether a listed secret is past its end."""
    end = time_at(row, "endDateTime")
    return end is not None and end < now


ANSWERS = (
    decided(
        Validity.UNKNOWN,
        "application_of_another_tenant",
        "only its service principal is in the tenant; its own secrets are not listed here",
    ),
    decided(Validity.UNKNOWN, "no_safe_check", "nothing is sent without the authority"),
    decided(Validity.UNKNOWN, "not_in_tenant", "the tenant has no application of this client id", status=200),
    decided(Validity.DEAD, "not_listed", "no secret of the application begins like this one", status=200),
    decided(Validity.DEAD, "expired", "every secret that begins like this one is past its end", status=200),
    decided(Validity.UNKNOWN, "hint_listed", "a secret that is not over begins like this one", status=200),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Dead when no secret of the application begins like this one, or all that do are over; else a person must tell."""
    if api.authority("graph_token") is None:
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    try:
        replies = [await holder(cred, api, place) for place in PLACES]
    except ListUnread as unread:
        return judge(unread.reply, (), api.now)
    seen, found = evidence(replies[0], api.now), [row for reply in replies for row in secrets(reply) if fits(row, cred)]
    if not any(reply.pick("value.0.appId") for reply in replies):
        return Verdict(Validity.UNKNOWN, "not_in_tenant", seen)
    if not found and not replies[0].pick("value.0.appId"):
        return Verdict(Validity.UNKNOWN, "application_of_another_tenant", seen)  # its own secrets are listed there, not here
    if not found:
        return Verdict(Validity.DEAD, "not_listed", seen)
    if all(is_over(row, api.now) for row in found):
        return Verdict(Validity.DEAD, "expired", seen)
    return Verdict(Validity.UNKNOWN, "hint_listed", seen)


async def owned(cred: Credential, api: Reader) -> Owned | None:
    """Ours when the client id is an application of the authority's own tenant; a guest's service principal there is not."""
    if api.authority("graph_token") is None:
        return None
    try:
        reply = await holder(cred, api, "applications")
    except ListUnread:
        return None
    client = cred.parts.get("client_id", "").casefold()
    if not client or (text_at(reply, "value.0.appId") or "").casefold() != client:
        return None
    return Owned(f"the application {client} is one of our authority's own tenant", cred.parts.get("tenant"))


async def bind_secret(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the secrets that begin like this one. Three characters are a label, not a proof."""
    if api.authority("graph_token") is None:
        return no_authority("graph_token")
    try:
        rows = [row for place in PLACES for row in secrets(await holder(cred, api, place)) if fits(row, cred)]
    except ListUnread as unread:
        return unread.unbound()
    shown = ", ".join(f"{text_at(row, 'keyId')} ({text_at(row, 'displayName')})" for row in rows[:20])
    if not rows:
        return Unbound("no_match", "no secret of the application begins like this one")
    return Unbound("label_only", f"secrets that begin like this one: {shown}; a person must confirm which")


async def bind_principal(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the service principal of the client id; no check of ours uses both halves of the pair."""
    if api.authority("graph_token") is None:
        return no_authority("graph_token")
    try:
        reply = await holder(cred, api, "servicePrincipals")
    except ListUnread as unread:
        return unread.unbound()
    target = text_at(reply, "value.0.id") if len(reply.pick("value")) == 1 else None
    if target is None:
        return Unbound("no_match", "this tenant has no service principal of the client id")
    return unproven_pair(f"{target}, the principal of {cred.parts.get('client_id')},")


async def remove(bound: Bound, api: Writer) -> Receipt:
    """Remove one secret of an application by its key id, for good."""
    path = f"/v1.0/applications/{safe_id(bound.extra.get('object_id'))}/removePassword"
    reply = await api.send("POST", path, auth=as_authority(api, "graph_token"), json={"keyId": bound.target}, host=GRAPH)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


def switch(action: str, effect: Effect, *, enabled: bool) -> Mutation:
    """Let a service principal sign in, or not."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path, auth = f"/v1.0/servicePrincipals/{safe_id(bound.target)}", as_authority(api, "graph_token")
        reply = await api.send("PATCH", path, auth=auth, json={"accountEnabled": enabled}, host=GRAPH)
        return receipt(action, effect, bound, reply, api.now, done=[204])

    return run


def is_switched(*, enabled: bool) -> Observer:
    """Look whether a service principal may sign in."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        path = f"/v1.0/servicePrincipals/{safe_id(bound.target)}"
        now = await api.get(path, auth=as_authority(api, "graph_token"), host=GRAPH)
        state = now.pick("accountEnabled") if now.status == 200 and now.trouble is None else None
        return state is enabled if isinstance(state, bool) else None

    return observe
