from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revoker import config_docs
from revoker.config import APPROVALS, Settings, load_settings
from revoker.config_read import looks_secret
from revoker.errors import ConfigError
from revoker.model import Effect

ROOT = Path(__file__).parents[2]


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "revoker.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return caught.value.diagnostics()


def test_the_defaults_hold_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(env={"HOME": str(tmp_path)})
    assert settings == Settings()
    assert settings.verify.fresh == timedelta(hours=1)
    assert settings.approvals["delete"] == 2


def test_the_file_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home/.config/revoker").mkdir(parents=True)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    env = {"HOME": str(tmp_path / "home")}
    places = [tmp_path / "home/.config/revoker/revoker.toml", tmp_path / "cwd/revoker.toml", tmp_path / "named.toml"]
    for place in places[:2]:
        place.write_text("")
        assert load_settings(env=env).path == place
    places[2].write_text("")
    assert load_settings(env={**env, "REVOKER_CONFIG": str(places[2])}).path == places[2]
    assert load_settings(places[1], {**env, "REVOKER_CONFIG": str(places[2])}).path == places[1]


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("[stor]\nurl = 'sqlite:///x'", "store"),
        ("[store]\nulr = 'sqlite:///x'", "store.url"),
        ("[ownership]\ngithub_org = ['acme']", "ownership.github_orgs"),
        ("[[approver]]\nnam = 'alice'", "approver.1.name"),
        ("[approvals]\nrevok = 1", "approvals.revoke"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, text: str, near: str) -> None:
    assert f"did you mean {near}?" in refused(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "[authority.openai]\nadmin_key = 'plain-words'",
        "[store]\nkey = 'abc'",
        "[store]\nkey = 'vault:a#b'",
        "[store]\nurl = 'postgresql://u:hunter2@db.example/x'",
        "[vault]\naddr = 'https://v.example'\ntoken = 'hunter2'",
        "[network]\nproxy = 'http://u:hunter2@proxy.example'",
        "[endpoints]\nopenai = 'https://u:hunter2@api.example'",
        "[notify]\nsecret = 'hunter2'",
        "[verify]\nfresh = '1 hour'",
        "[verify]\nconcurrency = 0",
        "[verify]\nconcurrency = true",
        "[network]\nallow = ['10.0.0.300']",
        "[[approver]]\nname = 'a'\nkey = 'ssh-rsa AAAA'",
        "[[destination]]\nkind = 'k'",
        "store = 1",
        "a = ",
    ],
)
def test_what_does_not_fit_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in refused(tmp_path, text)


@given(st.text(alphabet="abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=40, max_size=60))
def test_a_random_value_is_taken_for_a_secret(value: str) -> None:
    alphabets = (any(c.isdigit() for c in value), any(c.isalpha() for c in value))
    if all(alphabets) and len(set(value)) > 20:
        assert looks_secret("prefix_" + value)


def test_names_and_ids_are_no_secrets(tmp_path: Path) -> None:
    text = "[authority.aws]\nrole_arn = 'arn:aws:iam::123456789012:role/revoker'\nregion = 'eu-central-1'\n[authority.github]\napp_id = 12345"
    settings = load(tmp_path, text)
    assert settings.authority["github"]["app_id"] == "12345"


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "[network]\nca_bundle = 'corp.pem'\n[audit]\nanchor_file = '/mnt/a'")
    assert settings.network.ca_bundle == tmp_path / "corp.pem"
    assert settings.audit.anchor_file == Path("/mnt/a")


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "revoker.toml"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="Everybody may write"):
        load_settings(path)


def test_every_effect_has_a_default_approval() -> None:
    assert {effect.value for effect in Effect} | {"delete", "large", "last_active"} == set(APPROVALS)


def test_the_example_loads_and_shows_every_key() -> None:
    path = ROOT / "config.example.toml"
    settings = load_settings(path)
    assert settings.destinations[0].fields["secret"] == "AWS_SECRET_ACCESS_KEY"
    shown = set(_paths(tomllib.loads(path.read_text(encoding="utf-8"))))
    assert [key for key in config_docs.key_paths() if key not in shown] == []


def _paths(raw: dict[str, object]) -> list[str]:
    found = list(raw)
    for name, value in raw.items():
        for inner in [value] if isinstance(value, dict) else value if isinstance(value, list) else []:
            found += [f"{name}.{key}" for key in inner] if isinstance(inner, dict) else []
    return found


def test_the_page_is_made_from_the_code() -> None:
    assert (ROOT / "docs/config.md").read_text(encoding="utf-8") == config_docs.markdown(), (
        "python -m revoker.config_docs > docs/config.md"
    )


@pytest.mark.row("I-5")
@pytest.mark.parametrize("text", ["[approvals]\nrevoke = 2\nrevoke = 0\n", "[approvals]\nrevoke = 2\n[approvals]\nrevoke = 0\n"])
def test_the_last_of_two_keys_does_not_win(text: str, tmp_path: Path) -> None:
    path = tmp_path / "revoker.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="no TOML"):
        load_settings(path)
