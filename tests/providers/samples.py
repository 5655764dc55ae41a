"""Made-up values of every kind, made from its own pattern at run time: no token-like text stands in the repository."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import random
import re
import string
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from revoker.model import Credential, Secret
from revoker.sdk import Kind, crc32_base62

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTS = {"username": "acme-bot", "host": "db.acme.example:5432", "database": "billing"}
CLASSES = {"CATEGORY_DIGIT": string.digits, "CATEGORY_WORD": string.ascii_letters + string.digits + "_", "CATEGORY_SPACE": " "}
PRINTABLE = string.ascii_letters + string.digits
MOST = 24  # how much more than its least an open repetition becomes

parser: Any = importlib.import_module("re._parser")


def _crc(value: str) -> str:
    head, body = value.split("_", 1)
    return f"{head}_{body[:-6]}{crc32_base62(body[:-6])}"


def _sentry(value: str) -> str:
    """An organisation's token holds its organisation and region."""
    said = {"iat": 1_764_000_000, "url": "https://sentry.io", "region_url": "https://us.sentry.io", "org": "acme"}
    return f"sntrys_{base64.b64encode(json.dumps(said).encode()).decode()}_{value[-43:]}"


def _grafana(value: str) -> str:
    """A service account's token ends in the little-endian CRC-32 of what stands before it."""
    return value[:-8] + zlib.crc32(value[:-9].encode()).to_bytes(4, "little").hex()


def _grafana_cloud(value: str) -> str:
    """A Cloud token holds its organisation's id, its name and its region."""
    said = {"o": "42", "n": value[4:14], "k": "made-up-" + value[14:30], "m": {"r": "eu"}}
    return "glc_" + base64.b64encode(json.dumps(said).encode()).decode()


def _elastic(value: str) -> str:
    """An API key is base64 of its id and its secret."""
    return base64.b64encode(f"{value[:20]}:{value[20:42]}".encode()).decode()


def _gitlab(value: str) -> str:
    """A routable token ends in the base-36 CRC-32 of all that stands before it; the older form has none."""
    if value.count(".") != 2:
        return value
    number, digits = zlib.crc32(value[:-7].encode()), ""
    for _ in range(7):
        number, rest = divmod(number, 36)
        digits = (string.digits + string.ascii_lowercase)[rest] + digits
    return value[:-7] + digits


def _crc_hex(value: str) -> str:
    """Tokens of Bitbucket end in the CRC-32 of all that stands before it."""
    return f"{value[:-8]}{zlib.crc32(value[:-8].encode()):08X}"


def _argocd(value: str) -> str:
    """A JWT of Argo CD."""
    claims = json.dumps({"iss": "argocd", "sub": "ci:apiKey", "jti": "made-up-jti", "iat": 1_750_000_000})
    return f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.{value.rsplit('.', 1)[1]}"


def _azure(value: str) -> str:
    """A storage key ends in the Marvin32 of all that stands before."""
    marvin = importlib.import_module("revoker.providers.azure.storage").marvin
    raw = base64.b64decode(value)[:-4]
    return base64.b64encode(raw + marvin(raw, int.from_bytes(b"Default0", "big")).to_bytes(4, "little")).decode()


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + body


def _key_file(value: str) -> str:
    """A service account's key file; its made-up public half is 256 times the same byte."""
    rsa = _der(0x30, _der(2, b"\0") + _der(2, b"\0" + b"\xc5" * 256) + _der(2, b"\1\0\1"))
    raw = base64.b64encode(_der(0x30, _der(2, b"\0") + _der(0x30, b"") + _der(4, rsa))).decode()
    pem = "\n".join(("-----BEGIN " + "PRIVATE KEY-----", raw, "-----END " + "PRIVATE KEY-----", ""))
    who = {"project_id": "acme-prod", "client_email": "ci@acme-prod.iam.gserviceaccount.com"}
    return json.dumps({"type": "service_account", "private_key_id": "0123456789" * 4, "private_key": pem, **who})


def _user_file(value: str) -> str:
    """A file of application default credentials."""
    return json.dumps({"type": "authorized_user", "client_id": "acme", "refresh_token": "1//" + "0made-up" * 8})


def _atlassian(value: str) -> str:
    """The last eight characters are the hexadecimal CRC-32 of all that stands before them."""
    return value[:-8] + f"{zlib.crc32(value[:-8].encode()):08X}"


def _bedrock_key(value: str) -> str:
    """A long-term key holds the name of its user and account."""
    return "ABSK" + base64.b64encode(f"BedrockAPIKey-x1y2-at-123456789012:{value[4:84]}".encode()).decode()


def _bedrock_session_key(value: str) -> str:
    """A short-term key is a presigned request, made an hour ago."""
    scope = "%2F".join(("ASIA" + "MADEUP2345MADEUP", "20261124", "eu-west-1", "bedrock", "aws4_request"))
    fields = {
        "Action": "CallWithBearerToken",
        "X-Amz-Credential": scope,
        "X-Amz-Date": "20261124T110000Z",
        "X-Amz-Expires": "43200",
    }
    query = "&".join(f"{name}={text}" for name, text in fields.items())
    made = f"bedrock.amazonaws.com/?{query}&X-Amz-Signature={value[-64:].rstrip('=')}&Version=1"
    return "bedrock-api-key-" + base64.b64encode(made.encode()).decode()


def _ecr(value: str) -> str:
    """A login password of ECR holds its own end."""
    body = {"payload": value[16:216], "datakey": value[60:160], "version": "2", "type": "DATA_KEY", "expiration": 1_796_000_000}
    return base64.b64encode(json.dumps(body, separators=(",", ":")).encode()).decode()


def _algolia_secured(value: str) -> str:
    """A secured key is base64 of a signature and its limits."""
    sign = hashlib.sha256(value.encode()).hexdigest()
    return base64.b64encode(f"{sign}filters=user_42&validUntil=1796000000".encode()).decode()


def _pem(value: str) -> str:
    """A private key, of nothing but the same letter."""
    lines = "\n".join(["A" * 64] * 24)
    return "\n".join(("-----BEGIN RSA " + "PRIVATE KEY-----", lines, "-----END RSA " + "PRIVATE KEY-----"))


def _one_host(value: str) -> str:
    """An address of one server, which is the only one that is dialled."""
    login, _, place = value.replace("mongodb+srv:", "mongodb:").rpartition("@")
    return f"{login}@{re.sub(r',[^/?]*', '', place, count=1)}"


# Kinds whose values carry a checksum or a structure that a pattern cannot say: value from the pattern -> right value.
SIGNED = ("npm_token", "github_classic_pat", "github_oauth_token", "github_user_to_server", "github_refresh_token")
ROUTABLE = ("gitlab_pat", "gitlab_project_token", "gitlab_group_token")
CRC_HEX = ("atlassian_api_token",)


def _jwt(value: str) -> str:
    """A token of the operator's own issuer, without an end."""
    parts = ({"alg": "RS256", "kid": "k1"}, {"iss": "https://idp.acme.example", "sub": "alice", "jti": value[10:30]})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{value.rsplit('.', 1)[1]}"


def _ssh_key(value: str) -> str:
    """An OpenSSH key over a seed that is made from the value."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(value.encode()).digest())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    return key.private_bytes(*form).decode().strip()


def _tls_key(value: str) -> str:
    """A PKCS#8 key of P-256."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.derive_private_key(int.from_bytes(hashlib.sha256(value.encode()).digest()[:31], "big") + 1, ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode().strip()


MAKERS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(SIGNED, _crc),
    **dict.fromkeys(ROUTABLE, _gitlab),
    **dict.fromkeys(CRC_HEX, _atlassian),
}
VERCEL = ("token", "integration_token", "app_token", "app_refresh_token", "ai_gateway_key")
MAKERS |= {"mongodb_uri": _one_host}
MAKERS |= {f"vercel_{name}": _crc for name in VERCEL}
MAKERS |= {"azure_storage_account_key": _azure}
MAKERS |= {"gcp_service_account_key": _key_file, "gcp_application_default_credentials": _user_file}
MAKERS |= {"bitbucket_access_token": _crc_hex, "bitbucket_app_password": _crc_hex, "argocd_token": _argocd}
MAKERS |= {"sentry_org_token": _sentry, "grafana_service_account": _grafana}
MAKERS |= {"grafana_cloud_token": _grafana_cloud, "elastic_api_key": _elastic}
MAKERS |= {"aws_ecr_token": _ecr, "algolia_secured_key": _algolia_secured, "github_app_private_key": _pem}
MAKERS |= {"jwt": _jwt, "ssh_private_key": _ssh_key, "tls_private_key": _tls_key}
MAKERS |= {"aws_bedrock_key": _bedrock_key, "aws_bedrock_short_term_key": _bedrock_session_key}

# Kinds of which only some forms can be checked: what a sample must hold.
FORMS: dict[str, str] = {"slack_webhook": "/services/", "mailgun_key": "key-"}


def value_of(kind: Kind, seed: int = 0) -> str:
    """A value that fits the kind's pattern and passes its offline checks; the same one each time."""
    known = kind.id, kind.pattern, kind.offline, seed
    if known not in _VALUES:
        _VALUES[known] = _new_value(kind, seed)
    return _VALUES[known]


_VALUES: dict[tuple[object, ...], str] = {}


def _new_value(kind: Kind, seed: int) -> str:
    chance = random.Random(f"{kind.id}{seed}")  # noqa: S311 - made-up test values
    tree = parser.parse(kind.pattern)
    for _ in range(200):
        made = _text(tree, chance, {})
        made = MAKERS.get(kind.id, str)(made)
        credential = Credential(kind.id, "fp_test", Secret(made), _parts(kind, made), _secret_parts(kind))
        if (
            FORMS.get(kind.id, "") in made
            and re.fullmatch(kind.pattern, made)
            and not any(check(credential, NOW) for check in kind.offline)
        ):
            return made
    raise AssertionError(f"no sample of {kind.id} can be made from its pattern; give it a maker in samples.py")


def credential_of(kind: Kind, seed: int = 0) -> Credential:
    """A made-up credential with all the parts that the kind needs."""
    value = value_of(kind, seed)
    return Credential(kind.id, f"fp_{kind.id}_{seed}", Secret(value), _parts(kind, value), _secret_parts(kind))


def _parts(kind: Kind, value: str) -> dict[str, str]:
    found = re.fullmatch(kind.pattern, value)
    own = {name: part for name, part in (found.groupdict() if found else {}).items() if part}
    wanted = {name: PARTS.get(name, f"made-up-{name}") for name in (*kind.needs, *((kind.host_from,) if kind.host_from else ()))}
    derived = kind.derived(Secret(value)) if kind.derived else {}
    return {**wanted, **own, **derived}


def _secret_parts(kind: Kind) -> dict[str, Secret]:
    return {name: Secret(f"made-up-{name}-value") for name in kind.needs_secret}


def _text(tree: Iterable[Any], chance: random.Random, groups: dict[int, str]) -> str:
    return "".join(_piece(str(op), rest, chance, groups) for op, rest in tree)


def _piece(op: str, rest: Any, chance: random.Random, groups: dict[int, str]) -> str:
    if op == "LITERAL":
        return chr(rest)
    if op == "NOT_LITERAL":
        return chance.choice([c for c in PRINTABLE if ord(c) != rest])
    if op == "ANY":
        return chance.choice(PRINTABLE)
    if op == "IN":
        return chance.choice(_choices(rest))
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, tree = rest
        return "".join(_text(tree, chance, groups) for _ in range(chance.randint(low, min(int(high), low + MOST))))
    if op == "SUBPATTERN":
        made = _text(rest[3], chance, groups)
        groups[rest[0]] = made
        return made
    if op == "ATOMIC_GROUP":
        return _text(rest, chance, groups)
    if op == "BRANCH":
        return _text(chance.choice(rest[1]), chance, groups)
    if op == "GROUPREF":
        return groups[rest]
    if op in ("AT", "ASSERT", "ASSERT_NOT"):
        return ""  # what they ask for is checked on the whole value
    raise AssertionError(f"samples.py does not know {op}")


def _choices(members: list[tuple[Any, Any]]) -> str:
    inside: set[str] = set()
    negated = False
    for op, rest in members:
        name = str(op)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            inside.add(chr(rest))
        elif name == "RANGE":
            inside.update(chr(code) for code in range(rest[0], min(rest[1], 0x17F) + 1))
        elif name == "CATEGORY":
            inside.update(CLASSES.get(str(rest), PRINTABLE))
    return "".join(sorted(set(PRINTABLE) - inside if negated else inside))
