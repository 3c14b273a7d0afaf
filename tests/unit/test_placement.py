"""Every host works out the same owners from the same view, and little moves when it changes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streamhub.cluster.view import SLOTS, SlotTable, slot_of
from streamhub.domain.ids import HostId
from streamhub.domain.messages import ActorId

HOSTS = [HostId(f"ho_{n}") for n in range(8)]
ACTORS = [ActorId("channel", f"ch_{n}") for n in range(400)]
views = st.lists(st.sets(st.sampled_from(HOSTS)), min_size=1, max_size=8)


@settings(max_examples=40)
@given(views)
def test_an_updated_table_equals_one_built_afresh(history: list[set[HostId]]) -> None:
    table = SlotTable()
    for hosts in history:
        table = table.updated(hosts)
    fresh = SlotTable(sorted(history[-1]))
    assert [table.owner(a) for a in ACTORS] == [fresh.owner(a) for a in ACTORS]


@settings(max_examples=40)
@given(st.sets(st.sampled_from(HOSTS), min_size=2), st.data())
def test_only_the_slots_of_a_gone_host_move(hosts: set[HostId], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(hosts)))
    before, after = SlotTable(hosts), SlotTable(hosts).updated(hosts - {gone})
    for actor in ACTORS:
        assert after.owner(actor) == before.owner(actor) or before.owner(actor) == gone


def test_hosts_share_the_slots_about_evenly() -> None:
    table = SlotTable(HOSTS[:4])
    actors = [ActorId("channel", f"ch_{n}") for n in range(4000)]
    counts = [sum(table.owner(a) == h for a in actors) for h in HOSTS[:4]]
    assert min(counts) > 800


def test_slots_are_within_range_and_nobody_owns_an_empty_cluster() -> None:
    assert all(0 <= slot_of(a) < SLOTS for a in ACTORS)
    assert SlotTable().owner(ACTORS[0]) is None
