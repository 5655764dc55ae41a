"""Playbooks of the operator's own: they are checked, listed, chosen, pinned by what people approve, and run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from revoker.errors import ConfigError, ExitCode
from revoker.playbook import KEYS, load_playbook, load_playbooks
from revoker.playbook.reading import TOP, WHEN
from tests.cli.conftest import Space

PAGE = Path(__file__).parents[2] / "docs" / "playbooks.md"
SWIFT = """title = "Revoke it at once"
effects = ["revoke"]
prefer = 1
[when]
binds = ["revoke"]
[[step]]
do = "revoke"
[[step]]
do = "prove"
"""
ALICE = ("--as", "alice", "--key", "alice.key")


def own(space: Space, text: str = SWIFT, name: str = "swift") -> Path:
    """A playbook in a configured folder."""
    folder = space.folder / "own"
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        config = space.folder / "revoker.toml"
        config.write_text(f'playbooks = ["own"]\n{config.read_text()}')
    path = folder / f"{name}.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_one_of_your_own_is_listed_shown_and_checked(empty: Space) -> None:
    path = own(empty)
    listed = {one["id"]: one["file"] for one in empty.cli("playbooks", "--json").json["playbooks"]}
    assert (listed["swift"], listed["guided"]) == (str(path), None)
    shown = empty.cli("playbooks", "show", "swift", "--json").json
    assert (shown["title"], [step["do"] for step in shown["steps"]]) == ("Revoke it at once", ["revoke", "prove"])
    assert "yours: swift" in empty.cli("doctor", "--offline").out
    checked = empty.cli("playbooks", "lint")
    assert (checked.code, checked.out) == (ExitCode.DONE, f"{path}: good (2 steps)\n")


def test_lint_without_a_file_and_without_a_folder_says_what_to_do(empty: Space) -> None:
    said = empty.cli("playbooks", "lint")
    assert (said.code, "set `playbooks` in the configuration" in said.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("command", [("playbooks", "lint", "none.toml"), ("playbooks", "show", "none.toml")])
def test_a_file_that_is_not_there_is_named(empty: Space, command: tuple[str, ...]) -> None:
    said = empty.cli(*command)
    assert (said.code, "none.toml cannot be read: No such file" in said.err) == (ExitCode.SETUP, True)


def test_a_file_larger_than_any_playbook_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "big.toml").write_text("#" * (1 << 19))
    with pytest.raises(ConfigError, match="larger than"):
        load_playbook(tmp_path / "big.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SWIFT.replace("prove", "notify"), "after `revoke` a step must `prove` the death"),
        (SWIFT.replace("prefer = 1", 'kinds = ["groq_api_kee"]'), "did you mean groq_api_key"),
        ("title = ", "not readable as TOML"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "playbooks"])
def test_a_bad_one_stops_what_would_choose_without_it(empty: Space, text: str, says: str, command: str) -> None:
    empty.cli("init")
    own(empty, text)
    (empty.folder / "leak.env").write_text("")
    empty.cli("ingest", "leak.env")
    said = empty.cli(command)
    assert (said.code, says in said.err) == (ExitCode.SETUP, True), said.err


def test_a_missing_folder_two_of_one_id_and_files_open_to_all_are_refused(empty: Space) -> None:
    path = own(empty)
    path.chmod(0o602)
    said = empty.cli("playbooks")
    assert (said.code, f"chmod o-w {path}" in said.err) == (ExitCode.SETUP, True)
    path.chmod(0o600)
    path.parent.chmod(0o777)
    assert f"chmod o-w {path.parent}" in empty.cli("playbooks").err
    path.parent.chmod(0o700)
    (path.parent / "gone.toml").symlink_to("nowhere")
    said = empty.cli("playbooks")
    assert (said.code, "cannot be read: No such file" in said.err, "gone.toml" in said.err) == (ExitCode.SETUP, True, True)
    (path.parent / "gone.toml").unlink()
    config = empty.folder / "revoker.toml"
    (empty.folder / "more").mkdir(mode=0o700)
    config.write_text(config.read_text().replace('["own"]', '["own", "more"]'))
    (empty.folder / "more" / "swift.toml").write_text(SWIFT)
    assert "two playbooks swift" in empty.cli("playbooks").err
    config.write_text(config.read_text().replace('"more"', '"gone"'))
    said = empty.cli("playbooks")
    doctor = empty.cli("doctor", "--offline", "--json")
    told = next(one for one in doctor.json["checks"] if one["check"] == "playbooks")
    assert (doctor.code, told["ok"], "no folder" in told["detail"]) == (ExitCode.SETUP, False, True)
    assert (said.code, "no folder of playbooks" in said.err, "mend `playbooks`" in said.err) == (ExitCode.SETUP, True, True)


def test_one_of_your_own_is_chosen_approved_and_run(space: Space) -> None:
    own(space)
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    done = space.cli("respond", "leak.env", "--attest", "ours", *ALICE, "--json")
    assert done.code == ExitCode.DONE, done.err
    assert done.json["runs"][0]["playbook"] == "swift"
    assert len(space.fakes["slack"].log.changes()) == 1


def test_one_that_was_changed_after_the_approval_runs_nothing(space: Space) -> None:
    path = own(space)
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    assert space.cli("respond", "leak.env", "--attest", "ours", "--plan-only").code == ExitCode.LIVE
    digest = space.cli("plan", "--as", "bob", "--json").json["digest"]
    assert space.cli("approve", digest, *ALICE).code == ExitCode.DONE
    path.write_text(SWIFT.replace('do = "prove"', 'do = "prove"\nnote = "later"'))
    said = space.cli("apply", digest)
    assert (said.code, "The playbook swift has changed." in said.err) == (ExitCode.WAITING, True)
    assert not space.fakes["slack"].log.changes()


def test_the_page_names_every_key_and_step_and_its_example_is_lawful(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    words = {*TOP, *WHEN, *KEYS, *(key for keys in KEYS.values() for key in keys)} - {"when", "step"}
    assert sorted(word for word in words if f"`{word}`" not in page and f"`{word} = " not in page) == []
    example = re.search(r"```toml\n# playbooks/([a-z-]+)\.toml.*?\n(.*?)```", page, re.DOTALL)
    assert example is not None
    (tmp_path / f"{example[1]}.toml").write_text(example[2], encoding="utf-8")
    assert load_playbooks([tmp_path])[example[1]].limit == 10
