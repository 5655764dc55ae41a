"""Which commands there are, with the line that `revoker --help` shows.

The lines stand here, and a command's module is imported only when it is called, so that help is there at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: its name, its module in revoker.cli, and its line of help."""

    name: str
    line: str
    module: str = ""

    def load(self) -> ModuleType:
        """Import the command's module."""
        return import_module("revoker.cli." + (self.module or self.name))


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "From a report to proof",
        (
            Entry("respond", "Guided: ingest, verify, plan, ask, act, prove, report."),
            Entry("ingest", "Read scan reports into an incident."),
            Entry("attest", "State that an incident's credentials are ours to check and change."),
            Entry("verify", "Ask the providers, read-only, which credentials still work."),
            Entry("plan", "Say what would be done, and why; changes nothing."),
            Entry("approve", "Say yes to one plan, signed by name."),
            Entry("apply", "Carry out an approved plan."),
            Entry("worker", "Carry out runs beside any number of other workers, on PostgreSQL."),
            Entry("resume", "Go on with parked or interrupted runs."),
            Entry("cancel", "Stop a run before its next change."),
            Entry("undo", "Something broke: restore what a run suspended, while that is possible."),
            Entry("recheck", "Verify again what is due: proofs of death, and the dead that may come back."),
            Entry("watch", "Re-verify on schedule until stopped."),
            Entry("canary", "Canaries: which there are; let one be asked, by name, for a time."),
            Entry("accept", "Accept the risk of one credential, by name and with a reason."),
        ),
    ),
    (
        "Look",
        (
            Entry("status", "Credentials and where they stand."),
            Entry("show", "One credential: places, verdicts, runs, residual sessions."),
            Entry("runs", "Runs of playbooks, and what they wait for."),
            Entry("report", "An incident's report: HTML, Markdown, CSV, JSON or text."),
            Entry("evidence", "An incident's evidence as one signed archive, with its own verifier."),
            Entry("metrics", "D24, time to dead and the other numbers."),
            Entry("orphans", "Credentials that were created but neither stored nor revoked."),
            Entry("providers", "The providers and kinds revoker knows."),
            Entry("playbooks", "The playbooks, and a check of your own."),
        ),
    ),
    (
        "Operate",
        (
            Entry("init", "Write a first revoker.toml and make the key and the store."),
            Entry("doctor", "Check configuration, store, Vault and authorities; changes nothing."),
            Entry("drill", "Rehearse on fake providers on this machine."),
            Entry("stop", "The kill switch: no more changes, anywhere."),
            Entry("start", "Allow changes again."),
            Entry("vault", "Leaked values in Vault or OpenBao: find them; policies; handing over."),
            Entry("key", "Which key seals the stored secrets; rotate it."),
            Entry("audit", "Verify, export or anchor the chained audit log."),
            Entry("person", "Show what is kept about a person, or erase it."),
            Entry("purge", "Delete for good the stored values of what is dead or accepted."),
        ),
    ),
)
ENTRIES: dict[str, Entry] = {entry.name: entry for _, entries in SECTIONS for entry in entries}
