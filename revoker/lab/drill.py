"""The drill: a leak, from the scanners' reports to the proof that every credential is dead, on real parts.

Everything runs on this machine's loopback interface: real OpenBao, real PostgreSQL, moto for AWS, fake SaaS providers.
The commands are the real ones, as subprocesses. One of them is killed in the middle of a rotation, at the worst instant:
the new key exists, and nobody but that process knows its value.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from revoker.config import load_settings
from revoker.errors import ExitCode
from revoker.lab import gates, trust
from revoker.lab.cast import NOBODY, PERSON, PROGRAM, Cast, Lab, plant
from revoker.lab.fakes import fakes
from revoker.lab.leak import Planted, missed, run_gitleaks, run_kingfisher, write_rest, write_tree
from revoker.lab.servers import check_parts, moto, openbao, postgresql, scratch
from revoker.lab.trust import Check
from revoker.lab.workspace import APPROVERS, Workspace, prepare, run
from revoker.model import Secret, Status

Say = Callable[[str], object]
CRASH_POINT = "replace: made"  # the new key exists and is not stored yet
CRASH = {"REVOKER_TEST_FAULTS": "1", "REVOKER_CRASH_AT": CRASH_POINT}
ROUNDS = 6  # of resume, until nothing waits any more
LIMIT = 240.0  # seconds after set-up; a busy machine takes its time
WAITING = (int(ExitCode.DONE), int(ExitCode.LIVE), int(ExitCode.UNKNOWN), int(ExitCode.WAITING))
WHO = {PROGRAM: "ended by revoker", PERSON: "ended by a person, proven by revoker", NOBODY: "nothing was done"}
ENDS = {"dead": (Status.DEAD,), "skipped": (Status.SKIPPED,)}


@dataclass(frozen=True, slots=True)
class DrillResult:
    """How the drill went. `seconds` are those after set-up."""

    checks: tuple[Check, ...]
    d24: float | None
    seconds: float
    out: Path

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def run_drill(out: Path, say: Say) -> DrillResult:
    """Run the whole drill and leave its reports in `out`. Raises RevokerError when a command ends as it must not."""
    check_parts()
    out.mkdir(parents=True, exist_ok=True)
    with scratch("revoker-drill-") as folder, servers(say) as lab:
        folder.chmod(0o700)
        cast = plant(lab)
        space = prepare(folder, lab, cast, say)
        say(f"Set up: {len(cast.planted)} credentials leaked.")
        start = monotonic()
        reports = scanned(space, cast)
        with opened(cast) as session:
            incident = respond(space, reports)
            tried = [gates.kill_switch(space, lab), gates.limits(space, incident)]
            tried += recover(space, lab, cast, incident)
            ended = trust.session_ended(session)
        finish(space, incident, out)
        seconds = monotonic() - start
        tried += [gates.audit_cut(space), *gates.evidence(space, incident, out)]
        checks = [*judge(space, lab, cast, incident), ended, *tried, check_time(seconds)]
        return told(DrillResult(tuple(checks), numbers(space, incident), seconds, out), say)


@contextmanager
def servers(say: Say) -> Iterator[Lab]:
    """Start all servers."""
    with ExitStack() as stack:
        bao, database, cloud = stack.enter_context(openbao()), stack.enter_context(postgresql()), stack.enter_context(moto())
        vendors = stack.enter_context(fakes())
        say(f"Real OpenBao at {bao.url}, real PostgreSQL at {database.host}:{database.port}, moto at {cloud.url}.")
        say(f"Fake providers: {', '.join(vendors)}.")
        yield Lab(bao, database, cloud, vendors)


def scanned(space: Workspace, cast: Cast) -> list[Path]:
    """Write the leak, and let the real scanners find it."""
    tree = write_tree(space.folder, cast.planted)
    reports = [run_gitleaks(tree, space.folder / "gitleaks.json"), run_kingfisher(tree, space.folder / "kingfisher.jsonl")]
    rest = missed(cast.planted, reports)
    space.say(f"gitleaks and kingfisher scanned it; {len(rest)} found by neither in full go into a list by hand.")
    return [*reports, write_rest(space.folder / "by-hand.env", rest)]


@contextmanager
def opened(cast: Cast) -> Iterator[Any]:
    """A database session that the thief opened with the leaked password."""
    import psycopg

    uri = next(one.secret for one in cast.planted if one.provider == "postgresql")
    connection = psycopg.connect(uri, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def respond(space: Workspace, reports: Sequence[Path]) -> str:
    """The guided response, killed in the middle of a rotation. Gives the incident."""
    signed = [part for name in APPROVERS for part in ("--as", name, "--key", f"{name}.key")]
    names = [path.name for path in reports]
    attest = ["--title", "drill", "--attest", "a drill: every server is our own"]
    run(space, "respond", *names, *attest, *signed, good=[-signal.SIGKILL], faults=CRASH)
    space.say(f"  killed with SIGKILL at `{CRASH_POINT}`: a new key exists, and its value died with the process")
    show_plan(space)
    listed = run(space, "status", "--json", good=WAITING).json
    return str(listed["credentials"][0]["incident"])


def show_plan(space: Workspace) -> None:
    """What was planned and approved, one line a credential."""
    for entry in plans(space)[-1]["credentials"]:
        steps = ", ".join(step["id"] for step in entry["steps"])
        space.say(f"  planned  {entry['kind']:<24} {entry['playbook']}: {steps}")


def recover(space: Workspace, lab: Lab, cast: Cast, incident: str) -> list[Check]:
    """Resume, act as the people whom the manual steps ask, and go on until nothing waits any more. What the gates did."""
    run(space, "resume", good=WAITING)
    show_runs(space)
    for one in cast.planted:
        if one.by == PERSON:
            lab.fakes[one.provider].book.change(one.target, "deleted")
            space.say(f"  a person deletes {one.name} in the console of {one.provider}")
    settle(space)
    contained = run(space, "status", "--status", "contained", "--json", good=WAITING).json["credentials"]
    tried = revoke_contained(space, lab, incident) if contained else []
    settle(space)
    return tried


def settle(space: Workspace) -> None:
    """Resume until no run waits."""
    for _ in range(ROUNDS):
        if run(space, "resume", "--force", good=WAITING).code == ExitCode.DONE:
            return


def revoke_contained(space: Workspace, lab: Lab, incident: str) -> list[Check]:
    """The second look at what was only suspended: nobody missed it, so it goes for good, once both have approved."""
    chosen = ["--incident", incident, "--status", "contained", "--playbook", "revoke-now"]
    digest = str(run(space, "plan", *chosen, "--json", "--as", "carol", good=WAITING).json["digest"])
    tried = gates.approvals(space, lab, digest)
    run(space, "apply", digest, good=WAITING)
    return [tried, gates.used_up(space, lab, digest)]


def show_runs(space: Workspace) -> None:
    """What each run did, as revoker tells it."""
    for line in run(space, "runs", good=WAITING).out.splitlines():
        space.say(f"  {line}")


def finish(space: Workspace, incident: str, out: Path) -> None:
    """Write the reports, and the audit log as it is handed to an auditor."""
    for name in ("report.html", "report.md"):
        run(space, "report", "--incident", incident, "-o", name, good=WAITING)
        shutil.copy(space.folder / name, out / name)
    run(space, "audit", "export", "-o", "audit.jsonl")
    shutil.copy(space.folder / "audit.jsonl", out / "audit.jsonl")


def judge(space: Workspace, lab: Lab, cast: Cast, incident: str) -> list[Check]:
    """All checks but those of time."""
    listed = run(space, "status", "--incident", incident, "--json", good=WAITING).json["credentials"]
    audit = run(space, "audit", "verify", good=range(256))
    orphans = run(space, "orphans", "--json", good=WAITING).json["orphans"]
    own = [*(one.secret for one in cast.planted), *cast.secrets.values(), *stored(lab)]
    files = [path for path in space.folder.rglob("*") if path.is_file() and is_ours(space, path)]
    return [
        ends(space, cast, listed),
        trust.planned_only(lab, plans(space), fingerprints(space, cast)),
        trust.strangers_untouched(lab, cast),
        trust.old_ones_dead(lab, cast),
        trust.new_ones_work(lab),
        Check("nothing that was made is lost", not orphans, json.dumps(orphans) if orphans else ""),
        Check("the audit log verifies", audit.code == 0, audit.out.strip() + audit.err.strip()),
        trust.no_secret_in(files, (text for done in space.ran for text in (done.out, done.err)), own),
        no_new_password_in_log(lab),
    ]


def no_new_password_in_log(lab: Lab) -> Check:
    """PostgreSQL logs each statement here: the new password must not stand in one."""
    new = [value.split(":")[2].split("@")[0] for value in stored(lab) if value.startswith("postgres")]
    logged = lab.database.log.read_text(errors="replace")
    return Check(
        "the new password never reached the database server's log", bool(new) and not any(word in logged for word in new)
    )


def is_ours(space: Workspace, path: Path) -> bool:
    """Whether a file was written by revoker, and not by the lab or a scanner."""
    inside = path.relative_to(space.folder)
    return inside.parts[0] not in ("image", "gitleaks.json", "kingfisher.jsonl", "by-hand.env", ".cache", ".local", ".config")


def stored(lab: Lab) -> list[str]:
    """The new secrets that stand in Vault."""
    from revoker.lab.cast import DESTINATIONS
    from revoker.lab.servers import bao_call

    found = []
    for place in DESTINATIONS:
        body = bao_call(lab.bao, "GET", place.path.replace("secret/", "secret/data/", 1))[1]
        data = body.get("data", {}).get("data") or {}
        found += [data[theirs] for ours, theirs in place.fields.items() if ours == "secret" and theirs in data]
    return found


def ends(space: Workspace, cast: Cast, listed: Sequence[Mapping[str, Any]]) -> Check:
    """Each planted credential stands where the story says it must."""
    status = {row["fingerprint"]: row["status"] for row in listed}
    wrong = []
    for one, fingerprint in fingerprints(space, cast).items():
        stands = status.get(fingerprint, "not found")
        space.say(f"  {one.name:<34} {one.begin:>7} -> {stands:<8} {WHO[one.by]}")
        if stands not in [end.value for end in ENDS[one.end]]:
            wrong.append(f"{one.name} is {stands}, not {one.end}")
    return Check("every credential came to the end that the story says", not wrong, "; ".join(wrong))


def fingerprints(space: Workspace, cast: Cast) -> dict[Planted, str]:
    """The fingerprint of each planted credential, as the workspace's own key makes it."""
    from revoker import secrets

    keys = secrets.load_keys(load_settings(space.config, {}))
    return {one: secrets.fingerprint(keys, one.kind, Secret(one.secret)) for one in cast.planted}


def plans(space: Workspace) -> list[Mapping[str, Any]]:
    """All plans that were made, as the store holds them."""
    from revoker.store import open_store
    from revoker.store.plans import list_plans

    return [plan.document for plan in list_plans(open_store(load_settings(space.config, {})))]


def numbers(space: Workspace, incident: str) -> float | None:
    """D24: the share of live credentials that were proven dead within a day."""
    metrics = run(space, "report", "--incident", incident, "--json", good=WAITING).json["metrics"]
    return None if metrics.get("d24") is None else float(metrics["d24"])


def check_time(seconds: float) -> Check:
    return Check(f"it took less than {LIMIT:.0f} s after set-up", seconds < LIMIT, f"{seconds:.1f} s")


def told(result: DrillResult, say: Say) -> DrillResult:
    """Say how it went."""
    say("")
    for check in result.checks:
        say(f"{'ok  ' if check.ok else 'FAIL'} {check.name}" + (f": {check.detail}" if check.detail else ""))
    say(
        f"D24 {'-' if result.d24 is None else f'{result.d24:.0%}'}, {result.seconds:.1f} s after set-up. Report: {result.out / 'report.html'}"
    )
    return result
