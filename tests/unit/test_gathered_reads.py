"""Reads that share a statement: who joins which, and what becomes of those who give up."""

import asyncio
from collections.abc import Mapping

import pytest

from streamhub.domain.errors import TryAgain
from streamhub.persistence.gathered import Gathered


class Table:
    """Answers with what it holds when the statement is let through."""

    def __init__(self, *, most: int = 10) -> None:
        self.rows = {"a": 1, "b": 2}
        self.statements: list[list[str]] = []
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.reads: Gathered[str, int] = Gathered(self._read, most=most)

    async def _read(self, keys: list[str]) -> Mapping[str, int]:
        self.statements.append(keys)
        found = {key: self.rows[key] for key in keys if key in self.rows}
        await self.open.wait()
        if self.error:
            raise self.error
        return found

    async def busy_with(self, key: str) -> "asyncio.Task[int | None]":
        """A statement for `key` is under way until `open` is set."""
        self.open.clear()
        first = asyncio.ensure_future(self.reads.get(key))
        async with asyncio.timeout(5):
            while not self.statements:  # noqa: ASYNC110 - the table says nothing
                await asyncio.sleep(0)
        return first

    def asked_for(self, *keys: str) -> list["asyncio.Task[int | None]"]:
        return [asyncio.ensure_future(self.reads.get(key)) for key in keys]


async def test_alone_a_read_is_a_statement_of_its_own() -> None:
    table = Table()
    assert [await table.reads.get(key) for key in "ab?"] == [1, 2, None]
    assert table.statements == [["a"], ["b"], ["?"]]


async def test_who_comes_while_a_statement_is_under_way_shares_the_next() -> None:
    table = Table()
    first = await table.busy_with("a")
    others = table.asked_for("b", "a", "b", "?")
    await asyncio.sleep(0)
    table.rows["a"] = 3
    table.open.set()
    assert await asyncio.gather(first, *others) == [1, 2, 3, 2, None]
    assert table.statements == [["a"], ["b", "a", "?"]]


async def test_an_answer_is_never_older_than_its_question() -> None:
    table = Table()
    first = await table.busy_with("a")
    table.rows["a"] = 2
    (second,) = table.asked_for("a")
    await asyncio.sleep(0)
    table.open.set()
    assert (await first, await second) == (1, 2)


async def test_a_statement_has_no_more_keys_than_allowed() -> None:
    table = Table(most=2)
    assert await asyncio.gather(*table.asked_for("a", "b", "?", "a")) == [1, 2, None, 1]
    assert table.statements == [["a", "b"], ["?", "a"]]


async def test_what_a_statement_raises_each_who_shares_it_gets_and_the_next_is_sent() -> None:
    table = Table()
    table.error = TryAgain("unavailable", "away")
    failed = await asyncio.gather(*table.asked_for("a", "b"), return_exceptions=True)
    assert failed == [table.error, table.error]
    table.error = None
    assert await table.reads.get("a") == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_who_gives_up_stops_none_of_the_others(fails: bool) -> None:
    table = Table()
    first = await table.busy_with("a")
    gone, stays = table.asked_for("b", "b")
    await asyncio.sleep(0)
    first.cancel()
    gone.cancel()
    table.error = TryAgain("unavailable", "away") if fails else None
    table.open.set()
    (outcome,) = await asyncio.gather(stays, return_exceptions=True)
    assert outcome == (table.error or 2)
