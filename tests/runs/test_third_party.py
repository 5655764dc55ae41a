"""A provider from another package: only by the name of its entry point, and a plan holds for the very bytes that were approved."""

from __future__ import annotations

import http.server
import importlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from revoker import catalog
from revoker.errors import ApprovalRefused, ConfigError
from revoker.runs import digests
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import runs
from revoker.store.credentials import Selection
from tests.runs.conftest import Site, utc_now

PROVIDER = """
from dataclasses import replace
from acme_keys.hosts import HOSTS
from revoker.providers.groq import PROVIDER as like

KIND = replace(like.kinds[0], id="acme_key", title="Acme key", pattern=r"acme-[a-z0-9]{20}", labels={})
THEIRS = replace(like, id="acme", title="Acme", hosts=HOSTS, kinds=(KIND,))
"""
FILES = {
    "acme_keys/__init__.py": "",
    "acme_keys/provider.py": PROVIDER,
    "acme_keys/hosts.py": 'HOSTS = ("api.acme.example",)\n',
    "acme_keys-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-keys\nVersion: 1.0\n",
    "acme_keys-1.0.dist-info/entry_points.txt": "[revoker.providers]\nacme = acme_keys.provider:THEIRS\n",
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package with a provider whose module calls it neither PROVIDER nor after its id."""
    folder = tmp_path / "site"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    yield folder / "acme_keys"
    catalog._extra.pop("acme", None)
    catalog._packages.pop("acme", None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_keys"]:
        del sys.modules[name]
    catalog.catalogue.cache_clear()
    digests.definition.cache_clear()


@pytest.fixture
def placed(site: Site) -> Iterator[Site]:
    """The site, with the provider's host at a server of this machine that takes every key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"data": []}')

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoints = {**site.settings.endpoints, "acme": f"http://127.0.0.1:{server.server_port}"}
    yield replace(site, settings=replace(site.settings, endpoints=endpoints))
    server.shutdown()
    server.server_close()


@pytest.mark.row("W-11")
def test_an_installed_package_is_not_loaded_until_the_configuration_names_it(installed: Path) -> None:
    assert "acme" not in catalog.providers()
    assert "acme_keys" not in sys.modules
    with pytest.raises(ConfigError, match="No installed package"):
        catalog.load_extra(["acme_keys.provider"])
    catalog.load_extra(["acme"])
    assert catalog.providers()["acme"].hosts == ("api.acme.example",)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("hosts.py", 'HOSTS = ("api.acme.example", "evil.example")\n'),  # one host more, in a module beside the provider's own
        ("hosts.py", 'HOSTS = ("api.acme.example",)  # an older one\n'),
        ("provider.py", PROVIDER + "# tampered with\n"),
        ("added.py", "import os\n"),
        ("table.csv", "a,b\n"),
    ],
)
@pytest.mark.row("W-11", "W-4")
def test_a_package_that_changed_after_the_approval_voids_it(installed: Path, placed: Site, file: str, text: str) -> None:
    catalog.load_extra(["acme"])
    placed.add("acme-" + "0a" * 10, "acme_key")
    plan = make_plan(placed.store, placed.settings, Selection(), playbook="guided", requester="dave", now=utc_now())
    before = digests.definition("acme")
    (installed / file).write_text(text)
    digests.definition.cache_clear()  # as the process that applies would see it
    assert digests.definition("acme") != before
    with pytest.raises(ApprovalRefused, match="definition of acme has changed"):
        apply(placed.store, placed.settings, plan.digest, utc_now())
    assert runs.list_runs(placed.store) == []


def test_a_package_that_is_as_it_was_is_applied(installed: Path, placed: Site) -> None:
    catalog.load_extra(["acme"])
    placed.add("acme-" + "0a" * 10, "acme_key")
    plan = make_plan(placed.store, placed.settings, Selection(), playbook="guided", requester="dave", now=utc_now())
    (installed / "__pycache__").mkdir(exist_ok=True)
    (installed / "__pycache__" / "hosts.cpython-311.pyc").write_bytes(b"made by the first import")
    digests.definition.cache_clear()
    assert apply(placed.store, placed.settings, plan.digest, utc_now() + timedelta(seconds=1))
