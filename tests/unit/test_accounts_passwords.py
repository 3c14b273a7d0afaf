"""Argon2id in its bounded threads; with costs so low that it is quick."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from streamhub.config import AuthSettings
from streamhub.domain.errors import TryAgain
from streamhub.domain.passwords import Verified
from streamhub.persistence.passwords import WAITING_PER_WORKER, Argon2Hasher

CHEAP = AuthSettings(argon2_memory_kib=64, argon2_time_cost=1, argon2_workers=1)
COSTLIER = AuthSettings(argon2_memory_kib=128, argon2_time_cost=2, argon2_workers=1)
PASSWORD = "correct horse battery"


class GatedHasher(Argon2Hasher):
    """Hashes only once the gate is open, and knows how many threads were at it."""

    def __init__(self, settings: AuthSettings) -> None:
        super().__init__(settings)
        self.open = threading.Event()
        self.at_once = 0
        self.most_at_once = 0
        self._count = threading.Lock()

    def _verify(self, password_hash: str, password: str) -> Verified:
        with self._count:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.open.wait(30)
        with self._count:
            self.at_once -= 1
        return super()._verify(password_hash, password)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - threads know no asyncio.Event
            await asyncio.sleep(0.001)


@pytest.fixture
def hasher() -> Iterator[Argon2Hasher]:
    hasher = Argon2Hasher(CHEAP)
    yield hasher
    hasher.close()


async def test_a_password_matches_its_hash_and_no_other(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash(PASSWORD)

    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hasher.verify(stored, PASSWORD) == (True, False)
    assert await hasher.verify(stored, PASSWORD + " ") == (False, False)
    assert stored != await hasher.hash(PASSWORD)


async def test_128_characters_are_hashed_to_the_last(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash("é" * 128)

    assert (await hasher.verify(stored, "é" * 128)).matches
    assert not (await hasher.verify(stored, "é" * 127 + "e")).matches


async def test_nobody_has_no_password_but_costs_what_any_does(hasher: Argon2Hasher) -> None:
    for password in ("", PASSWORD):
        assert await hasher.verify(None, password) == (False, False)
    assert hasher._nobodys.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert len(hasher._nobodys) == len(await hasher.hash(PASSWORD))


async def test_a_hash_is_outdated_when_the_parameters_rose(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash(PASSWORD)
    costlier = Argon2Hasher(COSTLIER)

    assert await costlier.verify(stored, PASSWORD) == (True, True)
    costlier.close()


@pytest.mark.parametrize("workers", [1, 3])
async def test_no_more_hash_at_once_than_there_are_workers_and_the_rest_is_refused(
    workers: int,
) -> None:
    gated = GatedHasher(AuthSettings(argon2_memory_kib=64, argon2_workers=workers))
    room = workers * (1 + WAITING_PER_WORKER)
    waiting = [asyncio.create_task(gated.verify(None, "x")) for _ in range(room)]
    await asyncio.sleep(0)  # each has its place in the queue

    for refused in [gated.verify(None, "x"), gated.hash("x")]:
        with pytest.raises(TryAgain) as error:
            await refused
        assert error.value.code == "overloaded"
        assert error.value.retry_after_ms

    gated.open.set()
    assert not any(verified.matches for verified in await asyncio.gather(*waiting))
    assert gated.most_at_once <= workers
    assert await gated.hash(PASSWORD)
    gated.close()


async def test_a_caller_who_leaves_makes_room_only_for_work_that_did_not_begin() -> None:
    gated = GatedHasher(CHEAP)
    waiting = [asyncio.create_task(gated.verify(None, "x")) for _ in range(1 + WAITING_PER_WORKER)]
    await until(lambda: gated.at_once == 1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    await until(lambda: gated._unfinished == 1)
    assert gated.at_once == 1
    gated.open.set()
    await until(lambda: gated._unfinished == 0)
    gated.close()


async def test_the_loop_runs_on_while_a_password_is_hashed() -> None:
    gated = GatedHasher(CHEAP)
    waiting = asyncio.create_task(gated.verify(None, "x"))
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not waiting.done()

    gated.open.set()
    await waiting
    gated.close()
