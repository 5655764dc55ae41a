"""References to secrets: env:NAME, file:PATH, vault:PATH#FIELD, keyring:NAME. Resolved at the moment of use, never before."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from revoker.config import Settings, base
from revoker.errors import UnresolvedReference
from revoker.model import Secret

SERVICE = "revoker"  # the name in the system's key ring
LARGEST = 64 * 1024  # bytes of a secret file


def resolve(
    reference: str,
    settings: Settings,
    *,
    vault: Callable[[str, str], Secret] | None = None,
    env: Mapping[str, str] | None = None,
) -> Secret:
    """The secret behind a reference. `vault` reads (path, field). Raises UnresolvedReference, never showing a value."""
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        return _from_env(name, os.environ if env is None else env)
    if scheme == "file":
        return _from_file(base(settings) / Path(name).expanduser())
    if scheme == "keyring":
        return _from_keyring(name)
    if scheme == "vault":
        return _from_vault(name, vault)
    raise UnresolvedReference(
        "A secret must be given by reference, and this is none.",
        next="write env:NAME, file:PATH, vault:PATH#FIELD or keyring:NAME",
    )


def read_private(path: Path) -> bytes:
    """The content of a file that nobody else may read; links are not followed. Raises UnresolvedReference."""
    try:
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except OSError as error:
        raise UnresolvedReference(f"The secret file {path} cannot be opened: {error.strerror}.") from None
    try:
        _check_private(path, os.fstat(handle))
        return os.read(handle, LARGEST)
    finally:
        os.close(handle)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        raise UnresolvedReference(f"The secret file {path} is no regular file of at the most {LARGEST} bytes.")
    if os.name != "posix":
        return
    if found.st_mode & 0o077:
        raise UnresolvedReference(f"Others may read the secret file {path}.", next=f"chmod 600 {path}")
    if found.st_uid not in (os.geteuid(), 0):
        raise UnresolvedReference(
            f"The secret file {path} belongs to somebody else.", next=f"chown it to the user that runs revoker: {path}"
        )


def _from_file(path: Path) -> Secret:
    try:
        return Secret(read_private(path).decode("utf-8").rstrip("\r\n"))
    except UnicodeDecodeError:
        raise UnresolvedReference(f"The secret file {path} holds no text in UTF-8.") from None


def _from_env(name: str, env: Mapping[str, str]) -> Secret:
    if env.get(name):
        return Secret(env[name])
    raise UnresolvedReference(
        f"The environment variable {name} is not set.", next=f"set {name}, or change the reference env:{name}"
    )


def _from_keyring(name: str) -> Secret:
    import keyring
    from keyring.errors import KeyringError

    try:
        value = keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise UnresolvedReference(f"The system's key ring cannot be used ({type(error).__name__}).") from None
    if value is None:
        raise UnresolvedReference(f"The system's key ring has no entry {name!r}.", next=f"keyring set {SERVICE} {name}")
    return Secret(value)


def _from_vault(name: str, vault: Callable[[str, str], Secret] | None) -> Secret:
    path, _, key = name.partition("#")
    if not path or not key:
        raise UnresolvedReference("A Vault reference is vault:PATH#FIELD.")
    if vault is None:
        raise UnresolvedReference(
            f"The reference vault:{path}#{key} cannot be used here.", next="configure [vault], or use another reference"
        )
    return vault(path, key)
