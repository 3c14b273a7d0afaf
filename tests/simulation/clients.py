"""A client as the SDK would behave: holds a rev per channel, and retries what it does not know."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any, Final, Protocol

from simulation.copies import Copy
from simulation.hosts import SimulatedHost
from simulation.loop import NOBODY
from simulation.sockets import Wire

from streamhub.domain.changes import (
    Change,
    ChannelUpdated,
    MembersJoined,
    MembersLeft,
    MembersUpdated,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    Skipped,
)
from streamhub.domain.channels import Changes, Mention, Overview
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.messages import (
    ActorId,
    Answer,
    ChannelAdded,
    ChannelRemoved,
    Message,
    Post,
    Problem,
    Receipt,
    channel_actor,
)

_AGAIN: Final = frozenset({"moved", "unknown", "unavailable", "timeout", "overloaded"})
_SYNC_CHANGES: Final = 7
_LATENCY_S: Final = 0.003


class Cluster(Protocol):
    """Where hosts are found, and what must not happen is noted."""

    random: Random

    def some_host(self) -> SimulatedHost | None: ...
    def violate(self, what: str) -> None: ...


class Sent:
    """One message, from the click until its answer. `began_s` and `receipt` are for the oracle;
    `refused`: it was answered with a problem, though perhaps one after which it was sent again."""

    def __init__(self, channel: ChannelId, author: UserId, key: str, began_s: float) -> None:
        self.channel = channel
        self.author = author
        self.key = key
        self.began_s = began_s
        self.ended_s = float("inf")
        self.answered = asyncio.Event()
        self.tries = 0
        self.refused = False
        self.receipt: Receipt | None = None
        self.problem: Problem | None = None

    @property
    def ended(self) -> bool:
        """Whether there is an answer for good."""
        return self.receipt is not None or self.problem is not None


class Client:
    """One user's client: connects, follows its channels, sends, reconnects."""

    def __init__(self, user: UserId, cluster: Cluster) -> None:
        self.user = user
        self.copies: dict[ChannelId, Copy] = {}
        self.past: list[tuple[ChannelId, Copy]] = []
        self.sent: list[Sent] = []
        self.syncs = 0
        self.home: SimulatedHost | None = None
        self.wire: Wire | None = None
        self._peak_bytes = 0
        self._cluster = cluster
        self._host: SimulatedHost | None = None
        self._is_ready = asyncio.Event()
        self._open: dict[asyncio.Future[Any], None] = {}
        self._working = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something it began has not ended."""
        return self._working > 0 or not self._is_ready.is_set()

    @property
    def peak_bytes(self) -> int:
        """The most that ever waited in a host to be sent to it."""
        return max(self._peak_bytes, self.wire.peak_bytes if self.wire else 0)

    # -- connecting -----------------------------------------------------------------------------

    def connect(self) -> None:
        """To some host; again a little later while there is none."""
        if self.wire is not None:
            return
        home = self.home
        host = home if home is not None and home.life.alive else self._cluster.some_host()
        if host is None:
            self._later(0.5, self.connect)
            return
        since = {channel: copy.held for channel, copy in self.copies.items()}
        self._host = host
        self.wire = host.open(self.user, self, since or None)

    def on_ready(self, wire: Wire, overviews: Sequence[Overview]) -> None:
        present = {overview.id: overview for overview in overviews}
        for channel in [c for c in self.copies if c not in present]:
            self._drop(channel)
        for channel, overview in present.items():
            if channel not in self.copies:
                self._follow(overview)
            elif self.copies[channel].held > overview.rev:
                self._cluster.violate(f"{self.user} holds more of {channel} than there is")
        self._is_ready.set()
        for channel, copy in self.copies.items():
            if not copy.whole:
                self._spawn(self._fetch_history(channel))

    def on_broken(self, wire: Wire) -> None:
        self._peak_bytes = max(self._peak_bytes, wire.peak_bytes)
        if wire is not self.wire:
            return
        self.wire = None
        self._is_ready.clear()
        for answer in list(self._open):
            if not answer.done():
                answer.set_result(None)
        self._later(self._cluster.random.uniform(0.0, 1.0), self.connect)

    # -- what it hears --------------------------------------------------------------------------

    def on_event(self, event: Any) -> None:
        match event:
            case MembersJoined() | MembersLeft() | MembersUpdated() | ChannelUpdated() | Skipped():
                self._on_change(event)
            case MessageCreated() | MessageUpdated() | MessageDeleted():
                self._on_change(event)
            case ChannelAdded(overview=overview):
                if overview.id not in self.copies:
                    self._follow(overview)
                    self._spawn(self._fetch_history(overview.id))
            case ChannelRemoved(channel=channel):
                self._drop(channel)
            case _:
                pass  # read markers and typing may come or get lost

    def on_page(self, channel: ChannelId, changes: Changes) -> None:
        copy = self._copy_for(channel, f"a page {changes.since}-{changes.to}")
        if copy is None:
            return
        if changes.since > copy.held:
            self._hole(channel, f"a page from {changes.since} for who holds {copy.held}")
            return
        copy.take_page(changes)

    def on_reset(self, channel: ChannelId, rev: int) -> None:
        if copy := self._copy_for(channel, "a reset"):
            copy.start_over(rev)
            self._spawn(self._fetch_history(channel))

    def _on_change(self, change: Change | Skipped) -> None:
        copy = self._copy_for(change.channel, f"rev {change.rev}")
        if copy is None or change.rev <= copy.held:
            return
        if change.rev > copy.held + 1:
            self._hole(change.channel, f"rev {change.rev} for who holds {copy.held}")
            return
        if isinstance(change, Skipped):
            copy.held = change.rev
            return
        copy.apply(change)
        if isinstance(change, MembersLeft) and any(m.user == self.user for m in change.members):
            self._drop(change.channel)

    def _copy_for(self, channel: ChannelId, what: str) -> Copy | None:
        copy = self.copies.get(channel)
        if copy is None:
            self._cluster.violate(f"{self.user} got {what} of {channel}, which is not its own")
        return copy

    def _hole(self, channel: ChannelId, what: str) -> None:
        self._cluster.violate(f"{self.user} got {what} of {channel}")

    def _follow(self, overview: Overview) -> None:
        self.copies[overview.id] = Copy(overview.rev, overview.seq)

    def _drop(self, channel: ChannelId) -> None:
        if copy := self.copies.pop(channel, None):
            self.past.append((channel, copy))

    # -- what it asks ---------------------------------------------------------------------------

    def post(
        self,
        channel: ChannelId,
        mentions: Sequence[UserId] = (),
        thread: MessageId | None = None,
    ) -> Sent:
        """Begin to send a message, until it is answered for good."""
        key = f"{self.user}-{len(self.sent)}"
        sent = Sent(channel, self.user, key, asyncio.get_running_loop().time())
        self.sent.append(sent)
        post = Post(
            author=self.user,
            key=key,
            digest=sha256(key.encode()).digest(),
            text=key,
            mentions=tuple(Mention(user=user, offset=0, length=1) for user in mentions),
            thread=thread,
        )

        async def send() -> None:
            answer = await self.persist(channel_actor(channel), post, sent)
            sent.ended_s = asyncio.get_running_loop().time()
            if isinstance(answer, Receipt):
                sent.receipt = answer
            elif isinstance(answer, Problem):
                sent.problem = answer
            sent.answered.set()

        self._spawn(send())
        return sent

    def command(
        self, to: ActorId, message: Message, done: Callable[[Answer], None] | None = None
    ) -> None:
        """Begin a command, until it is answered for good."""

        async def ask() -> None:
            answer = await self.persist(to, message)
            if done is not None:
                done(answer)

        self._spawn(ask())

    async def persist(self, to: ActorId, message: Message, sent: Sent | None = None) -> Answer:
        """Ask, over as many connections as it takes, while the answer is to ask again."""
        while True:
            await self._is_ready.wait()
            if sent is not None:
                sent.tries += 1
            wire = self.wire
            answer: Answer | None = await self._request(partial(_ask, wire, to, message))
            if answer is None:
                continue
            if sent is not None and isinstance(answer, Problem):
                sent.refused = True
            if isinstance(answer, Problem) and answer.code in _AGAIN:
                await asyncio.sleep((answer.retry_after_ms or 200) / 1000)
                continue
            if isinstance(answer, Problem) and answer.code == "internal":
                self._cluster.violate(f"{type(message).__name__} to {to} failed inside")
            return answer

    def tell(self, to: ActorId, message: Message) -> None:
        if self._host is not None and self.wire is not None:
            self._to_host(self._host, self._host.asking.tell, to, message)

    async def _fetch_history(self, channel: ChannelId) -> None:
        """All that was there before, page by page."""
        at, copy = 0, self.copies.get(channel)
        if copy is None:
            return
        beginning = copy.beginning
        while not copy.whole:
            await self._is_ready.wait()
            if self.copies.get(channel) is not copy or copy.beginning != beginning:
                return
            if at >= copy.base:
                copy.whole = True
                return
            self.syncs += 1
            page = await self._request(partial(self._sync, channel, at))
            if page is None or isinstance(page, StreamHubError):
                await asyncio.sleep(0.5)  # not a member at the moment: that may change again
            elif self.copies.get(channel) is copy and copy.beginning == beginning:
                copy.take_history(page)
                at = page.to

    def _sync(
        self, channel: ChannelId, since: int, host: SimulatedHost, reply: Callable[[Any], None]
    ) -> None:
        async def pull() -> None:
            try:
                reply(await host.store.changes(channel, self.user, since, _SYNC_CHANGES))
            except StreamHubError as error:
                reply(error)

        host.life.spawn(pull())

    async def _request(self, begin: Callable[[SimulatedHost, Callable[[Any], None]], None]) -> Any:
        """One request over the present connection; None when that broke."""
        wire, host = self.wire, self._host
        if wire is None or host is None:
            return None
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[answer] = None

        def arrived(what: Any) -> None:
            if not answer.done():
                answer.set_result(what)

        self._to_host(host, begin, host, lambda what: wire.reply(arrived, what))
        try:
            return await answer
        finally:
            self._open.pop(answer, None)

    def _to_host(self, host: SimulatedHost, call: Callable[..., None], *args: Any) -> None:
        wire = self.wire

        def arrive() -> None:
            if wire is not None and not wire.broken:
                host.life.run(call, *args)

        self._later(_LATENCY_S, arrive)

    def _later(self, after_s: float, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(after_s, call, context=NOBODY)

    def _spawn(self, work: Any) -> None:
        async def working() -> None:
            self._working += 1
            try:
                await work
            finally:
                self._working -= 1

        task = asyncio.get_running_loop().create_task(working(), context=NOBODY.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ask(
    wire: Wire | None,
    to: ActorId,
    message: Message,
    host: SimulatedHost,
    reply: Callable[[Answer], None],
) -> None:
    if wire is not None:
        host.ask(wire, to, message, reply)
