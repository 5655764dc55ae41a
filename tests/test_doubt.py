"""A refusal counts where something ties the credential to the server that refused it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from revoker import catalog
from revoker.config import KeySettings, Settings
from revoker.doubt import ANOTHER_KIND, ELSEWHERE, doubted
from revoker.model import Credential, Evidence, Location, Secret, Validity, Verdict

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PUBLIC = {"gitlab": "gitlab.com", "github": "api.github.com", "sentry": "sentry.io"}
OWN = "git.acme.example"
KINDS = {"gitlab": "gitlab_pat", "github": "github_classic_pat", "sentry": "sentry_auth_token"}


def refused(host: str) -> Verdict:
    return Verdict(Validity.DEAD, "refused", Evidence(host, 401, None, NOW))


def judged(provider: str, *, named: str = "", repositories: tuple[str, ...] = (), once: bool = False) -> Verdict:
    """What is left of a refusal: by the operator's own instance when one is named, else by the public service."""
    kind = catalog.kinds()[KINDS[provider]]
    host = PUBLIC[provider] if named in ("", f"https://{PUBLIC[provider]}") else OWN
    settings = Settings(endpoints={provider: named} if named else {})
    places = [Location("gitleaks", "a.env", 1, repository=where) for where in repositories] or [Location("gitleaks", "a.env", 1)]
    return doubted(
        catalog.providers()[provider],
        kind,
        Credential(kind.id, "fp_1", Secret("made-up")),
        refused(host),
        settings,
        accepted_once=once,
        places=lambda: places,
    )


@pytest.mark.parametrize("provider", ["gitlab", "sentry"])
def test_a_refusal_at_the_public_service_kills_no_token_that_a_server_of_ones_own_may_have_made(provider: str) -> None:
    verdict = judged(provider)
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, ELSEWHERE)
    assert verdict.evidence is not None


@pytest.mark.parametrize("provider", ["gitlab", "github", "sentry"])
def test_naming_the_public_service_ties_the_tokens_to_it(provider: str) -> None:
    assert judged(provider, named=f"https://{PUBLIC[provider]}").validity is Validity.DEAD


@pytest.mark.parametrize("provider", ["gitlab", "github", "sentry"])
def test_a_token_that_the_server_once_accepted_dies_there(provider: str) -> None:
    assert judged(provider, once=True).validity is Validity.DEAD


@pytest.mark.parametrize("provider", ["gitlab", "github", "sentry"])
def test_an_instance_of_the_operators_own_ties_what_was_found_anywhere_but_at_the_public_service(provider: str) -> None:
    own = f"https://{OWN}"
    assert judged(provider, named=own).validity is Validity.DEAD
    assert judged(provider, named=own, repositories=(f"https://{OWN}/pay/api.git",)).validity is Validity.DEAD
    public = PUBLIC[provider].removeprefix("api.")
    assert judged(provider, named=own, repositories=(f"https://{public}/acme/api",)).reason == ELSEWHERE


def test_a_github_token_without_any_sign_of_another_server_dies_at_github() -> None:
    assert judged("github").validity is Validity.DEAD


@pytest.mark.parametrize(
    ("repository", "dead"),
    [
        ("https://github.com/acme/api.git", True),
        ("git@github.com:acme/api.git", True),
        ("git@github.com:acme/api:v2.git", True),
        ("https://[github.com/acme/api", False),
        ("ssh://:acme", False),
        ("ssh://git@github.com/acme/api", True),
        ("github.com/acme/api", True),
        ("https://git.acme.example/acme/api", False),
        ("https://notgithub.com/acme/api", False),
        ("https://com/acme", False),
    ],
)
def test_where_a_github_token_was_found_says_whose_it_may_be(repository: str, dead: bool) -> None:
    assert (judged("github", repositories=(repository,)).validity is Validity.DEAD) is dead


def test_one_repository_elsewhere_is_doubt_enough() -> None:
    both = ("https://gitlab.com/acme/api", "https://git.acme.example/acme/api")
    assert judged("gitlab", repositories=both[:1]).validity is Validity.DEAD
    assert judged("gitlab", repositories=both).reason == ELSEWHERE


def test_what_is_not_a_refusal_or_was_decided_offline_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    provider, kind = catalog.providers()["gitlab"], catalog.kinds()["gitlab_pat"]
    cred = Credential(kind.id, "fp_1", Secret("made-up"))
    for verdict in (
        Verdict(Validity.LIVE, "authenticated", Evidence("gitlab.com", 200, None, NOW)),
        Verdict(Validity.UNKNOWN, "timeout", Evidence("gitlab.com", None, None, NOW)),
        Verdict(Validity.DEAD, "expired_offline"),
    ):
        unused: Callable[[], list[Location]] = lambda: pytest.fail("no place is looked up")  # noqa: E731
        assert doubted(provider, kind, cred, verdict, Settings(), accepted_once=False, places=unused) is verdict


def test_a_kind_with_a_host_of_its_own_is_tied_by_that_host_alone() -> None:
    provider = catalog.providers()["gitlab"]
    kind = replace(catalog.kinds()["gitlab_pat"], host_from="host", also_at="")
    cred = Credential(kind.id, "fp_1", Secret("made-up"), {"host": OWN})
    without = Credential(kind.id, "fp_1", Secret("made-up"))
    asked = {"accepted_once": False, "places": list}
    assert doubted(provider, kind, cred, refused(OWN), Settings(), **asked).validity is Validity.DEAD  # type: ignore[arg-type]
    assert doubted(provider, kind, without, refused(OWN), Settings(), **asked).reason == ELSEWHERE  # type: ignore[arg-type]


def test_a_value_that_may_be_another_kinds_dies_by_no_refusal() -> None:
    provider, kind = catalog.providers()["stability"], catalog.kinds()["stability_api_key"]
    cred = Credential(kind.id, "fp_1", Secret("made-up"))
    open_one = replace(cred, parts={**cred.parts, "candidates": "another_key"})
    asked = {"accepted_once": False, "places": list}
    assert doubted(provider, kind, cred, refused(OWN), Settings(), **asked).validity is Validity.DEAD  # type: ignore[arg-type]
    doubt = doubted(provider, kind, open_one, refused(OWN), Settings(), **asked)  # type: ignore[arg-type]
    assert (doubt.validity, doubt.reason) == (Validity.UNKNOWN, ANOTHER_KIND)
    once = {"accepted_once": True, "places": list}
    assert doubted(provider, kind, open_one, refused(OWN), Settings(), **once).validity is Validity.DEAD  # type: ignore[arg-type]


def test_a_refusal_that_may_be_about_our_address_kills_only_what_was_let_in_from_here() -> None:
    """MySQL's 1045 is also the answer to the right password of an account that is open to other hosts alone."""
    kind, found = catalog.kinds()["mysql_uri"], Credential("mysql_uri", "fp_1", Secret("made-up"), {"host": "db.acme.example"})
    here = replace(refused("db.acme.example"), reason="refused_from_this_host")

    def judge(verdict: Verdict, *, once: bool) -> Validity:
        provider = catalog.providers()["mysql"]
        return doubted(provider, kind, found, verdict, Settings(), accepted_once=once, places=list).validity

    assert judge(here, once=False) is Validity.UNKNOWN
    assert judge(here, once=True) is Validity.DEAD
    assert judge(refused("db.acme.example"), once=False) is Validity.DEAD, "its authority has looked at every host"


@pytest.mark.parametrize(
    ("provider", "complete", "dead"),
    [("keys", True, True), ("keys", False, False), ("jwt", True, False), ("jwt", False, False)],
)
def test_what_only_named_places_know_is_dead_when_the_operator_says_that_there_are_no_others(
    provider: str, complete: bool, dead: bool
) -> None:
    found = catalog.providers()[provider]
    only = next(one for one in found.kinds if one.only_named_places)
    settings = Settings(keys=KeySettings(complete=complete))
    cred = Credential(only.id, "fp_1", Secret("made-up"))
    verdict = doubted(found, only, cred, refused(OWN), settings, accepted_once=False, places=list)
    assert (verdict.validity is Validity.DEAD) is dead
    assert dead or verdict.reason == ELSEWHERE


def test_the_public_service_ties_only_when_it_was_the_one_that_was_asked() -> None:
    provider, kind = catalog.providers()["gitlab"], catalog.kinds()["gitlab_pat"]
    cred = Credential(kind.id, "fp_1", Secret("made-up"))
    settings = Settings(endpoints={"gitlab": "https://gitlab.com"})
    places = [Location("gitleaks", repository="https://gitlab.com/acme/api")]
    for host, dead in (("gitlab.com", True), (OWN, False)):
        verdict = doubted(provider, kind, cred, refused(host), settings, accepted_once=False, places=lambda: places)
        assert (verdict.validity is Validity.DEAD) is dead


@pytest.mark.parametrize(("kind", "validity"), [("openai_project_key", Validity.DEAD), ("openai_other_key", Validity.UNKNOWN)])
def test_an_openai_key_of_a_form_that_is_not_known_may_be_cut_off(kind: str, validity: Validity) -> None:
    provider, known = catalog.providers()["openai"], catalog.kinds()[kind]
    cred, said = Credential(kind, "fp_1", Secret("made-up")), refused("api.openai.com")
    assert doubted(provider, known, cred, said, Settings(), accepted_once=False, places=list).validity is validity
    assert doubted(provider, known, cred, said, Settings(), accepted_once=True, places=list).validity is Validity.DEAD


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("cloudflare_account_token", "refused_by_account"),
        ("cloudflare_legacy_token", "refused_by_account"),
        ("cloudflare_global_api_key", "key_or_address_unknown"),
        ("cloudflare_legacy_global_key", "key_or_address_unknown"),
    ],
)
def test_what_one_account_or_beside_one_address_is_refused_may_be_anothers(kind: str, reason: str) -> None:
    provider, known = catalog.providers()["cloudflare"], catalog.kinds()[kind]
    cred, said = Credential(kind, "fp_1", Secret("made-up")), replace(refused("api.cloudflare.com"), reason=reason)
    judged_so = [
        doubted(provider, known, cred, said, Settings(), accepted_once=once, places=list).validity for once in (False, True)
    ]
    assert judged_so == [Validity.UNKNOWN, Validity.DEAD]
