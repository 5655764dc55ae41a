"""Service-account keys: looked up in Google's public list of certificates, so that the key itself is never used.

The list names the certificates of an account by key id. A key is listed while it exists; whether a disabled key stays
in the list is not documented. Only a certificate with the same public half speaks for the leaked key.
"""

import base64
import binascii
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    Mutation,
    Observer,
    Owned,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
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
    skip,
    text_at,
    time_at,
)

IAM = "iam.googleapis.com"
PUBLIC = "www.googleapis.com"
KEY_ID = r"[0-9a-f]{40}"
LISTED = "listed"  # it is there; whether it is disabled only the authority can see
BEGIN = "-----BEGIN CERTIFICATE-----"


def document(cred: Credential) -> dict[str, Any]:
    """The key file as an object, or an empty one."""
    try:
        found = json.loads(cred.secret.reveal(), strict=False)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def der(pem: object) -> bytes:
    """The bytes inside a PEM block; nothing for anything else."""
    lines = pem.replace("\\n", "\n").split("\n") if isinstance(pem, str) else []
    try:
        return base64.b64decode("".join(line.strip() for line in lines if "-----" not in line))
    except (binascii.Error, ValueError):
        return b""


def fields(data: bytes) -> list[bytes]:
    """The contents of the DER values that stand in a row; nothing for what is no DER."""
    found, at = [], 0
    while at + 2 <= len(data):
        size, at = data[at + 1], at + 2
        if size & 0x80:
            width = size & 0x7F
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + size > len(data):
            return []
        found.append(data[at : at + size])
        at += size
    return found


def modulus(pem: object) -> bytes:
    """The public half of an RSA key in PKCS #8; nothing for anything else."""
    try:
        key = fields(fields(fields(der(pem))[0])[2])[0]
        return fields(key)[1].lstrip(b"\0")
    except IndexError:
        return b""


def is_whole(cred: Credential, now: datetime) -> Verdict | None:
    """Skip a file whose private key cannot be read."""
    return None if len(modulus(document(cred).get("private_key"))) >= 128 else skip("malformed")


async def listed(cred: Credential, api: Reader) -> Reply:
    """The public certificates of the key's account."""
    email = safe_id(cred.parts.get("email") or document(cred).get("client_email"))
    return await api.get(f"/robot/v1/metadata/x509/{email}", host=PUBLIC)


def certificates(reply: Reply) -> dict[str, str]:
    """Key id -> certificate, when the answer is a list of certificates."""
    body = reply.json if reply.status == 200 and reply.trouble is None else None
    rows = body if isinstance(body, dict) else {}
    return rows if rows and all(isinstance(pem, str) and pem.startswith(BEGIN) for pem in rows.values()) else {}


ANSWERS = (
    decided(Validity.UNKNOWN, "another_universe", "the file names a sovereign cloud, whose accounts this list does not know"),
    decided(Validity.DEAD, "no_such_account", "the service account is not there", status=404),
    decided(Validity.DEAD, "not_listed", "the key's id is not in the public list of the account's certificates", status=200),
    decided(Validity.UNKNOWN, "another_key", "the listed certificate is of another private key", status=200),
    decided(Validity.LIVE, LISTED, "the certificate of this very key is listed; a disabled account's is too", status=200),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Look for the key id in the public list, and compare the public halves."""
    file = document(cred)
    if file.get("universe_domain") not in (None, "", "googleapis.com"):
        return Verdict(Validity.UNKNOWN, "another_universe")  # a sovereign cloud: this list knows none of its accounts
    reply = await listed(cred, api)
    seen = evidence(reply, api.now)
    key_id, rows = str(file.get("private_key_id")), certificates(reply)
    if reply.trouble is None and reply.status == 404 and isinstance(reply.json, dict):
        return Verdict(Validity.DEAD, "no_such_account", seen)
    if not rows:
        return judge(reply, (), api.now)
    if key_id not in rows:
        return Verdict(Validity.DEAD, "not_listed", seen)
    if not same_key(file, rows[key_id]):
        return Verdict(Validity.UNKNOWN, "another_key", seen)
    return Verdict(Validity.LIVE, LISTED, seen, Identity(text(file, "project_id"), text(file, "client_email")))


def same_key(file: dict[str, Any], certificate: str) -> bool:
    """Whether the certificate holds the public half of the file's private key."""
    half = modulus(file.get("private_key"))
    return len(half) >= 128 and half in der(certificate)


def text(file: dict[str, Any], name: str) -> str | None:
    """A text of the key file."""
    return file[name] if isinstance(file.get(name), str) else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The public certificate of this key id holds the public half of this very key."""
    if api.authority("access_token") is None:
        return no_authority("access_token")
    file, rows = document(cred), certificates(await listed(cred, api))
    key_id = text(file, "private_key_id") or ""
    if key_id not in rows or not same_key(file, rows[key_id]):
        return Unbound("no_match", "the public list holds no certificate of this key")
    extra = {"project": text(file, "project_id") or "", "email": text(file, "client_email") or ""}
    how = "the public certificate of the key id holds the public half of this key"
    return Bound(cred, key_id, Proof.UNIQUE_HASH, how, extra["project"], extra)


def account_path(bound: Bound) -> str:
    """The service account, under its real project: a wildcard turns "not found" into "forbidden"."""
    file = document(bound.credential)
    return f"/v1/projects/{safe_id(file.get('project_id'))}/serviceAccounts/{safe_id(file.get('client_email'))}"


def path(bound: Bound, *, account: bool = False) -> str:
    """The key, or the whole account."""
    return account_path(bound) if account else f"{account_path(bound)}/keys/{safe_id(bound.target)}"


def switch(action: str, effect: Effect, verb: str, *, account: bool = False) -> Mutation:
    """Disable or enable a key, or its account with everything that was minted with it."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        auth = as_authority(api, "access_token")
        reply = await api.send("POST", f"{path(bound, account=account)}:{verb}", auth=auth, json={}, host=IAM)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def is_disabled(*, account: bool = False) -> Observer:
    """Look whether the key or the account is disabled; an enabled one says nothing of it."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        now = await api.get(path(bound, account=account), auth=as_authority(api, "access_token"), host=IAM)
        if now.status != 200 or now.trouble is not None or text_at(now, "name") is None:
            return None
        return now.pick("disabled") is True

    return observe


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete the key, for good. Access tokens that it minted go on for up to an hour."""
    reply = await api.send("DELETE", path(bound), auth=as_authority(api, "access_token"), host=IAM)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


async def is_deleted(bound: Bound, api: Reader) -> bool | None:
    """A deleted key is not found."""
    now = await api.get(path(bound), auth=as_authority(api, "access_token"), host=IAM)
    return {200: False, 404: True}.get(now.status or 0) if now.trouble is None and isinstance(now.json, dict) else None


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make another key of the same account. Its file is in this one answer only."""
    reply = await api.send("POST", f"{account_path(bound)}/keys", auth=as_authority(api, "access_token"), json={}, host=IAM)
    told = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda r: "done" if key_file(r) else "")
    new = Issued(safe_id(str(reply.pick("name")).rsplit("/", 1)[-1]), Secret(key_file(reply)))
    return replace(told, target=new.target, issued=new)


def key_file(reply: Reply) -> str:
    """The new key file, which comes in base 64."""
    try:
        return base64.b64decode(text_at(reply, "privateKeyData") or "").decode()
    except ValueError:
        return ""


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The keys of the account that people made."""
    params = {"keyTypes": "USER_MANAGED"}
    reply = await api.get(f"{account_path(bound)}/keys", auth=as_authority(api, "access_token"), params=params, host=IAM)
    rows = reply.pick("keys") if reply.status == 200 and reply.trouble is None else None
    found = [Reply("", json=row) for row in rows] if isinstance(rows, list) else None
    if found is None:
        return None
    return [Sibling(safe_id(str(r.pick("name")).rsplit("/", 1)[-1]), "", time_at(r, "validAfterTime")) for r in found]


async def owned(cred: Credential, api: Reader) -> Owned | None:
    """Ours when IAM lists this key id to the authority. The public certificates that `bind` compares are there for anybody."""
    if api.authority("access_token") is None:
        return None
    file = document(cred)
    project, key_id = text(file, "project_id"), text(file, "private_key_id") or ""
    listed = await siblings(Bound(cred, key_id, Proof.EMBEDDED, "the key id stands in the file"), api) or []
    if not project or key_id not in {key.target for key in listed}:
        return None
    return Owned(f"IAM lists the key to our own authority, in project {project}", project)
