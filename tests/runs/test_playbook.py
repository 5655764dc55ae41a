"""Playbooks: what is shipped holds together, and what breaks a law is refused with words that help."""

import copy
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revoker import catalog
from revoker.errors import ConfigError
from revoker.model import Effect
from revoker.playbook import CHANGES, KEYS, check_kinds, duration, load_playbook, load_playbooks, parse

ROTATION = {
    "title": "t",
    "effects": ["issue", "revoke"],
    "step": [
        {"id": "new", "do": "issue", "into": "destination"},
        {"id": "works", "do": "verify", "of": "new", "expect": "live"},
        {"id": "gone", "do": "revoke"},
        {"do": "prove"},
        {"do": "destroy_old_versions"},
    ],
}


def test_the_shipped_ones_fit_the_catalogue() -> None:
    books = load_playbooks()
    assert {"contain", "revoke-now", "rotate-into-vault", "guided", "aws-access-key", "github-token"} <= set(books)
    assert {"vault-token", "database-password", "notify-owner", "aws-session"} <= set(books)
    for book in books.values():
        check_kinds(book, catalog.kinds())


def test_one_always_fits() -> None:
    guided = load_playbooks()["guided"]
    assert not guided.effects
    assert not guided.kinds
    by_name = {book.id for book in load_playbooks().values() if book.prefer > guided.prefer}
    wide = {"rotate-and-hand-over", "vault-entity", "vault-lease-prefix", "vault-take-over", "vault-database-root"}
    assert by_name == {"restore", "rotate-by-deadline", "rotate-routine"} | wide  # never chosen by themselves


def test_a_rotation_parses() -> None:
    book = parse("rotate", ROTATION)
    assert [step.do for step in book.steps] == ["issue", "verify", "revoke", "prove", "destroy_old_versions"]
    assert book.steps[3].id == "prove"
    assert book.effects == (Effect.ISSUE, Effect.REVOKE)


@pytest.mark.parametrize("destructive", ["suspend", "revoke", "end_sessions", "destroy_old_versions"])
@pytest.mark.parametrize("at", [0, 1])
def test_nothing_destructive_before_the_new_one_is_stored_and_seen_working(destructive: str, at: int) -> None:
    table = copy.deepcopy(ROTATION)
    table["effects"] = ["issue", "revoke", "suspend", "end_sessions"]
    table["step"].insert(at, {"id": "early", "do": destructive})  # type: ignore[attr-defined]
    with pytest.raises(ConfigError):
        parse("rotate", table)


@given(st.permutations(ROTATION["step"]))
def test_of_all_orders_only_lawful_ones_pass(steps: list[dict[str, str]]) -> None:
    table = {**ROTATION, "step": steps}
    dos = [step["do"] for step in steps]
    lawful = dos.index("issue") < dos.index("verify") < dos.index("revoke") < dos.index("prove")
    lawful = lawful and dos.index("prove") < dos.index("destroy_old_versions")
    if lawful:
        parse("rotate", table)
    else:
        with pytest.raises(ConfigError):
            parse("rotate", table)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"titel": "x"}, "did you mean title"),
        ({"effects": ["issue"]}, "does not allow revoke"),
        ({"effects": ["issue", "revoke", "suspend"]}, "no step does that"),
        ({"effects": ["isue", "revoke"]}, "did you mean issue"),
        ({"limit": 0}, "limit"),
        ({"limit": True}, "limit"),
        ({"when": {"validty": ["live"]}}, "did you mean validity"),
        ({"when": {"owned": "yes"}}, "true or false"),
        ({"when": {"status": ["alive"]}}, "did you mean live"),
        ({"when": {"validity": ["active"]}}, "unknown validity"),
        ({"title": ""}, "title"),
        ({"step": []}, r"no \[\[step\]\]"),
        ({"kinds": "aws"}, "list of names"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse("rotate", {**ROTATION, **change})


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"do": "revok"}, "did you mean revoke"),
        ({"do": "revoke", "expect": "dead"}, "unknown key 'expect'"),
        ({"do": "verify"}, "expect"),
        ({"do": "verify", "expect": "gone"}, "live or dead"),
        ({"do": "wait", "for": "soon"}, "no duration"),
        ({"do": "wait", "for": "0s"}, "longer than nothing"),
        ({"do": "wait", "for": "91d"}, "at most 90 days"),
        ({"do": "verify", "expect": "live", "of": "new"}, "no new credential"),
        ({"do": "issue"}, "destination"),
        ({"id": "No", "do": "notify"}, "lower-case"),
        ({"do": "notify", "to": "{{ env }}", "with": "x"}, "unknown key 'with'"),
        ({"do": "notify", "note": 5}, "note must be a text"),
        ({"do": "guide", "of": "old"}, "unknown key 'of'"),
        ({}, "no `do`"),
    ],
)
def test_a_wrong_step_is_named(step: dict[str, str], says: str) -> None:
    effects = [step["do"]] if step.get("do") in CHANGES else []
    with pytest.raises(ConfigError, match=says):
        parse("one", {"title": "t", "effects": effects, "step": [step]})


def test_a_revoke_without_a_proof_is_refused() -> None:
    with pytest.raises(ConfigError, match="prove"):
        parse("one", {"title": "t", "effects": ["revoke"], "step": [{"do": "revoke"}]})


def test_a_restore_takes_back_a_suspension() -> None:
    steps = [{"do": "notify"}, {"do": "restore"}]
    with pytest.raises(ConfigError, match="nothing was suspended"):
        parse("one", {"title": "t", "effects": ["restore"], "step": steps})
    parse("one", {"title": "t", "effects": ["restore"], "step": steps[1:]})


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two steps"):
        parse("one", {"title": "t", "step": [{"do": "notify"}, {"do": "notify"}]})


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("title = ")
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        load_playbook(path)


def test_another_folder_replaces_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "guided.toml").write_text('title = "ours"\n[[step]]\ndo = "guide"\n')
    assert load_playbooks([tmp_path])["guided"].title == "ours"


def test_an_unknown_kind_or_action_is_refused() -> None:
    with pytest.raises(ConfigError, match="no provider has the kind"):
        check_kinds(parse("one", {"title": "t", "kinds": ["nobody_key"], "step": [{"do": "notify"}]}), catalog.kinds())
    table = {"title": "t", "kinds": ["groq_api_key"], "effects": ["revoke"]}
    book = parse("one", {**table, "step": [{"do": "revoke", "action": "no_such"}, {"do": "prove"}]})
    with pytest.raises(ConfigError, match="no_such"):
        check_kinds(book, catalog.kinds())


def test_durations() -> None:
    assert [duration(text) for text in ("90s", "15m", "24h", "7d")] == [
        timedelta(seconds=90),
        timedelta(minutes=15),
        timedelta(hours=24),
        timedelta(days=7),
    ]
    assert set(CHANGES) <= set(KEYS)


def test_consumers_are_looked_at_while_the_old_one_still_works() -> None:
    table = copy.deepcopy(ROTATION)
    steps = table["step"]
    assert isinstance(steps, list)
    steps.insert(2, {"do": "signal"})
    steps.insert(3, {"do": "moved", "within": "1h"})
    with pytest.raises(ConfigError, match="mode"):
        parse("rotate", table)
    book = parse("rotate", {**table, "mode": "routine"})
    assert (book.mode, book.steps[3].lasts) == ("routine", timedelta(hours=1))
    with pytest.raises(ConfigError, match="mode must be incident or routine"):
        parse("rotate", {**table, "mode": "calm"})
    late = {**table, "mode": "routine", "step": [*steps[:3], steps[4], steps[5], steps[3], steps[6]]}
    with pytest.raises(ConfigError, match="stands after revoke"):
        parse("rotate", late)
    early = {**table, "mode": "routine", "step": [steps[2], *steps[:2], *steps[4:]]}
    with pytest.raises(ConfigError, match="before an issue step"):
        parse("rotate", early)


TEMPLATES = ("{{ cycler.__init__.__globals__.os.popen('id') }}", "${step.id}", "{0.__class__}", "%(id)s", "$(id)", "`id`")


@pytest.mark.parametrize("text", TEMPLATES)
@pytest.mark.row("I-6")
def test_a_template_in_a_playbook_is_text_where_text_may_stand_and_refused_elsewhere(text: str) -> None:
    table = copy.deepcopy(ROTATION) | {"title": text}
    table["step"][0]["note"] = text  # type: ignore[index]
    book = parse("rotate", table)
    assert (book.title, book.steps[0].note) == (text, text)
    for key in ("id", "do", "into"):
        wrong = copy.deepcopy(ROTATION)
        wrong["step"][0][key] = text  # type: ignore[index]
        with pytest.raises(ConfigError):
            parse("rotate", wrong)


@pytest.mark.row("I-5")
def test_the_last_of_two_keys_of_a_step_does_not_win(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "playbooks" / "revoke-now.toml").read_text()
    path = tmp_path / "twice.toml"
    path.write_text(text.replace("[[step]]\n", '[[step]]\nid = "other"\n', 1))
    with pytest.raises(ConfigError, match="not readable as TOML"):
        load_playbook(path)
