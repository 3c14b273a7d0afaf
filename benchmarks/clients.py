"""Many authenticated clients, connected a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from benchmarks.cheap_socket import CheapSocket, OnFrame
from benchmarks.people import Person
from benchmarks.target import Target
from streamhub.domain.ids import ChannelId
from streamhub.protocol import frames
from streamhub.protocol.codec import MSGPACK
from streamhub.transport.websocket import PATH

AT_ONCE: Final = 32
READY_TIMEOUT_S: Final = 30.0

_REPLY: Final = ord("r")

T = TypeVar("T")
R = TypeVar("R")


async def join(
    url: str,
    token: str,
    on_frame: OnFrame,
    since: Mapping[ChannelId, int] | None = None,
    path: str = PATH,
) -> CheapSocket:
    """A socket that got `ready`; what comes from then on goes to `on_frame`.

    It does not wait as `hello.wait_ms` asks it to: how fast the server can be is what is measured.
    """
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def before_ready(socket: CheapSocket, data: bytes, begin: int, end: int) -> None:
        frame = MSGPACK.decode_server(data[begin:end])
        match frame:
            case frames.Hello():
                held = (
                    None
                    if since is None
                    else frames.Since(
                        epoch=frame.epoch, channels={str(c): r for c, r in since.items()}
                    )
                )
                socket.send(MSGPACK.encode(frames.Auth(token=token, since=held)))
            case frames.Ready():
                socket.on_frame = on_frame
                ready.set_result(None)
            case _:
                ready.set_exception(RuntimeError(f"instead of ready came {frame}"))

    socket = await CheapSocket.open(url, path, before_ready, MSGPACK.subprotocol)
    await asyncio.wait_for(ready, READY_TIMEOUT_S)
    return socket


async def join_all(
    target: Target, people: Sequence[Person], on_frame: OnFrame, *, together: int = 1
) -> list[CheapSocket]:
    """One socket each, in the order of `people`; each `together` go to the same host, the next
    ones to the next."""

    async def one(number: int) -> CheapSocket:
        return await join(target.url(number // together), people[number].token, on_frame)

    return await few_at_once(one, range(len(people)))


async def few_at_once(work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """The results of `work` on each item, AT_ONCE at a time, in order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with room:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))


def send_command(channel: ChannelId, text: str, number: int) -> bytes:
    """`message.send` with `number` as its own and as its key."""
    body = frames.MessageSend(channel=channel, text=text)
    key = f"{number:08x}"
    return MSGPACK.encode(frames.Command(name="message.send", i=number, body=body, key=key))


def is_reply(data: bytes, begin: int) -> bool:
    """Whether the frame at `begin` is no event: a map, a key of one letter, and that is `r`."""
    return data[begin + 2] == _REPLY
