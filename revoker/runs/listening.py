"""A Reader that remembers whether an answer stayed away, so that a silent provider is not taken for one that says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from revoker.errors import Parked
from revoker.sdk.asking import Reply

if TYPE_CHECKING:
    from revoker.sdk.asking import Reader

ASKING = ("get", "query", "aws_read", "vault_read", "login", "ask", "ask_place")
SAID = ("refused_by_policy", "no_endpoint", "redirect", "too_large")  # troubles that the next try would meet again
TOO_MANY, BROKEN = 429, 500


class Listening:
    """Asks through another Reader. `unanswered` says what the last answer that told nothing was; empty when all told something."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.unanswered = ""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._reader, name)
        return self._asking(found) if name in ASKING else found

    def as_reader(self) -> Reader:
        """The same, as what verifiers and binders take."""
        return cast("Reader", self)

    def parked(self, what: str, fingerprint: str) -> Parked:
        """The error of a run that cannot go on without the answer."""
        return Parked(
            f"{what}: the provider gave no answer ({self.unanswered}).",
            fingerprint=fingerprint,
            safe="nothing was sent",
            next="revoker resume tries again; workers do so by themselves",
        )

    def _asking(self, ask: Any) -> Any:
        async def asked(*args: Any, **more: Any) -> Reply:
            reply: Reply = await ask(*args, **more)
            self.unanswered = why_silent(reply) or self.unanswered
            return reply

        return asked


def why_silent(reply: Reply) -> str:
    """Why an answer tells nothing about what was asked: a trouble on the way, 429, or the provider's own failure."""
    if reply.trouble and reply.trouble not in SAID:
        return reply.trouble
    status = reply.status or 0
    return str(status) if status == TOO_MANY or status >= BROKEN else ""
