"""Owners through thousands of views, one after the other."""

from collections import Counter
from itertools import count
from math import sqrt
from random import Random
from typing import Final

from streamhub.cluster.view import SLOTS, SlotTable, slot_of
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

HOSTS: Final = [HostId(f"ho_{n}") for n in range(8)]
_DEVIATIONS: Final = 5
"""What chance alone does not exceed in a million draws."""


def one_actor_of_each_slot() -> list[ActorId]:
    found: dict[int, ActorId] = {}
    for number in count():
        actor = ActorId("channel", f"ch_{number}")
        found.setdefault(slot_of(actor), actor)
        if len(found) == SLOTS:
            break
    return [found[slot] for slot in range(SLOTS)]


def check_balance(owners: list[HostId | None], hosts: set[HostId]) -> None:
    """Each host has its share, as far as chance would give it."""
    counts = Counter(owners)
    share = 1 / max(1, len(hosts))
    deviation = sqrt(SLOTS * share * (1 - share))
    for host in hosts:
        assert abs(counts[host] - SLOTS * share) <= _DEVIATIONS * deviation, (host, counts)


def test_through_thousands_of_views_slots_move_only_from_the_gone_and_to_the_new() -> None:
    random = Random(1)  # noqa: S311 - it must come the same way again
    actors = one_actor_of_each_slot()
    some = actors[::16]
    table, present, moved = SlotTable(), set[HostId](), 0
    for step in range(2000):
        hosts = present ^ set(random.sample(HOSTS, random.choice((1, 1, 1, 2, 3))))
        after = table.updated(hosts)
        for actor in some:
            was, now = table.owner(actor), after.owner(actor)
            assert (now is None) == (not hosts)
            if was != now:
                moved += 1
                assert was not in hosts or now not in present
        if step % 50 == 0:
            fresh, owners = SlotTable(sorted(hosts)), [after.owner(actor) for actor in actors]
            assert owners == [fresh.owner(actor) for actor in actors]
            check_balance(owners, hosts)
        table, present = after, hosts
    assert moved > 15_000
