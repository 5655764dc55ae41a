"""Where does a private key open something? Every place that the operator names is asked about its public half.

A key has no provider that could be asked. Live is what one place takes. Dead is what every place refuses: the engine believes
that only when one of them took the key before, or when the operator says that there are no others (`[keys] complete`).
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from revoker.providers.keys.forges import everywhere_registered, words
from revoker.providers.keys.pki import revoked_at_vault
from revoker.sdk import (
    Credential,
    Evidence,
    Identity,
    PublicHalf,
    Reader,
    Reply,
    Validity,
    Verdict,
    app_jwt,
    bearer,
    decided,
    declares,
    evidence,
    public_half,
    skip,
    text_at,
    time_at,
)

LIVE = {"listed": "listed_in_inventory", "accepted": "accepted_by_host", "valid": "certificate_valid"}
REFUSED = frozenset({"not_listed", "listed_expired", "refused", "expired", "other_key"})
UNSURE = {"no_public_keys": "host_takes_no_keys", "not_yet_valid": "certificate_not_yet_valid"}
SSHD = "https://man.openbsd.org/sshd#AUTHORIZED_KEYS_FILE_FORMAT"
CERTIFICATE = "https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5"
FORGE = "https://docs.github.com/en/rest/users/keys"
APP = "https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app"
ANSWERS = (
    decided(Validity.LIVE, "listed_in_inventory", "an authorized_keys file that you name takes its public half now", page=SSHD),
    decided(Validity.LIVE, "accepted_by_host", "an SSH account that you name answers PK_OK to a query without a signature"),
    decided(
        Validity.LIVE,
        "certificate_valid",
        "a certificate over it is in force, in a file or shown by a server, and not revoked at Vault",
        page=CERTIFICATE,
    ),
    decided(Validity.LIVE, "registered_at_forge", "GitHub or GitLab lists a key of its fingerprint", page=FORGE),
    decided(Validity.LIVE, "app_key", "a token that it signs opens the page of a GitHub App that you name", page=APP),
    decided(
        Validity.DEAD,
        "refused_everywhere",
        "every place that you name was asked and does not take it, and one of them did before, or `[keys] complete` says that there are no others",
    ),
)
MOST_NAMED = 50
NOT_DECODED = "JSON web token could not be decoded"


class Told(NamedTuple):
    """One place's answer about a key."""

    place: str
    validity: Validity
    reason: str
    seen: Evidence
    ends: datetime | None = None


def malformed(cred: Credential, now: datetime) -> Verdict | None:
    """A block that holds no key: a fixture, or a private half that does not belong to the public one."""
    return None if public_half(cred.secret) is not None else skip("malformed")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask every place, for a responder must know all that a key opens. Nothing is signed but an app's own token."""
    half = public_half(cred.secret)
    if half is None:
        return skip("malformed")
    told = [one async for one in _answers(cred, half, api)]
    if not told:
        return Verdict(Validity.UNKNOWN, "encrypted" if half.encrypted else "no_place_named")
    live = [one for one in told if one.validity is Validity.LIVE]
    unsure = [one for one in told if one.validity is Validity.UNKNOWN]
    if half.encrypted:  # the public half in the file may be anybody's, so neither answer says anything of the secret
        return Verdict(Validity.UNKNOWN, "encrypted_but_accepted" if live else "encrypted", told[0].seen)
    if live:
        ends = [one.ends for one in live if one.ends]
        who = Identity(
            principal=live[0].place[:200],
            scopes=tuple(one.place[:200] for one in live[:MOST_NAMED]),
            expires_at=max(ends) if len(ends) == len(live) else None,
        )
        return Verdict(Validity.LIVE, live[0].reason, live[0].seen, who)
    if unsure:
        return Verdict(Validity.UNKNOWN, unsure[0].reason, unsure[0].seen)
    return Verdict(Validity.DEAD, "refused_everywhere", Evidence(f"{len(told)} places", None, "refused", api.now))


async def _answers(cred: Credential, half: PublicHalf, api: Reader) -> AsyncIterator[Told]:
    found, read, unread = await everywhere_registered(half.fingerprint, api)
    for one in found:
        shown = f"{one.host} key {one.id} of {one.whose}"
        yield Told(shown, Validity.LIVE, "registered_at_forge", Evidence(one.host, 200, None, api.now))
    for host in read:
        yield Told(host, Validity.DEAD, "not_registered", Evidence(host, 200, None, api.now))
    for error in unread:
        seen = evidence(error.reply, api.now)
        yield Told(seen.host, Validity.UNKNOWN, error.reply.trouble or "list_unread", seen)
    for app in words(api, "github_apps"):
        yield await _as_app(cred, app, api)
    for place in await api.places():
        if place.startswith(("ssh ", "authorized_keys ")) and not half.ssh:
            continue
        if place.startswith(("tls ", "certificate ")) and not half.spki:
            continue
        yield await _judged(place, await api.ask_place(place, half), api)


async def _judged(place: str, reply: Reply, api: Reader) -> Told:
    """A declared code decides; all else decides nothing."""
    seen, code = evidence(reply, api.now), reply.code or ""
    if reply.trouble is not None or reply.status is not None:
        return Told(place, Validity.UNKNOWN, reply.trouble or "undeclared_answer", seen)
    if code == "valid" and place.startswith("certificate ") and await revoked_at_vault(api, _serials(reply)):
        return Told(place, Validity.DEAD, "certificate_revoked", seen)  # a server that still shows it is asked by itself
    if code in LIVE:
        return Told(place, Validity.LIVE, LIVE[code], seen, time_at(reply, "certificates.0.not_after"))
    if code in REFUSED:
        return Told(place, Validity.DEAD, code, seen)
    return Told(place, Validity.UNKNOWN, UNSURE.get(code, "undeclared_answer"), seen)


def _serials(reply: Reply) -> list[str]:
    listed = reply.pick("certificates")
    return [
        str(text_at(reply, f"certificates.{at}.serial") or "") for at in range(len(listed) if isinstance(listed, list) else 0)
    ]


async def _as_app(cred: Credential, app: str, api: Reader) -> Told:
    """Is it the private key of this GitHub App? Its own token opens the app's own page, and is thrown away."""
    shown, token = f"GitHub App {app}", app_jwt(cred.secret, app, api.now)
    if token is None:
        return Told(shown, Validity.DEAD, "no_rsa_key", Evidence("this machine", None, None, api.now))
    reply = await api.get("/app", auth=bearer(token), headers={"Accept": "application/vnd.github+json"}, host="api.github.com")
    seen = evidence(reply, api.now)
    if reply.trouble is None and reply.status == 200 and text_at(reply, "slug"):
        return Told(f"{shown} ({text_at(reply, 'slug')})", Validity.LIVE, "app_key", seen)
    if reply.trouble is None and reply.status == 401 and NOT_DECODED in reply.text:
        return Told(shown, Validity.DEAD, "not_the_apps_key", seen)
    return Told(shown, Validity.UNKNOWN, reply.trouble or f"undeclared_{reply.status}", seen)
