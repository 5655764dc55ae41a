"""`revoker key`: which key seals the stored secrets, and a new one in its place."""

from __future__ import annotations

import typer

from revoker.cli import ingesting, options, output
from revoker.cli.session import now, session_of
from revoker.errors import ExitCode

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show or rotate the key that seals the stored secrets.",
)


@app.command("status")
def status(ctx: typer.Context, *, as_json: options.AsJson = False) -> ExitCode:
    """Show where the key is, its newest version, and how many values each version seals.

    Exit code 12 while values are under an older version or a rotation is under way, else 0.
    """
    from revoker.report.json_document import schema
    from revoker.store.database import meta_rows
    from revoker.store.sealing import ROTATION, key_versions

    store = session_of(ctx).store
    counts, newest = key_versions(store), store.keys.seal.current
    underway = ROTATION in meta_rows(store.engine)
    if as_json:
        values = [{"version": version, "values": count} for version, count in counts.items()]
        document = {"key": store.settings.store.key.partition(":")[0], "newest": newest, "sealed": values, "rotating": underway}
        output.document({"schema": schema("key-status"), **document})
    else:
        output.line(f"The key is at {store.settings.store.key}; version {newest} seals new values.")
        for version, count in counts.items():
            output.line(f"  version {version}: {count} values")
        if underway:
            output.tell("A rotation is under way: revoker key rotate goes on with it.")
    return ExitCode.WAITING if underway or set(counts) - {newest} else ExitCode.DONE


@app.command("rotate")
def rotate(ctx: typer.Context, *, by: options.By = "") -> ExitCode:
    """Make a new key, seal every stored value again, then do without the old key. Goes on where it was interrupted.

    Stop `watch` and workers first. Keep the old key with your old backups: they open with it alone.
    """
    from revoker.egress.vault_transit import wrapping
    from revoker.runs import key_rotation

    session = session_of(ctx)
    done = key_rotation.rotate(session.reopened, wrapping(session.settings), who=ingesting.name_of(by), clock=now)
    output.line(f"Version {done.version} of the key seals all {done.values} values.")
    if done.kept:
        output.tell(f"The old key must stay in part: {done.kept}.")
    else:
        output.line("The old key is not needed any more, but for backups that were made before.")
    return ExitCode.DONE
