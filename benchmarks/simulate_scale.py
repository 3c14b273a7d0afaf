"""`python -m benchmarks.simulate_scale`: the tables of docs/scale.md, in about a minute.

Measures what placement, PostgreSQL and links cost by the number of hosts, and works out from it,
and from what `make bench` measured before, what 10, 100 and 1,000 hosts would carry.
"""

from dataclasses import dataclass
from typing import Final

import click
import uvloop

from benchmarks.report import show_table
from benchmarks.scale_constants import Slots, Store, slot_table, store
from benchmarks.scale_links import Carrying, Quiet, carrying, quiet
from benchmarks.scale_model import BUSY, Costs, Estimate, Load, copies_of_message, estimate
from benchmarks.target import Database, embedded_database
from streamhub.telemetry import configure_logging

HOSTS: Final = (10, 100, 1_000)
MEMBERS: Final = (2, 10, 30, 500, 5_000)
LOAD: Final = Load()

# From docs/benchmarks.md: fan-out singly, and the cluster's table at 200 sends/s.
DELIVERY_US: Final = 16.8
SEND_US: Final = 850.0
COPY_US: Final = 280.0
DATABASE_SEND_US: Final = 80.0
PING_US: Final = 1_000.0
"""From docs/decisions/0001: a call by Ray, at its caller."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    links: tuple[int, ...] = (50, 200)
    quiet_s: float = 8.0
    envelopes: int = 6_400
    topics: int = 10_000
    topics_s: float = 10.0
    looks: int = 2_000


SMOKE: Final = Sizes(links=(3,), quiet_s=0.1, envelopes=64, topics=50, topics_s=0.1, looks=30)


@click.command()
@click.option("--smoke", is_flag=True, help="Tiny sizes: whether it works, not what it costs.")
def main(smoke: bool) -> None:
    """Print what N hosts would carry, from constants measured now."""
    configure_logging(json=True, level="error")
    sizes = SMOKE if smoke else Sizes()
    slots = [slot_table(count) for count in HOSTS]
    with embedded_database() as database:
        uvloop.run(_measure_and_show(database, slots, sizes))


async def _measure_and_show(database: Database, slots: list[Slots], sizes: Sizes) -> None:
    stored = await store(database, HOSTS, sizes.looks)
    quiet_links = [await quiet(count, sizes.quiet_s) for count in sizes.links]
    carried = await carrying(sizes.envelopes, sizes.topics, sizes.topics_s)
    _show_placement(slots, stored)
    _show_links(quiet_links, carried, stored)
    _show_copies()
    costs = costs_of(stored, quiet_links[-1], carried)
    _show_estimates([estimate(count, LOAD, costs) for count in HOSTS])


def costs_of(stored: Store, links: Quiet, carried: Carrying) -> Costs:
    """What was measured now, and before."""
    return Costs(
        send_us=SEND_US,
        delivery_us=DELIVERY_US,
        copy_us=COPY_US,
        ask_us=2 * carried.single_us,
        beat_us=links.end_us,
        digest_us=carried.single_us,
        topic_us=carried.topic_us,
        look_us=stored.look_us,
        ping_us=PING_US,
        database_send_us=DATABASE_SEND_US,
        database_look_us=stored.database_look_us,
        link_bytes=links.end_bytes,
        backend_bytes=stored.backend_bytes,
    )


def _show_placement(slots: list[Slots], stored: Store) -> None:
    rows = [
        (
            f"{slot.hosts:,}",
            f"{slot.build_ms:,.0f} ms",
            f"{slot.join_ms:.1f}, {slot.leave_ms:.1f} ms",
            _size(slot.bytes),
            _size(view.bytes),
            f"{view.read_ms:.2f} + {view.database_ms:.2f} ms",
            f"{slot.hosts * view.database_ms / 1e3:.2f} s",
        )
        for slot, view in zip(slots, stored.views, strict=True)
    ]
    columns = ["hosts", "slots: make", "one joins, leaves", "memory", "view", "read: host + PG"]
    show_table("Placement and the view", [*columns, "PG, if all read"], rows, right=columns)


def _show_links(quiet_links: list[Quiet], carried: Carrying, stored: Store) -> None:
    rows = [
        (f"one end of a quiet link, of {link.links} in this process", f"{link.end_us:.0f} us/s")
        for link in quiet_links
    ]
    rows += [
        ("  its memory", _size(quiet_links[-1].end_bytes)),
        ("an envelope over a link, one at a time, both ends", f"{carried.single_us:.0f} us"),
        ("  16 at once", f"{carried.batched_us:.1f} us"),
        ("a topic listened to, both ends", f"{carried.topic_us:.2f} us/s"),
        ("a look at the log: host", f"{stored.look_us:.0f} us"),
        ("  PostgreSQL", f"{stored.database_look_us:.0f} us"),
        ("a connection to PostgreSQL: its own memory there", _size(stored.backend_bytes)),
    ]
    show_table(
        "What one of everything costs", ("", "CPU or memory"), rows, right=("CPU or memory",)
    )


def _show_copies() -> None:
    rows = [
        (f"{members:,}", *(f"{copies_of_message(members, hosts):,.1f}" for hosts in (4, *HOSTS)))
        for members in MEMBERS
    ]
    columns = ("members", *(f"{hosts:,} hosts" for hosts in (4, *HOSTS)))
    show_table("Copies of a message on links", columns, rows, right=columns)


def _show_estimates(estimates: list[Estimate]) -> None:
    def row(what: str, *cells: str) -> tuple[str, ...]:
        return (what, *cells)

    def share(what: str, shares: list[float]) -> tuple[str, ...]:
        return row(what, *(f"{100 * of:,.1f} %" for of in shares))

    rows = [
        row("connections", *(f"{e.sockets:,}" for e in estimates)),
        row(
            "sends/s, deliveries/s",
            *(f"{e.sends_per_s:,.0f}, {e.deliveries_per_s:,.0f}" for e in estimates),
        ),
        share("a host's core: sends and deliveries", [e.work_share for e in estimates]),
        share("  copies to other hosts, asks", [e.copies_share for e in estimates]),
        share("  links that live", [e.links_share for e in estimates]),
        share("  digests", [e.digests_share for e in estimates]),
        share("  looks at the log", [e.looks_share for e in estimates]),
        share("  in all", [e.host_share for e in estimates]),
        row(f"  users of a host at {100 * BUSY:.0f} %", *(f"{e.users:,}" for e in estimates)),
        row(
            "a host's links, their memory",
            *(f"{e.links_of_host:,}, {_size(e.links_bytes)}" for e in estimates),
        ),
        row("links in all", *(f"{e.links_in_all:,}" for e in estimates)),
        row("messages of digests/s in all", *(f"{e.digests_per_s:,.0f}" for e in estimates)),
        share("supervisor's core: pings by Ray", [e.supervisor_share for e in estimates]),
        row("PostgreSQL: cores", *(f"{e.database_share:,.1f}" for e in estimates)),
        row("  looks/s", *(f"{e.looks_per_s:,}" for e in estimates)),
        row(
            "  connections, memory",
            *(f"{e.backends:,}, {_size(e.backends_bytes)}" for e in estimates),
        ),
    ]
    columns = ("", *(f"{e.hosts:,} hosts" for e in estimates))
    show_table(
        f"{LOAD.users_per_host:,} users on each host, in {LOAD.channels_per_user} channels of"
        f" {LOAD.members}, a message a minute each",
        columns,
        rows,
        right=columns[1:],
    )


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"


if __name__ == "__main__":
    main()
