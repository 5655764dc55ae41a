"""ClickHouse: users by their URI, over HTTP. A user without a password is let in with any, so a made-up one is tried first."""

import re
import secrets
from datetime import timedelta
from urllib.parse import unquote

from revoker.sdk import (
    Answer,
    Budget,
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Reply,
    Residual,
    Secret,
    Validity,
    Verdict,
    decided,
    declares,
    evidence,
    example_value,
    header,
    skip,
    text_at,
)

DOCS = "https://clickhouse.com/docs/interfaces/http"
CODES = "https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp"
NATIVE = ("9000", "9440")  # ports of the other protocol: the HTTP one is asked at its usual port then
HTTPS = "8443"
REFUSED = {"516": "refused", "192": "refused", "193": "refused", "194": "refused"}
AFTER_PASSWORD = {
    "46": "authenticated",
    "81": "no_such_database",
    "497": "restricted",
    "164": "restricted",
    "291": "no_database_right",
}
UNSURE = {"195": "host_refused", "202": "server_full"}
CODE = re.compile(r"\s{0,4}Code:\s{0,4}(\d{1,5})\b")


def user_of(cred: Credential) -> str:
    """The user's name, as the server knows it."""
    return unquote(cred.parts.get("user", ""))


def place_of(cred: Credential) -> str:
    """`host:port` of the HTTP interface."""
    port = cred.parts.get("port") or HTTPS
    return f"{cred.parts.get('host', '')}:{HTTPS if port in NATIVE else port}"


def code_of(reply: Reply) -> str | None:
    """The server's own code: the status is another one from release to release, and old ones say it in the body only."""
    said = reply.headers.get("x-clickhouse-exception-code")
    found = CODE.match(reply.text[:200])
    return said if said and said.isdigit() else found[1] if found else None


async def ask(cred: Credential, api: Reader, password: Secret) -> Reply:
    """One GET, which the server lets read only. The password rides in a header, never in the address."""
    params = {"query": "SELECT currentUser() AS user FORMAT JSON"}
    name = {"X-ClickHouse-User": user_of(cred)}
    return await api.get("/", auth=header("X-ClickHouse-Key", password), params=params, headers=name, host=place_of(cred))


def verdict_of(reply: Reply, cred: Credential, api: Reader) -> Verdict:
    """516, and before 2020 192 (unknown user), 193 and 194 (password): refused.

    Other codes come after the password was taken: 46, where a server is too old to know our question's function.
    """
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    code = code_of(reply)
    if reply.status == 200 and code is None:
        name = text_at(reply, "data.0.user")
        if name != user_of(cred):
            return Verdict(Validity.UNKNOWN, "no_answer", seen)
        return Verdict(Validity.LIVE, "authenticated", seen, Identity(principal=name))
    if code is None or not 400 <= (reply.status or 0) < 600:
        return Verdict(Validity.UNKNOWN, "no_clickhouse", seen)
    if code in REFUSED:
        return Verdict(Validity.DEAD, REFUSED[code], seen)
    if code in AFTER_PASSWORD:
        return Verdict(Validity.LIVE, AFTER_PASSWORD[code], seen)
    return Verdict(Validity.UNKNOWN, UNSURE.get(code, "undeclared_error"), seen)


ANSWERS = (
    decided(Validity.LIVE, "authenticated", "the answer names the user, after a made-up password was refused", status=200),
    decided(
        Validity.UNKNOWN, "no_password_needed", "a made-up password was taken, which proves nothing about this one", status=200
    ),
    *(Answer(None, Validity.DEAD, reason, codes=(code,)) for code, reason in REFUSED.items()),
    *(Answer(None, Validity.LIVE, reason, codes=(code,)) for code, reason in AFTER_PASSWORD.items()),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """A made-up password first: whom that lets in needs none. Then this one, once."""
    first = verdict_of(await ask(cred, api, Secret(secrets.token_hex(16))), cred, api)
    if first.validity is Validity.LIVE:
        return Verdict(Validity.UNKNOWN, "no_password_needed", first.evidence)
    if first.validity is not Validity.DEAD:
        return first
    word = unquote(cred.secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2])
    return verdict_of(await ask(cred, api, Secret(word)), cred, api)


PROVIDER = Provider(
    id="clickhouse",
    title="ClickHouse",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="clickhouse_uri",
            title="ClickHouse login (URI)",
            pattern=r"clickhouses?://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@(?P<host>[A-Za-z0-9._-]{1,253})"
            r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=CODES,
            identity="the user's name",
            propagation=Propagation(
                timedelta(minutes=2),
                source="a new password holds at once on this server; a cluster's users are its own or replicated",
            ),
            manual=Manual(
                url="https://clickhouse.com/docs/sql-reference/statements/alter/user",
                steps=(
                    "As an administrator: ALTER USER user IDENTIFIED WITH sha256_hash BY '...' (ON CLUSTER where there is one).",
                    "A user of users.xml cannot be changed by SQL: change password_sha256_hex in the file on every server.",
                    "KILL QUERY WHERE user = 'user' SYNC ends what it still runs.",
                    "system.query_log and system.session_log show what was done with it.",
                ),
                notify="the owner of the database",
            ),
            needs=("user", "host"),
            host_from="host",
            requests=2,
            offline=(example_value,),
            residual=(Residual("queries that run now, and open native connections", None),),
            budget=Budget(per_second=2, in_flight=2),
            effects_of_check="two logins, one of them with a made-up password, written to system.session_log where that is on",
        ),
    ),
)
