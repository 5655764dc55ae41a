"""Where a new secret goes: by configuration, by reference, or in place of the leaked one; and what is left of the old one in Vault."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from revoker import catalog
from revoker.cli import finding
from revoker.cli.session import Session
from revoker.config import DestinationSettings, Settings, VaultSettings
from revoker.egress import vault
from revoker.errors import ConfigError
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Credential, Identity, Secret
from revoker.runs.placing import placement
from revoker.runs.plan import make_plan
from revoker.store.credentials import Selection
from revoker.store.homes import Home
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_steps import ROTATE, go, leak, start

AWS = Credential("aws_access_key", "fp_1", Secret("s"), {"key_id": "AKID"})


class Row:
    """What a placement looks at."""

    def __init__(self, account: str | None = "123456789012") -> None:
        self.identity = Identity(account=account, principal="arn:aws:iam::123456789012:user/ci")


def home(path: str, name: str = "SECRET", part: str = "secret", *, newest: bool = True, engine: int = 2) -> Home:
    return Home("fp_1", path, name, part, engine, (1,), newest, "scan", utc_now())


PAIR = (home("secret/app"), home("secret/app", "ID", "key_id"))


def placed(
    *destinations: DestinationSettings, homes: Any = (), account: str | None = "123456789012", cred: Credential = AWS
) -> Any:
    settings = Settings(vault=VaultSettings("https://vault.invalid", kv1=("legacy",)), destinations=destinations)
    return placement(catalog.kinds()["aws_access_key"], cred, Row(account), settings, homes)  # type: ignore[arg-type]


def to(path: str, **more: Any) -> DestinationSettings:
    return DestinationSettings("aws_access_key", path, {"secret": "SECRET"}, **more)


def test_a_reference_in_a_path_stands_for_the_credential_s_own() -> None:
    assert placed(to("secret/aws/{account}/{key_id}")).place.path == "secret/aws/123456789012/AKID"
    odd = Credential("aws_access_key", "fp_1", Secret("s"), {"key_id": "user@host:1"})
    assert placed(to("secret/{key_id}"), cred=odd).place.path == "secret/user%40host%3A1"


@pytest.mark.parametrize("account", [None, "../sys", "a/b", "a%2Fb", "", "-a", "a b", "x" * 201])
def test_an_id_that_could_lead_elsewhere_stands_in_no_path(account: str | None) -> None:
    found = placed(to("secret/aws/{account}"), account=account)
    assert found.place is None
    assert "needs the account" in found.why


@pytest.mark.parametrize("path", ["secret/{", "secret/{A}", "secret/{account.x}", "secret/a?b", "secret/../sys", "secret/a b"])
def test_a_path_that_is_none_is_refused_when_the_configuration_is_read(path: str) -> None:
    from pathlib import Path

    from revoker import config_read

    with pytest.raises(ConfigError, match="must be a path"):
        config_read.vault_path(path, config_read.Where("destination.path", Path()))


def test_what_was_found_is_the_place_when_nothing_is_configured() -> None:
    found = placed(homes=PAIR)
    assert (found.place.path, dict(found.place.fields), found.found) == ("secret/app", {"secret": "SECRET", "key_id": "ID"}, True)
    assert "rotated in place" in found.notes[0]


def test_the_configuration_wins_where_it_names_what_was_found() -> None:
    found = placed(to("secret/app"), homes=(*PAIR, home("secret/copy")))
    assert (found.place.path, found.found, found.elsewhere) == ("secret/app", False, ("secret/copy",))
    assert "secret/copy too" in found.notes[-1]


def test_a_configured_place_that_is_not_the_found_one_is_a_loud_conflict() -> None:
    found = placed(to("secret/new"), homes=PAIR)
    assert found.place is None
    assert "says secret/new, but the leaked value stands at secret/app" in found.why
    assert placed(to("secret/new", move=True), homes=PAIR).place.path == "secret/new"


@pytest.mark.parametrize(
    ("homes", "why"),
    [
        ((*PAIR, home("secret/copy")), "secret/app, secret/copy: name one"),
        ((*PAIR, home("secret/app", "SECOND")), "in two fields"),
        ((home("secret/app"),), "not whole"),
        ((home("secret/app", newest=False),), "no place in Vault is configured"),
    ],
)
def test_what_is_not_clear_goes_to_a_person(homes: Any, why: str) -> None:
    found = placed(homes=homes)
    assert found.place is None
    assert why in found.why


def test_the_plan_says_what_version_1_cannot_do() -> None:
    assert "copied to legacy/app.before-revoker first" in placed(to("legacy/app")).notes[1]


# On a real OpenBao


@pytest.fixture
def mount(bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("FAKERY_VAULT", bao.token)
    name = f"kv-{secrets.token_hex(3)}"
    yield name
    bao_call(bao, "DELETE", f"sys/mounts/{name}")
    vault._sessions.clear()


def site_with(build: Build, bao: OpenBao, name: str, version: int) -> Site:
    assert bao_call(bao, "POST", f"sys/mounts/{name}", {"type": "kv", "options": {"version": str(version)}})[0] == 204
    kv1 = f'kv1 = ["{name}"]' if version == 1 else ""
    return build(f'[vault]\naddr = "{bao.url}"\ntoken = "env:FAKERY_VAULT"\nmount = "{name}"\n{kv1}\n')


def search(site: Site) -> int:
    return int(finding.by_reading(Session(site.config), Selection(), finding.Chosen(), as_json=True))


@pytest.mark.slow
@pytest.mark.row("S-12")
def test_find_then_rotate_in_place_and_undelete_brings_nothing_back(build: Build, bao: OpenBao, mount: str) -> None:
    """Same path, same nested field; every version that held the leaked value is destroyed, deleted ones too, others stay."""
    site = site_with(build, bao, mount, 2)
    key, _ = leak(site)

    def put(**doc: Any) -> None:
        assert bao_call(bao, "POST", f"{mount}/data/app", {"data": doc})[0] == 200

    put(old="unrelated")
    put(keys=[{"id": 1, "value": key.value}], port=5432)
    bao_call(bao, "POST", f"{mount}/delete/app", {"versions": [2]})
    put(keys=[{"id": 1, "value": key.value}], port=5432, share=0.1, none=None)
    assert search(site) == 11  # the deleted version cannot be read
    row = go(site, start(site))
    assert (row.state, row.message) == ("done", "all steps are done")
    now = bao_call(bao, "GET", f"{mount}/data/app")[1]["data"]["data"]
    new = site.fakery.keys["key-2"].value
    assert now == {"keys": [{"id": 1, "value": new}], "port": 5432, "share": 0.1, "none": None}
    assert bao_call(bao, "POST", f"{mount}/undelete/app", {"versions": [2, 3]})[0] == 204
    for version in (2, 3):
        status, said = bao_call(bao, "GET", f"{mount}/data/app?version={version}")
        assert (status, said["data"]["metadata"]["destroyed"]) == (404, True)
    assert bao_call(bao, "GET", f"{mount}/data/app?version=1")[1]["data"]["data"] == {"old": "unrelated"}


@pytest.mark.slow
def test_version_1_is_copied_first_and_the_copy_goes_at_the_end(build: Build, bao: OpenBao, mount: str) -> None:
    site = site_with(build, bao, mount, 1)
    key, _ = leak(site)
    bao_call(bao, "POST", f"{mount}/app", {"KEY": key.value, "port": 1})
    assert search(site) == 0
    plan = make_plan(
        site.store, site.settings, Selection(), playbook="rotate", requester="d", now=utc_now(), books={"rotate": ROTATE}
    )
    assert any("no check-and-set" in why for why in plan.entries[0]["reasons"])
    during: list[Any] = []
    change = vault.Vault.write

    def watched(self: Any, path: str, data: Any, cas: int) -> int:
        during.append((path, bao_call(bao, "GET", f"{mount}/app.before-revoker")[0]))
        return change(self, path, data, cas)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault.Vault, "write", watched)
        assert go(site, start(site)).state == "done"
    assert during == [(f"{mount}/app.before-revoker", 404), (f"{mount}/app", 200)]
    assert bao_call(bao, "GET", f"{mount}/app")[1]["data"] == {"KEY": site.fakery.keys["key-2"].value, "port": 1}
    assert bao_call(bao, "GET", f"{mount}/app.before-revoker")[0] == 404


@pytest.mark.slow
def test_a_found_place_that_has_moved_on_is_not_written(build: Build, bao: OpenBao, mount: str) -> None:
    site = site_with(build, bao, mount, 2)
    key, _ = leak(site)
    bao_call(bao, "POST", f"{mount}/data/app", {"data": {"KEY": key.value}})
    search(site)
    run_id = start(site)
    bao_call(bao, "POST", f"{mount}/data/app", {"data": {"KEY": "somebody was faster"}})
    row = go(site, run_id)
    assert (row.state, site.fakery.changes) == ("parked", [])
    assert "does not hold the leaked value any more" in row.message


@pytest.mark.slow
def test_a_deleted_newest_version_does_not_stop_a_rotation(build: Build, bao: OpenBao, mount: str) -> None:
    site = site_with(build, bao, mount, 2)
    leak(site)
    place = DestinationSettings("fakery_key", f"{mount}/app", {"secret": "KEY"})
    site.settings = replace(site.settings, destinations=(place,))
    bao_call(bao, "POST", f"{mount}/data/app", {"data": {"KEY": "gone"}})
    bao_call(bao, "DELETE", f"{mount}/data/app")
    assert go(site, start(site)).state == "done"
    assert bao_call(bao, "GET", f"{mount}/data/app")[1]["data"]["metadata"]["version"] == 2
