"""What happens to a cluster: what people do, and what goes wrong."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from simulation.clients import Client
from simulation.cluster import SimulatedCluster
from simulation.hosts import SimulatedHost

from streamhub.domain.drafts import Delete, Edit, Operation, Pin, React
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.messages import (
    AddMembers,
    Answer,
    BanMembers,
    Marked,
    MarkRead,
    MembersChanged,
    OfChannel,
    RemoveMembers,
    Revise,
    Typing,
    UpdateChannel,
    UpdateMember,
    channel_actor,
    inbox_actor,
)

_PARTED_S: Final = (0.0, 0.0, 1.0, 6.0)


class Operations:
    """Picks one after the other. `changed` and `read` are what was acknowledged: when the change
    of a membership's rev was, and how far a user was told to have read."""

    def __init__(
        self, cluster: SimulatedCluster, users: list[UserId], random: Random, *, calm: bool
    ) -> None:
        self._cluster = cluster
        self._users = users
        self._random = random
        self._calm = calm
        self.over = False
        self.changed: dict[tuple[ChannelId, UserId, int], float] = {}
        self.read: dict[tuple[UserId, ChannelId], int] = {}
        self._choose_operations()

    def happen(self) -> None:
        """One of them."""
        self._random.choices(self._operations, self._weights)[0]()

    def _choose_operations(self) -> None:
        """Some kinds never happen in a run, some often: each run looks in its own corner."""
        often = {
            self._post: 50,
            self._burst: 5,
            self._change_members: 10,
            self._manage: 4,
            self._revise: 10,
            self._mark_read: 5,
            self._type: 3,
            self._stall: 6,
            self._resume: 6,
            self._reconnect: 5,
        }
        if not self._calm:
            often |= self._faults()
        self._operations = list(often)
        self._weights = [
            weight * self._random.choice((0.0, 1.0, 1.0, 4.0)) for weight in often.values()
        ]
        self._weights[0] += 1.0

    def _faults(self) -> dict[Callable[[], None], int]:
        return {
            self._cut_link: 6,
            self._cut_one_way: 3,
            self._jump_clock: 2,
            self._slow_link: 2,
            self._kill_host: 3,
            self._exclude_host: 2,
            self._add_host: 2,
            self._flap_view: 3,
            self._deafen_host: 3,
            self._freeze_host: 2,
            self._trouble_database: 4,
            self._heal_database: 4,
        }

    def _post(self) -> None:
        client = self._client()
        channel = self._channel_of(client)
        if any(one.channel == channel and not one.ended for one in client.sent):
            return
        mentions = self._random.sample(self._users, 1) if self._random.random() < 0.2 else ()
        copy = client.copies.get(channel)
        known = list(copy.messages.values()) if copy is not None else []
        replies = known and self._random.random() < 0.2
        client.post(channel, mentions, self._random.choice(known).id if replies else None)

    def _burst(self) -> None:
        client = self._client()
        channel = self._channel_of(client)
        for _ in range(self._random.randint(2, 20)):
            client.post(channel)

    def _revise(self) -> None:
        """Edit, delete, react to or pin what one has in front of oneself, anybody's."""
        client = self._client()
        channel = self._channel_of(client)
        copy = client.copies.get(channel)
        if copy is None or not copy.messages:
            return
        message = self._random.choice(list(copy.messages.values()))
        on = self._random.random() < 0.7
        operation: Operation = self._random.choice(
            (
                Edit(text=f"{message.text}|{self._random.randint(0, 9)}"),
                Delete(),
                React(kind=self._random.choice("+-!"), on=on),
                React(kind=self._random.choice("+-!"), on=on),
                Pin(on=on),
            )
        )
        revise = Revise(by=client.user, message=message.id, operation=operation)
        client.command(channel_actor(channel), revise)

    def _change_members(self) -> None:
        client, channel = self._client(), self._random.choice(self._cluster.channels)
        users = tuple(self._random.sample(self._users, self._random.randint(1, 2)))
        kind = self._random.choice((AddMembers, RemoveMembers))
        if self._random.random() < 0.4:
            users = (client.user,)
        elif kind is RemoveMembers:
            client = self._owner_of(channel)
        self._cluster.note(f"{client.user} wants {kind.__name__} {users} in {channel}")
        self._change(client, channel, kind(by=client.user, users=users))

    def _manage(self) -> None:
        """Rename a channel, give roles, ban and let come back."""
        channel, random = self._random.choice(self._cluster.channels), self._random
        client, user = self._owner_of(channel), random.choice(self._users)
        me, on = client.user, random.random() < 0.4
        message: OfChannel = random.choice(
            (
                UpdateChannel(by=me, topic=f"topic {random.randint(0, 3)}"),
                UpdateMember(by=me, user=user, role=random.choice(("owner", "member"))),
                BanMembers(by=me, users=(user,), on=on),
                BanMembers(by=me, users=(user,), on=False),
            )
        )
        self._cluster.note(f"{me} wants {message} in {channel}")
        self._change(client, channel, message)

    def _change(self, client: Client, channel: ChannelId, message: OfChannel) -> None:
        def done(answer: Answer) -> None:
            if isinstance(answer, MembersChanged):
                for member in answer.members:
                    self.changed[channel, member.user, answer.rev] = _now()

        client.command(channel_actor(channel), message, done)

    def _mark_read(self) -> None:
        client = self._client()
        channel = self._channel_of(client)
        seq = self._random.randint(0, 30)

        def done(answer: Answer) -> None:
            if isinstance(answer, Marked):
                key = (client.user, channel)
                self.read[key] = max(self.read.get(key, 0), answer.marker.read_seq)

        client.command(inbox_actor(client.user), MarkRead(channel=channel, seq=seq), done)

    def _type(self) -> None:
        client = self._client()
        client.tell(channel_actor(self._channel_of(client)), Typing(user=client.user))

    def _stall(self) -> None:
        wire = self._client().wire
        if wire is not None:
            self._cluster.note(f"{wire.user} stops reading")
            wire.stall()
            resume_s = self._random.choice((0.3, 3.0, 8.0))
            self._soon(resume_s, wire.resume)

    def _resume(self) -> None:
        for client in self._cluster.clients:
            if client.wire is not None and client.wire.stalled:
                client.wire.resume()

    def _reconnect(self) -> None:
        wire = self._client().wire
        if wire is not None:
            self._cluster.note(f"{wire.user} loses its connection")
            wire.snap(self._random.choice((0.0, 1.0, 5.0)))

    # -- faults ---------------------------------------------------------------------------------

    def _cut_link(self) -> None:
        one, other = self._two_hosts()
        parted_s = self._random.choice(_PARTED_S)
        self._cluster.note(f"the link of {one.id} and {other.id} is cut, for {parted_s} s")
        self._cluster.network.cut(one.id, other.id, parted_s)

    def _cut_one_way(self) -> None:
        one, other = self._two_hosts()
        parted_s = self._random.choice(_PARTED_S)
        self._cluster.note(f"{other.id} hears {one.id} no more, for {parted_s} s")
        self._cluster.network.cut_one_way(one.id, other.id, parted_s)

    def _jump_clock(self) -> None:
        """Somebody sets the clock of a machine: an hour ahead, a minute back."""
        host = self._host()
        host.clock.ahead_s = self._random.choice((3600.0, -3600.0, 60.0, -60.0, 0.0))
        self._cluster.note(f"the clock of {host.id} is {host.clock.ahead_s} s ahead")

    def _slow_link(self) -> None:
        one, other = self._two_hosts()
        self._cluster.network.slow_down(one.id, other.id, self._random.choice((0.0, 0.2, 1.5)))

    def _kill_host(self) -> None:
        """It dies, and is missed some seconds later: then another takes its place."""
        host = self._host()
        self._cluster.kill(host)
        missed_s = self._random.uniform(0.1, 6.0)
        self._soon(missed_s, self._add_host)

    def _exclude_host(self) -> None:
        """It is thought to be dead, and is not: it learns that when it reads the view."""
        host = self._host()
        host.deaf = self._random.random() < 0.5
        self._cluster.exclude(host)
        self._tell_some()
        self._soon(self._random.uniform(0.1, 6.0), self._add_host)
        self._soon(self._random.uniform(3.0, 8.0), setattr, host, "deaf", False)

    def _add_host(self) -> None:
        self._cluster.new_host()
        self._cluster.publish(told=False)
        self._tell_some()

    def _flap_view(self) -> None:
        """A host comes and is gone again before everybody has read that it was there."""
        host = self._cluster.new_host()
        self._cluster.publish(told=False)
        self._tell_some()

        def gone() -> None:
            if host.id in self._cluster.hosts:
                self._cluster.kill(host)
                self._cluster.publish(told=False)

        for _ in range(3):
            self._soon(self._random.uniform(0.05, 1.0), self._post)
        self._soon(self._random.uniform(0.05, 1.5), gone)

    def _tell_some(self) -> None:
        for host in self._cluster.hosts.values():
            if self._random.random() < 0.5:
                host.look()

    def _deafen_host(self) -> None:
        """It cannot read the view: soon it answers no more as an owner."""
        host = self._host()
        self._cluster.note(f"{host.id} reads no view")
        host.deaf = True
        self._soon(self._random.uniform(1.0, 6.0), setattr, host, "deaf", False)

    def _freeze_host(self) -> None:
        """Stopped, and continued: within its lease, or past its replacement."""
        host = self._host()
        self._cluster.note(f"{host.id} freezes")
        host.freeze()
        if self._random.random() < 0.5:
            self._soon(self._random.uniform(1.0, 6.0), self._replace, host)
        self._soon(self._random.uniform(0.5, 15.0), self._thaw, host)

    def _replace(self, host: SimulatedHost) -> None:
        if host.id in self._cluster.hosts:
            self._cluster.exclude(host)
            self._add_host()

    def _thaw(self, host: SimulatedHost) -> None:
        self._cluster.note(f"{host.id} wakes")
        host.life.thaw()

    def _trouble_database(self) -> None:
        database, random = self._cluster.database, self._random
        database.trouble = random.choice((0.0, 0.1, 0.5))
        database.slow_s = random.choice((0.0, 0.05, 0.5))
        database.away = random.random() < 0.15
        self._cluster.note(
            f"the database fails {database.trouble}, slow {database.slow_s}, away {database.away}"
        )

    def _heal_database(self) -> None:
        self._cluster.database.heal()

    # -- private --------------------------------------------------------------------------------

    def _soon(self, after_s: float, call: Callable[..., object], *args: object) -> None:
        """In a while, if the run is not over by then."""
        asyncio.get_running_loop().call_later(after_s, self._unless_over, call, args)

    def _unless_over(self, call: Callable[..., object], args: tuple[object, ...]) -> None:
        if not self.over:
            call(*args)

    def _client(self) -> Client:
        return self._random.choice(self._cluster.clients)

    def _channel_of(self, client: Client) -> ChannelId:
        mine = list(client.copies) or self._cluster.channels
        return self._random.choice(mine)

    def _owner_of(self, channel: ChannelId) -> Client:
        owner = self._cluster.database.tables.channels[channel].channel.created_by
        return next(client for client in self._cluster.clients if client.user == owner)

    def _host(self) -> SimulatedHost:
        """Some host; one is there always."""
        if not self._cluster.hosts:
            self._add_host()
        return self._random.choice(list(self._cluster.hosts.values()))

    def _two_hosts(self) -> tuple[SimulatedHost, SimulatedHost]:
        while len(self._cluster.hosts) < 2:
            self._add_host()
        one, other = self._random.sample(list(self._cluster.hosts.values()), 2)
        return one, other


def _now() -> float:
    return asyncio.get_running_loop().time()
