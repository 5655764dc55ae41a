"""No secret leaks: a real incident is handled with --debug, killed on the way and resumed, and then everything is searched.

Searched are stdout, stderr, every file of the workspace and of the temp folder (database, WAL, the durable engine's
tables, reports, audit log), and the argv of all processes while the commands ran.
"""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from revoker.lab.cast import PERSON, PROGRAM, Cast, Lab, plant
from revoker.lab.drill import CRASH, WAITING, stored
from revoker.lab.fakes import fakes
from revoker.lab.leak import write_rest
from revoker.lab.servers import Moto, OpenBao, PostgreSQL
from revoker.lab.trust import forms, no_secret_in
from revoker.lab.workspace import APPROVERS, Workspace, prepare, run

pytestmark = pytest.mark.slow


@dataclass
class Argv:
    """The command lines of all processes, looked at again and again."""

    seen: set[bytes] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue


@pytest.fixture(scope="module")
def handled(
    openbao: OpenBao, postgresql: PostgreSQL, moto: Moto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workspace, Lab, Cast, Argv]]:
    """An incident from the report to its end, every command with --debug."""
    folder, temp = tmp_path_factory.mktemp("hygiene"), tmp_path_factory.mktemp("temp")
    folder.chmod(0o700)
    with fakes() as running:
        lab = Lab(openbao, postgresql, moto, running)
        cast = plant(lab)
        space = prepare(folder, lab, cast, print)
        space = Workspace(folder, {**space.environment, "TMPDIR": str(temp)}, print)
        argv = Argv()
        watcher = threading.Thread(target=argv.watch)
        watcher.start()
        try:
            handle(space, cast)
        finally:
            argv.over.set()
            watcher.join()
        yield space, lab, cast, argv


def handle(space: Workspace, cast: Cast) -> None:
    report = write_rest(space.folder / "leak.env", [one for one in cast.planted if one.by in (PROGRAM, PERSON)])
    signed = [part for name in APPROVERS for part in ("--as", name, "--key", f"{name}.key")]
    run(space, "respond", "leak.env", "--attest", "a test", *signed, "--debug", good=[-signal.SIGKILL], faults=CRASH)
    report.unlink()
    run(space, "resume", "--debug", "--json-logs", good=WAITING)
    run(space, "report", "-o", "report.html", "--debug", good=WAITING)
    run(space, "report", "--json", "--debug", good=WAITING)
    run(space, "runs", "--debug", good=WAITING)
    run(space, "ingest", "alice.key", "--debug", good=range(256))  # no report at all: its error must not quote it
    run(space, "audit", "export", "-o", "audit.jsonl")


def secrets_of(lab: Lab, cast: Cast) -> list[str]:
    made = [key.secret for fake in lab.fakes.values() for key in fake.book.keys.values()]
    return [*(one.secret for one in cast.planted), *cast.secrets.values(), *stored(lab), *made]


@pytest.mark.row("S-9", "S-3")
def test_no_file_and_no_output_holds_a_secret(handled: tuple[Workspace, Lab, Cast, Argv]) -> None:
    space, lab, cast, _ = handled
    temp = Path(space.environment["TMPDIR"])
    files = [path for folder in (space.folder, temp) for path in folder.rglob("*") if path.is_file()]
    assert {"revoker.db", "report.html", "audit.jsonl"} <= {path.name for path in files}
    check = no_secret_in(files, (text for done in space.ran for text in (done.out, done.err)), secrets_of(lab, cast))
    assert check.ok, check.detail


@pytest.mark.row("S-1")
def test_no_process_had_a_secret_in_its_arguments(handled: tuple[Workspace, Lab, Cast, Argv]) -> None:
    _, lab, cast, argv = handled
    assert any(b"revoker" in line for line in argv.seen)
    found = [line for line in argv.seen for secret in secrets_of(lab, cast) if secret.encode() in line]
    assert not found


def test_the_approvers_private_keys_are_nowhere_else(handled: tuple[Workspace, Lab, Cast, Argv]) -> None:
    space, _, _, _ = handled
    for name in APPROVERS:
        body = (space.folder / f"{name}.key").read_text().splitlines()[2]
        others = [path for path in space.folder.rglob("*") if path.is_file() and path.name != f"{name}.key"]
        assert not [path for path in others if body.encode() in path.read_bytes()]
        assert not [done for done in space.ran if body in done.out + done.err]


def test_the_search_would_find_a_secret(tmp_path: Path) -> None:
    secret = "S3ntinel/with+signs=and:more"
    for number, form in enumerate(forms(secret)):
        place = tmp_path / f"file-{number}"
        place.write_bytes(b"before " + form + b" after")
        assert not no_secret_in([place], [], [secret]).ok
