"""A suspended key that is still answered as a known one: contained while the provider's record shows our suspension, else accepted."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from revoker import catalog, responder, suspended
from revoker.config import Settings
from revoker.errors import ActionFailed, UsageError
from revoker.lab.fakes import Fake, FakeKey, fakes
from revoker.lab.samples import make
from revoker.log import configure
from revoker.model import SUSPENDED_BY_US, Bound, Effect, Status, Validity, Verdict
from revoker.owned import AsAuthority
from revoker.recheck import recheck
from revoker.runs import prove, steps
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.sdk import Action, Kind, Reader
from revoker.store import credentials as rows_of
from revoker.store import runs
from revoker.store.credentials import Selection
from revoker.suspended import by_record
from revoker.verify import VerifySummary, verify
from tests.runs.conftest import Build, Site, utc_now

KIND = "google_api_key"
NOTE = "revoker-restrictions-before"
NOBODY: dict[str, Any] = {"serverKeyRestrictions": {"allowedIps": ["127.0.0.1"]}}
NAME = "/v2/projects/42/locations/global/keys/key-1"


@dataclass
class Place:
    """A Gemini key that leaked, and the fake of Google that holds it."""

    site: Site
    google: Fake
    fingerprint: str
    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def begin(self, playbook: str) -> str:
        """An approved run that is not carried out yet."""
        store, settings = self.site.store, self.site.settings
        plan = make_plan(store, settings, Selection(), playbook=playbook, requester="dave", now=utc_now())
        self.site.approved(plan.digest, *("alice", "bob")[: plan.approvals])
        return apply(store, settings, plan.digest, utc_now())[0]

    def go_on(self, run_id: str, *, most: int = 8, settings: Settings | None = None) -> str:
        """Take steps until the run ends or stops, each half a minute after the one before; give its state and its message."""
        work = steps.Work(self.site.store, settings or self.site.settings, self.now, "test", settle=timedelta())
        for _ in range(most):
            if steps.advance(work, run_id).state != "running":
                break
            self.ahead += timedelta(seconds=31)
        run = runs.get_run(self.site.store, run_id)
        return f"{run.state}: {run.message}"

    def sweep(self, settings: Settings | None = None) -> tuple[Status, str]:
        """Ask again; give the status and the reason."""
        self.swept(settings)
        row = self.site.row(self.fingerprint)
        assert row.validity is Validity.LIVE, "the answer is told as it is"
        return row.status, row.reason

    def swept(self, settings: Settings | None = None) -> VerifySummary:
        rows = [self.site.row(self.fingerprint)]
        return verify(self.site.store, rows, settings=settings or self.site.settings, clock=utc_now, force=True)

    def record(self, restrictions: dict[str, Any], **annotations: str) -> None:
        """What somebody made of the key at Google."""
        self.google.book.note("key-1", restrictions=json.dumps(restrictions), annotations=json.dumps(annotations))

    def without_authority(self) -> Settings:
        return replace(self.site.settings, authority={})


HELD, ACCEPTED = (Status.CONTAINED, SUSPENDED_BY_US), (Status.LIVE, "ip_restricted")


@pytest.fixture
def leaked(build: Build, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with fakes(["google"]) as running:
        google = running["google"]
        monkeypatch.setenv("GCP", google.book.add(FakeKey("owner", make("password"), "authority")).secret)
        key = google.book.add(FakeKey("key-1", make(KIND), KIND))
        hosts = "".join(f'"{name}.googleapis.com" = "{google.url}"\n' for name in ("generativelanguage", "apikeys"))
        authority = '[authority.google]\naccess_token = "env:GCP"\nproject = "42"\n'
        site = build(f'{authority}[endpoints.google]\n{hosts}[verify]\npropagation = "0s"\n')
        yield Place(site, google, site.add(key.secret, KIND))


@pytest.fixture
def contained(leaked: Place) -> Place:
    assert leaked.go_on(leaked.begin("contain")).startswith("done")
    return leaked


def test_a_run_that_contains_ends_when_the_record_shows_our_suspension(contained: Place) -> None:
    row = contained.site.row(contained.fingerprint)
    assert (row.status, row.validity, row.reason) == (Status.CONTAINED, Validity.LIVE, SUSPENDED_BY_US)
    run_id = runs.list_runs(contained.site.store)[0].id
    told = [r.data for r in runs.journal(contained.site.store, run_id) if r.step == "refused" and r.phase == "outcome"]
    assert told == [{"result": "done", "validity": "live", "reason": SUSPENDED_BY_US}]


def test_a_contained_key_stays_contained_in_every_sweep(contained: Place) -> None:
    before = len(contained.google.log.all())
    done = contained.swept()
    row = contained.site.row(contained.fingerprint)
    assert (row.status, row.validity, row.reason, done.transitions) == (Status.CONTAINED, Validity.LIVE, SUSPENDED_BY_US, ())
    asked = contained.google.log.all()[before:]
    assert [(one.method, one.what, one.caller) for one in asked] == [
        ("GET", "/v1beta/models", "key-1"),
        ("GET", NAME, "authority"),
    ], "the record is read by the authority, and nothing else is asked"
    days = timedelta(days=2)
    again = recheck(contained.site.store, settings=contained.site.settings, clock=lambda: utc_now() + days)
    assert (again.due, again.verified.transitions) == (1, ())
    assert contained.site.row(contained.fingerprint).status is Status.CONTAINED


LOOSER: dict[str, dict[str, Any]] = {
    "one address more": {"serverKeyRestrictions": {"allowedIps": ["127.0.0.1", "192.0.2.1"]}},
    "another address": {"serverKeyRestrictions": {"allowedIps": ["192.0.2.1"]}},
    "something beside": {**NOBODY, "apiTargets": [{"service": "maps-backend.googleapis.com"}]},
}


@pytest.mark.parametrize("restrictions", LOOSER.values(), ids=LOOSER)
def test_a_restriction_that_is_not_ours_any_more_contains_nothing(contained: Place, restrictions: dict[str, Any]) -> None:
    contained.record(restrictions, **{NOTE: "{}"})
    assert contained.sweep() == ACCEPTED


def test_a_restriction_without_our_note_is_somebody_else_s(contained: Place) -> None:
    contained.record(NOBODY, team="web")
    assert contained.sweep() == ACCEPTED


def test_a_note_without_a_restriction_contains_nothing(contained: Place) -> None:
    contained.record({}, **{NOTE: "{}"})
    assert contained.sweep() == (Status.LIVE, "authenticated")


def test_another_refusal_than_the_one_that_our_suspension_leaves_is_not_looked_into(contained: Place) -> None:
    contained.record({}, **{NOTE: "{}"})
    contained.google.book.keys["key-1"] = replace(contained.google.book.keys["key-1"], restricted=True)
    before = len(contained.google.log.all())
    assert contained.sweep() == (Status.LIVE, "restricted")
    assert [one.what for one in contained.google.log.all()[before:]] == ["/v1beta/models"]


def test_without_an_authority_a_live_answer_is_an_alarm(contained: Place) -> None:
    before = len(contained.google.log.all())
    assert contained.sweep(contained.without_authority()) == ACCEPTED
    assert [one.what for one in contained.google.log.all()[before:]] == ["/v1beta/models"]


def test_an_authority_that_leaked_itself_is_not_believed(contained: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responder, "leaked", lambda *_: {"access_token": "fp_1"})
    assert contained.sweep() == ACCEPTED


def test_a_record_that_cannot_be_read_is_an_alarm_that_the_next_look_ends(
    contained: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good news that nobody saw is none. A needless alarm heals by itself, and so does one from before revoker looked at all."""
    owner = contained.google.book.keys.pop("owner")
    assert contained.sweep() == ACCEPTED
    contained.google.book.add(owner)
    monkeypatch.setenv("GCP", "no such token")
    assert contained.sweep() == ACCEPTED
    monkeypatch.setenv("GCP", owner.secret)
    assert contained.sweep() == HELD


def test_what_was_restored_is_accepted_whatever_the_record_shows(contained: Place) -> None:
    run_id = contained.begin("restore")
    assert contained.go_on(run_id).startswith("done")
    contained.record(NOBODY, **{NOTE: "{}"})
    before = len(contained.google.log.all())
    assert contained.sweep() == ACCEPTED
    assert len(contained.google.log.all()) == before + 1


Break = Callable[[Place], Settings | None]


def cut_note(place: Place) -> None:
    place.record(NOBODY)


def loosen(place: Place) -> None:
    place.record(LOOSER["one address more"], **{NOTE: "{}"})


def hide(place: Place) -> None:
    place.google.book.keys.pop("owner")


@pytest.mark.parametrize("change", [cut_note, loosen, hide, Place.without_authority], ids=lambda change: change.__name__)
def test_a_run_parks_when_the_record_does_not_show_our_suspension(leaked: Place, change: Break) -> None:
    run_id = leaked.begin("contain")
    assert leaked.go_on(run_id, most=1).startswith("running"), "it is suspended, and not looked at yet"
    settings = change(leaked)
    said = leaked.go_on(run_id, most=40, settings=settings)
    assert said.startswith("parked: It is live (ip_restricted), not dead.")
    assert leaked.site.row(leaked.fingerprint).status is Status.LIVE


def test_a_run_that_parked_goes_on_when_the_record_shows_it_again(leaked: Place) -> None:
    run_id = leaked.begin("contain")
    leaked.go_on(run_id, most=1)
    owner = leaked.google.book.keys.pop("owner")
    assert leaked.go_on(run_id, most=40).startswith("parked")
    leaked.google.book.add(owner)
    assert leaked.go_on(run_id).startswith("done")
    assert leaked.site.row(leaked.fingerprint).status is Status.CONTAINED


@pytest.mark.parametrize(
    ("before", "enough"),
    [
        (["suspend"], True),
        (["suspend", "notify", "wait"], True),
        (["revoke", "suspend"], True),
        (["suspend", "revoke"], False),
        (["suspend", "guide"], False),
        (["suspend", "restore"], False),
        (["notify"], False),
        ([], False),
    ],
    ids=str,
)
def test_contained_is_enough_for_a_step_only_right_after_the_suspension(before: list[str], enough: bool) -> None:
    """A person who was asked to delete it, and did not, is not done because it is suspended still."""
    here = {"id": "here", "do": "verify", "expect": "dead"}
    done = [{"id": f"s{at}", "do": do} for at, do in enumerate(before)]
    turn = cast("Any", SimpleNamespace(step=here, entry={"steps": [*done, here, {"id": "later", "do": "revoke"}]}))
    assert prove.is_contained(turn, Verdict(Validity.LIVE, SUSPENDED_BY_US)) is enough
    assert not prove.is_contained(turn, Verdict(Validity.LIVE, "ip_restricted"))


Look = Callable[[Bound, Reader], Awaitable[bool | None]]


def looked(
    place: Place,
    observe: Look | None,
    *,
    row: Any = None,
    last: dict[str, Any] | None = None,
    validity: Validity = Validity.LIVE,
    settings: Settings | None = None,
) -> str:
    """The reason that comes of a live answer when the record's observer is this one."""

    def with_it(action: Action) -> Action:
        return replace(action, observe=observe, **(last or {})) if action.effect is Effect.SUSPEND else action

    kind: Kind = replace(catalog.kinds()[KIND], actions=tuple(with_it(a) for a in catalog.kinds()[KIND].actions))
    cred = rows_of.unseal_credential(place.site.store, place.fingerprint)
    pool = cast("Any", SimpleNamespace(reader=lambda _provider: SimpleNamespace(now=utc_now())))
    made = by_record(
        place.site.store,
        settings or place.site.settings,
        pool,
        row or place.site.row(place.fingerprint),
        kind=kind,
        cred=cred,
        verdict=Verdict(validity, "ip_restricted"),
    )
    return asyncio.run(made).reason


def raising(error: Exception) -> Callable[..., Iterator[Any]]:
    def suspensions(*_: object) -> Iterator[Any]:
        raise error

    return suspensions


def test_nothing_but_a_clear_yes_of_the_observer_counts(contained: Place, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, str, Any]] = []

    def says(answer: object) -> Look:
        async def observe(bound: Bound, api: Reader) -> bool | None:
            seen.append((bound.target, bound.credential.fingerprint, api))
            if isinstance(answer, Exception):
                raise answer
            return cast("bool | None", answer)

        return observe

    answers = (True, False, None, "yes", ActionFailed("no"), ValueError("a bug"))
    assert [looked(contained, says(one)) for one in answers] == [SUSPENDED_BY_US, *["ip_restricted"] * 5]
    assert {(target, mark) for target, mark, _ in seen} == {(NAME.removeprefix("/v2/"), contained.fingerprint)}
    assert all(isinstance(api, AsAuthority) for _, _, api in seen), "it can send nothing of the secret, and change nothing"
    seen.clear()
    configure(json=True)
    capsys.readouterr()
    row = contained.site.row(contained.fingerprint)
    for other in (
        {"row": replace(row, status=Status.DYING)},
        {"row": replace(row, contained_at=None)},
        {"row": replace(row, fingerprint="fp_of_another")},
        {"last": {"leaves": ()}},
        {"last": {"leaves": ("restricted",)}},
        {"last": {"authority": ""}},
        {"last": {"id": "of_old"}},
        {"validity": Validity.DEAD},
        {"validity": Validity.UNKNOWN},
        {"settings": contained.without_authority()},
    ):
        assert looked(contained, says(True), **cast("Any", other)) == "ip_restricted", other
    assert looked(contained, None) == "ip_restricted"
    assert not seen
    assert capsys.readouterr().err == "", "there is nothing to look at, and no error in that"


@pytest.mark.parametrize(
    ("error", "event"),
    [(UsageError("its plan has gone"), "suspension_not_seen"), (ValueError("words of it"), "suspension_check_crashed")],
)
def test_a_look_that_fails_ends_no_sweep_and_is_logged_without_its_words(
    contained: Place, error: Exception, event: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suspended, "suspensions", raising(error))
    configure(json=True)
    assert looked(contained, None) == "ip_restricted"
    said = json.loads(capsys.readouterr().err.splitlines()[-1])
    wanted = {"event": event, "fingerprint": contained.fingerprint, "kind": KIND, "error": type(error).__name__}
    assert {name: said[name] for name in wanted} == wanted
    assert "words of it" not in str(said)


def test_a_key_that_we_did_not_suspend_is_not_contained_by_what_looks_like_it(leaked: Place) -> None:
    leaked.record(NOBODY, **{NOTE: "{}"})
    assert leaked.sweep() == ACCEPTED
