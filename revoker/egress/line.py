"""How this machine reaches the outside, and what comes of a request: an answer, certainly nothing, or nobody knows."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from revoker.egress.names import Resolver, system_resolver
from revoker.egress.policy import Network, literal


@dataclass(frozen=True, slots=True)
class Line:
    """How this machine reaches the outside."""

    tls: ssl.SSLContext
    allow: tuple[Network, ...] = ()
    proxy: str | None = None
    resolver: Resolver = system_resolver
    still: Callable[[], None] | None = None  # asked when bytes of a change are about to leave; raises, and none does

    def proxy_to(self, scheme: str, host: str) -> str | None:
        """The proxy, by CONNECT; what is in the clear or at an address of the operator's own is dialled directly."""
        address = literal(host)
        ours = address is not None and any(net.version == address.version and address in net for net in self.allow)
        return None if scheme != "https" or ours else self.proxy


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body decoded."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


class NotSent(Exception):
    """Certainly nothing was sent. `reason` is a trouble slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Lost(Exception):
    """The request may have been acted upon, and its answer is lost. `reason` is a trouble slug, `status` what was seen of it."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


def is_tls(error: BaseException | None) -> bool:
    """True when a failed handshake or certificate stands anywhere in the chain of an error."""
    seen = 0
    while error is not None and seen < 8:
        inner = getattr(error, "os_error", None)
        if isinstance(error, ssl.SSLError) or isinstance(inner, ssl.SSLError):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
