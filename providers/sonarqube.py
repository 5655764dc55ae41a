"""SonarQube Server and Cloud: tokens of users, projects and the whole instance.

The check always answers 200: only its body says whether the token is valid.
"""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    Verifier,
    at_its_host,
    bearer,
    dead,
    example_value,
    live,
    probe,
)

DOCS = "https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens"
CLOUD_DOCS = "https://docs.sonarsource.com/sonarqube-cloud/managing-your-account/managing-tokens"
CHECK = "/api/authentication/validate"

ANSWERS = (live(200, at="valid", codes=["True"]), dead(200, at="valid", codes=["False"]))


def _manual(url: str) -> Manual:
    return Manual(
        url=url,
        steps=(
            "The token's user opens My Account, Security; an administrator can open any user's tokens.",
            "Make a new token of the same type and hand it to its users.",
            "Find the leaked one by its name, project and last use, and revoke it.",
            "Verify again by its value: revoking a name that is not there may be answered as done.",
        ),
        notify="the token's user",
    )


def _kind(
    id: str, title: str, pattern: str, check: Verifier, docs: str, manual: Manual, *, own_host: bool, ambiguous: bool
) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        host_from="host" if own_host else None,
        verify=check,
        docs=docs,
        identity="none: the answer is yes or no",
        propagation=Propagation(timedelta(minutes=5)),
        manual=manual,
        offline=(example_value,),
        labels={"list": (id,)},
        effects_of_check="the token's last use becomes this check",
        irreversible_loss="a revoked token cannot be brought back",
    )


PROVIDER = Provider(
    id="sonarqube",
    title="SonarQube",
    hosts=("sonarcloud.io",),
    docs=DOCS,
    kinds=(
        _kind(
            "sonarqube_token",
            "SonarQube Server token",
            r"sq[upa]_[0-9a-f]{40}",
            at_its_host(CHECK, ANSWERS, auth=lambda cred: bearer(cred.secret)),
            DOCS,
            _manual(DOCS),
            own_host=True,
            ambiguous=False,
        ),
        _kind(
            "sonarqube_cloud_token",
            "SonarQube Cloud token",
            r"[0-9a-f]{40}|sqco_[A-Za-z0-9_-]{59}",
            probe(CHECK, ANSWERS),
            CLOUD_DOCS,
            _manual("https://sonarcloud.io/account/security"),
            own_host=False,
            ambiguous=True,
        ),
    ),
)
