"""The reports of scanners, one target a format, and one that has to find the format out."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable

from revoker.errors import RevokerError
from revoker.ingest import Problems, read_report
from revoker.ingest.formats import FORMATS
from revoker.ingest.naming import Namer
from revoker.ingest.pairing import pair
from tests.fuzz.shapes import Target
from tests.ingest import samples
from tests.ingest.samples import Seen


def reader(format: str | None) -> Callable[[bytes], None]:
    """Reads, pairs and names all that a report holds."""

    def run(data: bytes) -> None:
        problems = Problems()
        namer = Namer(lambda kind, value: f"fp_{len(kind)}_{len(value.reveal())}")
        try:
            for finding in pair(read_report(io.BytesIO(data), name="fuzz", format=format, problems=problems)):
                kept, named = namer.name(finding)
                shown = repr(kept) + repr(named)
                shown.encode()  # whatever is kept can be written down
                assert named.credential is not None or named.skipped is not None
        except RevokerError as error:
            error.diagnostics().encode()
        assert problems.incomplete or not set(problems.counts) - {"not_utf8", "odd_json"}
        "".join(problems.lines()).encode()

    return run


def made(format: str) -> Callable[[], Iterable[bytes]]:
    """Faithful reports of one format, with a lone value, a pair, and an address."""

    def make() -> Iterable[bytes]:
        rng = random.Random(7)  # noqa: S311 - fake values
        values = [
            samples.value("groq_api_key", rng),
            *samples.aws_pair(rng),
            f"postgresql://u:{rng.randbytes(6).hex()}@db.acme.example/x",
        ]
        seen = [Seen(value, line=number) for number, value in enumerate(values, 1)]
        names = [name for name in samples.ALL if not format or name.split("-")[0] == format.split("-", maxsplit=1)[0]]
        yield from (samples.ALL[name](seen) for name in names)
        if format in ("", "env"):
            yield "".join(f'export KEY_{n}="{value}"\n' for n, value in enumerate(values)).encode()
        if format in ("", "list"):
            yield "\n".join(values).encode()

    return make


TARGETS = [
    Target("report", reader(None), made("")),
    *(Target(f"report-{format}", reader(format), made(format)) for format in FORMATS),
]
