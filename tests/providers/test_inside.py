"""An id from a provider, however it is spelt, stays in its place: a change goes to its own path of its own host, or nowhere.

Each written-down change is run once as it stands, which gives the shape of its requests, and then with a hostile text in place
of its target, its account, and each thing that was noted beside it. What it sends is written by egress itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revoker.config import Settings
from revoker.egress import policy, requests
from revoker.egress.policy import Endpoint, Origin
from revoker.errors import RevokerError
from revoker.model import Bound
from tests.providers.catalogue import CHANGES, OWNERS, PROVIDERS, Change
from tests.providers.fake_api import FakeWriter, Sent, in_turn, reply_of, run
from tests.providers.test_changes import ALL_CHANGES, _answered, bound, writer

HOSTILE = (
    "../../admin?x=",
    "..",
    ".",
    "%2e%2e/users",
    "..%2f..%2fadmin",
    "a/b",
    "a\\..\\b",
    "a?admin=1",
    "a#b",
    "a;b=c",
    "%",
    "%00",
    "a\x00b",
    "a\r\nX-Evil: 1",
    "a\nb",
    "//evil.example/",
    "https://evil.example/",
    "@evil.example",
    "evil.example:443",
    "127.0.0.1",
    "a b",
    "\u2028",
    "\ud800",
    "é",
    "",
    "{{ 7 * 7 }}",
    "${step.id}",
    "{0.__class__}",
    "a" * 5000,
)
PATHS = ("revoke_prefix",)  # the id of a lease prefix is a path by itself: `a/b` is one
HTTP = ("get", "query", "send", "github_write", "vault_read", "vault_write")


class _Egress(FakeWriter):
    """Hosts and requests go through egress's own checks; what they let through is kept as it would leave."""

    def __init__(self, like: FakeWriter) -> None:
        names = list(like.provider.authority)
        super().__init__(like.provider, like.script, authority=dict.fromkeys(names, "made-up"), settings=like._settings)
        self.left: list[SplitResult] = []

    def _host(self, host: str | None) -> str:
        if host in HOSTILE or (host is not None and any(c in host for c in "/?#@\\%\r\n\0 ")):
            return policy.endpoint(self.provider, host, Settings()).origin.host  # type: ignore[union-attr]  # it raises
        return super()._host(host)

    def _ask(self, sent: Sent) -> Any:
        if sent.how in HTTP:
            where = Endpoint(Origin("https", sent.host.partition(":")[0], 443))
            rest = {"auth": sent.auth, "json": sent.json, "form": sent.form, "params": sent.params, "headers": sent.headers}
            self.left.append(urlsplit(requests.write(sent.method, where, sent.path, "agent", **rest).url))
        return super()._ask(sent)


@dataclass(frozen=True)
class Place:
    """One request's place: its host, the parts of its path, the names in its query."""

    host: str
    path: tuple[str, ...]
    query: tuple[str, ...]


def place(url: SplitResult) -> Place:
    return Place(url.netloc, tuple(url.path.split("/")), tuple(name for name, _ in parse_qsl(url.query, keep_blank_values=True)))


def requests_of(change: Change, to: Bound) -> tuple[list[SplitResult], bool]:
    """What leaves for one change, and whether it came to its end."""
    provider, kind = OWNERS[change.kind]
    action = next(action for action in kind.actions if action.id == change.action)
    api = _Egress(writer(provider, in_turn([reply_of(_answered(call, to)) for call in change.calls])))
    try:
        api.chosen = action.choose(to) if action.choose else None
        run(action.run(to, api))
    except (RevokerError, AssertionError):  # the script is at its end, or holds a request to the declared hosts
        return api.left, False
    return api.left, True


def fits(now: Place, usual: Place, words: set[str]) -> bool:
    """The same place, or one that differs only where an id stood, by what is still one part of a path."""
    if (now.host, len(now.path), now.query) != (usual.host, len(usual.path), usual.query):
        return False
    pairs = [(a, b) for a, b in zip(now.path, usual.path, strict=True) if a != b]
    return all(any(word in unquote(b) for word in words) and a not in ("", ".", "..") for a, b in pairs)


def hostile_ones(to: Bound, text: str) -> list[Bound]:
    """The target, the account and each note replaced, one at a time and all together."""
    noted = [name for name, value in to.extra.items() if text and not is_json(value)]  # an empty note is none
    extra = [replace(to, extra={**to.extra, name: text}) for name in noted]
    every = replace(to, target=text, account=text, extra={**to.extra, **dict.fromkeys(noted, text)})
    return [replace(to, target=text), replace(to, account=text), *extra, every]


def is_json(text: str) -> bool:
    """What our own binder packed: it goes into a body, never into a place."""
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def words_of(to: Bound) -> set[str]:
    noted = {str(part) for value in to.extra.values() for part in [value, *value.split("/")]}
    return {word for word in {to.target, *to.target.split("/"), to.account or "acme", *noted} if word}


def strayed(change: Change, text: str) -> list[tuple[Bound, SplitResult]]:
    """The requests that left their places."""
    provider, kind = OWNERS[change.kind]
    to = bound(provider, kind, change.target, change.extra)
    usual = [place(url) for url in requests_of(change, to)[0]]
    found = []
    if change.action in PATHS and set(text) <= set("ab1/"):
        return []
    for one in hostile_ones(to, text):
        urls, _ = requests_of(change, one)
        found += [(one, url) for url in urls if url.fragment or not any(fits(place(url), at, words_of(to)) for at in usual)]
    return found


@pytest.mark.parametrize("change", ALL_CHANGES)
@pytest.mark.row("I-6")
def test_a_hostile_id_leaves_its_place_in_no_change(change: Change) -> None:
    assert not [(text, url.geturl()) for text in HOSTILE for _, url in strayed(change, text)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(CHANGES),
    st.text(st.sampled_from("ab1.%2fFeE/?#;&=@:\\\r\n\0 {}$é\u2028"), max_size=12) | st.text(max_size=12),
)
@pytest.mark.row("I-6")
def test_any_text_as_an_id_leaves_its_place_in_no_change(change: Change, text: str) -> None:
    assert not [url.geturl() for _, url in strayed(change, text)]


def test_the_written_down_changes_send_something_and_come_to_an_end() -> None:
    """What the two tests above compare with is there."""
    found: Mapping[str, tuple[list[SplitResult], bool]] = {
        f"{change.kind} {change.action} {change.name}": requests_of(
            change, bound(*OWNERS[change.kind], change.target, change.extra)
        )
        for change in CHANGES
        if change.outcome == "done"
    }
    assert not [name for name, (_, ended) in found.items() if not ended]
    assert sum(bool(urls) for urls, _ in found.values()) > 100
    assert len(PROVIDERS) > 100
    assert json.dumps(sorted(found))
