import asyncio
import time

import pytest

from pipeline.collect.pace import Pace


def most_at_once(pace: Pace, asked: int = 12) -> int:
    """How many of `asked` requests to one host were under way together."""
    now = most = 0

    async def one() -> None:
        nonlocal now, most
        async with pace.slot("x.example", "http://x.example/"):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(asked)))

    asyncio.run(all_of_them())
    return most


@pytest.mark.parametrize(("pace", "most"), [
    (Pace(64, 4), 4),
    (Pace(3, 8), 3),
    (Pace(64, 4, shared=lambda url: True, members=2), 2),
    (Pace(64, 4, shared=lambda url: False, members=2), 4),
    (Pace(64, 1, shared=lambda url: True, members=2), 1),
])
def test_no_more_at_once_than_a_host_is_to_bear(pace: Pace, most: int) -> None:
    assert most_at_once(pace) == most


@pytest.mark.parametrize(("members", "least"), [(1, 0.15), (2, 0.3)])
def test_a_crawl_delay_spaces_requests_and_two_processes_share_it(members: int, least: float) -> None:
    pace = Pace(64, 4, shared=lambda url: True, members=members)
    pace.slow_down("x.example", "http://x.example/", 0.05)
    start = time.monotonic()
    assert most_at_once(pace, 4) == 1
    assert time.monotonic() - start >= least * 0.95
