"""What every test gets: a network that ends at this machine, a clock that stands still, and real servers on demand."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests import loopback_guard

if TYPE_CHECKING:
    from revoker.lab.mariadb import MariaDB
    from revoker.lab.servers import Moto, OpenBao, PostgreSQL
    from tests.servers.rabbitmq import RabbitMQ
    from tests.servers.valkey import Valkey

pytest_plugins = ["tests.campaign_results", "tests.security_results"]
loopback_guard.install()


class Clock:
    """A clock that moves only when it is told to; call it for the time (aware, UTC)."""

    def __init__(self, start: datetime = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def advance(self, by: timedelta | float) -> datetime:
        """Go on by a timedelta or by seconds, and give the new time."""
        self.time += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[None]:
    """Fail a test that tried to leave this machine, even when the code under test swallowed the error."""
    loopback_guard.refused.clear()
    yield
    tried = list(loopback_guard.refused)
    loopback_guard.refused.clear()
    assert not tried, f"tried to leave the loopback interface: {tried}"


@pytest.fixture(autouse=True)
def no_login_remembered() -> None:
    """A process remembers its login to Vault; the next test may be another one's, with fewer rights or more."""
    if module := sys.modules.get("revoker.egress.vault_session"):
        module.held.clear()


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """A real OpenBao server in development mode."""
    from revoker.lab.servers import openbao as start

    with start() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL server."""
    from revoker.lab.servers import postgresql as start

    with start() as server:
        yield server


@pytest.fixture(scope="session")
def maria() -> Iterator[MariaDB]:
    """A real MariaDB server, where the system has one."""
    from revoker.lab.mariadb import installed, mariadb

    why = installed()
    if why is not None:
        pytest.skip(why)
    with mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A real RabbitMQ node; skipped with the reason where it is not installed."""
    from tests.servers.rabbitmq import rabbitmq as start

    with start() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A real Valkey server, with a file for its users."""
    from tests.servers.valkey import valkey as start

    with start(users=True) as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """Moto's IAM and STS, which refuse keys that are inactive or deleted."""
    from revoker.lab.servers import moto as start

    with start() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that the quick ones fill the end of a run with many workers."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)  # not there when xdist is not loaded, as for `make mutate`
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: many tests wait for a server or a process."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the skipped tests by reason, so that nobody takes a skip for a pass."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "?" for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
