"""Certificates of Vault's or OpenBao's PKI engine over a leaked key: found by the key's hash, revoked with the key itself."""

from collections.abc import Iterable

from revoker.sdk import (
    ActionFailed,
    Bound,
    Certificate,
    Credential,
    Effect,
    Proof,
    Reader,
    Receipt,
    Unbound,
    Writer,
    as_authority,
    certificates_in,
    header,
    no_authority,
    receipt,
    text_at,
)

VAULT = "vault"
AUTHORITY = "vault_token"
MOST_CERTIFICATES = 500  # of a mount, read one by one; a longer list needs `certificates` to name the right ones


def _mount(api: Reader) -> str:
    return (api.setting("pki_mount") or "pki").strip("/")


async def certificate(api: Reader, serial: str) -> tuple[Certificate, bool] | None:
    """A certificate of the mount and whether it is revoked; None when it is not there or the answer decides nothing."""
    auth = as_authority(api, AUTHORITY, lambda secret: header("X-Vault-Token", secret))
    reply = await api.get(f"/v1/{_mount(api)}/cert/{serial}", auth=auth, host=VAULT)
    text = text_at(reply, "data.certificate") if reply.status == 200 and reply.trouble is None else None
    if text is None:
        return None
    try:
        found = certificates_in(text.encode())[0]
    except (ValueError, IndexError):
        return None
    revoked = reply.pick("data.revocation_time")
    return found, isinstance(revoked, int) and revoked > 0


async def revoked_at_vault(api: Reader, serials: Iterable[str]) -> bool:
    """True when Vault says of each of these certificates that it is revoked."""
    wanted = list(serials)
    if api.authority(AUTHORITY) is None or not wanted:
        return False
    told = [await certificate(api, serial) for serial in wanted]
    return all(one is not None and one[1] for one in told)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """All certificates of the mount whose public key has the very hash of this key's. They all end together."""
    spki = cred.parts.get("spki", "")
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    if cred.parts.get("passphrase") != "none" or not spki:
        return Unbound("encrypted", "a passphrase hides the key, and Vault wants to see it")
    auth = as_authority(api, AUTHORITY, lambda secret: header("X-Vault-Token", secret))
    reply = await api.get(f"/v1/{_mount(api)}/certs", auth=auth, params={"list": "true"}, host=VAULT)
    serials = reply.pick("data.keys") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(serials, list):
        return Unbound("refused", f"Vault did not list the certificates of {_mount(api)} ({reply.status or reply.trouble})")
    if len(serials) > MOST_CERTIFICATES:
        return Unbound("several_matches", f"{_mount(api)} holds {len(serials)} certificates; revoke by serial number by hand")
    told = [(str(serial), await certificate(api, str(serial))) for serial in serials]
    if any(one is None for _, one in told):
        return Unbound("refused", "Vault did not show one of its certificates")
    open_ones = [serial for serial, one in told if one is not None and one[0].spki == spki and not one[1]]
    if not open_ones:
        return Unbound("no_match", f"{_mount(api)} has no certificate of this key that is not revoked")
    how = (
        f"{_mount(api)} lists {len(open_ones)} certificate(s) whose public key has this key's SHA-256: {', '.join(open_ones[:5])}"
    )
    return Bound(cred, spki, Proof.UNIQUE_HASH, how, None, {"serials": " ".join(open_ones)})


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """POST revoke-with-key for each certificate. Vault checks that the key is the certificate's; doing it twice changes nothing."""
    serials = bound.extra.get("serials", "").split()
    auth = as_authority(api, AUTHORITY, lambda secret: header("X-Vault-Token", secret))
    done: Receipt | None = None
    for serial in serials:
        body = {"serial_number": serial, "private_key": bound.credential.secret}
        reply = await api.send("POST", f"/v1/{_mount(api)}/revoke-with-key", auth=auth, json=body, host=VAULT)
        done = receipt("revoke_certificate", Effect.REVOKE, bound, reply, api.now, done=[200], told=_told)
    if done is None:
        raise ActionFailed("No certificate is bound.", fingerprint=bound.credential.fingerprint, safe="nothing was sent")
    return Receipt(
        "revoke_certificate", Effect.REVOKE, bound.target, detail=f"revoked: {', '.join(serials)}", evidence=done.evidence
    )


def _told(reply: object) -> str:
    pick = getattr(reply, "pick", lambda _: None)
    return "done" if pick("data.state") == "revoked" or pick("data.revocation_time") else ""


async def observe(bound: Bound, api: Reader) -> bool | None:
    """In effect when Vault shows each certificate as revoked."""
    told = [await certificate(api, serial) for serial in bound.extra.get("serials", "").split()]
    if not told or any(one is None for one in told):
        return None
    return all(one is not None and one[1] for one in told)
