"""What happens to a supervised cluster: hosts and supervisors that die, fall silent, or are two."""

import asyncio
from collections.abc import Callable
from random import Random

from simulation.hosts import SimulatedHost
from simulation.operations import Operations
from simulation.supervision import SupervisedCluster

from streamhub.domain.ids import UserId


class SupervisedOperations(Operations):
    """Operations of people, and faults that a supervisor answers."""

    def __init__(self, cluster: SupervisedCluster, users: list[UserId], random: Random) -> None:
        self._supervised = cluster
        super().__init__(cluster, users, random, calm=False)

    def _faults(self) -> dict[Callable[[], None], int]:
        return {
            self._cut_link: 4,
            self._cut_one_way: 3,
            self._jump_clock: 2,
            self._kill_some_host: 3,
            self._silence_host: 3,
            self._freeze_host: 3,
            self._part_for_long: 2,
            self._part_for_good: 1,
            self._second_supervisor: 3,
            self._kill_supervisor: 3,
            self._freeze_supervisor: 2,
            self._trouble_database: 4,
            self._heal_database: 4,
        }

    def _kill_some_host(self) -> None:
        if hosts := self._living():
            self._supervised.kill(self._random.choice(hosts))

    def _silence_host(self) -> None:
        """It neither reads the view nor answers the supervisor, and goes on with all else."""
        if hosts := self._living():
            host = self._random.choice(hosts)
            host.deaf = True
            self._supervised.note(f"{host.id} falls silent")
            self._soon(self._random.uniform(2.0, 15.0), setattr, host, "deaf", False)

    def _freeze_host(self) -> None:
        if hosts := self._living():
            host = self._random.choice(hosts)
            self._supervised.note(f"{host.id} freezes")
            host.freeze()
            self._soon(self._random.uniform(2.0, 20.0), self._thaw, host)

    def _part_for_long(self) -> None:
        if len(hosts := self._living()) > 1:
            one, other = self._random.sample(hosts, 2)
            self._supervised.network.cut(one.id, other.id, self._random.uniform(5.0, 40.0))

    def _part_for_good(self) -> None:
        if len(hosts := self._living()) > 1:
            one, other = self._random.sample(hosts, 2)
            self._supervised.note(f"{one.id} and {other.id} are parted for good")
            self._supervised.network.part(one.id, other.id)

    def _second_supervisor(self) -> None:
        """Two at once, for a while."""
        self._supervised.new_supervisor()
        self._soon(self._random.uniform(1.0, 20.0), self._supervised.kill_supervisor)

    def _kill_supervisor(self) -> None:
        """It dies, and is started again."""
        self._supervised.new_supervisor()
        self._supervised.kill_supervisor()

    def _freeze_supervisor(self) -> None:
        """Another takes its place, and then it goes on where it was."""
        self._supervised.freeze_supervisor()
        self._supervised.new_supervisor()
        self._soon(self._random.uniform(1.0, 20.0), self._supervised.thaw_supervisors)

    def _living(self) -> list[SimulatedHost]:
        return list(self._supervised.hosts.values())

    def _cut_link(self) -> None:
        if len(self._living()) > 1:
            super()._cut_link()

    def _cut_one_way(self) -> None:
        if len(self._living()) > 1:
            super()._cut_one_way()

    def _jump_clock(self) -> None:
        if self._living():
            super()._jump_clock()


async def supervised_at_random(cluster: SupervisedCluster, random: Random) -> Operations:
    """People at work for a while on three nodes or more, and all that may go wrong."""
    cluster.supervise(random.choice((3, 3, 4, 5)))
    users = [UserId(f"us_{number}") for number in range(random.randint(3, 4))]
    while cluster.some_host() is None:  # noqa: ASYNC110 - what is awaited sets no event
        await asyncio.sleep(0.5)
    for number in range(random.randint(1, 3)):
        members = random.sample(users, random.randint(2, len(users)))
        await cluster.new_channel("public" if number % 2 == 0 else "private", members)
    for user in users:
        cluster.new_client(user)
    operations = SupervisedOperations(cluster, users, random)
    for _ in range(random.randint(20, 50)):
        await asyncio.sleep(random.choice((0.05, 0.2, 0.2, 0.5, 3.0)))
        operations.happen()
    operations.over = True
    return operations
