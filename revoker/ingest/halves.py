"""The halves of credentials that come in two or three values, told by shape, scanner's rule and variable name."""

from __future__ import annotations

import re

AWS_ID = re.compile(r"A[KS]IA[A-Z0-9]{16}")
AWS_SECRET = re.compile(r"[A-Za-z0-9/+]{40}")
AWS_TOKEN = re.compile(r"(?:FQoG|FwoG|IQoJ)[A-Za-z0-9/+=]{80,4000}")
HEX = re.compile(r"[0-9a-fA-F]+")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DOCKER_TOKEN = re.compile(r"dckr_[a-z]+_[\w-]{20,80}")
DOCKER_USER = re.compile(r"[a-z0-9][a-z0-9_-]{2,49}")

SAYS_SECRET = re.compile(r"secret.?access.?key|aws.?secret|secret.?key", re.IGNORECASE)
SAYS_TOKEN = re.compile(r"session.?token|security.?token", re.IGNORECASE)
SAYS_DOCKER_USER = re.compile(r"(?:docker|hub|registry).*user", re.IGNORECASE)
SAYS_ROLE_ID = re.compile(r"role.?id$", re.IGNORECASE)
SAYS_SECRET_ID = re.compile(r"secret.?id$", re.IGNORECASE)


def is_aws_secret(value: str) -> bool:
    """True for the shape of a secret access key; pure hex of that length is a Git commit."""
    return AWS_SECRET.fullmatch(value) is not None and HEX.fullmatch(value) is None


def join(first: str, second: str, says: str = "") -> tuple[str, dict[str, str]] | None:
    """Two values that stand side by side as one credential: (secret, public parts), or None when they are not one."""
    for public, secret in ((first, second), (second, first)):
        if AWS_ID.fullmatch(public) and is_aws_secret(secret):
            return secret, {"key_id": public}
        if DOCKER_TOKEN.fullmatch(secret) and DOCKER_USER.fullmatch(public):
            return secret, {"username": public}
    if UUID.fullmatch(first) and UUID.fullmatch(second) and ("approle" in says.casefold() or not says):
        return second, {"role_id": first}
    return None
