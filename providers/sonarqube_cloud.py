"""SonarQube Cloud: tokens of users and organisations.

The check always answers 200: only its body says whether the token is valid.
"""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    everywhere,
    example_value,
    live,
)

DOCS = "https://docs.sonarsource.com/sonarqube-cloud/managing-your-account/managing-tokens"
HOSTS = ("sonarcloud.io", "sonarqube.us")  # the EU and the US region, which share nothing
CHECK = "/api/authentication/validate"

ANSWERS = (live(200, at="valid", codes=["True"]), dead(200, at="valid", codes=["False"]))


PROVIDER = Provider(
    id="sonarqube_cloud",
    title="SonarQube Cloud",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        Kind(
            id="sonarqube_cloud_token",
            title="SonarQube Cloud token",
            pattern=r"[0-9a-f]{40}|sqco_[A-Za-z0-9_-]{59}",
            ambiguous=True,
            verify=everywhere(HOSTS, CHECK, ANSWERS),
            docs=DOCS,
            requests=len(HOSTS),
            identity="none: the answer is yes or no",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://sonarcloud.io/account/security",
                steps=(
                    "The token's user opens My Account, Security; an administrator can open any user's tokens.",
                    "Make a new token of the same type and hand it to its users.",
                    "Find the leaked one by its name, project and last use, and revoke it.",
                    "Verify again by its value: revoking a name that is not there may be answered as done.",
                ),
                notify="the token's user",
            ),
            offline=(example_value,),
            effects_of_check="the token's last use becomes this check",
            irreversible_loss="a revoked token cannot be brought back",
        ),
    ),
)
