"""OpenSearch: users of a domain by their URI. Its internal users are changed by hand: no call turns one off and on again."""

from datetime import timedelta
from urllib.parse import unquote

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
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

INFO = "/_plugins/_security/authinfo"
REALM = "opensearch security"  # what the plugin asks for in WWW-Authenticate; a proxy in front asks for something else
ANSWERS = (
    live(200, has=["user_name"]),
    dead(401, codes=[REALM], json=False),
    unsure(401, "undeclared_401", json=False),
    unsure(403, "host_refused", json=False),
)


def user_of(cred: Credential) -> str:
    """The user's name, as the cluster knows it."""
    return unquote(cred.parts.get("user", ""))


def realm(reply: Reply) -> str | None:
    """The plugin says nothing in the body of a refusal, but its name in a header."""
    asked = reply.headers.get("www-authenticate", "").casefold()
    return REALM if reply.status == 401 and REALM in asked else reply.code


@declares(
    decided(Validity.LIVE, "authenticated", "the answer names this very user", status=200),
    decided(Validity.UNKNOWN, "another_user", "the answer names somebody else: anybody is let in", status=200),
    *ANSWERS[1:],
)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask who this is. A cluster that lets anybody in names somebody else: that says nothing of this password."""
    word = unquote(cred.secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2])
    host, port = cred.parts.get("host", ""), cred.parts.get("port")
    reply = await api.get(INFO, auth=basic(user_of(cred), Secret(word)), host=f"{host}:{port}" if port else host)
    found, name = judge(with_code(reply, realm), ANSWERS, api.now), text_at(reply, "user_name")
    if found.validity is not Validity.LIVE:
        return found
    if name != user_of(cred):
        return Verdict(Validity.UNKNOWN, "another_user", found.evidence)
    roles = reply.pick("roles")
    who = Identity(principal=name, scopes=tuple(str(role) for role in roles) if isinstance(roles, list) else ())
    return Verdict(found.validity, found.reason, found.evidence, who)


PROVIDER = Provider(
    id="opensearch",
    title="OpenSearch",
    hosts=(),
    docs="https://docs.opensearch.org/latest/security/access-control/api/",
    kinds=(
        Kind(
            id="opensearch_uri",
            title="OpenSearch login (URI)",
            pattern=r"https?://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@(?P<host>[A-Za-z0-9-]{0,60}opensearch[A-Za-z0-9._-]{0,150}"
            r"|(?:search|vpc)-[a-z0-9-]{3,80}\.[a-z0-9-]{5,25}\.es\.amazonaws\.com)(?::(?P<port>\d{1,5}))?(?:/[^?#\s]{0,256})?(?:\?\S{0,512})?",
            verify=verify,
            docs="https://docs.opensearch.org/latest/security/authentication-backends/basic-authc/",
            identity="the user and its roles",
            propagation=Propagation(timedelta(minutes=10), source="the plugin's cache of logins lasts minutes"),
            manual=Manual(
                url="https://docs.opensearch.org/latest/security/access-control/users-roles/",
                steps=(
                    "Security, Internal users, the user, a new password; a master user of Amazon's service: in its console, Security configuration.",
                    "Hand the new one to its users.",
                    "Flush the cache of logins: DELETE /_plugins/_security/api/cache.",
                ),
                notify="the cluster's administrators",
            ),
            needs=("user", "host"),
            host_from="host",
            offline=(example_value,),
            effects_of_check="one login, written to the audit log where that is on",
        ),
    ),
)
