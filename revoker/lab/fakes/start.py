"""Starts the fakes, each with its own books on its own port, and one log for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from revoker.lab.fakes.ai import anthropic, groq, huggingface, openai
from revoker.lab.fakes.apps import slack, stripe
from revoker.lab.fakes.book import Book
from revoker.lab.fakes.docker import docker_hub
from revoker.lab.fakes.forges import github, gitlab
from revoker.lab.fakes.google import google
from revoker.lab.fakes.http import Answer, Limit, Route, serve
from revoker.lab.log import Log


@dataclass(frozen=True, slots=True, eq=False)
class Fake:
    """A running fake provider."""

    provider: str
    url: str
    book: Book
    log: Log


VENDORS: Mapping[str, Callable[[Book], list[Route]]] = {
    "openai": openai,
    "anthropic": anthropic,
    "huggingface": huggingface,
    "groq": groq,
    "google": google,
    "slack": slack,
    "stripe": stripe,
    "github": github,
    "gitlab": gitlab,
    "docker_hub": docker_hub,
}
LAGS = {"github": 1.5, "google": 1.0, "slack": 0.0, "huggingface": 0.5}  # seconds that a stopped key still works
LIMITS = {"openai": 2.0, "huggingface": 4.0}  # requests a second


def too_many(provider: str) -> Answer:
    """Each provider's own way to say: later."""
    body = {
        "openai": {"error": {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
        "anthropic": {"type": "error", "error": {"type": "rate_limit_error", "message": "Too many requests"}},
    }
    return Answer(429, body.get(provider, {"error": "Too many requests"}), {"Retry-After": "1"})


@contextmanager
def fakes(
    providers: Sequence[str] = tuple(VENDORS), *, lags: Mapping[str, float] = LAGS, limits: Mapping[str, float] = LIMITS
) -> Iterator[dict[str, Fake]]:
    """Start the named fakes. `lags` are seconds, `limits` requests a second."""
    with ExitStack() as stack:
        running: dict[str, Fake] = {}
        for provider in providers:
            book, log = Book(lag=lags.get(provider, 0.0)), Log()
            limit = Limit(limits[provider], too_many(provider)) if provider in limits else None
            url = stack.enter_context(serve(provider, VENDORS[provider](book), log, limit=limit))
            running[provider] = Fake(provider, url, book, log)
        yield running
