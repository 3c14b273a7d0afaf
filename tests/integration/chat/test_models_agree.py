"""Whatever people do, on whatever hosts, however often they reconnect: each client's model ends
as a fresh snapshot has it, counts included."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace
from support.chat_hosts import PASSWORD, ChatCluster, User
from support.fault_proxy import FaultProxy, fault_proxy
from support.polling import until

from streamhub.client import Refused, StreamHubClient, Unacknowledged
from streamhub.protocol.frames import ChannelOverview, MessageObject

OPERATIONS = 120
AT_ONCE = 4
SETTLED_WITHIN_S = 30.0
RULES_SAY_NO = frozenset(
    {
        "channel_archived",
        "conflict",
        "forbidden",
        "gone",
        "limit_reached",
        "muted",
        "not_a_member",
        "not_found",
        "rate_limited",
        "unknown",  # not keyed, and the connection was cut
    }
)

Shown = dict[str, tuple[ChannelOverview, tuple[MessageObject, ...]]]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"STREAMHUB_SYSTEM_MESSAGES_MEMBERS": "50"}


@dataclass
class Life:
    """Some people, each with a client on every host, and what they do."""

    chance: random.Random
    users: list[User]
    clients: list[tuple[User, StreamHubClient]]
    proxies: list[FaultProxy]
    channels: list[str]
    done: dict[str, int] = field(default_factory=dict)

    async def happen(self) -> None:
        """One thing. What the rules forbid is no defect."""
        user, client = self.chance.choice(self.clients)
        act = self.chance.choice(ACTS)
        channel = self.chance.choice(list(client.channels) or self.channels)
        try:
            await act(self, user, client, channel)
        except Refused as error:
            if error.code not in RULES_SAY_NO:
                raise
        except Unacknowledged:
            pass
        else:
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def message(self, client: StreamHubClient, channel: str) -> MessageObject | None:
        """One that the client holds."""
        state = client.channels.get(channel)
        return self.chance.choice(state.recent) if state is not None and state.recent else None

    def text(self) -> str:
        other = self.chance.choice(self.users).handle
        return self.chance.choice(("hi", f"hi @{other}", "@channel", f"@here, @{other}"))


Act = Callable[[Life, User, StreamHubClient, str], Awaitable[Any]]


async def send(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    silent = life.chance.random() < 0.2
    await client.send(channel, life.text(), silent=silent, within_s=5)


async def reply(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    if root := life.message(client, channel):
        shown = life.chance.random() < 0.5
        thread = root.thread or root.id
        await client.send(channel, life.text(), thread=thread, in_channel=shown, within_s=5)


async def edit(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    if message := life.message(client, channel):
        await client.edit(channel, message.id, f"{life.text()} {life.chance.random()}")


async def delete(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    if message := life.message(client, channel):
        await client.delete(channel, message.id)


async def react(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    if message := life.message(client, channel):
        kind = life.chance.choice("+-!")
        change = client.react if life.chance.random() < 0.7 else client.take_back
        await change(channel, message.id, kind)


async def pin(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    if message := life.message(client, channel):
        change = client.pin if life.chance.random() < 0.6 else client.unpin
        await change(channel, message.id)


async def read(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    if message := life.message(client, channel):
        change = client.read if life.chance.random() < 0.7 else client.mark_unread
        await change(channel, message.seq)


async def come_and_go(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    channel = life.chance.choice(life.channels)
    if life.chance.random() < 0.4:
        await client.leave_channel(channel)
    else:
        await client.join_channel(channel)


async def invite(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    other = life.chance.choice(life.users).id
    change = client.add_members if life.chance.random() < 0.6 else client.remove_members
    await change(channel, (other,))


async def manage(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    """By who made the channels, while that is still their owner."""
    other, channel = life.chance.choice(life.users).id, life.chance.choice(life.channels)
    _, client = life.chance.choice(life.clients[:2])
    match life.chance.randrange(6):
        case 0:
            await client.update_channel(channel, name=f"name {life.chance.randrange(9)}")
        case 1:
            await client.give_role(channel, other, life.chance.choice(("owner", "member")))
        case 2:
            await client.mute(channel, other, life.chance.choice((0, 0, 2**53 - 1)))
        case 3:
            await client.ban(channel, other)
        case 4:
            await client.unban(channel, other)
        case _:
            await client.archive(channel, life.chance.random() < 0.3)


async def talk_alone(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    others = life.chance.sample(life.users, life.chance.randint(1, 2))
    direct = await client.open_direct(*(other.id for other in others))
    await client.send(direct.id, life.text(), within_s=5)


async def cut(life: Life, user: User, client: StreamHubClient, channel: str) -> None:
    life.chance.choice(life.proxies).cut()
    await asyncio.sleep(life.chance.choice((0.0, 0.05)))


ACTS: tuple[Act, ...] = (
    *(send, send, send, send, reply, reply),
    *(edit, delete, react, react, pin, read, read, read),
    *(come_and_go, invite, manage, talk_alone, cut),
)


@pytest.fixture
async def life(cluster: ChatCluster, request: pytest.FixtureRequest) -> AsyncIterator[Life]:
    chance = random.Random(request.param)  # noqa: S311 - it must repeat
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(fault_proxy(host.url)) for host in cluster.hosts]
        users = [await cluster.user() for _ in range(4)]
        channels = []
        for visibility in ("public", "private"):
            made = {"name": visibility, "visibility": visibility}
            _, channel = await users[0].rest("POST", "/v1/channels", made)
            everybody = {"users": [user.id for user in users[1:]]}
            await users[0].rest("POST", f"/v1/channels/{channel['id']}/members", everybody)
            channels.append(str(channel["id"]))
        clients = []
        for user in users:
            for host, proxy in zip(cluster.hosts, proxies, strict=True):
                url = proxy.url(host.url)
                client = StreamHubClient(url, login=user.handle, password=PASSWORD)
                clients.append((user, await stack.enter_async_context(client)))
        listening = [asyncio.create_task(_listen(client)) for _, client in clients]
        yield Life(chance, users, clients, proxies, channels)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


async def _listen(client: StreamHubClient) -> None:
    async for _ in client.events():
        pass


@pytest.mark.parametrize("life", range(4), indirect=True)
async def test_every_model_ends_as_a_fresh_snapshot(cluster: ChatCluster, life: Life) -> None:
    async def some() -> None:
        for _ in range(OPERATIONS // AT_ONCE):
            await life.happen()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    assert life.done["send"] > OPERATIONS / 20, life.done
    for user, client in life.clients:
        differing = await settled(cluster, user, client)
        assert not differing, (user.handle, differing)


async def settled(cluster: ChatCluster, user: User, client: StreamHubClient) -> list[Any]:
    """What differs once nothing changes any more."""
    differing: list[Any] = []

    async def same() -> bool:
        differing[:] = await _differing(cluster, user, client)
        if differing:
            await asyncio.sleep(0.5)
        return not differing

    with suppress(TimeoutError):
        await until(same, within_s=SETTLED_WITHIN_S)
    return differing


async def _differing(cluster: ChatCluster, user: User, client: StreamHubClient) -> list[Any]:
    if not client.connected:
        return ["not connected"]
    held, fresh = _held(client), await _fresh(cluster, user, client)
    return [
        (held.get(id), fresh.get(id))
        for id in sorted(held.keys() | fresh.keys())
        if held.get(id) != fresh.get(id)
    ]


def _held(client: StreamHubClient) -> Shown:
    """By the client's model."""
    return {
        id: (replace(state.overview, rev=state.rev), state.recent)
        for id, state in client.channels.items()
    }


async def _fresh(cluster: ChatCluster, user: User, client: StreamHubClient) -> Shown:
    """By somebody who connects just now; of the messages that the client holds."""
    socket = await user.connect(cluster.hosts[0])
    await socket.close()
    shown: Shown = {}
    for overview in socket.ready.channels:
        state = client.channels.get(overview.id)
        now = [await client.message(overview.id, one.id) for one in (state.recent if state else ())]
        shown[overview.id] = (overview, tuple(now))
    return shown
