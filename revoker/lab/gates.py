"""Each gate is tried in the drill, from the side of somebody who should not get through. The servers' books say whether he did."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from revoker.errors import ExitCode
from revoker.lab.cast import Lab
from revoker.lab.trust import Check, changes
from revoker.lab.workspace import APPROVERS, Done, Workspace, run

ANY = range(-64, 256)  # exit codes: these commands are to be refused
REFUSED = (int(ExitCode.USAGE), int(ExitCode.SETUP), int(ExitCode.WAITING))


def kill_switch(space: Workspace, lab: Lab) -> Check:
    """While it is on, going on with all runs changes nothing."""
    run(space, "stop", "--as", "alice", "--why", "the drill tries it")
    before = len(changes(lab))
    run(space, "resume", good=ANY)
    sent = len(changes(lab)) - before
    run(space, "start", "--as", "alice", "--why", "the drill goes on")
    return Check("while the kill switch was on, no change reached a server", sent == 0, f"{sent} did" if sent else "")


def limits(space: Workspace, incident: str) -> Check:
    """A plan beyond the limit of changes for a run is not made."""
    small = with_settings(space, "small.toml", "mutations_per_run = 50", "mutations_per_run = 1")
    made = run(space, "plan", "--incident", incident, "--playbook", "revoke-now", "--json", good=ANY, config=small)
    refused = made.code == ExitCode.USAGE and "more than 1 changes" in made.err
    return Check("a plan beyond the limits was not made", refused, "" if refused else told([made]))


def approvals(space: Workspace, lab: Lab, digest: str) -> Check:
    """No yes, one yes of two, the same yes twice, another configuration: nothing goes. The plan is approved by both after it."""
    before = len(changes(lab))
    other = with_settings(space, "other.toml", "mutations_per_run = 50", "mutations_per_run = 51")
    alice, bob = (["approve", digest, "--as", name, "--key", f"{name}.key"] for name in APPROVERS)
    forged = ["approve", digest, "--as", "bob", "--key", "alice.key"]
    tried = [run(space, "apply", digest, good=ANY)]
    run(space, *alice, good=(int(ExitCode.WAITING),))
    tried += [
        run(space, "apply", digest, good=ANY),
        run(space, *forged, good=ANY),
        run(space, *alice, good=ANY),
        run(space, "apply", digest, good=ANY),
    ]
    run(space, *bob)
    tried.append(run(space, "apply", digest, good=ANY, config=other))
    through = [done for done in tried if done.code not in REFUSED]
    sent = len(changes(lab)) - before
    good = not through and sent == 0
    return Check("nothing went without both approvals, or under another configuration", good, told(through))


def used_up(space: Workspace, lab: Lab, digest: str) -> Check:
    """An approval counts once."""
    before = len(changes(lab))
    again = run(space, "apply", digest, good=ANY)
    good = again.code in REFUSED and len(changes(lab)) == before
    return Check("what was approved and done cannot be done again", good, "" if good else told([again]))


def audit_cut(space: Workspace) -> Check:
    """A copy of the store whose log lost its last records does not verify; the anchor knows them."""
    copy = space.folder / "cut"
    copy.mkdir()
    for name in (space.config.name, "revoker.key", "anchor.jsonl"):
        (copy / name).write_bytes((space.folder / name).read_bytes())
    with (
        closing(sqlite3.connect(space.folder / "revoker.db")) as whole,
        closing(sqlite3.connect(copy / "revoker.db")) as cut,
    ):
        whole.backup(cut)
        cut.execute("DELETE FROM audit_log WHERE seq > (SELECT max(seq) - 3 FROM audit_log)")
        cut.commit()
    found = run(replace(space, folder=copy), "audit", "verify", good=ANY)
    good = found.code == ExitCode.SETUP
    return Check("an audit log whose end was cut off does not verify", good, "" if good else told([found]))


def evidence(space: Workspace, incident: str, out: Path) -> list[Check]:
    """The pack verifies with Python alone; with one character changed it does not."""
    pack, forged = out / "evidence.zip", space.folder / "forged.zip"
    run(space, "evidence", incident, "-o", "evidence.zip", "--as", "alice", "--key", "alice.key")
    pack.write_bytes((space.folder / "evidence.zip").read_bytes())
    with zipfile.ZipFile(pack) as whole, zipfile.ZipFile(forged, "w") as other:
        (space.folder / "verify.py").write_bytes(whole.read("verify.py"))
        for name in whole.namelist():
            body = whole.read(name)
            other.writestr(name, body.replace(b"dead", b"live", 1) if name == changed(whole) else body)
    key = run(space, "evidence", "--public-key").out.strip()
    good, bad = (alone(space, one, key) for one in (pack, forged))
    return [
        Check("the evidence pack verifies with Python alone", good.returncode == 0, good.stderr.strip()[-300:]),
        Check("an evidence pack in which one word was changed does not verify", bad.returncode == 1),
    ]


def changed(pack: zipfile.ZipFile) -> str:
    """The first file that tells of a death."""
    return next(name for name in pack.namelist() if name != "verify.py" and b"dead" in pack.read(name))


def alone(space: Workspace, pack: Path, key: str) -> subprocess.CompletedProcess[str]:
    """The pack's own verifier, in an interpreter that sees none of our code."""
    command = [sys.executable, "-I", "-S", "verify.py", str(pack.resolve()), "--key", key]
    return subprocess.run(command, cwd=space.folder, capture_output=True, text=True, check=False, timeout=60)


def with_settings(space: Workspace, name: str, old: str, new: str) -> Path:
    """The drill's configuration with one line changed, beside it."""
    text = space.config.read_text()
    if old not in text:
        raise AssertionError(f"the drill's configuration has no {old}")
    path = space.folder / name
    path.write_text(text.replace(old, new))
    return path


def told(ran: Sequence[Done] | Iterable[Done]) -> str:
    """What commands said that were to be refused."""
    return json.dumps([[" ".join(done.argv), done.code, (done.err + done.out)[-300:]] for done in ran]) if ran else ""
