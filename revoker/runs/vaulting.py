"""Writing a new secret to Vault: check-and-set, read back, and what to believe when the answer is lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from revoker.errors import AuthorityError, OutcomeUnknown, Parked, RevokerError
from revoker.log import get_logger
from revoker.model import Effect, Issued
from revoker.runs.crashpoints import reach
from revoker.runs.destination import Place, filled, fingerprint_at, mark
from revoker.runs.work import DONE, Done, Turn, outlives
from revoker.sdk.shapes import Action
from revoker.store import credentials as rows_of
from revoker.store import orphans

if TYPE_CHECKING:
    from revoker.egress.vault import VaultSecret

TRIES = 4
PAUSE = 0.5  # seconds

log = get_logger(__name__)


def write(turn: Turn, place: Place, issued: Issued, fingerprint: str) -> int:
    """Write and read back; give the new version.

    Raises OutcomeUnknown when the value may stand in Vault and nobody can tell, any other RevokerError when it does not.
    """
    reach(f"{turn.step['id']}: before store")
    try:
        version = place.vault.change(place.path, place.before, filled(place, issued), place.version)
    except OutcomeUnknown:
        version = _after_lost_answer(turn, place, issued, fingerprint)
    reach(f"{turn.step['id']}: after store")
    try:
        found = place.vault.read(place.path)
        same = fingerprint_at(turn, found, place.fields) == fingerprint
        _mark(turn, place, fingerprint)
    except RevokerError as error:
        raise OutcomeUnknown(f"The new one was written and could not be read back: {error.message}", next=error.next) from None
    if not same or found is None or found.version != version:
        raise OutcomeUnknown(f"{place.path} did not give back what was written.")
    reach(f"{turn.step['id']}: read back")
    return version


def _mark(turn: Turn, place: Place, fingerprint: str) -> None:
    """Say whose version it is. For people only: a token that may not write metadata does not hold up a rotation."""
    from revoker.egress.vault import CasConflict

    try:
        mark(turn, place, fingerprint)
    except (AuthorityError, CasConflict):
        log.warning("not_marked", run=turn.run.id, path=place.path)


def stored(turn: Turn, action: Action, place: Place, made: Mapping[str, Any], version: int) -> Done:
    """Settle the step: the new credential stands in Vault."""
    for one in orphans.list_orphans(turn.work.store):
        if one.run_id == turn.run.id and one.target == made["made"]:
            orphans.resolve_orphan(turn.work.store, one.provider, one.target, turn.now, f"stored at {place.path}")
    effect = Effect.REVOKE if action.replaces else Effect.ISSUE
    rows_of.record_change(
        turn.work.store, turn.run.fingerprint, effect, turn.now, residual=outlives(turn, action), held=turn.held
    )
    reach(f"{turn.step['id']}: recorded")
    turn.settle(
        {
            "result": "done",
            "action": action.id,
            "effect": action.effect.value,
            "target": made["made"],
            "fingerprint": made["fingerprint"],
            "parts": dict(made["parts"]),
            "path": place.path,
            "version": version,
        }
    )
    return DONE


def _after_lost_answer(turn: Turn, place: Place, issued: Issued, fingerprint: str) -> int:
    """The value is there, or it is not and may be written again: check-and-set lets it in once at the most."""
    for number in range(TRIES):
        time.sleep(PAUSE * number)
        try:
            found = place.vault.read(place.path)
            if found is not None and fingerprint_at(turn, found, place.fields) == fingerprint:
                return found.version
            if _is_as_before(place, found):
                return place.vault.change(place.path, place.before, filled(place, issued), place.version)
        except (OutcomeUnknown, Parked):
            continue
        raise Parked(f"{place.path} was written by somebody else in the same moment.")
    raise OutcomeUnknown(f"Whether {place.path} holds the new one cannot be told now.", next="revoker resume looks again")


def _is_as_before(place: Place, found: VaultSecret | None) -> bool:
    """By the number of the newest version. Version 1 of KV has none: there the content says it, inside change()."""
    if place.vault.kv(place.path).version == 1:
        return True
    return (found.version if found is not None else place.vault.newest(place.path)) == place.version
