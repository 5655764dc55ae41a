"""Writes the reference pages of docs/ from the program itself: `python -m revoker.cli.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from revoker import config_docs
from revoker.cli.app import ABOUT, app, command
from revoker.cli.commands import SECTIONS
from revoker.egress import vault_policy
from revoker.errors import ExitCode
from revoker.report import catalogue_pages

WIDTH = 100
MADE = "<!-- Made by `python -m revoker.cli.reference`; do not edit. -->\n"
MEANING = {
    ExitCode.DONE: "Done, and nothing is live. For `ingest`: everything was read.",
    ExitCode.BUG: "A bug of ours. The message names a type and an id; run again with `--debug` to see where it came from.",
    ExitCode.USAGE: "The command line asks for something that does not exist or does not fit.",
    ExitCode.SETUP: "Configuration, store, key, authority or Vault: something is missing, refused or damaged. Nothing was changed.",
    ExitCode.PARTIAL: "`ingest` only: a report could be read only in part, or not at all; what was read is kept.",
    ExitCode.LIVE: "Live credentials were found, or are left.",
    ExitCode.UNKNOWN: "None is live, but one could not be decided, or its death is not proven yet.",
    ExitCode.WAITING: "Waits for a person or for time: an approval, a step by hand, a parked run.",
    ExitCode.FAILED: "A run or a check of the drill failed.",
}


def documents() -> dict[str, str]:
    """The text of each page, by its file name."""
    return {
        "cli.md": cli(),
        "config.md": config_docs.markdown(),
        "exit-codes.md": exit_codes(),
        "providers.md": page(catalogue_pages.providers_page()),
        "rights.md": page(catalogue_pages.rights_page()),
        "vault-policies.md": vault_policies(),
    }


def cli() -> str:
    """Every command with its help as the program prints it."""
    parts = [MADE, "# Commands\n", f"{ABOUT} The same selection options, `--json` and [exit codes](exit-codes.md) everywhere.\n"]
    parts.append(_help(typer.main.get_command(app), "revoker"))
    for title, entries in SECTIONS:
        parts.append(f"## {title}\n")
        for entry in entries:
            parts += [f"### revoker {entry.name}\n", *_helps(command(entry.name), f"revoker {entry.name}")]
    return "\n".join(parts)


def exit_codes() -> str:
    """The table of exit codes."""
    lines = [MADE, "# Exit codes\n", "| code | meaning |", "|---:|---|"]
    lines += [f"| {code.value} | {MEANING[code]} |" for code in ExitCode]
    lines += ["", "130 is an interruption (Ctrl-C), 141 a reader that went away. All others are reserved.", ""]
    lines += ["When several fit, the first of 13, 12, 10, 11 is given.", ""]
    return "\n".join(lines)


def page(lines: Iterable[str]) -> str:
    """A page of lines, marked as made."""
    return "\n".join([MADE, *lines])


def vault_policies() -> str:
    """The three policies for Vault and OpenBao, for one destination."""
    lines = [MADE, "# Policies for Vault and OpenBao\n"]
    lines.append(
        "`revoker vault policy ROLE` prints them for your own configuration; these are for one destination, `secret/billing/aws`."
    )
    lines.append("`--openbao` adds `scan`, which Vault would refuse. [Vault and OpenBao](vault.md) tells who needs which.\n")
    for role in vault_policy.ROLES:
        texts = [vault_policy.text(role, vault_policy.EXAMPLE, openbao=openbao) for openbao in (False, True)]
        lines += [f"## {role}\n", *(f"```hcl\n{text}```\n" for text in dict.fromkeys(texts))]
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write all pages."""
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


def _helps(found: Any, path: str) -> Iterator[str]:
    """The help of a command, and of its own commands, and of theirs."""
    yield _help(found, path)
    for name, inner in getattr(found, "commands", {}).items():
        yield f"#### {path} {name}\n"
        yield from _helps(inner, f"{path} {name}")


def _help(found: Any, path: str) -> str:
    context = found.context_class(found, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH)
    return "```text\n" + str(found.get_help(context)).rstrip() + "\n```\n"


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
