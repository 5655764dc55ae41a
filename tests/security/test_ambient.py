"""N-5 for every way out at once: the environment and the home folder are full of traps, and none is sprung."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORD = "AMBIENT"  # stands in every trap, and must leave nowhere
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
WORDS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    *("AWS_ROLE_ARN", "GITHUB_TOKEN", "GH_TOKEN", "GITHUB_JWT", "GITLAB_TOKEN", "PRIVATE_TOKEN", "OPENAI_API_KEY"),
    *("VAULT_TOKEN", "VAULT_NAMESPACE", "BAO_TOKEN", "PGPASSWORD", "PGUSER", "PGDATABASE", "PGSERVICE", "MYSQL_PWD"),
    *("REDISCLI_AUTH", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "GOOGLE_API_KEY", "RABBITMQ_DEFAULT_PASS"),
    *("USER", "LOGNAME"),
)  # fmt: skip
ADDRESSES = (
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_EC2_METADATA_SERVICE_ENDPOINT", "VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_PROXY_ADDR", "BAO_ADDR", "GITHUB_API_URL"),
    *("REDIS_URL", "DATABASE_URL", "MONGODB_URI", "GCE_METADATA_HOST", "OPENAI_BASE_URL"),
)
FILES = {  # variable -> a file of the home folder
    "NETRC": ".netrc",
    "AWS_CONFIG_FILE": ".aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": ".aws/credentials",
    "AWS_WEB_IDENTITY_TOKEN_FILE": ".aws/token",
    "AWS_CA_BUNDLE": ".aws/ca.pem",
    "AWS_DATA_PATH": ".aws/models",
    "BOTO_CONFIG": ".boto",
    "GOOGLE_APPLICATION_CREDENTIALS": ".config/gcloud/application_default_credentials.json",
    "KUBECONFIG": ".kube/config",
    "PGPASSFILE": ".pgpass",
    "PGSERVICEFILE": ".pg_service.conf",
    "PGSSLCERT": ".postgresql/postgresql.crt",
    "PGSSLKEY": ".postgresql/postgresql.key",
    "PGSSLROOTCERT": ".postgresql/root.crt",
    "MYSQL_HOME": ".my.cnf",
    "FREETDSCONF": ".freetds.conf",
    "VAULT_CACERT": ".vault-ca.pem",
    "VAULT_CLIENT_CERT": ".vault-client.pem",
    "VAULT_CONFIG_PATH": ".vault",
    "REQUESTS_CA_BUNDLE": ".requests-ca.pem",
    "CURL_CA_BUNDLE": ".curl-ca.pem",
    "SSL_CERT_FILE": ".ssl-cert.pem",
    "DOCKER_CONFIG": ".docker/config.json",
}
MORE_FILES = (".vault-token", ".ssh/config", ".ssh/id_ed25519", ".ssh/known_hosts", ".mylogin.cnf", ".config/gh/hosts.yml")
SWITCHES = {
    "VAULT_SKIP_VERIFY": "true",
    "PGSSLMODE": "disable",
    "PYTHONHTTPSVERIFY": "0",
    "GIT_SSL_NO_VERIFY": "1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_MAX_ATTEMPTS": "9",
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
}


def traps(home: Path, port: int) -> dict[str, str]:
    """An environment in which everything leads to the trap's port or holds the word."""
    for name in (*FILES.values(), *MORE_FILES):
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"machine 127.0.0.1 login {WORD} password {WORD}\n127.0.0.1:*:*:*:{WORD}\n[{WORD}]\npassword={WORD}\n")
        file.chmod(0o600)
    address = f"http://127.0.0.1:{port}"
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {
        **kept,
        **dict.fromkeys(PROXIES, address),
        **{name: f"{WORD}-{name}" for name in WORDS},
        **dict.fromkeys(ADDRESSES, address),
        **{name: str(home / file) for name, file in FILES.items()},
        **SWITCHES,
        "HOME": str(home),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "MYSQL_TCP_PORT": str(port),
        "SSH_AUTH_SOCK": str(home / "agent.sock"),
        "SSLKEYLOGFILE": str(home / "keys.log"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OUR_WORD": "ours-word-4712",
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process did that went every way out, with the traps set."""
    home, inventory = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("inventory")
    (inventory / "known_hosts").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as trap, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(home / "agent.sock"))
        agent.listen()
        env = traps(home, trap.getsockname()[1])
        argv = [sys.executable, "-m", "tests.security.ambient", str(inventory)]
        done = subprocess.run(argv, env=env, cwd=inventory, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        for listener in (trap, agent):
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                listener.accept()
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"home": str(home)}


@pytest.mark.slow
@pytest.mark.row("N-5")
def test_no_trap_in_the_environment_is_sprung_by_any_way_out(told: dict[str, Any]) -> None:
    for name, way in told["ways"].items():
        heard = bytes.fromhex(way["heard"])
        assert way["reached"] >= 1, f"{name} never came to its own server"
        assert way["elsewhere"] == [], name
        assert WORD.encode() not in heard, name
    assert set(told["asked"]) <= {"127.0.0.1"}
    assert {"boto3", "PyGithub", "hvac", "postgresql", "mysql", "mssql", "redis", "mongodb", "amqp", "ssh"} <= set(told["ways"])


@pytest.mark.slow
@pytest.mark.row("N-5", "N-7")
def test_no_file_of_the_home_folder_is_opened(told: dict[str, Any]) -> None:
    assert [path for path in told["opened"] if path.startswith(told["home"])] == []
    assert not Path(told["home"], "keys.log").exists()
    assert told["opened"], "the watch saw nothing at all"


@pytest.mark.slow
@pytest.mark.row("N-5")
def test_what_is_ours_and_what_leaked_went_where_it_belongs(told: dict[str, Any]) -> None:
    """So that the test above is not true of silence."""
    ways = {name: bytes.fromhex(way["heard"]) for name, way in told["ways"].items()}
    assert b"Bearer leaked-word-4711" in ways["http reading"]
    assert b"ours-word-4712" in ways["hvac"]
    assert b"ours-word-4712" in ways["Vault as a store"]
    assert b"Credential=ours-word-4712/" in ways["boto3"]
    assert b"leaked-word-4711" in ways["postgresql"]
    assert b"ours-word-4712" in ways["postgresql as the authority"]
