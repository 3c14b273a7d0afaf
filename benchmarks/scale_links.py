"""What links cost that grows with the number of hosts: many real links in this one process.

Both ends are here: CPU is halved where it is said to be of one end.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from benchmarks.processes import own_cpu_s, rss_bytes
from benchmarks.scale_constants import host_ids
from streamhub.actors.interest import Interests
from streamhub.config import Secret
from streamhub.domain import envelopes
from streamhub.domain.envelopes import NoInterest
from streamhub.domain.ids import CHANNEL, RANDOM_BYTES, USER, ChannelId, HostId, UserId, make_id
from streamhub.domain.messages import ActorId
from streamhub.transport import link_calls
from streamhub.transport.broadcast import Broadcast
from streamhub.transport.link_intake import Handler
from streamhub.transport.links import Links
from streamhub.transport.relay import Relay
from streamhub.transport.site import listen_socket, run_site

REV: Final = 7
_EARLY_S: Final = 16.0
"""A topic that sleeps is looked up in the store at its first three digests."""

_SECRET: Final = Secret("of links that are only measured")
_WITHIN_S: Final = 60.0
_PAYLOAD: Final = NoInterest(topics=("x" * 300,))
"""About as long as a message of 120 characters."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """So many links with nothing to carry. Of one end: CPU in a second, and memory."""

    links: int
    end_us: float
    end_bytes: float


@dataclass(frozen=True, slots=True)
class Carrying:
    """An envelope over a link, both ends: one at a time, and 16 at once. A topic that a host
    listens to, in a second, both ends: it is compared every five."""

    single_us: float
    batched_us: float
    topic_us: float


class _Hub:
    """A host whose links are measured, and the hosts that are linked to it."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._address = ""
        self.got = 0
        self.links = self._links(host_ids(1)[0])

    async def open(self, handlers: Mapping[type, Handler]) -> None:
        app = web.Application()
        app.router.add_get(link_calls.PATH, self.links.accept)
        site = await run_site(
            app,
            listen_socket("127.0.0.1", 0, False),
            keepalive_timeout_s=10,
            shutdown_timeout_s=0.1,
        )
        self._stack.push_async_callback(site.close)
        self._address = f"127.0.0.1:{site.port}"
        self.links.start({NoInterest: self._take, **handlers})
        self._stack.push_async_callback(self.links.close)

    def peer(self) -> Links:
        """One more host, not linked yet."""
        peer = self._links(host_ids(1)[0])
        self._stack.push_async_callback(peer.close)
        return peer

    async def got_all(self, count: int) -> None:
        """Until so many envelopes came."""
        async with asyncio.timeout(_WITHIN_S):
            while self.got < count:  # noqa: ASYNC110 - an event would be part of what is measured
                await asyncio.sleep(0)

    async def close(self) -> None:
        await self._stack.aclose()

    def _links(self, host: HostId) -> Links:
        return Links(
            host,
            _SECRET,
            address=lambda peer: self._address,
            on_lost=lambda peer: None,
            on_stranger=lambda: None,
        )

    def _take(self, sender: HostId, envelope: object) -> None:
        self.got += 1


@asynccontextmanager
async def _hub(
    handlers: Callable[[Links], Mapping[type, Handler]] = lambda ours: {},
) -> AsyncIterator[_Hub]:
    hub = _Hub()
    await hub.open(handlers(hub.links))
    yield hub
    await hub.close()


async def quiet(count: int, seconds: float) -> Quiet:
    """`count` links that only say that they live."""
    async with _hub() as hub:
        held = rss_bytes(os.getpid())
        for number in range(count):
            peer = hub.peer()
            peer.start({})
            peer.send(hub.links.host, _PAYLOAD)
            await hub.got_all(number + 1)
        held = rss_bytes(os.getpid()) - held
        began = own_cpu_s()
        await asyncio.sleep(seconds)
        end_us = (own_cpu_s() - began) / seconds / count / 2 * 1e6
    return Quiet(count, end_us, held / count / 2)


async def carrying(times: int, topics: int, seconds: float) -> Carrying:
    """`times` envelopes of each kind, and so many topics for so long."""
    async with _hub() as hub:
        peer = hub.peer()
        peer.start({})
        single_us = await _sent_us(hub, peer, times, 1)
        batched_us = await _sent_us(hub, peer, times, 16)
    return Carrying(single_us, batched_us, await _topic_us(topics, seconds))


async def _sent_us(hub: _Hub, peer: Links, times: int, together: int) -> float:
    """CPU of an envelope, so many handed over at once, the next when they have arrived."""
    peer.send(hub.links.host, _PAYLOAD)
    await hub.got_all(hub.got + 1)
    began = own_cpu_s()
    for _ in range(times // together):
        wanted = hub.got + together
        for _ in range(together):
            peer.send(hub.links.host, _PAYLOAD)
        await hub.got_all(wanted)
    return (own_cpu_s() - began) / times * 1e6


# -- topics -------------------------------------------------------------------------------------


class _Owner:
    """The directory in which one host owns everything, where nobody is awake."""

    version = 1
    serving = True

    def __init__(self) -> None:
        self.host: HostId | None = None

    def owner(self, actor: ActorId) -> HostId | None:
        return self.host

    def active(self, actor: ActorId) -> object:
        return None

    def wake(self, actor: ActorId) -> None: ...


class _Listener:
    """A session that holds everything."""

    away = False

    def __init__(self, user: UserId, relay: Relay) -> None:
        self.user = user
        self._relay = relay
        self.live = 0

    def stands(self, channel: ChannelId, rev: int) -> None:
        self.live += self._relay.settle(self, channel, rev)

    def take(self, channel: ChannelId, broadcast: Broadcast) -> None: ...
    def fall_behind(self, channel: ChannelId, position: int) -> None: ...
    def left(self, channel: ChannelId) -> None: ...
    def set_away(self, away: bool) -> None: ...
    def company_changed(self, users: Collection[UserId]) -> None: ...
    def pass_on(self, broadcast: Broadcast) -> None: ...
    def inbox_stands(self) -> None: ...


async def _topic_us(count: int, seconds: float) -> float:
    """CPU of a topic in a second: at the host that listens, and at its owner, where it sleeps."""
    owner = _Owner()

    async def heads(channels: Sequence[ChannelId]) -> Mapping[ChannelId, int]:
        return dict.fromkeys(channels, REV)

    async with _hub(lambda ours: _of_owner(Interests(ours.host, owner, owner, ours))) as hub:
        owner.host = hub.links.host
        peer = hub.peer()
        relay = Relay(owner, peer, heads)
        peer.start(_of_listener(relay))
        session = _Listener(UserId(_fresh_id(USER)), relay)
        for _ in range(count):
            relay.enter(session, ChannelId(_fresh_id(CHANNEL)), REV)
        async with asyncio.timeout(_WITHIN_S):
            while session.live < count:  # noqa: ASYNC110 - an event would change the session
                await asyncio.sleep(0.05)
        relay.start()
        await asyncio.sleep(_EARLY_S)
        began = own_cpu_s()
        await asyncio.sleep(seconds)
        spent_s = own_cpu_s() - began
        await relay.close()
    return spent_s / seconds / count * 1e6


def _of_owner(interests: Interests) -> dict[type, Handler]:
    return {
        envelopes.Interest: interests.on_interest,
        envelopes.NoInterest: interests.on_no_interest,
        envelopes.Digest: interests.on_digest,
    }


def _of_listener(relay: Relay) -> dict[type, Handler]:
    return {
        envelopes.Listening: relay.on_listening,
        envelopes.NotOwner: relay.on_not_owner,
    }


def _fresh_id(prefix: str) -> str:
    return make_id(prefix, time.time_ns() // 1_000_000, os.urandom(RANDOM_BYTES))
