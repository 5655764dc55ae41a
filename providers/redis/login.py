"""One login decides, after one with a made-up password: a user with `nopass` takes any."""

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
    decided,
    declares,
    evidence,
    skip,
    text_at,
)

ENGINE = "redis"
UNSURE = {
    "NOAUTH": "login_not_taken",
    "DENIED": "protected_mode",
    "LOADING": "starting_up",
    "MASTERDOWN": "starting_up",
    "NOPERM": "undeclared_error",
}


def user_of(cred: Credential) -> str:
    """The user's name, as the server knows it; a URI without one logs in as `default`."""
    return unquote(cred.parts.get("user", "")) or "default"


def password_of(secret: Secret) -> Secret:
    """The password in a URI."""
    return Secret(unquote(secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2]))


def verdict_of(reply: Reply, api: Reader) -> Verdict:
    """A wrong password, an unknown user and one that is off look the same: WRONGPASS. Before 6.0 it is `ERR invalid password`."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    if reply.code is None:
        return _welcomed(reply, api)
    said = reply.text.casefold()
    if reply.code == "WRONGPASS" or (reply.code == "ERR" and said == "invalid password"):
        return Verdict(Validity.DEAD, "refused", seen)
    full = reply.code == "ERR" and "max number of clients" in said
    return Verdict(Validity.UNKNOWN, "server_full" if full else UNSURE.get(reply.code, "undeclared_error"), seen)


def _welcomed(reply: Reply, api: Reader) -> Verdict:
    seen = evidence(reply, api.now)
    user = text_at(reply, "user")
    if not user:
        return Verdict(Validity.UNKNOWN, "no_answer", seen)
    if reply.pick("used_password") is not True:
        return Verdict(Validity.UNKNOWN, "no_password_needed", seen)
    restricted = reply.pick("restricted") is True
    return Verdict(Validity.LIVE, "restricted" if restricted else "authenticated", seen, Identity(principal=user))


ANSWERS = (
    decided(Validity.LIVE, "authenticated", "logged in, after a made-up password was refused"),
    decided(Validity.LIVE, "restricted", "logged in, and NOPERM to the question for the name"),
    decided(Validity.UNKNOWN, "no_password_needed", "a made-up password was taken, which proves nothing about this one"),
    Answer(None, Validity.DEAD, "refused", codes=("WRONGPASS",)),
    Answer(None, Validity.DEAD, "refused", codes=("ERR",), says="invalid password"),
    Answer(None, Validity.UNKNOWN, "server_full", codes=("ERR",), says="max number of clients"),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One connection, without a retry."""
    return verdict_of(await api.login(ENGINE, cred), api)
