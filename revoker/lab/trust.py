"""The checks that let a drill be believed: they ask the servers, not revoker."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from revoker.lab.cast import DESTINATIONS, Cast, Lab
from revoker.lab.cloud import status_of
from revoker.lab.leak import Planted
from revoker.lab.log import Seen
from revoker.lab.servers import bao_call


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about the drill, and whether it holds."""

    name: str
    ok: bool
    detail: str = ""


def changes(lab: Lab) -> list[Seen]:
    """Every change that a fake or the cloud granted, in order."""
    seen = [*lab.cloud.log.changes(), *(entry for fake in lab.fakes.values() for entry in fake.log.changes())]
    return sorted(seen, key=lambda entry: entry.at)


def planned_only(lab: Lab, plans: Sequence[Mapping[str, Any]], fingerprints: Mapping[Planted, str]) -> Check:
    """No change but of a planned target, or of a key that an earlier planned change made."""
    entries = [entry for plan in plans for entry in plan["credentials"] if any("action" in step for step in entry["steps"])]
    planned = {entry["fingerprint"] for entry in entries}
    allowed = {one.target for one, fingerprint in fingerprints.items() if fingerprint in planned}
    made: set[str] = set()
    wrong = []
    for seen in changes(lab):
        if is_creation(seen):
            made.add(seen.key)
        elif not set(seen.key.split(",")) <= allowed | made:
            wrong.append(f"{seen.provider} {seen.what} on {seen.key}")
    detail = "; ".join(wrong) or f"{len(changes(lab))} changes seen by the servers"
    return Check("every change was planned, and hit its planned target", not wrong, detail)


def is_creation(seen: Seen) -> bool:
    """A request that made a new key."""
    return seen.what == "CreateAccessKey" or (
        seen.method == "POST" and seen.what.endswith(("/keys", "/access-tokens", "/service_accounts"))
    )


def strangers_untouched(lab: Lab, cast: Cast) -> Check:
    """Somebody else's keys stand as before, and what must not be asked about was never asked about."""
    skipped = [one for one in cast.planted if one.end == "skipped"]
    asked = [one.name for one in skipped for seen in lab.cloud.log.all() if one.target in (seen.key, seen.caller)]
    hit = [
        f"{id} {key.id}"
        for id, fake in lab.fakes.items()
        for key in fake.book.keys.values()
        if key.account == "stranger" and key.state != "live"
    ]
    stands = all(status_of(one.target) in ("Active", None) for one in skipped)
    return Check(
        "the canary and other people's keys were never touched, not even to look",
        not asked and not hit and stands,
        "; ".join(asked + hit),
    )


def old_ones_dead(lab: Lab, cast: Cast) -> Check:
    """What had to die is dead in the servers' own books."""
    alive = [one.name for one in cast.planted if one.end == "dead" and lives(lab, one)]
    return Check("every credential that had to die is dead in its server's own books", not alive, "; ".join(alive))


def lives(lab: Lab, one: Planted) -> bool:
    """Whether the server that issued a credential still accepts it."""
    if one.provider == "aws":
        return status_of(one.target) == "Active"
    if one.provider == "vault":
        return bao_call(lab.bao, "POST", "auth/token/lookup", {"token": one.secret})[0] == 200
    if one.provider == "postgresql":
        return opens(one.secret)
    book = lab.fakes[one.provider].book
    return book.works(book.find(one.secret))


def opens(uri: str) -> bool:
    """Whether a database URI logs in."""
    import psycopg

    try:
        psycopg.connect(uri, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def new_ones_work(lab: Lab) -> Check:
    """What stands in Vault now is the one living successor, and the leaked value's versions are destroyed."""
    wrong = []
    for place in DESTINATIONS:
        path = place.path.split("/", 1)[1]
        status, body = bao_call(lab.bao, "GET", f"secret/data/{path}")
        data = body.get("data", {}).get("data") if status == 200 else None
        old = bao_call(lab.bao, "GET", f"secret/metadata/{path}")[1]["data"]["versions"]
        standing = [number for number, version in old.items() if not version["destroyed"]]
        if data is None or not successor(lab, place.kind, data) or len(standing) != 1 or data.get("note") != "kept":
            wrong.append(place.path)
    return Check("each rotated secret in Vault works, stands alone, and lost no other field", not wrong, "; ".join(wrong))


def successor(lab: Lab, kind: str, data: Mapping[str, str]) -> bool:
    """Whether a secret in Vault is live, and the only live one of its owner."""
    if kind == "postgresql_uri":
        return opens(data["DATABASE_URL"])
    if kind == "google_api_key":
        book = lab.fakes["google"].book
        live = [key for key in book.listed() if key.kind == kind]
        return [key.secret for key in live] == [data["GEMINI_API_KEY"]]
    return cloud_keys("billing") == [(data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"], "Active")]


def cloud_keys(user: str) -> list[tuple[str, str, str]]:
    """All keys of a user in moto's own books."""
    from moto.iam.models import iam_backends

    from revoker.lab.cloud import ACCOUNT

    return [
        (key.access_key_id, key.secret_access_key, key.status) for key in iam_backends[ACCOUNT]["aws"].users[user].access_keys
    ]


def forms(secret: str) -> Iterator[bytes]:
    """The shapes in which a secret could stand in a file: raw, encoded, reversed."""
    raw = secret.encode()
    yield from (raw, raw[::-1], raw.hex().encode(), quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode())
    for offset in range(3):  # base64 depends on where in a group of three bytes the secret begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"x" * offset + raw)[offset + 2 : -4]


def no_secret_in(files: Sequence[Path], texts: Iterable[str], secrets: Iterable[str]) -> Check:
    """No planted secret stands in what revoker wrote or said."""
    wanted = [form for secret in secrets for form in set(forms(secret))]
    places = [(str(path.name), path.read_bytes()) for path in files] + [("output", text.encode()) for text in texts]
    found = sorted({name for name, body in places for form in wanted if form in body})
    return Check("no leaked or new secret stands in any file or output", not found, "; ".join(found))


def session_ended(connection: Any) -> Check:
    """A database session that the leaked password opened before the drill must be gone."""
    import psycopg

    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return Check("the database session that the leaked password had opened was ended", ok=True)
    return Check("the database session that the leaked password had opened was ended", ok=False, detail="it still answers")
