"""The load generator counts what it is sent, however the bytes are cut."""

import os

import pytest

from benchmarks.audience import Audience
from benchmarks.cheap_socket import CheapSocket, NotUpgraded, ignore
from benchmarks.report import bounded, compared, p50_p99_ms
from streamhub.transport.framing import frame

ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Collector:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def on_frame(self, socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
        self.payloads.append(data[begin:end])


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000, 100_000])
async def test_frames_are_found_wherever_the_bytes_are_cut(step: int) -> None:
    payloads = [b"", b"short", os.urandom(125), os.urandom(126), os.urandom(70_000), b"last"]
    stream = ANSWER + b"".join(frame(payload, binary=True) for payload in payloads)
    seen = Collector()
    socket = CheapSocket(seen.on_frame)
    for position in range(0, len(stream), step):
        socket.data_received(stream[position : position + step])
    assert seen.payloads == payloads


async def test_control_frames_are_not_counted() -> None:
    seen = Collector()
    socket = CheapSocket(seen.on_frame)
    socket.data_received(ANSWER + b"\x89\x02hi" + frame(b"a message", binary=True))
    assert seen.payloads == [b"a message"]


async def test_a_server_that_does_not_upgrade_is_told_apart() -> None:
    socket = CheapSocket(ignore)
    socket.data_received(b"HTTP/1.1 404 Not Found\r\n\r\n")
    with pytest.raises(NotUpgraded, match="404"):
        await socket.opened


def audience_of(count: int) -> Audience:
    audience = Audience()
    audience.sockets = [CheapSocket(audience.on_frame) for _ in range(count)]
    audience.begin()
    return audience


async def test_an_audience_is_complete_when_each_socket_heard_each_message() -> None:
    audience = audience_of(3)
    audience.expect(2)
    for socket in audience.sockets * 2:
        audience.on_frame(socket, b"\x82\x01x", 2, 3)
    await audience.all_here(within_s=1)
    assert len(audience.latencies_s) == 6
    assert audience.last == b"x"


async def test_a_delivery_that_is_missing_is_an_error() -> None:
    audience = audience_of(2)
    audience.expect(1)
    audience.on_frame(audience.sockets[0], b"\x82\x01x", 2, 3)
    with pytest.raises(TimeoutError, match="1 deliveries are missing"):
        await audience.all_here(within_s=0.01)


async def test_a_delivery_that_came_twice_instead_of_another_is_an_error() -> None:
    audience = audience_of(2)
    audience.expect(2)
    once, thrice = audience.sockets
    for socket in (once, thrice, thrice):
        audience.on_frame(socket, b"\x82\x01x", 2, 3)
    with pytest.raises(IndexError):  # of a message that was never sent
        audience.on_frame(thrice, b"\x82\x01x", 2, 3)


def test_a_ratio_above_its_goal_is_not_met() -> None:
    assert compared("work", 2.0, "peer", 1.0, "us", most=1.3).met is False
    assert compared("work", 1.3, "peer", 1.0, "us", most=1.3).met is True
    assert compared("work", 9.0, "peer", 1.0, "us").met is None
    assert bounded("work", 0.5, "ms", most=0.5).met is True


def test_percentiles_are_in_milliseconds() -> None:
    p50_ms, p99_ms = p50_p99_ms([number / 1000 for number in range(1, 1001)])
    assert p50_ms == pytest.approx(500, abs=1)
    assert p99_ms == pytest.approx(990, abs=1)
