"""Load through the SDK: paced senders that never give up, listeners that note what they see."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from support.checker import Entry, Fault, Ledger, Reading, check, check_order, report
from support.polling import until

from streamhub.client import (
    AccountTokens,
    ConnectionLost,
    HttpApi,
    MessagePosted,
    Refused,
    SessionEnded,
    StreamHubClient,
    Unacknowledged,
)
from streamhub.client.commands import new_key
from streamhub.protocol.accounts import SignedIn

PASSWORD: Final = "correct horse battery staple"
_TRY_S: Final = 10.0
_DRAIN_S: Final = 60.0
_PAGE: Final = 200


class SharedTokens:
    """One sign-in for many clients: closing one of them does not sign the others out."""

    def __init__(self, tokens: AccountTokens) -> None:
        self._tokens = tokens

    async def token(self, refused: str | None = None) -> str:
        return await self._tokens.token(refused)

    async def close(self) -> None:
        """The others still need them."""


class Person(NamedTuple):
    """An account, and the tokens all its clients share."""

    id: str
    tokens: SharedTokens


class Ack(NamedTuple):
    """When a message was first sent and when that was acknowledged, in seconds of the loop."""

    sender: str
    channel: str
    sent_s: float
    acked_s: float


async def register(api: HttpApi) -> Person:
    """A fresh account."""
    handle = f"u{secrets.token_hex(6)}"
    signed_in: SignedIn = await api.register(
        email=f"{handle}@example.org", handle=handle, name=handle, password=PASSWORD
    )
    tokens = AccountTokens(api, signed_in=signed_in)
    return Person(signed_in.user.id, SharedTokens(tokens))


@dataclass(frozen=True, kw_only=True)
class Size:
    """`senders` and `listeners` are all together, spread over the channels."""

    channels: int = 8
    senders: int = 64
    listeners: int = 200
    per_s: float = 1.0
    """Messages of one sender."""


class Load:
    """Senders and listeners on a server at `url`; some of them reach it through `rough`, another
    address of the same server. Starts in quiet; faults come later, from the test."""

    def __init__(self, url: str, size: Size, *, rough: str | None = None) -> None:
        self.ledger = Ledger()
        self.acks: list[Ack] = []
        self.readings: list[Reading] = []
        self.refusals: list[str] = []
        self.losses: list[str] = []
        """Why connections ended, as the server or the network said."""
        self._url = url
        self._rough = rough or url
        self._size = size
        self._stack = AsyncExitStack()
        self._senders: list[asyncio.Task[None]] = []
        self._listeners: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self.channels: list[str] = []
        self._owners: list[StreamHubClient] = []

    # -- beginning and end --------------------------------------------------------------------

    async def start(self) -> None:
        """Returns when every sender and listener is connected and the first messages go out."""
        api = await self._stack.enter_async_context(HttpApi(self._url))
        size = self._size
        async with asyncio.TaskGroup() as connecting:
            for number in range(size.channels):
                sends, hears = await register(api), await register(api)
                owner = await self._client(sends, self._url)
                channel = (await owner.create_channel(f"room {number}", "private")).id
                await owner.add_members(channel, (hears.id,))
                self.channels.append(channel)
                self._owners.append(owner)
                for at in range(number, size.senders, size.channels):
                    connecting.create_task(self._add_sender(sends, channel, at))
                for at in range(number, size.listeners, size.channels):
                    connecting.create_task(self._add_listener(hears, channel, at))

    async def finish(self) -> None:
        """No more messages; every send under way is answered, every listener has all."""
        self._over.set()
        async with asyncio.timeout(_DRAIN_S):
            await asyncio.gather(*self._senders)
        self.histories = {
            channel: await _history(owner, channel)
            for channel, owner in zip(self.channels, self._owners, strict=True)
        }

        async def all_whole() -> bool:
            return all(map(self._is_whole, self.readings))

        with suppress(TimeoutError):  # what is lacking then, the checker tells better
            await until(all_whole, within_s=_DRAIN_S)

    async def close(self) -> None:
        for task in (*self._senders, *self._listeners):
            task.cancel()
        await asyncio.gather(*self._senders, *self._listeners, return_exceptions=True)
        await self._stack.aclose()

    # -- what a test asks ---------------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """Every broken promise, after `finish`."""
        return check(self.ledger, self.histories, self.readings)

    def faults_until_now(self) -> list[Fault]:
        """What listeners should not have seen, nor seen so, at any time."""
        return check_order(self.readings)

    async def recovered(self, since_s: float, within_s: float = 60.0) -> float:
        """Wait until each channel acknowledged what was sent after `since_s`; how long after it
        the last one did, in seconds. Raises TimeoutError."""

        async def after_s() -> float | None:
            firsts: dict[str, float] = {}
            for ack in self.acks:
                if ack.sent_s >= since_s:
                    firsts.setdefault(ack.channel, ack.acked_s)
            all_did = len(firsts) == len(self.channels)
            return max(firsts.values()) - since_s if all_did else None

        seconds = await until(after_s, within_s=within_s)
        assert seconds is not None
        return seconds

    async def all_answered(self, within_s: float = 90.0) -> None:
        """Wait until each sender was told of something it sent from now on. Raises
        TimeoutError."""
        now_s, told = asyncio.get_running_loop().time(), len(self.acks)

        async def are() -> bool:
            senders = {ack.sender for ack in self.acks[told:] if ack.sent_s >= now_s}
            return len(senders) == self._size.senders

        await until(are, within_s=within_s)

    async def quiet(self, seconds: float, within_s: float = 90.0) -> None:
        """Until no connection was lost for so long: who only listens hears late of a dead node."""
        loop = asyncio.get_running_loop()
        count, since = len(self.losses), loop.time()

        async def is_quiet() -> bool:
            nonlocal count, since
            if len(self.losses) != count:
                count, since = len(self.losses), loop.time()
            return loop.time() - since >= seconds

        await until(is_quiet, within_s=within_s)

    def waits(self, *, since_s: float) -> list[float]:
        """How long messages that were under way at `since_s`, or sent later, then waited for
        their acknowledgement, the shortest first. Seconds."""
        late = (ack for ack in self.acks if ack.acked_s >= since_s)
        return sorted(ack.acked_s - max(ack.sent_s, since_s) for ack in late)

    async def more(self, count: int, within_s: float = 60.0) -> None:
        """Wait for so many further acknowledgements. Raises TimeoutError."""
        enough = len(self.acks) + count

        async def are_there() -> bool:
            return len(self.acks) >= enough

        await until(are_there, within_s=within_s)

    def summary(self) -> str:
        """The figures of the run."""
        seen = sum(len(reading.entries) for reading in self.readings)
        waits = sorted(ack.acked_s - ack.sent_s for ack in self.acks)
        p50, p99 = (waits[int(len(waits) * part)] for part in (0.5, 0.99))
        return (
            f"{self.ledger.counts}, {seen} deliveries to {len(self.readings)} listeners,"
            f" {len(self.losses)} connections lost; acknowledged after"
            f" {p50 * 1000:.0f} ms (p50), {p99:.2f} s (p99), {waits[-1]:.1f} s (longest)"
        )

    # -- the two kinds of clients -------------------------------------------------------------

    async def _client(self, person: Person, url: str) -> StreamHubClient:
        return await self._stack.enter_async_context(StreamHubClient(url, tokens=person.tokens))

    async def _add_sender(self, person: Person, channel: str, number: int) -> None:
        client = await self._client(person, self._rough if number % 2 else self._url)
        self._listeners.append(asyncio.create_task(self._ignore(client)))
        self._senders.append(asyncio.create_task(self._send(client, channel, f"s{number}")))

    async def _add_listener(self, person: Person, channel: str, number: int) -> None:
        client = await self._client(person, self._url if number % 4 else self._rough)
        position = client.channels[channel].posted_seq
        reading = Reading(f"l{number}", channel, since=position)
        self.readings.append(reading)
        self._listeners.append(asyncio.create_task(self._listen(client, reading)))

    async def _send(self, client: StreamHubClient, channel: str, name: str) -> None:
        """One message after the other, at their times; each until somebody answered it."""
        loop = asyncio.get_running_loop()
        pause_s = 1 / self._size.per_s
        at_s = loop.time() + pause_s * (hash(name) % 1000) / 1000
        while not self._over.is_set():
            at_s = max(at_s + pause_s, loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), at_s - loop.time())
                return
            await self._send_one(client, channel, self.ledger.text(name, channel))

    async def _send_one(self, client: StreamHubClient, channel: str, text: str) -> None:
        key, begun_s = new_key(), asyncio.get_running_loop().time()
        while True:
            try:
                receipt = await client.send(channel, text, key=key, within_s=_TRY_S)
            except Unacknowledged:
                continue
            except Refused as error:
                self.refusals.append(str(error))
                self.ledger.failed(text)
                return
            self.ledger.acknowledged(text, receipt.seq)
            now_s = asyncio.get_running_loop().time()
            self.acks.append(Ack(text.rpartition("-")[0], channel, begun_s, now_s))
            return

    async def _listen(self, client: StreamHubClient, reading: Reading) -> None:
        async for event in client.events():
            match event:
                case MessagePosted(message=message):
                    if message.channel == reading.channel:
                        reading.entries.append(Entry(message.seq, message.text or ""))
                case ConnectionLost(reason=reason):
                    self.losses.append(reason)
                case _:
                    pass

    async def _ignore(self, client: StreamHubClient) -> None:
        """A sender takes its events too, or its queue would fill."""
        with suppress(SessionEnded):
            async for event in client.events():
                if isinstance(event, ConnectionLost):
                    self.losses.append(event.reason)

    def _is_whole(self, reading: Reading) -> bool:
        history: Sequence[Entry] = self.histories[reading.channel]
        return len(reading.entries) >= len(history) - reading.since


async def _history(client: StreamHubClient, channel: str) -> list[Entry]:
    """The channel from its beginning."""
    entries: list[Entry] = []
    while True:
        page = await client.history(channel, after=entries[-1].seq if entries else 0, limit=_PAGE)
        entries += [Entry(message.seq, message.text or "") for message in page.items]
        if not page.has_after:
            return entries


@asynccontextmanager
async def load(url: str, size: Size, *, rough: str | None = None) -> AsyncIterator[Load]:
    """A load that runs. Call `finish` at its end, then assert `faults`."""
    running = Load(url, size, rough=rough)
    try:
        await running.start()
        yield running
    finally:
        await running.close()


def assert_whole(running: Load) -> None:
    """Nothing refused, and no promise broken."""
    assert not running.refusals, running.refusals[:5]
    faults = running.faults()
    assert not faults, report(faults)
