"""MongoDB: users by their URI. One SCRAM conversation decides; a change of password leaves open connections, so it goes by hand."""

from datetime import timedelta

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
    Validity,
    Verdict,
    decided,
    declares,
    evidence,
    example_value,
    skip,
    text_at,
)

ENGINE = "mongodb"
CODES = "https://www.mongodb.com/docs/manual/reference/error-codes/"
UNSURE = {
    "unproven": "server_unproven",
    "334": "mechanism_unavailable",
    "2": "bad_value",
    "11600": "shutting_down",
    "91": "shutting_down",
}
ATLAS = "8000"


def verdict_of(reply: Reply, api: Reader) -> Verdict:
    """18 comes for a wrong password, an unknown user and the wrong database; egress gives it when all databases refused."""
    if reply.trouble == "no_endpoint":
        return skip("no_endpoint")
    seen = evidence(reply, api.now)
    if reply.trouble is not None:
        return Verdict(Validity.UNKNOWN, reply.trouble, seen)
    if reply.code is None:
        return _welcomed(reply, api)
    if reply.code == "18" or (reply.code == ATLAS and "bad auth" in reply.text.casefold()):
        return Verdict(Validity.DEAD, "refused", seen)
    if reply.code == "13":
        return Verdict(Validity.LIVE, "restricted", seen)
    return Verdict(Validity.UNKNOWN, UNSURE.get(reply.code, "undeclared_error"), seen)


def _welcomed(reply: Reply, api: Reader) -> Verdict:
    seen, user = evidence(reply, api.now), text_at(reply, "user")
    source = text_at(reply, "source")
    if not user or not source:
        return Verdict(Validity.UNKNOWN, "no_answer", seen)
    roles = reply.pick("roles")
    scopes = tuple(str(role) for role in roles) if isinstance(roles, list) else ()
    restricted = reply.pick("restricted") is True
    who = Identity(principal=f"{user}@{source}", scopes=scopes)
    return Verdict(Validity.LIVE, "restricted" if restricted else "authenticated", seen, who)


def cannot_ask(cred: Credential) -> str | None:
    """Why an address is not dialled: a name that DNS would turn into other hosts, several hosts, a login without a password."""
    scheme, _, rest = cred.secret.reveal().partition("://")
    if scheme == "mongodb+srv":
        return "srv_not_resolved"
    if "," in rest.rpartition("@")[2].partition("/")[0]:
        return "several_hosts"
    said = rest.partition("?")[2].casefold()
    return "no_password_login" if "authmechanism=" in said and "authmechanism=scram" not in said else None


@declares(
    decided(Validity.LIVE, "authenticated", "the SCRAM conversation ended, and the server proved that it knows the password"),
    Answer(None, Validity.LIVE, "restricted", codes=("13",)),
    Answer(None, Validity.DEAD, "refused", codes=("18",)),
    Answer(None, Validity.DEAD, "refused", codes=(ATLAS,), says="bad auth"),
    decided(Validity.UNKNOWN, "srv_not_resolved", "a mongodb+srv address: its hosts stand in DNS only; nothing is sent"),
    decided(Validity.UNKNOWN, "several_hosts", "an address with several hosts; nothing is sent"),
    decided(Validity.UNKNOWN, "no_password_login", "an address whose authMechanism takes no password; nothing is sent"),
    *(Answer(None, Validity.UNKNOWN, reason, codes=(code,)) for code, reason in UNSURE.items()),
)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One connection, without a retry."""
    why = cannot_ask(cred)
    if why is not None:
        return Verdict(Validity.UNKNOWN, why)
    return verdict_of(await api.login(ENGINE, cred), api)


PROVIDER = Provider(
    id="mongodb",
    title="MongoDB",
    hosts=(),
    docs="https://www.mongodb.com/docs/manual/reference/connection-string/",
    kinds=(
        Kind(
            id="mongodb_uri",
            title="MongoDB login (URI)",
            pattern=r"mongodb(?:\+srv)?://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@(?P<host>[A-Za-z0-9._-]{1,253})(?::(?P<port>\d{1,5}))?"
            r"(?:,[A-Za-z0-9._:,-]{1,1024})?(?:/(?P<database>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=CODES,
            identity="the user, the database that holds it, and its roles",
            propagation=Propagation(timedelta(minutes=2), source="at once on a server; Atlas says up to two minutes"),
            manual=Manual(
                url="https://www.mongodb.com/docs/manual/tutorial/change-own-password-and-custom-data/",
                steps=(
                    "In the database that holds the user: db.changeUserPassword(user, passwordPrompt()); in Atlas: Database Access, Edit.",
                    "A change of password does not cut open connections: drop the user and make one with a new name where that matters.",
                    "db.adminCommand({killAllSessions: [{user: ..., db: ...}]}) ends its operations and cursors.",
                    "Look for users and roles that were made with it: db.getUsers() in every database.",
                ),
                notify="the owner of the database",
            ),
            needs=("user", "host"),
            proves_pair=True,
            host_from="host",
            offline=(example_value,),
            residual=(Residual("connections and sessions that are open now", None),),
            budget=Budget(per_second=2, in_flight=2),
            effects_of_check="one connection with a login at the named database, and when that fails one at admin; refused ones are logged",
        ),
    ),
)
