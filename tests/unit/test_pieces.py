"""Bytes on their way to S3: pieces, and how many a host holds."""

import asyncio

import crc32c
import pytest

from streamhub.transport.pieces import Buffers, Piece


@pytest.mark.parametrize("sizes", [(), (1,), (10, 40_000, 3, 5), (100_000, 100_000)])
async def test_a_piece_gives_what_it_got_as_often_as_asked(sizes: tuple[int, ...]) -> None:
    piece, whole = Piece(7), b""
    for number, size in enumerate(sizes):
        chunk = bytes([number]) * size
        piece.add(chunk)
        whole += chunk
    assert (piece.size, piece.end) == (len(whole), 7 + len(whole))
    assert piece.crc32c == crc32c.crc32c(whole)
    for _ in range(2):
        assert b"".join([chunk async for chunk in piece.body()]) == whole


def taking(buffers: Buffers, size: int, upload: str) -> "asyncio.Task[int]":
    return asyncio.create_task(buffers.take(size, upload))


async def test_who_comes_first_is_served_first() -> None:
    buffers = Buffers(10)
    assert await buffers.take(8, "a") == 8
    large, small = taking(buffers, 5, "b"), taking(buffers, 1, "c")
    await asyncio.sleep(0)
    assert buffers.wanted
    assert not small.done(), "it would fit, but the other one was first"
    assert buffers.take_now(1, "d") is None
    buffers.give_back(8, "a")
    assert (await large, await small) == (5, 1)
    assert buffers.held_bytes == 6


async def test_more_than_there_is_is_all_there_is() -> None:
    buffers = Buffers(10)
    assert await buffers.take(99, "a") == 10
    buffers.give_back(10, "a")
    assert buffers.held_bytes == 0


async def test_an_upload_gets_no_third_piece_while_others_wait() -> None:
    buffers = Buffers(3)
    for _ in range(2):
        await buffers.take(1, "a")
    await buffers.take(1, "b")
    third, other = taking(buffers, 1, "a"), taking(buffers, 1, "c")
    await asyncio.sleep(0)
    buffers.give_back(1, "b")
    await other
    assert not third.done()
    buffers.give_back(1, "c")
    assert await third == 1, "nobody else waits"


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    buffers = Buffers(1)
    await buffers.take(1, "a")
    waiting, served = taking(buffers, 1, "b"), taking(buffers, 1, "c")
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    buffers.give_back(1, "a")
    served.cancel()  # it has its room, but has not heard of it
    await asyncio.gather(served, return_exceptions=True)
    assert (buffers.held_bytes, buffers.wanted) == (0, False)
    assert buffers.take_now(1, "d") == 1
