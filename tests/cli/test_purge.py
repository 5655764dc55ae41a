"""Values of what is over can be deleted; what is alive keeps its own, and what cannot be asked any more is said."""

from __future__ import annotations

import pytest

from revoker.config import load_settings
from revoker.errors import ExitCode
from revoker.store import credentials, open_store
from tests.cli.conftest import Space
from tests.cli.test_documents import check


def with_value(space: Space) -> set[str]:
    store = open_store(load_settings(space.folder / "revoker.toml"))
    rows = credentials.select(store)
    found = {cred.fingerprint for cred in credentials.unseal_many(store, [row.fingerprint for row in rows])}
    store.engine.dispose()
    return found


@pytest.mark.row("S-7")
def test_values_of_what_is_over_go_and_their_history_stays(space: Space) -> None:
    space.plant("LIVE", "groq", "groq_api_key")
    space.plant("DEAD", "openai", "openai_project_key", "deleted")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    listed = space.cli("status", "--json").json["credentials"]
    by_status = {one["status"]: one["fingerprint"] for one in listed}
    assert set(by_status) == {"live", "dead"}
    every = ("--incident", listed[0]["incident"], "--why", "400 days are over", "--as", "alice")
    dry = space.cli("purge", *every, "--dry-run", "--json")
    check("purge", dry)
    tried = dry.json
    assert (tried["chosen"], tried["kept"], tried["deleted"]) == ([by_status["dead"]], 1, 0)
    assert with_value(space) == set(by_status.values())
    assert space.cli("purge", *every).out.startswith("1 values are deleted")
    assert with_value(space) == {by_status["live"]}
    assert "values_purged" in space.cli("audit", "export").out
    assert len(space.cli("status", "--json").json["credentials"]) == 2
    assert space.cli("show", by_status["dead"]).code == ExitCode.DONE
    asked = space.cli("verify", "--fingerprint", by_status["dead"], "--force")
    assert "NOT WATCHED ANY MORE" in asked.err


def test_a_purge_of_everything_is_refused(space: Space) -> None:
    space.plant("LIVE", "groq", "groq_api_key")
    space.cli("ingest", "leak.env")
    refused = space.cli("purge", "--why", "tidy")
    assert refused.code == ExitCode.USAGE
    assert "nothing was deleted" in refused.err
    assert len(with_value(space)) == 1
