"""The laws that every playbook keeps, whoever wrote it."""

from __future__ import annotations

from revoker.errors import ConfigError
from revoker.playbook.shapes import Playbook

DESTRUCTIVE = ("suspend", "revoke", "end_sessions", "destroy_old_versions")


def check_laws(book: Playbook) -> None:
    """Check all of them. Raises ConfigError, which names the playbook and the step."""
    for law in LAWS:
        law(book)


def need(holds: object, message: str) -> None:
    """Raise ConfigError with the message unless it holds."""
    if not holds:
        raise ConfigError(message)


def _unique_ids(book: Playbook) -> None:
    ids = [step.id for step in book.steps]
    for name in ids:
        need(ids.count(name) == 1, f"Playbook {book.id}: two steps are called {name}.")


def _declared_effects(book: Playbook) -> None:
    for step in book.steps:
        allowed = step.effect is None or step.effect in book.effects
        need(allowed, f"Playbook {book.id}, step {step.id}: `effects` does not allow {step.do}.")
    unused = [effect.value for effect in book.effects if all(step.effect != effect for step in book.steps)]
    need(not unused, f"Playbook {book.id}: `effects` allows {', '.join(unused)}, and no step does that.")


def _complete_steps(book: Playbook) -> None:
    for step in book.steps:
        where = f"Playbook {book.id}, step {step.id}"
        need(step.do != "issue" or step.into == "destination", f'{where}: a new secret needs `into = "destination"`.')
        need(step.do != "verify" or step.expect, f"{where}: `expect` is missing.")


def _new_before_old_goes(book: Playbook) -> None:
    """In a rotation nothing destructive stands before the new one is stored and was seen working."""
    dos = [step.do for step in book.steps]
    if "issue" not in dos:
        return
    need(dos.count("issue") == 1, f"Playbook {book.id}: more than one issue step.")
    proven = next((at for at, s in enumerate(book.steps) if s.do == "verify" and s.of == "new" and s.expect == "live"), None)
    if proven is None or proven < dos.index("issue"):
        raise ConfigError(f"Playbook {book.id}: after `issue` a step must verify that the new one is live.")
    for step in book.steps[:proven]:
        early = step.do in DESTRUCTIVE
        need(not early, f"Playbook {book.id}, step {step.id}: {step.do} stands before the new one is stored and verified.")


def _references(book: Playbook) -> None:
    seen: list[str] = []
    for step in book.steps:
        where = f"Playbook {book.id}, step {step.id}"
        need(step.of == "old" or "issue" in seen, f"{where}: there is no new credential before an issue step.")
        need(step.do != "restore" or not seen or "suspend" in seen, f"{where}: nothing was suspended before.")
        if step.do == "hand_over":
            need("issue" in seen and "verify" in seen, f"{where}: a new secret is handed over after `issue` and `verify`.")
        if step.do == "destroy_old_versions":
            need("issue" in seen and "prove" in seen, f"{where}: old versions go after `issue` and `prove`.")
        seen.append(step.do)


def _revoked_is_proven(book: Playbook) -> None:
    dos = [step.do for step in book.steps]
    for at, do in enumerate(dos):
        need(do != "revoke" or "prove" in dos[at:], f"Playbook {book.id}: after `revoke` a step must `prove` the death.")


def _consumers_move_first(book: Playbook) -> None:
    """Consumers are told of a new one that is there, and looked at while the old one still works."""
    seen: list[str] = []
    for step in book.steps:
        where = f"Playbook {book.id}, step {step.id}"
        if step.do in ("signal", "moved"):
            need("issue" in seen, f"{where}: there is no new credential before an issue step.")
        if step.do == "moved":
            need(book.mode, f'{where}: the playbook must say `mode = "incident"` or `mode = "routine"`.')
            early = [do for do in seen if do in DESTRUCTIVE]
            need(not early, f"{where}: it stands after {', '.join(early)}; who has not moved would be broken already.")
        seen.append(step.do)


LAWS = (
    _consumers_move_first,
    _unique_ids,
    _declared_effects,
    _complete_steps,
    _new_before_old_goes,
    _references,
    _revoked_is_proven,
)
