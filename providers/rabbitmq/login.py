"""One AMQP login decides: the broker looks at the password first, then at the virtual host.

Where the operator's [endpoints] names the management API, it tells what the user may do there, and answers when AMQP cannot be reached.
"""

from urllib.parse import unquote

from revoker.sdk import (
    Answer,
    Credential,
    Identity,
    Reader,
    Reply,
    Secret,
    Validity,
    Verdict,
    basic,
    dead,
    decided,
    declares,
    evidence,
    judge,
    live,
    skip,
    text_at,
)

ENGINE = "amqp"
UNREACHED = ("connect", "timeout", "tls", "disconnected")
LOCAL = ("localhost", "127.0.0.1", "::1")
UNSURE = {"protocol": "other_protocol", "mechanism": "no_password_login"}

# Two different bodies come with the same status: only one of them refuses the password.
WHOAMI = (
    live(200, has=["name"]),
    live(401, "no_management_right", says="not management user"),
    dead(401, at="reason", codes=["Login failed"]),
)


def user_of(cred: Credential) -> str:
    """The user's name, as the broker knows it."""
    return unquote(cred.parts.get("user", ""))


def password_of(cred: Credential) -> str:
    """The password in the URI."""
    return unquote(cred.secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2])


def verdict_of(reply: Reply, cred: Credential, api: Reader) -> Verdict:
    """A wrong password and an unknown user look the same: 403."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    who = Identity(principal=user_of(cred))
    if reply.code is None:
        welcome = text_at(reply, "user") is not None
        return Verdict(Validity.LIVE, "authenticated", seen, who) if welcome else Verdict(Validity.UNKNOWN, "no_answer", seen)
    said = reply.text.casefold()
    if reply.code == "403" and "access_refused" in said:
        if user_of(cred) == "guest" and cred.parts.get("host", "").casefold() not in LOCAL:
            return Verdict(Validity.UNKNOWN, "guest_is_local_only", seen)  # the right password is refused from afar as well
        return Verdict(Validity.DEAD, "refused", seen)
    if reply.code == "530":
        reason = "no_such_vhost" if "not found" in said else "connection_limit" if "limit" in said else "no_vhost_right"
        return Verdict(Validity.LIVE, reason, seen, who)
    return Verdict(Validity.UNKNOWN, UNSURE.get(reply.code, "undeclared_error"), seen)


ANSWERS = (
    decided(Validity.LIVE, "authenticated", "AMQP let it in"),
    Answer(None, Validity.LIVE, "no_such_vhost", codes=("530",), says="not found"),
    Answer(None, Validity.LIVE, "connection_limit", codes=("530",), says="limit"),
    Answer(None, Validity.LIVE, "no_vhost_right", codes=("530",)),
    decided(Validity.UNKNOWN, "guest_is_local_only", "403 to the user guest from another machine, with the right password too"),
    Answer(None, Validity.DEAD, "refused", codes=("403",), says="ACCESS_REFUSED"),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
    *WHOAMI,
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One login without a retry; then, where it is configured, one question to the management API."""
    found = verdict_of(await api.login(ENGINE, cred), cred, api)
    if found.validity is Validity.LIVE or (found.validity is Validity.UNKNOWN and found.reason in UNREACHED):
        return await _by_management(found, cred, api)
    return found


async def _by_management(found: Verdict, cred: Credential, api: Reader) -> Verdict:
    reply = await api.get("/api/whoami", auth=basic(user_of(cred), Secret(password_of(cred))))
    told = judge(reply, WHOAMI, api.now)
    who = Identity(principal=user_of(cred), scopes=tags_in(reply))
    if found.validity is Validity.LIVE:
        return Verdict(found.validity, found.reason, found.evidence, who)
    if told.validity is Validity.LIVE:
        return Verdict(Validity.LIVE, told.reason, told.evidence, who)
    if told.validity is Validity.DEAD and reply.host.casefold().rpartition(":")[0] == cred.parts.get("host", "").casefold():
        return told  # the management API of another machine may belong to another broker
    return found


def tags_in(reply: Reply) -> tuple[str, ...]:
    """The tags of a user, which are its rights: a list since RabbitMQ 3.9, before that one text with commas."""
    found = reply.pick("tags") if reply.status == 200 and reply.trouble is None else None
    listed = found.split(",") if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(tag for tag in listed if isinstance(tag, str) and tag)
