"""The playbooks that there are: the shipped ones, and those of the operator's own folders."""

from __future__ import annotations

import hashlib
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from revoker import catalog
from revoker.errors import ConfigError
from revoker.playbook.reading import check_kinds, parse
from revoker.playbook.shapes import Playbook

SHIPPED = Path(__file__).parent.parent / "playbooks"
LARGEST = 1 << 18  # bytes of a file


def load_playbooks(folders: Iterable[Path] = ()) -> dict[str, Playbook]:
    """All shipped playbooks, and those of the operator's folders, which take the place of shipped ones with their id.

    Raises ConfigError for a folder that is not there, a file that everybody may write to, two own ones with one id, and for
    what load_playbook() and check_kinds() refuse: one that is passed over in silence would leave its work to another.
    """
    found = {path.stem: load_playbook(path) for path in sorted(SHIPPED.glob("*.toml"))}
    for folder in folders:
        for book in _own(folder):
            before = found.get(book.id)
            if before is not None and before.file is not None:
                raise ConfigError(f"There are two playbooks {book.id}: {before.file} and {book.file}.", next="rename one of them")
            found[book.id] = book
    return found


def load_playbook(path: Path) -> Playbook:
    """Read and check one file. Raises ConfigError, which names the file, the step and the nearest known word."""
    try:
        raw = _bytes(path)
        table = tomllib.loads(raw.decode())
    except OSError as error:
        raise ConfigError(f"The playbook {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # a number of five thousand digits is no TOMLDecodeError
        raise ConfigError(f"{path.name}: not readable as TOML ({error}).") from None
    return parse(path.stem, table, hashlib.sha256(raw).hexdigest())


def _own(folder: Path) -> Iterator[Playbook]:
    """The operator's playbooks of one folder, checked against the catalogue as well."""
    if not folder.is_dir():
        raise ConfigError(f"There is no folder of playbooks {folder}.", next="mend `playbooks` in the configuration")
    for path in _files(folder):
        book = replace(load_playbook(path), file=path)
        check_kinds(book, catalog.kinds())
        yield book


def _files(folder: Path) -> list[Path]:
    """The playbook files of a folder. A folder that cannot be listed is an error: glob() would find nothing in it."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
        shared = next((one for one in (folder, *found) if os.name == "posix" and one.stat().st_mode & stat.S_IWOTH), None)
    except OSError as error:
        raise ConfigError(f"The playbooks of {folder} cannot be read: {error.strerror} ({error.filename}).") from None
    if shared is not None:
        raise ConfigError(f"Everybody may write to {shared}, which says what is revoked.", next=f"chmod o-w {shared}")
    return found


def _bytes(path: Path) -> bytes:
    """A file's content. Raises OSError, and ConfigError for one that is larger than any playbook."""
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ConfigError(f"The playbook {path} is larger than {LARGEST} bytes.")
    return raw
