"""Halves to credentials: AWS key id + secret (+ session token), Docker Hub user + token, AppRole role id + secret id.

Halves are matched within one file of one commit, by their lines. A match is kept only where it is the one way to
see it: alternating halves pair in order, a lonely half takes the strictly nearest. Whatever is left open stays
half, because a wrong pair would be asked about in somebody's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from revoker.catalog import labelled
from revoker.ingest import halves
from revoker.model import Finding, Secret

MOST_HELD = 50_000  # halves in memory; then the oldest places are settled


class Role(StrEnum):
    """What half a value is."""

    AWS_ID = "aws_id"
    AWS_SECRET = "aws_secret"  # noqa: S105 - the name of a half
    AWS_TOKEN = "aws_token"  # noqa: S105
    DOCKER_USER = "docker_user"
    DOCKER_TOKEN = "docker_token"  # noqa: S105
    ROLE_ID = "role_id"
    SECRET_ID = "secret_id"  # noqa: S105


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """One half at its place. `said`: the report's rule or variable names it; else only its shape does."""

    role: Role
    value: str
    line: int
    finding: Finding
    said: bool


Place = tuple[str | None, ...]
Pair = tuple[Half, Half]


def pair(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same findings, with halves joined where they belong together. Halves come after all else.

    A half that is alone in its place, and that is part of a whole pair elsewhere in the report, is one more place
    of that pair.
    """
    held = _Held()
    for finding in findings:
        half = half_of(finding)
        if half is None:
            held.note(finding)
            yield finding
        else:
            held.keep(half)
            while held.count > MOST_HELD:
                yield from held.settle_oldest()
    while held.places:
        yield from held.settle_oldest()
    yield from (held.whole_or_half(finding) for finding in held.left_over)


@dataclass(slots=True)
class _Held:
    """The halves that wait for their other half, by place, and the pairs seen so far."""

    places: dict[Place, list[Half]] = field(default_factory=dict)
    count: int = 0
    left_over: list[Finding] = field(default_factory=list)
    pairs: dict[str, Finding | None] = field(default_factory=dict)  # by key id and by secret; None: contradicted

    def keep(self, half: Half) -> None:
        at = half.finding.location
        self.places.setdefault((at.source, at.repository, at.commit, at.image, at.layer, at.file), []).append(half)
        self.count += 1

    def settle_oldest(self) -> Iterator[Finding]:
        oldest = self.places.pop(next(iter(self.places)))
        self.count -= len(oldest)
        for finding in settle(oldest):
            if "half" in finding.parts and len(self.left_over) < MOST_HELD:
                self.left_over.append(finding)
            else:
                self.note(finding)
                yield finding

    def note(self, finding: Finding) -> None:
        """Remember an AWS pair. A key id has one secret: two different ones make neither sure."""
        key_id = finding.parts.get("key_id")
        if key_id is None or finding.value is None or len(self.pairs) >= MOST_HELD:
            return
        for name in (key_id, finding.value.reveal()):
            known = self.pairs.setdefault(name, finding)
            if known is not None and not _same_pair(known, finding):
                self.pairs[name] = None

    def whole_or_half(self, finding: Finding) -> Finding:
        known = self.pairs.get(finding.value.reveal()) if finding.value is not None else None
        return finding if known is None else replace(known, location=finding.location, rule=finding.rule)


def _same_pair(one: Finding, other: Finding) -> bool:
    same_id = one.parts.get("key_id") == other.parts.get("key_id")
    return same_id and one.value is not None and other.value is not None and one.value.same_as(other.value)


def half_of(finding: Finding) -> Half | None:
    """The half that a finding is, or None for a whole credential or anything else."""
    if finding.value is None or "key_id" in finding.parts or "role_id" in finding.parts or "username" in finding.parts:
        return None
    value = finding.value.reveal()
    size = len(value)
    if size == 20 and halves.AWS_ID.fullmatch(value):
        return _half(Role.AWS_ID, value, finding, said=True)
    variable = finding.parts.get("variable", "")
    if size == 40 and halves.is_aws_secret(value):
        return _aws_secret(value, finding, variable)
    if size >= 84 and (halves.AWS_TOKEN.fullmatch(value) or halves.SAYS_TOKEN.search(variable)):
        return _half(Role.AWS_TOKEN, value, finding, said=True)
    if value.startswith("dckr_"):
        return _half(Role.DOCKER_TOKEN, value, finding, said=True)
    return _named_half(value, finding, variable)


def _half(role: Role, value: str, finding: Finding, *, said: bool) -> Half:
    return Half(role, value, finding.location.line or 0, finding, said)


def _aws_secret(value: str, finding: Finding, variable: str) -> Half | None:
    """A secret by its shape, unless the scanner says that it is something else."""
    kinds = labelled(finding.rule, finding.location.source)
    if kinds and not any(kind.startswith("aws_") for kind in kinds):
        return None
    said = bool(kinds) or halves.SAYS_SECRET.search(variable) is not None
    return _half(Role.AWS_SECRET, value, finding, said=said)


def _named_half(value: str, finding: Finding, variable: str) -> Half | None:
    if not variable:
        return None
    if halves.UUID.fullmatch(value):
        if halves.SAYS_ROLE_ID.search(variable):
            return _half(Role.ROLE_ID, value, finding, said=True)
        if halves.SAYS_SECRET_ID.search(variable):
            return _half(Role.SECRET_ID, value, finding, said=True)
    elif halves.SAYS_DOCKER_USER.search(variable) and halves.DOCKER_USER.fullmatch(value):
        return _half(Role.DOCKER_USER, value, finding, said=True)
    return None


def settle(place: Sequence[Half]) -> Iterator[Finding]:
    """Join the halves of one place."""
    by_role: dict[Role, list[Half]] = {}
    for half in place:
        by_role.setdefault(half.role, []).append(half)
    yield from _settle_aws(by_role)
    for public, secret, part in (
        (Role.DOCKER_USER, Role.DOCKER_TOKEN, "username"),
        (Role.ROLE_ID, Role.SECRET_ID, "role_id"),
    ):
        yield from _settle_shared(by_role.get(public, []), by_role.get(secret, []), part)


def _settle_aws(by_role: Mapping[Role, list[Half]]) -> Iterator[Finding]:
    ids, secrets = by_role.get(Role.AWS_ID, []), by_role.get(Role.AWS_SECRET, [])
    said = [half for half in secrets if half.said]
    pairs = match(ids, said or secrets)
    tokens = by_role.get(Role.AWS_TOKEN, [])
    temporary = [secret for key_id, secret in pairs if key_id.value.startswith("ASIA")]
    token_of = {secret.value: token for secret, token in match(temporary, tokens)}
    used = {half.value for two in pairs for half in two} | {token.value for token in token_of.values()}
    whole: dict[str, Finding] = {}
    for key_id, secret in pairs:
        token = token_of.get(secret.value)
        joined = _joined(secret, {"key_id": key_id.value}, token)
        whole[key_id.value] = whole[secret.value] = joined
    for half in (*ids, *secrets, *tokens):
        if half.value in whole:
            yield replace(whole[half.value], location=half.finding.location, rule=half.finding.rule)
        elif half.value not in used:
            yield _left_over(half, bool(ids and secrets))


def _settle_shared(public: Sequence[Half], secret: Sequence[Half], part: str) -> Iterator[Finding]:
    """A user or a role may have several secrets, so one alone in its place belongs to all of them."""
    names = {half.value for half in public}
    pairs = [(public[0], half) for half in secret] if len(names) == 1 else match(public, secret)
    owner = {half.value: name for name, half in pairs}
    for half in secret:
        if half.value in owner:
            yield _joined(half, {part: owner[half.value].value}, None)
        else:
            yield _left_over(half, bool(public))


def _joined(secret: Half, parts: Mapping[str, str], token: Half | None) -> Finding:
    finding = secret.finding
    secret_parts = finding.secret_parts if token is None else {"session_token": Secret(token.value)}
    return replace(finding, parts={**finding.parts, **parts}, secret_parts=secret_parts)


def _left_over(half: Half, rivals: bool) -> Finding:
    """A half that stays half. One that only its shape made a half is not marked: it may be anything."""
    if not half.said:
        return half.finding
    why = "unpaired" if rivals else "incomplete"
    return replace(half.finding, parts={**half.finding.parts, "half": half.role.value, "why_half": why})


def match(left: Sequence[Half], right: Sequence[Half]) -> list[Pair]:
    """The pairs that can be seen in only one way."""
    if not left or not right:
        return []
    if len({half.value for half in left}) == 1 and len({half.value for half in right}) == 1:
        return [(left[0], right[0])]
    ordered = sorted({(h.value, h.line): h for h in (*left, *right)}.values(), key=lambda half: half.line)
    if any(half.line == 0 for half in ordered):
        return []
    is_left = {id(half) for half in left}
    pairs: list[Pair] = []
    for run, before, after in _runs(ordered, lambda half: id(half) in is_left):
        pairs += [(a, b) if id(a) in is_left else (b, a) for a, b in _pairs_of(run, before, after)]
    return _without_contradictions(pairs)


def _runs(ordered: Sequence[Half], side: Callable[[Half], bool]) -> Iterator[tuple[list[Half], Half | None, Half | None]]:
    """Stretches in which left and right take turns, each with its neighbours."""
    start = 0
    for end in range(1, len(ordered) + 1):
        if end == len(ordered) or side(ordered[end]) == side(ordered[end - 1]):
            before = ordered[start - 1] if start else None
            yield list(ordered[start:end]), before, ordered[end] if end < len(ordered) else None
            start = end


def _pairs_of(run: Sequence[Half], before: Half | None, after: Half | None) -> list[Pair]:
    if len(run) % 2 == 0:
        pairs = list(zip(run[::2], run[1::2], strict=True))
        return [] if _in_columns(pairs, before, after) or not _apart(pairs) else pairs
    ways = sorted((_in_order(run, left_out) for left_out in range(0, len(run), 2)), key=_length)
    if len(run) == 1 or _length(ways[0]) == _length(ways[1]) or not _apart(ways[0]):
        return []
    return ways[0]


def _in_order(run: Sequence[Half], left_out: int) -> list[Pair]:
    rest = [half for n, half in enumerate(run) if n != left_out]
    return list(zip(rest[::2], rest[1::2], strict=True))


def _length(pairs: Sequence[Pair]) -> int:
    return sum(b.line - a.line for a, b in pairs)


def _apart(pairs: Sequence[Pair]) -> bool:
    """False when two pairs share a line: then the line says nothing about who belongs to whom."""
    return all(one[1].line < two[0].line for one, two in pairwise(pairs))


def _in_columns(pairs: Sequence[Pair], before: Half | None, after: Half | None) -> bool:
    """True for `id id secret secret`: the inner two are nearest, and most likely strangers."""
    if before is None or after is None:
        return False
    (first, second), last = pairs[0], pairs[-1][1]
    reach = 2 * (second.line - first.line) + 1
    return second.line - before.line <= reach and after.line - last.line <= reach + (last.line - first.line)


def _without_contradictions(pairs: Sequence[Pair]) -> list[Pair]:
    """Drop pairs in which one half has two different partners in the same place."""
    partners: dict[str, set[str]] = {}
    for a, b in pairs:
        partners.setdefault(a.value, set()).add(b.value)
        partners.setdefault(b.value, set()).add(a.value)
    return [(a, b) for a, b in pairs if len(partners[a.value]) == 1 and len(partners[b.value]) == 1]
