"""What can go wrong, and the one table of exit codes.

Every error that a person may see is a RevokerError: what happened, to which credential (by fingerprint),
what is still safe, and what to do next. Messages never hold a secret.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The process's exit codes; all others are reserved."""

    DONE = 0  # done, nothing live
    BUG = 1  # our bug
    USAGE = 2  # the command line is wrong
    SETUP = 3  # configuration, store or authority
    PARTIAL = 4  # ingest: a report could be read only in part
    LIVE = 10  # live credentials found or left
    UNKNOWN = 11  # some unknown, none live
    WAITING = 12  # waits for a person
    FAILED = 13  # a run failed


class RevokerError(Exception):
    """An error for people. `safe` says what was not touched; `next` says what to do."""

    exit_code: ExitCode = ExitCode.SETUP

    def __init__(self, message: str, *, fingerprint: str = "", safe: str = "", next: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fingerprint = fingerprint
        self.safe = safe
        self.next = next

    def diagnostics(self) -> str:
        """The text a person can act on, one fact a line."""
        lines = [self.message]
        if self.fingerprint:
            lines.append(f"Credential: {self.fingerprint}")
        if self.safe:
            lines.append(f"Still safe: {self.safe}")
        if self.next:
            lines.append(f"Next: {self.next}")
        return "\n".join(lines)


class UsageError(RevokerError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = ExitCode.USAGE


class ConfigError(RevokerError):
    """The configuration cannot be read or contradicts itself."""


class StoreError(RevokerError):
    """The store cannot be opened, or what it holds does not fit its key."""


class LeaseHeld(StoreError):
    """Another process is the executor of this store; it carries the runs out."""


class UnresolvedReference(RevokerError):
    """A secret reference (env:, file:, vault:, keyring:) leads nowhere."""


class AuthorityError(RevokerError):
    """The operator's own credential is missing, refused, or lacks a right."""


class ReportUnreadable(RevokerError):
    """A scan report that could not be read at all."""

    exit_code = ExitCode.PARTIAL


class EgressRefused(RevokerError):
    """Our own policy refused a call before a byte left: host, address, method or kill switch."""

    exit_code = ExitCode.FAILED


class NotBound(RevokerError):
    """The target of a change is not proven to belong to this very secret."""

    exit_code = ExitCode.FAILED


class ApprovalRefused(RevokerError):
    """An approval that is missing, expired, used, or for another digest."""

    exit_code = ExitCode.WAITING


class Parked(RevokerError):
    """A run cannot go on now, nothing is lost, and `resume` continues it."""

    exit_code = ExitCode.WAITING


class ActionFailed(RevokerError):
    """The provider refused a change, definitively: nothing was changed by this call."""

    exit_code = ExitCode.FAILED


class Postponed(ActionFailed):
    """The provider did not take a change *now*: nothing was changed, and the same call may pass later."""

    exit_code = ExitCode.WAITING


class OutcomeUnknown(RevokerError):
    """A change was sent and its answer was lost: it must be observed, never repeated blindly."""

    exit_code = ExitCode.FAILED


class AuditError(RevokerError):
    """The audit log cannot be written or does not verify: nothing may change."""
