"""The limits of one answer, and reading a body within them."""

from __future__ import annotations

import ssl
import zlib
from functools import lru_cache
from pathlib import Path

from revoker.errors import ConfigError

HEADERS = 64 * 1024  # bytes, all header lines together
HEADER_LINE = 16 * 1024
BODY = 1 << 20  # bytes, after decoding


class TooLarge(Exception):
    """The answer is larger than we read."""


class Garbled(Exception):
    """The body is not what its Content-Encoding says."""


def decoded(raw: bytes, encoding: str) -> bytes:
    """The body, decoded within the limit. Raises TooLarge or Garbled."""
    name = encoding.strip().lower()
    if name in ("", "identity") or not raw:
        return raw
    if name not in ("gzip", "x-gzip", "deflate"):
        raise Garbled(name)
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = inflate.decompress(raw, BODY + 1)
    except zlib.error:
        raise Garbled(name) from None
    if len(body) > BODY:
        raise TooLarge
    if not inflate.eof:
        raise Garbled(name)
    return body


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """The one TLS context: names and chains are always checked; no key log, nothing from the environment."""
    return _context(str(ca_bundle) if ca_bundle is not None else "")


@lru_cache(maxsize=8)
def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_verify_locations(cafile=ca_file or _public_authorities())
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"The certificate authorities in {ca_file or 'certifi'} cannot be read ({type(error).__name__})."
        ) from None
    return context


def _public_authorities() -> str:
    import certifi

    return certifi.where()
