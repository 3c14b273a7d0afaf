"""Hostile sockets: whatever they send, the host lives, says why it closes, and serves others."""

import asyncio
import gc
import itertools
import logging
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.chat_hosts import JSON, MSGPACK, ChatCluster, ChatHost, User
from support.raw_websocket import Opcode, RawSocket, close_bytes, frame_bytes

from streamhub.protocol import frames
from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.codec import Codec
from streamhub.protocol.examples import CLIENT_CONTROL_EXAMPLES, COMMAND_EXAMPLES

FOR_S = 3.0
"""How long each kind of hostility goes on."""

RSS_GROWTH_BYTES = 48 << 20
CODES = {
    CloseCode.RATE_LIMITED,
    CloseCode.BAD_FRAME,
    CloseCode.FRAME_TOO_BIG,
    CloseCode.TOKEN_INVALID,
}

FRAMES = [
    *CLIENT_CONTROL_EXAMPLES.values(),
    *(command for command, _ in COMMAND_EXAMPLES.values()),
]

MEBI = 1 << 20
BOMBS = {
    MSGPACK: [
        b"\x91" * 100_000 + b"\xc0",
        b"\x81\xa1d" * 100_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xd4\x01\x00",
        b"\xdd\x00\x0f\xff\xf0" + b"\x80" * 0xFFFF0,
        b"\x83\xa1c\xacmessage.send\xa1i\x01\xa1d\xdf\xff\xff\xff\xff",
        b"\x83\xa1c\xacmessage.send\xa1i\x01\xa1d" + b"\x81\xa1d" * 50_000 + b"\xc0",
        b"\x82\xa1x\xa4auth\xa1d\x81\xa5token\xdb\x00\x0f\xff\x00" + b"A" * 0xFFF00,
        b"\x00" * MEBI,
        b"\x00" * (MEBI + 1),
        b"",
    ],
    JSON: [
        b"[" * 100_000,
        b'{"d":' * 100_000,
        b"[" + b"{}," * 300_000 + b"{}]",
        b'{"c":"message.send","i":1,"d":' + b"[" * 50_000,
        b'{"x":"auth","d":{"token":"' + b"A" * (MEBI - 40) + b'"}}',
        b'{"x":"ping","d":1' + b"0" * 500_000 + b"}",
        b'{"i":1e999,"c":"focus","d":{}}',
        b'{"c":"channel.list","i":1,"d":{"limit":' + b"9" * 5_000 + b"}}",
        b'{"c":"\\ud800","i":1}',
        b" " * MEBI,
        b" " * (MEBI + 1),
        b"",
    ],
}


def _mutated(rng: random.Random, data: bytes) -> bytes:
    """One of the frames with one to four things wrong."""
    octets = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(octets) + 1)
        match rng.randrange(5):
            case 0 if at < len(octets):
                octets[at] ^= 1 << rng.randrange(8)
            case 1:
                del octets[at:]
            case 2:
                octets[at:at] = rng.randbytes(rng.randint(1, 8))
            case 3:
                del octets[at : at + rng.randint(1, 8)]
            case _:
                octets += octets[at:]
    return bytes(octets)


@dataclass
class Hostile:
    """Somebody with an account, and sockets that are up to no good. `url` is the host's."""

    host: ChatHost
    user: User
    seen: Counter[int | None] = field(default_factory=Counter)

    @asynccontextmanager
    async def socket(self, codec: Codec) -> AsyncIterator[RawSocket]:
        """Let in, up to and with `ready`."""
        socket = await RawSocket.open(f"{self.host.url}/v1/ws", subprotocol=codec.subprotocol)
        opcode = Opcode.BINARY if codec.binary else Opcode.TEXT
        socket.write(frame_bytes(opcode, codec.encode(frames.Auth(token=self.user.token))))
        while not isinstance(codec.decode_server(_text(codec, await _data(socket))), frames.Ready):
            pass
        try:
            yield socket
        finally:
            socket.abort()

    async def say(self, codec: Codec, messages: list[bytes]) -> None:
        """Send each message, in a frame as it should be, and be answered rightly."""
        opcode = Opcode.BINARY if codec.binary else Opcode.TEXT
        async with self.socket(codec) as socket:
            for message in messages:
                socket.write(frame_bytes(opcode, message))
            socket.write(frame_bytes(opcode, codec.encode(frames.Ping())))
            code = await self._answered(socket, codec)
            assert code is None or code in CODES | {1007}, code
            self.seen[code] += 1

    async def _answered(self, socket: RawSocket, codec: Codec) -> int | None:
        """The code it is closed with, or None once its ping is answered."""
        while True:
            kind, payload = await socket.next()
            if kind == Opcode.CLOSE:
                return int.from_bytes(payload[:2], "big")
            answer = codec.decode_server(_text(codec, payload))
            if isinstance(answer, frames.Pong):
                return None
            if isinstance(answer, frames.Reply) and answer.problem is not None:
                assert answer.problem.status < 500, answer

    async def mumble(self, octets: bytes) -> None:
        """Send octets that may be no frames, hang up, and be closed rightly or not at all."""
        async with self.socket(MSGPACK) as socket:
            socket.write(octets)
            socket.write(close_bytes(1000))
            socket.end()
            code = await socket.closed()
            self.seen[code] += 1
            assert code is None or code in CODES | {1007} or _may_be_sent(code), code


def _text(codec: Codec, payload: bytes) -> bytes | str:
    return payload if codec.binary else payload.decode()


def _may_be_sent(code: int) -> bool:
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999


async def _data(socket: RawSocket) -> bytes:
    opcode, payload = await socket.next()
    assert opcode in (Opcode.TEXT, Opcode.BINARY), (opcode, payload)
    return payload


def _rss_bytes() -> int:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def quiet_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails the test if anything was logged as an error, by whomever."""
    with capture_logs() as logs:
        yield
    loud: list[Any] = [entry for entry in logs if entry["log_level"] in ("error", "critical")]
    loud += [entry for entry in logs if "exc_info" in entry]
    loud += [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not loud


@pytest.fixture
async def hostile(cluster: ChatCluster) -> Hostile:
    return Hostile(cluster.hosts[0], await cluster.user())


@pytest.fixture
async def chatting(cluster: ChatCluster) -> AsyncIterator[None]:
    """Two who talk all the while, each message read once, in order, and none refused."""
    ann, bob = await cluster.user(), await cluster.user()
    _, channel = await ann.rest("POST", "/v1/channels", {"name": "q", "visibility": "private"})
    await ann.rest("POST", f"/v1/channels/{channel['id']}/members", {"users": [bob.id]})
    speaker, listener = await ann.connect(), await bob.connect(cluster.hosts[1])
    done = asyncio.Event()

    async def talk() -> None:
        for n in itertools.count(1):
            body = frames.MessageSend(channel=channel["id"], text=f"message {n}")
            reply = await speaker.command("message.send", body, key=f"k{n}")
            assert reply.problem is None, reply
            event = await listener.event("message.created")
            assert isinstance(event.body, frames.MessageEvent)
            assert (event.body.message.seq, event.body.message.text) == (n, f"message {n}")
            if done.is_set() and n >= 10:
                return
            await asyncio.sleep(0.06)  # below the rate limit

    talking = asyncio.create_task(talk())
    yield
    done.set()
    await talking
    await speaker.close()
    await listener.close()


async def _bounded(work: Iterator[Any], workers: int = 4) -> int:
    """Await the coroutines, `workers` at once, for FOR_S, while memory stays flat."""
    loop = asyncio.get_running_loop()
    count = 0

    async def worker(until: float) -> None:
        nonlocal count
        while loop.time() < until:
            await next(work)
            count += 1

    async def together(for_s: float) -> None:
        until = loop.time() + for_s
        await asyncio.gather(*(worker(until) for _ in range(workers)))

    await together(FOR_S / 3)
    before = _rss_bytes()
    await together(FOR_S)
    grown = _rss_bytes() - before
    assert grown < RSS_GROWTH_BYTES, f"{grown >> 20} MiB more after {count} sockets"
    return count


@pytest.mark.usefixtures("quiet_logs", "chatting")
@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_mutated_frames_end_in_an_answer_or_the_right_close(
    hostile: Hostile, codec: Codec
) -> None:
    examples = [codec.encode(frame) for frame in FRAMES]

    def mutants() -> Iterator[Any]:
        yield hostile.say(codec, examples[-1:])  # on a slow machine no mutant may be as good
        for seed in itertools.count():
            rng = random.Random(f"{codec.subprotocol} {seed}")  # noqa: S311
            yield hostile.say(
                codec, [_mutated(rng, rng.choice(examples)) for _ in range(rng.randint(1, 20))]
            )

    await _bounded(mutants())
    assert {None, CloseCode.BAD_FRAME} <= hostile.seen.keys()


@pytest.mark.usefixtures("quiet_logs", "chatting")
async def test_octets_that_are_no_frames_end_in_the_right_close(hostile: Hostile) -> None:
    examples = [frame_bytes(Opcode.BINARY, MSGPACK.encode(frame)) for frame in FRAMES]

    def mutants() -> Iterator[Any]:
        for seed in itertools.count():
            rng = random.Random(f"octets {seed}")  # noqa: S311
            pieces = [_mutated(rng, rng.choice(examples)) for _ in range(rng.randint(1, 10))]
            yield hostile.mumble(b"".join([*pieces, rng.randbytes(rng.randint(0, 64))]))

    await _bounded(mutants())
    assert {1002, CloseCode.BAD_FRAME} <= hostile.seen.keys()


@pytest.mark.usefixtures("quiet_logs", "chatting")
async def test_bombs_are_refused_and_leave_memory_as_it_was(hostile: Hostile) -> None:
    bombs = [(codec, bomb) for codec, messages in BOMBS.items() for bomb in messages]
    await _bounded((hostile.say(codec, [bomb]) for codec, bomb in itertools.cycle(bombs)), 2)
    assert hostile.seen.keys() >= {CloseCode.BAD_FRAME, CloseCode.FRAME_TOO_BIG}


@pytest.mark.usefixtures("quiet_logs", "chatting")
@pytest.mark.parametrize(
    "ping",
    [frame_bytes(Opcode.BINARY, MSGPACK.encode(frames.Ping())), frame_bytes(Opcode.PING, b"?")],
    ids=["of the protocol", "of WebSocket"],
)
async def test_a_million_pings_are_a_flood(hostile: Hostile, ping: bytes) -> None:
    before = _rss_bytes()
    pings = ping * 1_000_000
    async with hostile.socket(MSGPACK) as socket:
        closed = asyncio.create_task(socket.closed())
        socket.write(pings)
        assert await closed == CloseCode.RATE_LIMITED
    assert _rss_bytes() - before < 2 * len(pings) + RSS_GROWTH_BYTES


async def test_who_does_not_read_the_answers_is_not_heard(
    cluster: ChatCluster, hostile: Hostile
) -> None:
    _, channel = await hostile.user.rest(
        "POST", "/v1/channels", {"name": "long", "visibility": "private"}
    )
    for _ in range(50):
        path = f"/v1/channels/{channel['id']}/messages"
        await hostile.user.rest("POST", path, {"text": "x" * 15_000})
    history = frames.MessageHistory(channel=channel["id"], limit=50)
    asked, peak = 50, 0
    async with hostile.socket(MSGPACK) as socket:
        (served,) = cluster.hosts[0].chat.sockets
        for i in range(1, asked + 1):
            command = frames.Command(name="message.history", i=i, body=history)
            socket.write(frame_bytes(Opcode.BINARY, MSGPACK.encode(command)))
            await asyncio.sleep(0.06)  # below the rate limit
            peak = max(peak, served.unsent_bytes())
        assert peak < 3 * 50 * 15_000  # of 37 MB
        waiting = set(range(1, asked + 1))
        while waiting:
            answer = MSGPACK.decode_server(await _data(socket))
            if isinstance(answer, frames.Reply):
                assert answer.problem is None
                waiting.remove(answer.i)
