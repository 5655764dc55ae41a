"""The entry: global options, commands that load when called, and the one error handler."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from typer.core import TyperGroup

from revoker import __version__
from revoker.cli import arguments
from revoker.cli.commands import ENTRIES, SECTIONS
from revoker.cli.hardening import frames, harden
from revoker.cli.session import Session
from revoker.errors import ExitCode, RevokerError

INTERRUPTED = 130  # as shells have it: 128 + SIGINT
READER_GONE = 141  # 128 + SIGPIPE: nobody reads our output any more
ABOUT = "From a scan report to proof that every leaked credential is dead."
EPILOG = "Exit codes: 0 done, nothing live - 2 usage - 3 setup - 10 live ones left - 11 some unknown - 12 waits for a person - 13 a run failed."


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called, never for `--help`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse secrets on the command line, and let --config and --debug stand anywhere."""
        arguments.refuse_secrets(args)
        return list(super().parse_args(ctx, arguments.hoisted(args)))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the parser's signature
        """All names, in the order of the help."""
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the parser's signature
        """Import one command."""
        entry = ENTRIES.get(cmd_name)
        return None if entry is None else command(entry.name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the parser's signature
        """The sections of commands, from their lines."""
        for title, entries in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.line) for entry in entries])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Name the nearest command when there is none of that name."""
        if args and args[0] not in ENTRIES and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], ENTRIES)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Turn a command's ExitCode into the process's."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the last flush does not fail again
            raise typer.Exit(READER_GONE) from None
        if code:
            raise typer.Exit(int(code))
        return code


def command(name: str) -> Any:
    """The typer command of that name: a module holds either `app` (a group) or `command`."""
    module = ENTRIES[name].load()
    made: typer.Typer | None = getattr(module, "app", None)
    if made is None:
        made = typer.Typer(**PLAIN)
        made.command(name)(module.command)
    built = typer.main.get_command(made)
    built.name = name
    return built


PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}
app = typer.Typer(cls=LazyGroup, name="revoker", help=ABOUT, epilog=EPILOG, no_args_is_help=True, **PLAIN)


def _version(asked: bool) -> None:
    if asked:
        print(f"revoker {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file; may stand after the command too.", metavar="FILE")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show where an internal error came from.")] = False,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Log lines on stderr as JSON.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,  # noqa: ARG001
) -> None:
    """From a scan report to proof that every leaked credential is dead."""
    ctx.obj = Session(config=config, debug=debug, json_logs=json_logs)


def run(args: Sequence[str]) -> int:
    """Run one command line and give its exit code. The one place where an error becomes text."""
    try:
        code = typer.main.get_command(app).main(list(args), prog_name="revoker", standalone_mode=False)
    except RevokerError as error:
        _say(error.diagnostics())
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except typer.TyperException as error:
        said = arguments.masked(error.format_message(), args)
        _say(said if said.startswith("Usage:") else f"{said}\nNext: revoker --help, or revoker COMMAND --help")
        return int(ExitCode.USAGE)
    except OSError as error:
        _say(f"{error.filename or 'The system'}: {error.strerror or type(error).__name__}.")
        return int(ExitCode.SETUP)
    except Exception as error:  # noqa: BLE001 - the last resort: a type and an id, never a message or a value
        return _bug(error, args)
    if code == INTERRUPTED:
        _say("Stopped. What was done is recorded; `revoker resume` goes on with interrupted runs.")
    return int(code or 0)


def main() -> None:
    """The console script."""
    harden()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def _bug(error: Exception, args: Sequence[str]) -> int:
    """Say that it is our bug: the type and an id; with --debug the frames, without messages, arguments or locals."""
    lines = [f"revoker: internal error: {type(error).__qualname__} (id {uuid4().hex[:12]})"]
    if "--debug" in args:
        lines += frames(error)
    else:
        lines.append("Run again with --debug to see where it came from. Please report it; no secret is shown.")
    sys.stderr.write("\n".join(lines) + "\n")
    return int(ExitCode.BUG)


def _say(text: str) -> None:
    from revoker.report.text import clean

    sys.stderr.write("\n".join(clean(line, 1_000) for line in text.splitlines()) + "\n")
