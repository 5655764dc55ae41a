"""CSV with a header, streaming."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from revoker.ingest.source import LONGEST_LINE, Source, text_lines

MOST_COLUMNS = 200


def header_rows(source: Source) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows as dicts by the header's names, with their line number. A row of another width is counted and left out."""
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader((line for _, line in text_lines(source)), strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.problems.add("unclosed_quote" if "unexpected end" in str(error) else "malformed", source.at(line))
            if "unexpected end" in str(error):
                return
            continue
        if not row or row == [""]:
            continue
        if not header:
            header = [name.strip() for name in row[:MOST_COLUMNS]]
        elif len(row) != len(header):
            source.problems.add("bad_record", source.at(line))
        else:
            yield line, dict(zip(header, row, strict=True))
