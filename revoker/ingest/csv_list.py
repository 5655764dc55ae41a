"""A CSV made by people or exports: `type,secret,secret2,file,line,repository,commit,owner`, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from revoker.ingest import claims, halves
from revoker.ingest.rows import header_rows
from revoker.ingest.source import Source
from revoker.model import NOTHING, Finding, Location, Secret

COLUMNS = {
    "secret": ("secret", "value", "token", "raw", "password"),
    "second": ("secret2", "second", "secret_access_key"),
    "type": ("type", "kind", "rule", "detector"),
    "file": ("file", "path", "filename"),
    "line": ("line", "line_number"),
    "repository": ("repository", "repo", "url"),
    "commit": ("commit", "sha"),
    "image": ("image",),
    "layer": ("layer",),
    "key_id": ("key_id", "id", "access_key_id"),
    "username": ("username", "user"),
    "role_id": ("role_id",),
    "host": ("host",),
    "session_token": ("session_token",),
    "date": ("date", "found_at"),
}
VALUE_COLUMNS = COLUMNS["secret"] + COLUMNS["second"]


def read(source: Source) -> Iterator[Finding]:
    """Findings of a CSV with a header. A row without a value is counted as an empty claim."""
    for number, row in header_rows(source):
        cells = {name.casefold(): cell.strip() for name, cell in row.items()}
        yield from _findings({ours: _first(cells, names) for ours, names in COLUMNS.items()}, source, number)


def _first(cells: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")


def _findings(row: Mapping[str, str], source: Source, number: int) -> Iterator[Finding]:
    rule = claims.text(row["type"], 200) or "value"
    values = [value for value in (row["secret"], row["second"]) if value]
    parts = {name: part for name in ("key_id", "username", "role_id", "host") if (part := claims.text(row[name], 253))}
    joined = halves.join(values[0], values[1], rule) if len(values) == 2 else None
    if joined is not None:
        values, parts = [joined[0]], parts | joined[1]
    session: Mapping[str, Secret] = {"session_token": Secret(row["session_token"])} if row["session_token"] else NOTHING
    place = _place(row, source, number)
    for value in values or [""]:
        found = claims.finding(rule, value, place, source.problems, parts=parts, secret_parts=session, at=row["date"])
        if found is not None:
            yield found


def _place(row: Mapping[str, str], source: Source, number: int) -> Location:
    file, line = claims.text(row["file"]), claims.whole(row["line"])
    if file is None:  # then the list itself is the place
        file, line = source.name, number
    image, layer = claims.text(row["image"]), claims.text(row["layer"], 200)
    return Location("csv", file, line, claims.text(row["commit"], 80), image, layer, claims.url(row["repository"]))
