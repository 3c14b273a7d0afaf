"""The arithmetic of docs/scale.md."""

import random
from dataclasses import fields

import pytest

from benchmarks.scale_model import Costs, Load, copies_of_message, estimate, hosts_of_channel


def costs(**given: float) -> Costs:
    return Costs(**{field.name: given.get(field.name, 0.0) for field in fields(Costs)})


@pytest.mark.parametrize(("members", "hosts"), [(1, 1), (30, 4), (30, 100), (500, 100)])
def test_copies_are_what_throwing_dice_gives(members: int, hosts: int) -> None:
    dice = random.Random(7)  # noqa: S311 - dice, not secrets
    listening = copies = 0
    for _ in range(2_000):
        at = {dice.randrange(hosts) for _ in range(members)}
        listening += len(at)
        copies += len(at - {dice.randrange(hosts)})
    assert hosts_of_channel(members, hosts) == pytest.approx(listening / 2_000, rel=0.02)
    assert copies_of_message(members, hosts) == pytest.approx(copies / 2_000, rel=0.02)


def test_one_host_sends_nothing_over_links() -> None:
    alone = estimate(1, Load(), costs(copy_us=1e3, ask_us=1e3, beat_us=1e3, digest_us=1e3))
    assert alone.host_share == alone.links_in_all == alone.digests_per_s == 0


def test_links_grow_with_the_square_of_the_hosts_and_their_cost_with_the_hosts() -> None:
    ten, hundred = (estimate(n, Load(), costs(beat_us=100)) for n in (10, 100))
    assert (ten.links_in_all, hundred.links_in_all) == (45, 4_950)
    assert (ten.links_share, hundred.links_share) == pytest.approx((9e-4, 99e-4))


def test_a_host_carries_as_many_users_as_fit_beside_what_never_rests() -> None:
    load = Load(users_per_host=1_000, members=1, sends_per_user_s=0.1)
    half_a_core = estimate(1, load, costs(send_us=5_000))
    assert half_a_core.host_share == pytest.approx(0.5)
    assert half_a_core.users == 1_400
    busy_links = estimate(3_501, load, costs(send_us=5_000, beat_us=100))
    assert busy_links.users == 700
