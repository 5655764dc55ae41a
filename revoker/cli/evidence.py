"""`revoker evidence`: an incident's evidence as one signed archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import ingesting, options, output, reporting
from revoker.cli.session import Session, now, session_of
from revoker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def command(
    ctx: typer.Context,
    *,
    incident: Annotated[str, typer.Argument(help="The incident's id.", metavar="INCIDENT")] = "",
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="The archive; INCIDENT-evidence.zip without.", metavar="FILE")
    ] = None,
    by: options.By = "",
    key: options.KeyFile = None,
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the public key that this store's packs verify with, and nothing else.")
    ] = False,
    as_json: options.AsJson = False,
) -> ExitCode:
    """Write plan, approvals, receipts, verdicts and the audit extract of an incident into one signed archive (mode 0600).

    Its verify.py needs Python alone. With --key a person signs beside the store. No secret value is in it.
    """
    from revoker.evidence import archive, pack
    from revoker.report.json_document import schema
    from revoker.store import incidents

    session = session_of(ctx)
    if public_key:
        output.line(archive.public_line(session.store))
        return ExitCode.DONE
    found = incidents.named(session.store, incident)
    made = pack.collected(session.store, found, now())
    target = file or Path(f"{found.id}-evidence.zip")
    reporting.write_bytes(target, archive.archive(session.store, made, _signers(session, by, key)))
    if as_json:
        counts, audited = made.manifest["counts"], made.manifest["audit"]
        doc = {"schema": schema("evidence"), "incident": found.id, "file": str(target), "counts": counts, "audit": audited}
        output.document({**doc, "key": archive.public_line(session.store)})
    else:
        output.line(f"Wrote {target}: {len(made.files)} files, {made.manifest['audit']['count']} audit entries.")
        output.tell(f"Verify it anywhere: unzip -p {target} verify.py > verify.py; python3 verify.py {target}")
    return ExitCode.DONE


def _signers(session: Session, by: str, key: Path | None) -> dict[str, Ed25519PrivateKey]:
    """The person who signs too, by the name that stands in the configuration."""
    if key is None:
        return {}
    from revoker import sshsig

    name, private = ingesting.name_of(by), sshsig.private_key(key, ingesting.password_for(key))
    known = {person.name: person.key for person in session.settings.approvers}
    if known.get(name) != sshsig.public_line(private):
        raise UsageError(f"The key is not the one that the configuration knows of {name}.", next="see [[approver]]")
    return {name: private}
