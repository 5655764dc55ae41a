"""Users of a cluster by their URI. A cluster on Elasticsearch's port may be OpenSearch, which answers at another path."""

from datetime import timedelta
from urllib.parse import unquote

from revoker.sdk import (
    Auth,
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Reader,
    Reply,
    Secret,
    Validity,
    Verdict,
    basic,
    dead,
    decided,
    declares,
    example_value,
    judge,
    live,
    text_at,
    unsure,
    with_code,
)

WHO = "/_security/_authenticate"
INFO = "/_plugins/_security/authinfo"
DOCS = "https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-authenticate"
REALM = "opensearch security"  # what the plugin asks for in WWW-Authenticate; a proxy in front asks for something else

ANSWERS = (
    live(200, has=["username"]),
    dead(401, at="error.type", codes=["security_exception"]),
    live(403, "restricted", at="error.type", codes=["security_exception"]),
)
OPENSEARCH = (
    live(200, has=["user_name"]),
    dead(401, codes=[REALM], json=False),
    unsure(401, "undeclared_401", json=False),
)


def user_of(cred: Credential) -> str:
    """The user's name, as the cluster knows it."""
    return unquote(cred.parts.get("user", ""))


def login_of(cred: Credential) -> Auth:
    """HTTP Basic with the two halves of the URI."""
    word = cred.secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2]
    return basic(user_of(cred), Secret(unquote(word)))


def place_of(cred: Credential) -> str:
    """`host:port`."""
    return f"{cred.parts.get('host', '')}:{cred.parts.get('port') or 9200}"


def realm(reply: Reply) -> str | None:
    """OpenSearch says nothing in the body of a refusal, but its name in a header."""
    asked = reply.headers.get("www-authenticate", "").casefold()
    return REALM if reply.status == 401 and REALM in asked else reply.code


@declares(
    decided(Validity.LIVE, "authenticated", "the answer of either product names this very user", status=200),
    decided(Validity.UNKNOWN, "another_user", "the answer names somebody else: anybody is let in", status=200),
    *ANSWERS[1:],
    *OPENSEARCH[1:],
)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask who this is; once more at OpenSearch's path where the first is none of the cluster's."""
    reply = await api.get(WHO, auth=login_of(cred), host=place_of(cred))
    found = judge(reply, ANSWERS, api.now)
    if found.validity is not Validity.UNKNOWN or reply.trouble is not None:
        return _named(found, text_at(reply, "username"), cred, reply)
    refused = judge(with_code(reply, realm), OPENSEARCH, api.now)
    if refused.validity is Validity.DEAD or reply.status not in (400, 404, 405):
        return refused if refused.validity is Validity.DEAD else found
    reply = await api.get(INFO, auth=login_of(cred), host=place_of(cred))
    return _named(judge(with_code(reply, realm), OPENSEARCH, api.now), text_at(reply, "user_name"), cred, reply)


def _named(found: Verdict, name: str | None, cred: Credential, reply: Reply) -> Verdict:
    """A cluster that lets anybody in names somebody else: that says nothing of this password."""
    if found.validity is not Validity.LIVE or found.reason == "restricted":
        return found
    if name != user_of(cred):
        return Verdict(Validity.UNKNOWN, "another_user", found.evidence)
    roles = reply.pick("roles")
    scopes = tuple(str(role) for role in roles) if isinstance(roles, list) else ()
    return Verdict(found.validity, found.reason, found.evidence, Identity(principal=name, scopes=scopes))


USER = Kind(
    id="elasticsearch_uri",
    title="Elasticsearch or OpenSearch login (URI)",
    pattern=r"(?!\S{0,2400}opensearch)https?://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@(?P<host>[A-Za-z0-9._-]{1,253}):(?P<port>9200|9201|9243)"
    r"(?:/[^?#\s]{0,256})?(?:\?\S{0,512})?",
    verify=verify,
    docs=DOCS,
    identity="the user and its roles",
    propagation=Propagation(timedelta(minutes=10), source="at once in the cluster; caches of other nodes last minutes"),
    manual=Manual(
        url="https://www.elastic.co/docs/deploy-manage/users-roles/cluster-or-deployment-auth/native",
        steps=(
            "Stack Management, Users, the user, Change password (POST /_security/user/{user}/_password); in OpenSearch: Security, Internal users.",
            "To stop it at once: PUT /_security/user/{user}/_disable; _enable takes that back.",
            "End what it was given: DELETE /_security/oauth2/token with its name, and the API keys that it made (DELETE /_security/api_key).",
        ),
        notify="the cluster's administrators",
    ),
    needs=("user", "host"),
    host_from="host",
    requests=2,
    offline=(example_value,),
    effects_of_check="one login, written to the audit log where that is on",
)
