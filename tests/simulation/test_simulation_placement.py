"""Owners through thousands of views, one after the other."""

from random import Random

from streamhub.cluster.view import SlotTable
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

HOSTS = [HostId(f"ho_{n}") for n in range(8)]
ACTORS = [ActorId("channel", f"ch_{n}") for n in range(100)]


def test_through_thousands_of_views_slots_move_only_from_the_gone_and_to_the_new() -> None:
    random = Random(1)  # noqa: S311 - it must come the same way again
    table, present, moved = SlotTable(), set[HostId](), 0
    for step in range(3000):
        flipped = random.sample(HOSTS, random.choice((1, 1, 1, 2, 3)))
        hosts = present ^ set(flipped)
        after = table.updated(hosts)
        for actor in ACTORS:
            before, now = table.owner(actor), after.owner(actor)
            assert (now is None) == (not hosts)
            if before != now:
                moved += 1
                assert before not in hosts or now not in present
        if step % 100 == 0:
            fresh = SlotTable(sorted(hosts))
            assert [after.owner(a) for a in ACTORS] == [fresh.owner(a) for a in ACTORS]
        table, present = after, hosts
    assert moved > 10_000
