"""A provider that does not exist, with a server on loopback that keeps state and counts every change."""

import hashlib
import json
import os
import random
import string
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from revoker.sdk import (
    Action,
    Bound,
    Budget,
    Credential,
    Effect,
    Issued,
    Kind,
    Manual,
    Observer,
    OwnerCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Writer,
    as_authority,
    dead,
    identity_from,
    live,
    no_authority,
    probe,
    receipt,
    safe_id,
    shown_by,
    text_at,
    time_at,
)

DOCS = "https://fakery.invalid/docs"


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The provider finds a key by its full hash, suspended or not."""
    if api.authority("admin") is None:
        return no_authority("admin")
    digest = hashlib.sha256(cred.secret.reveal().encode()).hexdigest()
    reply = await api.get(f"/v1/by-hash/{digest}", auth=as_authority(api, "admin"))
    found = text_at(reply, "id")
    if reply.status != 200 or found is None:
        return Unbound("no_match", f"the provider answered {reply.status or reply.trouble}")
    how = "the full hash of the key fits one"
    extra = {"last_active": "yes", "user": "billing"} if text_at(reply, "last") else {}
    return Bound(cred, safe_id(found), Proof.UNIQUE_HASH, how, text_at(reply, "account"), extra)


async def listed(bound: Bound, api: Reader) -> Sequence[Sibling] | None:
    reply = await api.get("/v1/keys", auth=as_authority(api, "admin"))
    rows = reply.pick("keys")
    if reply.status != 200 or not isinstance(rows, list):
        return None
    return [Sibling(str(row["id"]), str(row["name"]), time_at(reply, f"keys.{at}.created")) for at, row in enumerate(rows)]


async def issue(bound: Bound, api: Writer) -> Receipt:
    reply = await api.send("POST", "/v1/keys", auth=as_authority(api, "admin"), json={"name": api.mark})
    done = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[201])
    new = Issued(safe_id(reply.pick("id")), Secret(str(reply.pick("value"))), {"key_id": str(reply.pick("id"))})
    return Receipt("issue", Effect.ISSUE, new.target, evidence=done.evidence, issued=new)


async def suspend(bound: Bound, api: Writer) -> Receipt:
    reply = await api.send("POST", f"/v1/keys/{safe_id(bound.target)}/suspend", auth=as_authority(api, "admin"))
    return receipt("suspend", Effect.SUSPEND, bound, reply, api.now, done=[200])


async def restore(bound: Bound, api: Writer) -> Receipt:
    reply = await api.send("POST", f"/v1/keys/{safe_id(bound.target)}/restore", auth=as_authority(api, "admin"))
    return receipt("restore", Effect.RESTORE, bound, reply, api.now, done=[200])


async def last_used(bound: Bound, api: Reader) -> datetime | None:
    reply = await api.get("/v1/keys", auth=as_authority(api, "admin"))
    rows = reply.pick("keys") or []
    at = next((number for number, row in enumerate(rows) if row["id"] == bound.target), None)
    return None if at is None else time_at(reply, f"keys.{at}.used")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    reply = await api.send("DELETE", f"/v1/keys/{safe_id(bound.target)}", auth=as_authority(api, "admin"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


def has(*statuses: str) -> Observer:
    """As real ones: of a key that is listed no more, only whoever looks for that can tell anything."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        reply = await api.get("/v1/keys", auth=as_authority(api, "admin"))
        rows = reply.pick("keys")
        if reply.status != 200 or not isinstance(rows, list):
            return None
        status = next((str(row["status"]) for row in rows if row["id"] == bound.target), None)
        if status is None:
            return True if "gone" in statuses else None
        return status in statuses

    return observe


def whoami(reply: Reply) -> Any:
    return identity_from(account="account", principal="id")(reply)


NEEDS = "an administrator's key"
BUDGET = Budget(float(os.environ.get("FAKERY_RATE", "200")), int(os.environ.get("FAKERY_IN_FLIGHT", "16")))
PROVIDER = Provider(
    id="fakery",
    title="Fakery",
    hosts=("api.fakery.invalid",),
    docs=DOCS,
    authority={"admin": NEEDS},
    kinds=(
        Kind(
            id="fakery_key",
            title="Fakery key",
            pattern=r"fkry[a-z0-9]{28}",
            verify=probe("/v1/me", [live(200, has=["id"]), dead(401, at="error.code", codes=["invalid_key"])], identity=whoami),
            docs=DOCS,
            identity="account and id",
            propagation=Propagation(timedelta(seconds=0.2)),
            budget=BUDGET,
            last_used=last_used,
            owner=OwnerCheck(shown_by(bind), "admin", NEEDS),
            manual=Manual(url="https://fakery.invalid/keys", steps=("Delete the key.",), notify="its owner"),
            actions=(
                Action("issue", Effect.ISSUE, issue, bind, NEEDS, DOCS, authority="admin", undo="revoke", siblings=listed),
                Action("suspend", Effect.SUSPEND, suspend, bind, NEEDS, DOCS, authority="admin", observe=has("suspended")),
                Action("restore", Effect.RESTORE, restore, bind, NEEDS, DOCS, authority="admin", observe=has("active")),
                Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, DOCS, authority="admin", observe=has("gone")),
            ),
        ),
        Kind(
            id="fakery_note",
            title="A key that no API can end",
            pattern=r"fkrn[a-z0-9]{28}",
            verify=probe("/v1/me", [live(200, has=["id"]), dead(401, at="error.code", codes=["invalid_key"])], identity=whoami),
            docs=DOCS,
            identity="account and id",
            propagation=Propagation(timedelta(seconds=0.2)),
            manual=Manual(url="https://fakery.invalid/notes", steps=("Delete it.",), notify="its owner"),
        ),
    ),
)


def value_of(prefix: str = "fkry") -> str:
    return prefix + "".join(random.choices(string.ascii_lowercase + string.digits, k=28))  # noqa: S311 - a fake value


@dataclass
class Key:
    id: str
    value: str
    name: str = "old"
    status: str = "active"
    used: str = ""  # when a consumer used it last
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


@dataclass
class Fakery:
    """The server's state. `drop` names calls ("POST /v1/keys") that are carried out and never answered."""

    url: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    gone: dict[str, Key] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)  # what was really changed, in order
    drop: list[str] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)  # call -> status
    asked: int = 0  # requests of any sort
    bearers: set[str] = field(default_factory=set)  # whoever asked
    last: bool = False  # each key is the last active one of its user
    admin: str = field(default_factory=lambda: value_of("fkra"))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, prefix: str = "fkry", name: str = "old") -> Key:
        key = Key(f"key-{len(self.keys) + len(self.gone) + 1}", value_of(prefix), name)
        self.keys[key.id] = key
        return key

    def usable(self) -> list[Key]:
        return [key for key in self.keys.values() if key.status == "active"]

    def answer(self, method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, Any]:
        call = f"{method} {path}"
        self.asked += 1
        self.bearers.add(bearer)
        if call in self.refuse:
            return self.refuse[call], {"error": {"code": "refused"}}
        if path == "/v1/me":
            key = next((one for one in self.usable() if one.value == bearer), None)
            return (200, {"id": key.id, "account": "ours"}) if key else (401, {"error": {"code": "invalid_key"}})
        if bearer != self.admin:
            return 403, {"error": {"code": "forbidden"}}
        if path.startswith("/v1/by-hash/"):
            wanted = path.rpartition("/")[2]
            fits = [k for k in self.keys.values() if hashlib.sha256(k.value.encode()).hexdigest() == wanted]
            last = "yes" if self.last else None
            return (
                (200, {"id": fits[0].id, "account": "ours", "last": last})
                if len(fits) == 1
                else (404, {"error": {"code": "none"}})
            )
        if call == "GET /v1/keys":
            rows = [
                {"id": k.id, "name": k.name, "status": k.status, "created": k.created, "used": k.used} for k in self.keys.values()
            ]
            return 200, {"keys": rows}
        return self._change(call, path, body)

    def _change(self, call: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if call == "POST /v1/keys":
            key = self.add(name=str(body.get("name")))
            self.changes.append(f"issue {key.id}")
            return 201, {"id": key.id, "value": key.value}
        id = path.split("/")[3]
        if id not in self.keys:
            return 404, {"error": {"code": "no_key"}}
        if call.startswith("DELETE"):
            self.gone[id] = self.keys.pop(id)
            self.changes.append(f"revoke {id}")
            return 204, None
        what = path.rpartition("/")[2]
        self.keys[id].status = "active" if what == "restore" else "suspended"
        self.changes.append(f"{what} {id}")
        return 200, {"status": self.keys[id].status}


@contextmanager
def serve() -> Iterator[Fakery]:
    """Run the server in a thread of this process, so that its state outlives killed workers."""
    state = Fakery()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            if len(raw) < length:  # whoever asked died in the middle of it: no server acts on that
                self.close_connection = True
                return
            bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            with state.lock:
                status, answer = state.answer(self.command, self.path, bearer, json.loads(raw) if raw else {})
                dropped = f"{self.command} {self.path}" in state.drop
                if dropped:
                    state.drop.remove(f"{self.command} {self.path}")
            if dropped:
                self.close_connection = True
                self.connection.close()
                return
            out = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            with suppress(ConnectionError):  # the client gave up meanwhile
                self.wfile.write(out)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
