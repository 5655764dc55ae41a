"""W-2: somebody's id beside our secret, or ours beside somebody's, is no target until a check has used both."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from revoker import catalog
from revoker.config import Settings
from revoker.model import Bound, Credential, Effect, Receipt, Secret, Unbound
from revoker.runs.facts import bind_all
from revoker.sdk import Action, Reader, Writer, bound_as_itself, bound_by_part

DOCS = "https://docs.example.test"
ID = "id-4711"


async def never(bound: Bound, api: Writer) -> Receipt:
    raise AssertionError("nothing is changed while targets are bound")


BESIDE = Action("beside", Effect.REVOKE, never, bound_by_part("key_id", "half of the pair"), "a right", DOCS)
ITSELF = Action("itself", Effect.SUSPEND, never, bound_as_itself("the request carries it"), "a right", DOCS)
KIND = replace(catalog.kinds()["groq_api_key"], actions=(BESIDE, ITSELF), needs=("key_id",))


def bind(secret: str, *, proves_pair: bool, accepted: bool) -> dict[str, Bound | Unbound]:
    cred = Credential(KIND.id, "fp_test", Secret(secret), {"key_id": ID})
    kind, nobody = replace(KIND, proves_pair=proves_pair), cast("Reader", cast("Any", None))  # these binders ask nobody
    return asyncio.run(bind_all(kind, cred, nobody, Settings(), provider="groq", accepted=accepted))


@pytest.mark.parametrize(("proves_pair", "accepted"), [(False, False), (False, True), (True, False)])
@pytest.mark.row("W-2")
def test_an_id_that_only_stood_beside_the_secret_is_no_target(*, proves_pair: bool, accepted: bool) -> None:
    found = bind("the secret half", proves_pair=proves_pair, accepted=accepted)
    assert isinstance(found["beside"], Unbound)
    assert (found["beside"].reason, ID in found["beside"].detail) == ("pair_not_proven", True)
    assert isinstance(found["itself"], Bound)  # the request's own credential can hit nothing else


@pytest.mark.row("W-2")
def test_an_accepted_pair_is_one() -> None:
    found = bind("the secret half", proves_pair=True, accepted=True)
    assert isinstance(found["beside"], Bound)


def test_an_id_inside_the_secret_needs_no_other_proof() -> None:
    found = bind(f"prefix.{ID}.rest", proves_pair=False, accepted=False)
    assert isinstance(found["beside"], Bound)
