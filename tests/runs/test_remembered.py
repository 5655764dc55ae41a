"""A credential that we suspended proves nothing by itself any more; its suspension, seen by the authority, does."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from revoker import catalog, secrets
from revoker.lab.fakes import Fake, FakeKey, fakes
from revoker.lab.samples import make
from revoker.model import Bound, Credential, Effect, Finding, Location, Secret, Status, Unbound
from revoker.runs import steps
from revoker.runs.apply import apply
from revoker.runs.plan import Plan, make_plan
from revoker.runs.remembered import with_remembered
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action
from revoker.store import credentials as rows_of
from revoker.store import incidents, runs
from revoker.store.credentials import Selection
from revoker.store.plans import load_plan
from revoker.suspended import suspensions
from revoker.verify import verify
from tests.runs.conftest import Build, Site, utc_now

KIND = "docker_hub_pat"  # its login names its id, and a suspended token cannot log in


@dataclass
class Contained:
    site: Site
    hub: Fake
    key: FakeKey
    fingerprint: str

    def planned(self, playbook: str) -> Plan:
        found = make_plan(self.site.store, self.site.settings, Selection(), playbook=playbook, requester="dave", now=utc_now())
        self.site.approved(found.digest, *("alice", "bob")[: found.approvals])
        return found

    def carry_out(self, plan: Plan) -> str:
        run_id = apply(self.site.store, self.site.settings, plan.digest, utc_now())[0]
        work = steps.Work(self.site.store, self.site.settings, utc_now, "test", settle=timedelta())
        for _ in range(12):
            if steps.advance(work, run_id).state != "running":
                break
        return str(runs.get_run(self.site.store, run_id).state)


@pytest.fixture
def contained(build: Build, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contained]:
    """A Docker Hub token, found live and then suspended by an approved run."""
    with fakes(["docker_hub"]) as running:
        hub = running["docker_hub"]
        owner = hub.book.add(FakeKey("owner", make("password"), "authority"))
        monkeypatch.setenv("HUB", owner.secret)
        key = hub.book.add(FakeKey("11aa", make(KIND), KIND))
        hub.book.add(FakeKey("22bb", make(KIND), KIND))
        more = f'[endpoints.docker_hub]\n"hub.docker.com" = "{hub.url}"\n[authority.docker_hub]\nbearer = "env:HUB"\n'
        site = build(more + '[verify]\npropagation = "0s"\n')
        place = Contained(site, hub, key, leaked(site, key))
        assert place.carry_out(place.planned("contain")) == "done"
        assert site.row(place.fingerprint).status is Status.CONTAINED
        yield place


def leaked(site: Site, key: FakeKey) -> str:
    fingerprint = secrets.fingerprint(site.store.keys, KIND, Secret(key.secret))
    cred = Credential(KIND, fingerprint, Secret(key.secret), {"username": key.account})
    incident = incidents.open_incident(site.store, "leak", utc_now())
    finding = Finding("rule", Location("list"), cred.secret)
    rows_of.add_findings(site.store, [(finding, cred)], incident.id, utc_now())
    verify(site.store, rows_of.select(site.store), settings=site.settings, clock=utc_now)
    return fingerprint


def test_it_can_be_revoked_by_the_id_that_was_suspended(contained: Contained) -> None:
    plan = contained.planned("revoke-now")
    remove = plan.entries[0]["steps"][0]
    assert (remove["target"], remove["proof"]) == ("11aa", "self_endpoint")
    assert "suspended it" in remove["how"]
    contained.carry_out(plan)
    assert {id: key.state for id, key in contained.hub.book.keys.items()} == {"owner": "live", "11aa": "deleted", "22bb": "live"}
    assert contained.site.row(contained.fingerprint).status in (Status.DYING, Status.DEAD)


def test_it_is_not_bound_when_somebody_switched_it_on_again_or_deleted_it(contained: Contained) -> None:
    contained.hub.book.change("11aa", "deleted")
    steps_of = contained.planned("revoke-now").entries[0]["steps"]
    assert steps_of[0]["do"] == "guide"


def test_the_approved_run_does_not_go_on_when_it_changed_meanwhile(contained: Contained) -> None:
    plan = contained.planned("revoke-now")
    contained.hub.book.keys["11aa"] = contained.key  # live again, behind our back
    contained.hub.book.lag = 0
    before = len(contained.hub.log.changes())
    contained.hub.book.keys["11aa"] = FakeKey("11aa", make(KIND), KIND)  # and now it is another value
    contained.carry_out(plan)
    assert len(contained.hub.log.changes()) == before


NOBODY = Unbound("no_match")


async def elsewhere(_cred: Credential, _api: Reader) -> Bound | Unbound:
    return NOBODY


async def suspended(_bound: Bound, _api: Reader) -> bool:
    return True


def actions_of(contained: Contained) -> tuple[Action, Action]:
    """What suspended it, seen in effect, and what revokes it."""
    actions = catalog.kinds()[KIND].actions
    freeze = next(replace(action, observe=suspended) for action in actions if action.effect is Effect.SUSPEND)
    return freeze, next(action for action in actions if action.effect is Effect.REVOKE)


def remembered(
    contained: Contained, *actions: Action, found: Bound | Unbound = NOBODY, row: Any = None
) -> dict[str, Bound | Unbound]:
    """What is bound of some actions whose own binding found something, or nothing."""
    row = row or contained.site.row(contained.fingerprint)
    cred = rows_of.unseal_credential(contained.site.store, contained.fingerprint)
    made = with_remembered(
        {action.id: found for action in actions},
        contained.site.store,
        row,
        kind=replace(catalog.kinds()[KIND], actions=actions),
        cred=cred,
        reader=cast("Reader", None),
    )
    return dict(asyncio.run(made))


def test_its_target_is_not_lent_to_an_action_that_binds_another_thing(contained: Contained) -> None:
    """A user that was suspended is not the id of a key: an action with another binder is not bound by that suspension."""
    freeze, remove = actions_of(contained)
    alike = remembered(contained, freeze, remove)[remove.id]
    assert isinstance(alike, Bound)
    last = next(run for run in runs.list_runs(contained.site.store))
    planned = load_plan(contained.site.store, last.plan_digest).document["credentials"][0]["steps"][0]
    assert planned["account"]
    assert (alike.target, alike.account, alike.proof) == ("11aa", planned["account"], planned["proof"])
    assert dict(alike.extra) == planned["extra"]
    assert alike.how == f"bound when {last.id} suspended it, and seen suspended now"
    seen = next(suspensions(contained.site.store, contained.fingerprint, catalog.kinds()[KIND], alike.credential))
    assert (seen.run_id, seen.target.how) == (last.id, planned["how"])
    assert remembered(contained, freeze, replace(remove, bind=elsewhere))[remove.id] == NOBODY


def test_its_target_is_lent_only_to_what_the_authority_does_next_and_cannot_bind_itself(contained: Contained) -> None:
    freeze, remove = actions_of(contained)
    for other in (replace(remove, by="self"), replace(remove, effect=Effect.ISSUE)):
        assert remembered(contained, freeze, other)[remove.id] == NOBODY
    assert remembered(contained, freeze, remove)[freeze.id] == NOBODY, "it is suspended already"
    assert isinstance(remembered(contained, freeze, remove, found=Unbound("refused"))[remove.id], Bound)
    for unbound in ("authority_leaked", "foreign_account", "several_matches", "no_authority"):
        assert remembered(contained, freeze, remove, found=Unbound(unbound))[remove.id] == Unbound(unbound)
    mine = remembered(contained, freeze, remove)[remove.id]
    assert isinstance(mine, Bound)
    its_own = replace(mine, target="22bb")
    assert remembered(contained, freeze, remove, found=its_own)[remove.id] == its_own
    unseen = replace(freeze, observe=None)
    assert remembered(contained, unseen, remove)[remove.id] == NOBODY
    assert remembered(contained, replace(freeze, id="of_old"), remove)[remove.id] == NOBODY, "it is not offered any more"


def test_nothing_is_lent_to_another_credential_or_in_another_state(contained: Contained) -> None:
    freeze, remove = actions_of(contained)
    row = contained.site.row(contained.fingerprint)
    for status in (Status.LIVE, Status.DEAD, Status.UNKNOWN):
        assert remembered(contained, freeze, remove, row=replace(row, status=status))[remove.id] == NOBODY
    another = leaked(contained.site, contained.hub.book.keys["22bb"])
    other = replace(contained.site.row(another), status=Status.CONTAINED)
    assert remembered(contained, freeze, remove, row=other) == {freeze.id: NOBODY, remove.id: NOBODY}


def test_what_another_run_of_the_same_plan_did_is_no_suspension_of_this_one(contained: Contained) -> None:
    keys = [contained.hub.book.add(FakeKey(id, make(KIND), KIND)) for id in ("33cc", "44dd")]
    marks = [leaked(contained.site, key) for key in keys]
    site = contained.site
    chosen = Selection(fingerprint=tuple(marks))
    plan = make_plan(site.store, site.settings, chosen, playbook="contain", requester="dave", now=utc_now())
    site.approved(plan.digest, *("alice", "bob")[: plan.approvals])
    work = steps.Work(site.store, site.settings, utc_now, "test", settle=timedelta())
    for run_id in apply(site.store, site.settings, plan.digest, utc_now()):
        if runs.get_run(site.store, run_id).fingerprint == marks[1]:
            steps.advance(work, run_id)
    kind = catalog.kinds()[KIND]
    found = {mark: list(suspensions(site.store, mark, kind, rows_of.unseal_credential(site.store, mark))) for mark in marks}
    assert [len(found[mark]) for mark in marks] == [0, 1]
