"""Which consumers have read the new version, by Vault's own audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from revoker.locate import audit_log
from revoker.locate.needles import SECRET, Needle
from revoker.model import Secret
from revoker.runs import destination
from revoker.runs.work import Turn


def names(turn: Turn) -> Mapping[str, tuple[str, ...]]:
    """The step's consumers whose reading can be seen: their display names. Empty without [vault] audit_log."""
    vault = turn.work.settings.vault
    if vault is None or vault.audit_log is None or not vault.audit_log.is_file():
        return {}
    known = {one.name: one.reads_as for one in turn.work.settings.consumers if one.reads_as}
    return {name: known[name] for name in turn.step["consumers"] if name in known}


def not_read(turn: Turn, wanted: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Those who have not read the new value yet. Whole strings only: the log holds what the device hashed.

    Raises AuthorityError when Vault does not tell what it writes for the new value, UsageError for no such device.
    """
    settings = turn.work.settings.vault
    step = next((step for step in turn.entry["steps"] if step.get("destination")), None)
    if settings is None or settings.audit_log is None or step is None:
        return list(wanted)
    at_issue = replace(turn, step=step)
    vault, new = destination.open_place(at_issue).vault, destination.new_credential(at_issue)
    marks = {audit_log.hash_of(vault, settings.audit_device, new.secret): [Needle(new.fingerprint, SECRET, public=False)]}
    own = audit_log.hash_of(vault, settings.audit_device, Secret(vault.lookup_self().accessor))
    found = audit_log.search(settings.audit_log, marks, vault.kv, turn.now, own=own)
    seen = {access.display_name for access in found.accesses if access.operation == "read" and not access.ours}
    return [name for name, shown in wanted.items() if seen.isdisjoint(shown)]
