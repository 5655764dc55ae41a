"""What holds for reading over HTTP holds for each other way out: boto3, PyGithub, hvac, every database, SSH and TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from revoker import catalog
from revoker.config import KeySettings, NetworkSettings, OwnershipSettings, Settings, VerifySettings, load_settings
from revoker.egress import places
from revoker.egress.databases import ENGINES
from revoker.egress.http import Pool, writer
from revoker.errors import ConfigError, RevokerError
from revoker.model import Bound, Credential, Proof, Secret
from revoker.sdk import PublicHalf
from tests.egress.conftest import Server, answer, answering, settings, with_pool
from tests.egress.test_policy import HOSTS

NAME = "rebound.lab.invalid"
ANSWERS = (["127.0.0.1", "127.0.0.2"], ["127.0.0.2"], ["127.0.0.1", "169.254.169.254"], ["::ffff:127.0.0.1"])


def bound(kind: str, value: str = "leaked", **parts: str) -> Bound:
    return Bound(Credential(kind, "fp_test", Secret(value), parts), "t", Proof.EMBEDDED, "lab")


async def go_each_way(pool: Pool, port: int) -> dict[str, str]:
    """Try each way to the name once; how each ended."""
    of = catalog.providers()
    told: dict[str, str] = {}

    def write(provider: str, target: Bound) -> Any:
        return writer(pool, of[provider], target, mark="m", allow=lambda: None)

    changes: dict[str, Callable[[], Any]] = {
        "boto3": lambda: write("aws", bound("aws_access_key")).aws_write("iam", "CreateUser", UserName="u"),
        "PyGithub": lambda: write("github", bound("github_pat")).github_write("POST", "/x", json={}),
        "hvac": lambda: write("vault", bound("vault_token")).vault_write("POST", "/v1/x", json={}),
    }
    for name, change in changes.items():
        try:
            told[name] = str((await change()).trouble)
        except RevokerError as error:
            told[name] = type(error).__name__
    for engine, row in ENGINES.items():
        uri = f"{next(iter(row.schemes))}://app:leaked@{NAME}:{port}/db"
        cred = bound(f"{engine}_uri", uri, user="app", host=NAME, port=str(port)).credential
        reply = await pool.reader(catalog.provider_of(f"{engine}_uri"), credential=cred).login(engine, cred)
        told[engine] = str(reply.trouble)
    for place in (f"ssh u@{NAME}:{port}", f"tls {NAME}:{port}"):
        told[place.split()[0]] = str((await pool.reader(of["aws"]).ask_place(place, PublicHalf())).trouble)
    return told


@pytest.mark.row("N-3")
@pytest.mark.parametrize("found", ANSWERS)
def test_no_way_out_dials_a_name_of_which_one_answer_is_not_ours(
    found: list[str], serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAB_WORD", "ours")
    (tmp_path / "known_hosts").write_text("")
    server = serve(answering(answer()))
    at = f"{NAME}:{server.port}"
    authority = {
        "aws": {"access_key_id": "env:LAB_WORD", "secret_access_key": "env:LAB_WORD"},
        "vault": {"token": "env:LAB_WORD"},
    }
    config = Settings(
        network=NetworkSettings(allow=(ip_network("127.0.0.1/32"),)),
        verify=VerifySettings(timeout=timedelta(seconds=1)),
        ownership=OwnershipSettings(hosts=(at,)),
        endpoints=dict.fromkeys(("aws", "github", "vault"), f"http://{at}"),
        authority=authority,
        keys=KeySettings(ssh_hosts=(f"u@{at}",), tls_hosts=(at,), known_hosts=tmp_path / "known_hosts"),
    )

    async def resolver(_name: str, _port: int) -> Sequence[str]:
        return found

    told = with_pool(config, lambda pool: go_each_way(pool, server.port), resolver=resolver)
    assert server.connections == 0
    assert set(told.values()) <= {"refused_by_policy", "EgressRefused"}, told
    assert {"boto3", "PyGithub", "hvac", "ssh", "tls", *ENGINES} == set(told)


@pytest.mark.row("N-1", "N-7")
def test_a_leaked_address_of_a_database_is_dialled_only_at_a_host_that_is_owned() -> None:
    """Whatever stands in the URI, nothing is looked up and nothing is dialled."""
    asked: list[str] = []

    async def resolver(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return ["127.0.0.1"]

    config = settings(ownership=OwnershipSettings(hosts=("db.acme.invalid:5432",), assume=True))

    async def logins(pool: Pool) -> set[str | None]:
        ended = set()
        for engine, row in ENGINES.items():
            for host in HOSTS:
                uri = f"{next(iter(row.schemes))}://app:leaked@{host}/db"
                cred = bound(f"{engine}_uri", uri, user="app", host=host).credential
                reply = await pool.reader(catalog.provider_of(f"{engine}_uri"), credential=cred).login(engine, cred)
                ended.add(reply.trouble)
        return ended

    assert with_pool(config, logins, resolver=resolver) == {"refused_by_policy"}
    assert asked == []


SWITCHES = ("verify_tls", "tls_verify", "insecure", "skip_verify", "ssl_verify", "tls", "verify_ssl", "check_hostname", "sslmode")


@pytest.mark.row("N-9")
def test_no_key_of_the_configuration_switches_tls_off(tmp_path: Path) -> None:
    file = tmp_path / "revoker.toml"
    for table in ("", "[network]", "[verify]", "[store]", "[ownership]", '[vault]\naddr = "https://vault.acme.invalid"'):
        for name in SWITCHES:
            for value in ("false", '"off"'):
                file.write_text(f"{table}\n{name} = {value}\n")
                with pytest.raises(ConfigError):
                    load_settings(file, {})


@pytest.mark.row("N-9")
def test_only_the_look_at_a_shown_certificate_does_without_its_check() -> None:
    """places.py compares the certificate that a server shows with a leaked key, and sends nothing over that connection."""
    root = Path(places.__file__).parents[1]
    off = ("CERT_NONE", "_create_unverified_context", "verify=False", "check_hostname = False")
    found = {file.name for file in root.rglob("*.py") if any(word in file.read_text() for word in off)}
    assert found == {"places.py"}
