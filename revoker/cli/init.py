"""`revoker init`: a first configuration, the key and the store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from revoker.cli import output
from revoker.cli.session import Session, session_of
from revoker.errors import ExitCode, UsageError

FIRST = """\
# revoker's configuration; every key is explained in docs/config.md.
# Secrets stand here only by reference: env:NAME, file:PATH, vault:PATH#FIELD, keyring:NAME.

[store]
url = "sqlite:///revoker.db"
key = "file:revoker.key"       # seals every secret in the store; keep a copy apart from the store

[ownership]                    # nothing is asked of a provider before something here, or an attestation, says that it is ours
# github_orgs = ["your-organisation"]
# aws_accounts = ["123456789012"]

[approvals]                    # how many persons must say yes, by effect
suspend = 0
issue = 1
revoke = 1
delete = 2

# [[approver]]                 # a person who may approve; the key is the line of an id_ed25519.pub
# name = "alice"
# key = "ssh-ed25519 ..."

# [vault]                      # where rotated credentials go
# addr = "https://vault.example:8200"
# auth = "approle"
# role_id = "env:VAULT_ROLE_ID"
# secret_id = "file:vault-secret-id"
"""


def command(
    ctx: typer.Context,
    *,
    folder: Annotated[Path, typer.Option("--folder", help="Where the files go.", metavar="FOLDER")] = Path(),
) -> ExitCode:
    """Write a first revoker.toml and make the key and the store. Overwrites nothing."""
    file = session_of(ctx).config or folder / "revoker.toml"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(FIRST)
    except FileExistsError:
        raise UsageError(f"{file} is there already.", safe="nothing was changed", next="revoker doctor checks it") from None
    made = Session(config=file)
    _ = made.new_store
    output.line(f"Wrote {file}, and made the key and the store that it names.")
    output.tell("Next: revoker doctor, then revoker respond REPORT. Rehearse with revoker drill.")
    return ExitCode.DONE
