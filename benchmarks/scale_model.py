"""The arithmetic of docs/scale.md: what N hosts carry, from what one of everything costs.

A pure function of constants; `benchmarks.simulate_scale` measures those it can in a minute.
"""

from dataclasses import dataclass
from typing import Final

from streamhub.transport.relay import DIGEST_S

BUSY: Final = 0.7
"""Of a core: more, and answers wait."""

BACKENDS: Final = 12
"""Connections of a host to PostgreSQL: the pool's 10 and 2 lanes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What users do. All are connected; who shares a channel is spread over the hosts at random."""

    users_per_host: int = 10_000
    channels_per_user: int = 5
    members: int = 30
    sends_per_user_s: float = 1 / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU in microseconds of one core, memory in bytes.

    `send_us` is a send with its commit, without deliveries; `copy_us` one more host that a message
    goes to, both ends, up to its first delivery; `ask_us` the way to a channel that lives elsewhere
    and back. In a second: `beat_us` of one end of a quiet link, `topic_us` of a topic that is
    listened to, both ends, `look_us` of a look at the log. `digest_us` is one message of a digest,
    both ends, `ping_us` a call by Ray at its caller.
    """

    send_us: float
    delivery_us: float
    copy_us: float
    ask_us: float
    beat_us: float
    digest_us: float
    topic_us: float
    look_us: float
    ping_us: float
    database_send_us: float
    database_look_us: float
    link_bytes: float
    backend_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What N hosts are asked to do. Shares of a core are 1.0 for a whole one."""

    hosts: int
    sockets: int
    sends_per_s: float
    deliveries_per_s: float
    copies: float
    work_share: float
    copies_share: float
    links_share: float
    digests_share: float
    looks_share: float
    links_of_host: int
    links_bytes: float
    links_in_all: int
    digests_per_s: float
    supervisor_share: float
    database_share: float
    looks_per_s: int
    backends: int
    backends_bytes: float

    @property
    def users(self) -> int:
        """Users that a host would carry at BUSY of a core, all else in proportion."""
        fixed = self.links_share + self.looks_share
        by_users = self.host_share - fixed
        return round(max(0.0, BUSY - fixed) / by_users * self.sockets / self.hosts)

    @property
    def host_share(self) -> float:
        """Of one core, by a host."""
        return (
            self.work_share
            + self.copies_share
            + self.links_share
            + self.digests_share
            + self.looks_share
        )


def hosts_of_channel(members: int, hosts: int) -> float:
    """How many hosts have a member, when `members` are spread over `hosts` at random.

    N (1 - (1 - 1/N)^M), the expected number of boxes that are not empty.
    """
    return hosts * (1 - (1 - 1 / hosts) ** members)


def copies_of_message(members: int, hosts: int) -> float:
    """Expected messages on links for one message: to each host that has a member but the owner's,
    which is any host, members or not."""
    return hosts_of_channel(members, hosts) * (1 - 1 / hosts)


def estimate(hosts: int, load: Load, costs: Costs) -> Estimate:
    """What `hosts` hosts have to do under this load."""
    users = hosts * load.users_per_host
    sends = users * load.sends_per_user_s
    mine = sends / hosts
    deliveries = sends * load.members
    copies = copies_of_message(load.members, hosts)
    listening = hosts_of_channel(load.members, hosts)
    memberships = load.users_per_host * load.channels_per_user
    topics = memberships / load.members * listening + load.users_per_host
    peers = hosts - 1
    away = peers / hosts
    return Estimate(
        hosts=hosts,
        sockets=users,
        sends_per_s=sends,
        deliveries_per_s=deliveries,
        copies=copies,
        work_share=mine * (costs.send_us + load.members * costs.delivery_us) / 1e6,
        copies_share=mine * (copies * costs.copy_us + away * costs.ask_us) / 1e6,
        links_share=peers * costs.beat_us / 1e6,
        digests_share=(peers * costs.digest_us / DIGEST_S + topics * costs.topic_us) / 1e6,
        looks_share=costs.look_us / 1e6,
        links_of_host=peers,
        links_bytes=peers * costs.link_bytes,
        links_in_all=hosts * peers // 2,
        digests_per_s=hosts * peers / DIGEST_S,
        supervisor_share=hosts * costs.ping_us / 1e6,
        database_share=(sends * costs.database_send_us + hosts * costs.database_look_us) / 1e6,
        looks_per_s=hosts,
        backends=hosts * BACKENDS,
        backends_bytes=hosts * BACKENDS * costs.backend_bytes,
    )
