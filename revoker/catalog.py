"""The catalogue: which providers there are, and of what kind a value is.

Providers are the modules of `revoker.providers`, plus the entry points (group `revoker.providers`) that the
settings name. Nothing is ever loaded from a path.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from revoker.errors import ConfigError, UsageError
from revoker.model import Secret
from revoker.sdk import Kind, Provider

UNKNOWN = "unknown"  # the kind and the provider of a value that nothing in the catalogue fits
LONGEST = 8192  # characters; a longer value fits no pattern, and no pattern meets a longer one
GROUP = "revoker.providers"

_extra: dict[str, Provider] = {}
_packages: dict[str, str] = {}  # provider id -> the installed package that its entry point names


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is known about kinds, indexed once."""

    providers: Mapping[str, Provider]
    kinds: Mapping[str, Kind]
    owners: Mapping[str, Provider]
    patterns: Mapping[str, re.Pattern[str]]
    labels: Mapping[tuple[str, str], frozenset[str]]  # (scanner, label in lower case) -> kind ids
    names: Mapping[str, frozenset[str]]  # label in lower case, whoever said it -> kind ids
    order: Mapping[str, int]  # kind id -> rank; a longer literal beginning comes first


def providers() -> Mapping[str, Provider]:
    """All providers by id."""
    return catalogue().providers


def kinds() -> Mapping[str, Kind]:
    """All kinds by id."""
    return catalogue().kinds


def provider_of(kind_id: str) -> Provider:
    """The provider of a kind. Raises UsageError for a kind that is not in the catalogue."""
    try:
        return catalogue().owners[kind_id]
    except KeyError:
        raise not_there("kind", kind_id, kinds()) from None


def not_there(what: str, name: str, known: Collection[str]) -> UsageError:
    """The error for a kind or provider that is not in the catalogue, which names the nearest one."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1, 0.5)
    meant = f"did you mean {near[0]}? " if near else ""
    return UsageError(f"There is no {what} {name[:80]!r}.", next=f"{meant}revoker providers lists them")


def load_extra(names: Iterable[str]) -> None:
    """Add the providers of the named entry points. Raises ConfigError when one is missing or no provider."""
    if not (wanted := list(names)):
        return
    from importlib import metadata  # slow to import, and most settings name no entry point

    found = {point.name: point for point in metadata.entry_points(group=GROUP)}
    for name in wanted:
        if name not in found:
            raise ConfigError(
                f"No installed package offers a provider {name!r} (entry point group {GROUP}).",
                next="install it into this environment, or take it out of `providers` in the configuration",
            )
        provider = _checked(found[name].load(), f"the entry point {name}")
        if _extra.get(provider.id) is not provider:
            if provider.id in providers():
                raise ConfigError(f"The entry point {name} offers a provider {provider.id!r}, and there is one already.")
            _extra[provider.id] = provider
            _packages[provider.id] = found[name].module.partition(".")[0]
            catalogue.cache_clear()


def package_of(provider_id: str) -> str | None:
    """The installed package that a third-party provider comes from; None for one of our own."""
    return _packages.get(provider_id)


def public_parts(kind: Kind, value: str) -> dict[str, str]:
    """The public parts that the value itself holds: the named groups of the kind's pattern."""
    pattern = catalogue().patterns.get(kind.id) or _compiled(kind)
    match = pattern.fullmatch(value) if len(value) <= LONGEST else None
    named = {name: part for name, part in match.groupdict().items() if part is not None} if match else {}
    return {**named, **kind.derived(Secret(value))} if match and kind.derived else named


def name_kinds(
    value: str, *, label: str | None = None, scanner: str | None = None, variable: str | None = None
) -> tuple[str, ...]:
    """The kinds that a value is named as, best first; empty when none fits, or none of those that fit is named.

    The value's own shape decides. A label only orders what the shape leaves open, and lets a weak
    (`ambiguous`) pattern count; the name of the variable that held the value does the latter too.
    """
    known, said, words = catalogue(), labelled(label, scanner), _words(variable)
    fits = _fitting(value, said, words)
    return tuple(
        kind for kind in fits if not known.kinds[kind].ambiguous or kind in said or _named_by(words, known.owners[kind].id, kind)
    )


def candidates(
    value: str, *, label: str | None = None, scanner: str | None = None, variable: str | None = None
) -> tuple[str, ...]:
    """The kinds that a value may be of besides the one it was named as, best first; all that fit, when it was not named.

    A shape of its own leaves no doubt, and among weak ones a label leaves none about those that it does not say.
    """
    known, said, words = catalogue(), labelled(label, scanner), _words(variable)
    named = name_kinds(value, label=label, scanner=scanner, variable=variable)
    if not named:
        return tuple(_fitting(value, said, words))
    first, others = named[0], named[1:]
    return tuple(
        kind
        for kind in others
        if known.kinds[kind].ambiguous == known.kinds[first].ambiguous
        and (kind in said) == (first in said)
        and not (known.kinds[kind].fallback and known.owners[kind] is known.owners[first])  # a vendor's own known form is sure
    )


def _fitting(value: str, said: frozenset[str], words: frozenset[str]) -> list[str]:
    """All kinds whose pattern fits: distinctive shapes first, then those that the label and the variable speak for."""
    known = catalogue()
    if not value or len(value) > LONGEST:
        return []

    fits = [kind for kind, pattern in known.patterns.items() if pattern.fullmatch(value)]
    sure = {known.owners[kind].id for kind in fits if not known.kinds[kind].ambiguous and not known.kinds[kind].fallback}

    def rank(kind: str) -> tuple[bool, bool, bool, bool, int, int]:
        weak, fallback = known.kinds[kind].ambiguous, known.kinds[kind].fallback
        foreign = (
            weak and bool(sure) and known.owners[kind].id not in sure
        )  # a label takes no value to another vendor than its shape
        return fallback, foreign, kind not in said, weak, -len(words & _words(kind)) if weak else 0, known.order[kind]

    return sorted(fits, key=rank)


def labelled(label: str | None, scanner: str | None) -> frozenset[str]:
    """The kinds that a scanner's rule id stands for; any scanner's, when this one has no such rule."""
    if not label:
        return frozenset()
    known = catalogue()
    folded = label.casefold()
    return known.labels.get((scanner or "", folded)) or known.names.get(folded, frozenset())


def labels_of(kind_id: str) -> dict[str, tuple[str, ...]]:
    """The rule ids that stand for a kind, by scanner: its own and those of detector_ids.csv."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for scanner, rule, kind in _every_label(catalogue().kinds):
        if kind == kind_id and rule not in found[scanner]:
            found[scanner].append(rule)
    return {scanner: tuple(rules) for scanner, rules in sorted(found.items())}


@cache
def catalogue() -> Catalogue:
    """Build the index. Raises ConfigError when the installation or a provider file is broken."""
    found = {provider.id: provider for provider in _shipped()} | _extra
    owners = {kind.id: provider for provider in found.values() for kind in provider.kinds}
    every = {kind.id: kind for provider in found.values() for kind in provider.kinds}
    if sum(len(provider.kinds) for provider in found.values()) != len(every):
        raise ConfigError("Two providers declare a kind of the same id.")
    labels, names = _label_index(every)
    ranked = sorted(every, key=lambda kind: -len(_literal_start(every[kind].pattern)))
    return Catalogue(
        providers=MappingProxyType(found),
        kinds=MappingProxyType(every),
        owners=MappingProxyType(owners),
        patterns={kind.id: _compiled(kind) for kind in every.values()},
        labels=labels,
        names=names,
        order={kind: rank for rank, kind in enumerate(ranked)},
    )


def _shipped() -> Iterator[Provider]:
    try:
        package = importlib.import_module("revoker.providers")
    except ImportError as error:
        raise ConfigError(
            "The package revoker.providers is missing: the folder providers/ is not linked into revoker/.",
            next="install revoker again; in a checkout, `ln -s ../providers revoker/providers`",
        ) from error
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if not module.name.startswith("_"):
            where = f"providers/{module.name}.py"
            yield _checked(getattr(importlib.import_module(f"revoker.providers.{module.name}"), "PROVIDER", None), where)


def _checked(found: object, where: str) -> Provider:
    if not isinstance(found, Provider):
        raise ConfigError(f"{where} holds no PROVIDER.")
    return found


def _compiled(kind: Kind) -> re.Pattern[str]:
    try:
        return re.compile(kind.pattern)
    except re.error as error:
        raise ConfigError(f"The pattern of kind {kind.id} is no regular expression: {error}.") from error


def _literal_start(pattern: str) -> str:
    """What every value of a pattern begins with, as far as it is plain text."""
    bare = re.sub(r"^(?:\^|\(\?P<\w+>|\(\?:|\()+", "", pattern)
    found = re.match(r"[A-Za-z0-9_:/-]*", bare)
    return found[0] if found else ""


def _label_index(every: Mapping[str, Kind]) -> tuple[dict[tuple[str, str], frozenset[str]], dict[str, frozenset[str]]]:
    by_scanner: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for scanner, rule, kind_id in _every_label(every):
        if kind_id in every:
            by_scanner[scanner, rule.casefold()].add(kind_id)
            by_name[rule.casefold()].add(kind_id)
    for kind_id in every:
        by_name[kind_id.casefold()].add(kind_id)
    return {k: frozenset(v) for k, v in by_scanner.items()}, {k: frozenset(v) for k, v in by_name.items()}


def _every_label(every: Mapping[str, Kind]) -> Iterator[tuple[str, str, str]]:
    """(scanner, rule id, kind id) of every provider file and of the shared table."""
    for kind in every.values():
        yield from ((scanner, rule, kind.id) for scanner, rules in kind.labels.items() for rule in rules)
    yield from _shipped_labels()


@cache
def _shipped_labels() -> tuple[tuple[str, str, str], ...]:
    """The rows of detector_ids.csv as (scanner, rule id, kind id)."""
    text = resources.files("revoker").joinpath("detector_ids.csv").read_text(encoding="utf-8")
    rows = [(row.pop("kind"), row) for row in csv.DictReader(text.splitlines())]
    return tuple((scanner, rule, id) for id, row in rows for scanner, rules in row.items() for rule in rules.split("|") if rule)


def _words(name: str | None) -> frozenset[str]:
    """The words of a variable's name, in lower case: GROQ_API_KEY, groqApiKey -> groq, api, key."""
    if not name:
        return frozenset()
    return frozenset(word.casefold() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name[:200]))


def _named_by(words: frozenset[str], provider: str, kind: str) -> bool:
    """A variable names a kind when it holds the provider's name, or every word of the kind's."""
    return bool(words) and (_words(provider) <= words or _words(kind) <= words)
