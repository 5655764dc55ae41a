r"""Private keys in text: one canonical form of a block, whatever a scanner, a .env file or Windows made of its lines.

The same key comes with CRLF, with `\n` written out, indented in YAML, in pieces of a string in source code, or on one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?)-----")
ESCAPED_LINE = re.compile(r"(?:\\{1,4}r)?\\{1,4}n|\\{1,4}r|\r\n?")
BETWEEN_STRINGS = re.compile(r"[\"']\s*[+.,\\]?\s*[\"']")  # "..." + "..." in source code
HEADER = re.compile(r"[A-Za-z][A-Za-z-]{0,40}: .{1,200}")  # Proc-Type, DEK-Info of an encrypted key
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
LEAST = 32  # characters of a body; no real key is so short
WIDTH = {"OPENSSH PRIVATE KEY": 70}
USUAL_WIDTH = 64


def mentions_key(text: str) -> bool:
    """True when a private key begins in a text. A JSON document that holds one is a credential of its own sort."""
    return "PRIVATE KEY" in text and not text.lstrip().startswith("{") and BEGIN.search(text) is not None


def canonical(text: str) -> str | None:
    """The first whole private key of a text, in the one form that all reports agree on; None when none is whole."""
    return next(blocks(text), None)


def blocks(text: str) -> Iterator[str]:
    """All whole private keys of a text, in their canonical form. An excerpt, a header alone or a redacted body is none."""
    start = 0
    while (begin := BEGIN.search(text, start)) is not None:
        end = text.find(f"-----END {begin[1]}-----", begin.end())
        following = BEGIN.search(text, begin.end())
        start = begin.end()
        if end < 0 or (following is not None and following.start() < end):
            continue
        block = _block(begin[1], text[begin.end() : end])
        if block is not None:
            yield block


def _block(label: str, raw: str) -> str | None:
    lines = [line.strip(" \t\"'") for line in _unescaped(raw).split("\n")]
    headers = [line for line in lines if HEADER.fullmatch(line)]
    body = "".join("".join(line.split()) for line in lines if not HEADER.fullmatch(line))
    check = ""
    if label.endswith("BLOCK"):  # OpenPGP ends with a checksum of its own
        body, _, check = body.rpartition("=") if re.search(r"=[A-Za-z0-9+/]{4}\Z", body) else (body, "", "")
    if len(body) < LEAST or not BASE64.fullmatch(body):
        return None
    width = WIDTH.get(label, USUAL_WIDTH)
    wrapped = [body[at : at + width] for at in range(0, len(body), width)]
    tail = [f"={check}"] if check else []
    return "\n".join(
        [f"-----BEGIN {label}-----", *headers, *([""] if headers else []), *wrapped, *tail, f"-----END {label}-----"]
    )


def _unescaped(raw: str) -> str:
    return BETWEEN_STRINGS.sub("", ESCAPED_LINE.sub("\n", raw))
