"""Where a byte may go: the corpora of hosts and addresses that must never be dialled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from revoker.config import (
    AuditSettings,
    ConsumerSettings,
    KeySettings,
    NetworkSettings,
    NotifySettings,
    OwnershipSettings,
    Settings,
    StoreSettings,
    VaultSettings,
)
from revoker.egress.hosts import hosts, untold
from revoker.egress.policy import Origin, address_allowed, check_addresses, endpoint, from_url
from revoker.errors import EgressRefused
from revoker.model import Credential
from revoker.sdk import Provider
from tests.egress.conftest import Server, answer, answering, ask, credential, kind, provider, settings, with_pool

HOSTS = [
    "169.254.169.254",
    "metadata.google.internal",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1",
    "localhost",
    "①②⑦.⓪.⓪.①",
    "::ffff:169.254.169.254",
    "[::ffff:127.0.0.1]",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fd00:ec2::254",
    "[::1]",
    "::",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "0.0.0.0",  # noqa: S104 - a thing to refuse
    "224.0.0.1",
    "255.255.255.255",
    "user@evil@api.lab.invalid",
    "api.lab.invalid@evil.invalid",
    "evil.invalid",
    "api.lab.invalid.",
    "API.LAB.INVALID.evil.invalid",
    "api.lab.invalid:443@evil.invalid",
    "api.lab.invalid#evil",
    "api.lab.invalid/evil",
    "api.lab.invalid\\evil",
    "xn--pi-rmc.lab.invalid",
    "àpi.lab.invalid",
    "api.lab.invalid%00.evil",
    "api.lab.invalid:99999",
    "fe80::1%eth0",
    "fec0::1",
    "[fe80::1]",
    "api_lab.invalid",
    "api.lab.invalid\r\nHost: evil",
    " api.lab.invalid",
    "api.lab.invalid\t",
    "https://evil.invalid/",
    "//evil.invalid",
]
PATHS = [
    "check",
    "@evil",
    "/../admin",
    "/a/../../b",
    "/./a",
    "//evil.invalid/",
    "/\\evil.invalid",
    "/a\r\nHost:evil",
    "/a\nb",
    "/a#b",
    "/%2e%2e/b",
    "/.%2E/b",
    "/a\x00b",
    "/é",
    "/a<b",
    "/a b",
    "",
    "https://evil.invalid/",
    "http:evil",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.row("N-1")
def test_a_host_of_somebody_elses_choice_is_never_dialled(host: str, serve: Callable[..., Server]) -> None:
    server, dialled = serve(answering(answer())), []

    async def resolver(name: str, port: int) -> Sequence[str]:
        dialled.append(name)
        return ["127.0.0.1"]

    config = settings(server)
    reply = with_pool(config, lambda pool: pool.reader(provider()).get("/check", host=host), resolver=resolver)
    assert reply.trouble == "refused_by_policy"
    assert (server.connections, dialled) == (0, [])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.row("N-1")
def test_a_path_cannot_lead_elsewhere(path: str, serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    assert ask(settings(server), path).trouble == "refused_by_policy"
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["http://①②⑦.⓪.⓪.①/", "http://127.1/", "http://2130706433/", "http://0177.0.0.1/", "http://a@b/", "ftp://a/"]
)
def test_a_configured_endpoint_must_be_plain(url: str) -> None:
    with pytest.raises(EgressRefused):
        from_url(url)


DENIED = [
    "0.0.0.0",  # noqa: S104 - a thing to refuse
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::808:808",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a9fe:a9fe::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("text", DENIED)
@pytest.mark.row("N-2")
def test_denied_as_literal_and_as_answer(text: str) -> None:
    assert not address_allowed(ip_address(text), [])
    with pytest.raises(EgressRefused):
        check_addresses(["8.8.8.8", text], [])


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "168.63.129.17", "2606:4700::1111", "2a00:1450::1"]
)
@pytest.mark.row("N-2")
def test_public_addresses_are_allowed(text: str) -> None:
    assert check_addresses([text, text], []) == (text,)


@pytest.mark.row("N-2")
def test_allow_opens_networks_but_metadata_only_by_its_exact_address() -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert address_allowed(ip_address("10.0.0.1"), everything)
    assert not address_allowed(ip_address("169.254.169.254"), everything)
    assert not address_allowed(ip_address("fd00:ec2::254"), everything)
    assert address_allowed(ip_address("169.254.169.254"), [ip_network("169.254.169.254/32")])


@pytest.mark.parametrize(
    ("text", "allow", "allowed"),
    [
        ("::ffff:169.254.169.254", ["::/0"], False),
        ("::ffff:169.254.169.254", ["::/0", "0.0.0.0/0"], False),
        ("::ffff:169.254.169.254", ["::/0", "169.254.169.254/32"], True),
        ("::ffff:0:a9fe:a9fe", ["::/0"], False),
        ("::ffff:10.0.0.1", ["::/0"], False),
        ("::ffff:10.0.0.1", ["::/0", "10.0.0.0/8"], True),
        ("::169.254.169.254", ["::/0"], False),
        ("64:ff9b::a9fe:a9fe", ["64:ff9b::/96"], False),
        ("64:ff9b::a00:1", ["64:ff9b::/96"], False),
        ("64:ff9b::808:808", ["64:ff9b::/96"], True),
        ("64:ff9b:1::a9fe:a9fe", ["64:ff9b:1::/48"], False),
        ("2002:a9fe:a9fe::1", ["2002::/16"], False),
        ("2002:808:808::1", ["2002::/16"], True),
        ("fd12::1", ["fd00::/8"], True),
        ("fd00:ec2::254", ["fd00::/8"], False),
        ("fd00:ec2::254", ["fd00:ec2::254/128"], True),
        ("fd00:c1::a9fe:a9fe", ["fd00::/8"], False),
        ("fd00:42::42", ["fd00::/8"], False),
        ("fd20:ce::254", ["fd00::/8"], False),
        ("fe80::a9fe:a9fe", ["fe80::/10"], False),
        ("fe80::a9fe:a9fe%eth0", ["fe80::/10"], False),
        ("169.254.42.42", ["169.254.0.0/16"], False),
        ("100.100.100.200", ["100.64.0.0/10"], False),
        ("100.64.0.1", ["100.64.0.0/10"], True),
        ("168.63.129.16", ["0.0.0.0/0"], False),
        ("::1", ["::1/128"], True),
        ("::1", ["127.0.0.0/8"], False),
    ],
)
@pytest.mark.row("N-2")
def test_a_network_of_ours_opens_no_way_through_it(text: str, allow: list[str], *, allowed: bool) -> None:
    """IPv6 addresses lead to IPv4 ones (mapped, NAT64, 6to4), and metadata services stand in private networks."""
    nets = [ip_network(net) for net in allow]
    assert address_allowed(ip_address(text), nets) is allowed
    if not allowed:
        with pytest.raises(EgressRefused):
            check_addresses([text], nets)


@pytest.mark.parametrize(
    ("answers", "dials"),
    [
        (["127.0.0.1"], 1),
        (["127.0.0.1", "127.0.0.2"], 0),
        (["127.0.0.2"], 0),
        (["127.0.0.1", "169.254.169.254"], 0),
        (["::ffff:127.0.0.1"], 0),
        (["127.0.0.1", "not an address"], 0),
        ([], 0),
    ],
)
@pytest.mark.row("N-3")
def test_all_answers_of_a_name_are_checked(answers: list[str], dials: int, serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))

    async def resolver(_name: str, _port: int) -> Sequence[str]:
        return answers

    config = settings(f"http://api.lab.invalid:{server.port}", allow="127.0.0.1/32")
    reply = with_pool(config, lambda pool: pool.reader(provider()).get("/check"), resolver=resolver)
    assert server.connections == dials
    assert reply.trouble == (None if dials else "connect" if not answers else "refused_by_policy")


@pytest.mark.row("N-3")
def test_a_name_is_checked_again_for_each_connection(serve: Callable[..., Server]) -> None:
    server, lookups = serve(answering(answer(headers={"Connection": "close"}))), []

    async def resolver(_name: str, _port: int) -> Sequence[str]:
        lookups.append(1)
        return ["127.0.0.1"] if len(lookups) == 1 else ["127.0.0.2"]

    async def twice(pool: Any) -> list[str | None]:
        return [(await pool.reader(provider()).get("/check")).trouble for _ in range(2)]

    config = settings(f"http://api.lab.invalid:{server.port}", allow="127.0.0.1/32")
    assert with_pool(config, twice, resolver=resolver) == [None, "refused_by_policy"]
    assert server.connections == 1


def test_plain_http_stays_within_the_operators_own_networks() -> None:
    assert not address_allowed(ip_address("8.8.8.8"), [], clear=True)
    assert address_allowed(ip_address("8.8.8.8"), [ip_network("8.8.8.0/24")], clear=True)

    async def resolver(_name: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    for url in ("http://8.8.8.8/", "http://api.lab.invalid/"):
        config = settings(url, allow="127.0.0.1/32")
        reply = with_pool(config, lambda pool: pool.reader(provider()).get("/check"), resolver=resolver)
        assert reply.trouble == "refused_by_policy"


def test_loopback_needs_the_operators_word(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    assert ask(settings(server, allow=None)).trouble == "refused_by_policy"
    assert server.connections == 0
    assert ask(settings(server)).trouble is None


def self_hosted() -> Provider:
    return provider(kind(host_from="host"), id="vaultlike", hosts=())


def reach(config: Settings, host: str | None, cred: Credential | None = None, of: Provider | None = None) -> Origin | None:
    found = endpoint(of or self_hosted(), host, config, cred)
    return found.origin if found else None


@pytest.mark.row("N-1")
def test_a_credentials_own_host_must_be_owned_exactly() -> None:
    config = Settings(ownership=OwnershipSettings(hosts=("vault.acme.invalid:8200",)))
    named = credential(host="vault.acme.invalid", port="8200")
    assert reach(config, "vault.acme.invalid:8200", named) == Origin("https", "vault.acme.invalid", 8200)
    for host, cred in [
        ("vault.acme.invalid:8201", named),
        ("evil.invalid:8200", named),
        ("evil.invalid", credential(host="evil.invalid")),
        ("vault.acme.invalid:8200", credential(host="other.invalid")),
        ("vault.acme.invalid:8200", None),
    ]:
        with pytest.raises(EgressRefused):
            reach(config, host, cred)


def test_endpoints_stand_for_the_first_host_or_for_each() -> None:
    one = Settings(endpoints={"lab": "https://ghes.acme.invalid/api/v3"})
    assert reach(one, None, of=provider()) == Origin("https", "ghes.acme.invalid", 443)
    assert endpoint(provider(), None, one).url("/user") == "https://ghes.acme.invalid/api/v3/user"  # type: ignore[union-attr]
    assert reach(one, "other.lab.invalid", of=provider()) == Origin("https", "other.lab.invalid", 443)
    each = Settings(endpoints={"lab": {"other.lab.invalid": "http://127.0.0.1:1"}})
    assert reach(each, "other.lab.invalid", of=provider()) == Origin("http", "127.0.0.1", 1)
    assert reach(each, None, of=provider()) == Origin("https", "api.lab.invalid", 443)


def test_without_a_host_and_an_endpoint_nothing_is_asked() -> None:
    nowhere = provider(hosts=())
    assert reach(Settings(), None, of=nowhere) is None
    assert ask(Settings(), of=nowhere).trouble == "no_endpoint"


def test_the_firewall_list() -> None:
    config = Settings(
        endpoints={"lab": "http://127.0.0.1:9"},
        vault=VaultSettings(addr="https://vault.acme.invalid:8200", token="env:X"),
        ownership=OwnershipSettings(hosts=("db.acme.invalid:5432", "any.acme.invalid", "[2001:db8::7]:5432", "2001:db8::8")),
        notify=NotifySettings(webhook="https://chat.acme.invalid/hook?x=1"),
        network=NetworkSettings(proxy="http://proxy.acme.invalid:3128"),
        audit=AuditSettings(timestamp_url="http://tsa.acme.invalid/stamp"),
        store=StoreSettings(url="postgresql+psycopg://store.acme.invalid/revoker"),
        keys=KeySettings(ssh_hosts=("deploy@ssh.acme.invalid:22",), tls_hosts=("www.acme.invalid:443",)),
        consumers=(
            ConsumerSettings(name="shop", webhook="https://shop.acme.invalid/x", secret="env:X"),
            ConsumerSettings(name="pay", kubernetes="https://k8s.acme.invalid:6443", deployment="d", token="env:X"),
        ),
    )
    found = {one.shown: (one.key, one.providers) for one in hosts(config, [provider()])}
    assert found == {
        "127.0.0.1:9": ("[endpoints] lab", ("lab",)),
        "[2001:db8::7]:5432": ("[ownership] hosts", ()),
        "[2001:db8::8]:*": ("[ownership] hosts", ()),
        "any.acme.invalid:*": ("[ownership] hosts", ()),
        "chat.acme.invalid:443": ("[notify] webhook", ()),
        "db.acme.invalid:5432": ("[ownership] hosts", ()),
        "k8s.acme.invalid:6443": ("[[consumer]] pay kubernetes", ()),
        "other.lab.invalid:443": ("", ("lab",)),
        "proxy.acme.invalid:3128": ("[network] proxy", ()),
        "shop.acme.invalid:443": ("[[consumer]] shop webhook", ()),
        "ssh.acme.invalid:22": ("[keys] ssh_hosts", ()),
        "store.acme.invalid:5432": ("[store] url", ()),
        "tsa.acme.invalid:80": ("[audit] timestamp_url", ()),
        "vault.acme.invalid:8200": ("[vault] addr", ()),
        "www.acme.invalid:443": ("[keys] tls_hosts", ()),
    }
    assert untold(config) == []
    secret = replace(config, notify=NotifySettings(webhook="env:HOOK"), store=StoreSettings(url="env:STORE"))
    assert untold(secret) == ["[notify] webhook", "[store] url"]
    assert not {"chat.acme.invalid:443", "store.acme.invalid:5432"} & {one.shown for one in hosts(secret, [provider()])}


def test_a_table_of_endpoints_stands_for_the_hosts_that_it_names() -> None:
    config = Settings(endpoints={"lab": {"api.lab.invalid": "https://lab.acme.invalid:8443"}})
    assert [(one.shown, one.key) for one in hosts(config, [provider()])] == [
        ("lab.acme.invalid:8443", "[endpoints] lab"),
        ("other.lab.invalid:443", ""),
    ]
