"""How fast a provider is asked, and what its "too many" does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from revoker.egress.budget import Bucket, Budgets, Pause
from revoker.egress.http import MOST_WAITS, Pool
from revoker.sdk import Budget, Reply
from tests.egress.conftest import OK, Seen, Server, answer, answering, credential, kind, provider, settings, with_pool


class Virtual:
    """A clock that sleeping moves: sleepers wake in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        end = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, end)


def test_a_smooth_rate_without_bursts() -> None:
    clock = Virtual()
    bucket = Bucket(Budget(10, 1), Pause(), clock, clock.sleep)
    starts = []

    async def one() -> None:
        async with bucket.turn(bucket.ticket()):
            starts.append(clock.now)

    async def main() -> None:
        for _ in range(5):
            await one()

    asyncio.run(main())
    assert starts == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_zero_means_unlimited() -> None:
    clock = Virtual()
    bucket = Bucket(Budget(0, 1000), Pause(), clock, clock.sleep)

    async def main() -> None:
        async def one() -> None:
            async with bucket.turn(bucket.ticket()):
                await asyncio.sleep(0)

        await asyncio.gather(*(one() for _ in range(500)))

    asyncio.run(main())
    assert clock.slept == []


def test_what_is_under_way_is_capped_and_the_oldest_goes_first() -> None:
    bucket = Bucket(Budget(0, 3))
    under_way = most = 0
    order: list[int] = []

    async def one(ticket: int) -> None:
        nonlocal under_way, most
        async with bucket.turn(ticket):
            under_way += 1
            most = max(most, under_way)
            order.append(ticket)
            await asyncio.sleep(0.001)
            under_way -= 1

    async def main() -> None:
        tickets = [bucket.ticket() for _ in range(20)]
        await asyncio.gather(*(one(t) for t in reversed(tickets)))

    asyncio.run(main())
    assert most == 3
    assert order[3:] == sorted(order[3:])


def test_a_cancelled_wait_gives_its_place_back() -> None:
    async def main() -> None:
        bucket = Bucket(Budget(0, 1))
        async with bucket.turn(bucket.ticket()):
            waiting = asyncio.create_task(_enter(bucket))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(_enter(bucket), 1)

    asyncio.run(main())


async def _enter(bucket: Bucket) -> None:
    async with bucket.turn(bucket.ticket()):
        pass


def test_a_pause_holds_all_kinds_of_the_provider() -> None:
    clock = Virtual()
    budgets = Budgets(clock, clock.sleep)
    one, two, stranger = (budgets.bucket(p, k, Budget(0, 5)) for p, k in [("a", "x"), ("a", "y"), ("b", "x")])
    one.refused(30)

    async def main() -> list[float]:
        times = []
        for bucket in (stranger, two):
            async with bucket.turn(bucket.ticket()):
                times.append(clock.now)
        return times

    assert asyncio.run(main()) == [0.0, 30.0]


def limited(per_second: float, burst: int, wait: str) -> tuple[Any, list[int]]:
    """A handler with a token bucket of its own that says 429 above it."""
    state, statuses = {"tokens": float(burst), "at": time.monotonic()}, []

    async def handle(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = time.monotonic()
        state["tokens"] = min(burst, state["tokens"] + (now - state["at"]) * per_second)
        state["at"] = now
        if state["tokens"] >= 1:
            state["tokens"] -= 1
            statuses.append(200)
            writer.write(OK)
        else:
            statuses.append(429)
            writer.write(answer(429, b"{}", {"Retry-After": wait}))

    return handle, statuses


def test_too_many_is_answered_after_waiting_for_all(serve: Callable[..., Server]) -> None:
    handler, statuses = limited(12, 4, "0.3")
    config = settings(serve(handler), timeout=2)  # shorter than the whole (3 s): waiting does not count
    one = kind(Budget(0, 32))

    async def work(pool: Pool) -> list[Reply]:
        readers = [pool.reader(provider(one), credential=credential()) for _ in range(40)]
        return await asyncio.gather(*(reader.get("/check") for reader in readers))

    replies = with_pool(config, work)
    assert [reply.status for reply in replies] == [200] * 40
    assert statuses.count(200) == 40
    assert statuses.count(429) < 120


def test_endless_waiting_is_given_back(serve: Callable[..., Server]) -> None:
    server, clock = serve(answering(answer(429, b"{}", {"Retry-After": "7"}))), Virtual()
    reply = with_pool(settings(server), lambda pool: pool.reader(provider()).get("/check"), monotonic=clock, sleep=clock.sleep)
    assert (reply.status, reply.retry_after) == (429, timedelta(seconds=7))
    assert len(server.seen) == MOST_WAITS
    assert clock.now >= 7 * (MOST_WAITS - 1)


@pytest.mark.parametrize("header", [None, "86400", "soon"])
@pytest.mark.row("F10")
def test_too_many_without_a_reasonable_time_is_not_tried_again(header: str | None, serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(429, b"{}", {"Retry-After": header or ""})))
    reply = with_pool(settings(server), lambda pool: pool.reader(provider()).get("/check"))
    assert reply.status == 429
    assert len(server.seen) == 1


@pytest.mark.row("F10")
def test_the_budget_is_held_on_the_wire(serve: Callable[..., Server]) -> None:
    server, one = serve(answering(OK)), kind(Budget(100, 4))

    async def work(pool: Pool) -> list[Reply]:
        return await asyncio.gather(*(pool.reader(provider(one), credential=credential()).get("/check") for _ in range(40)))

    start = time.monotonic()
    assert all(reply.status == 200 for reply in with_pool(settings(server), work))
    assert time.monotonic() - start >= 0.38
    assert server.connections <= 4


def test_two_hundred_under_way_and_one_request_each(serve: Callable[..., Server]) -> None:
    async def slow(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(OK)

    server, one = serve(slow), kind(Budget(0, 1000))

    async def work(pool: Pool) -> list[Reply]:
        return await asyncio.gather(*(pool.reader(provider(one), credential=credential()).get("/check") for _ in range(600)))

    assert all(reply.status == 200 for reply in with_pool(settings(server, timeout=10), work, concurrency=200))
    assert len(server.seen) == 600
    assert 1 < server.connections <= 200


@pytest.mark.row("F10")
def test_what_would_wait_for_hours_is_given_back_unsent(serve: Callable[..., Server]) -> None:
    """A second region of the same provider, asked after the first said to come back in an hour."""
    statuses: list[int] = []

    async def handle(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        statuses.append(429)
        writer.write(answer(429, b"{}", {"Retry-After": "3600"}))

    config = settings(serve(handle))
    one = kind(Budget(0, 4))

    async def work(pool: Pool) -> list[Reply]:
        reader = pool.reader(provider(one), credential=credential())
        return [await asyncio.wait_for(reader.get("/check"), 5) for _ in range(3)]

    first, *others = with_pool(config, work)
    assert (first.status, first.retry_after) == (429, timedelta(hours=1))
    assert [(reply.status, reply.trouble) for reply in others] == [(None, "rate_limited")] * 2
    assert all(reply.retry_after and timedelta(minutes=59) < reply.retry_after <= timedelta(hours=1) for reply in others)
    assert len(statuses) == 1, "a provider that said to wait is not asked again"
