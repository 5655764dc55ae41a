"""Kinds that a person handles: no harmless call takes them, so nothing is sent, and they are tracked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from revoker.model import NOTHING
from revoker.sdk.offline import example_value
from revoker.sdk.ready import no_safe_check
from revoker.sdk.shapes import Action, Kind, Manual, OfflineCheck, Propagation, Residual


def guided(
    id: str,
    title: str,
    pattern: str,
    *,
    docs: str,
    why: str,
    manual: Manual,
    ambiguous: bool = False,
    needs: tuple[str, ...] = (),
    offline: tuple[OfflineCheck, ...] = (),
    labels: Mapping[str, tuple[str, ...]] = NOTHING,
    actions: tuple[Action, ...] = (),
    residual: tuple[Residual, ...] = (),
    window: timedelta = timedelta(minutes=10),
) -> Kind:
    """A kind without a check: `why` tells what every call that takes it would do (mint, cost, send, return a secret)."""
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        needs=needs,
        verify=no_safe_check,
        docs=docs,
        identity=f"none: {why}",
        effects_of_check="none: nothing is sent, for no call that takes it is harmless",
        propagation=Propagation(window),
        manual=manual,
        offline=(example_value, *offline),
        labels=labels,
        actions=actions,
        residual=residual,
        irreversible_loss="what is revoked cannot be brought back" if actions else "",
    )
