"""Bad weather on a wire, for kernels without `netem`: `python slow_link.py DEVICE WEATHER...`.

Makes the TUN device DEVICE. What is routed into it comes out of it again: late, in another order
where the jitter is large, twice, or never. Says `up` once the device is there.
"""

import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_PACKET_BYTES: Final = 65_536


class Weather(NamedTuple):
    """Milliseconds of delay and its standard deviation, and the parts of the packets that are lost
    or come twice, from 0 to 1."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    duplicates: float = 0.0

    def delays_s(self, chance: random.Random) -> Iterator[float]:
        """How long each copy of a packet takes."""
        for _ in range(2 if chance.random() < self.duplicates else 1):
            if chance.random() >= self.loss:
                yield max(0.0, chance.gauss(self.delay_ms, self.jitter_ms)) / 1000


def run(device: str, weather: Weather) -> None:
    """Carry packets until killed."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
    print("up", flush=True)
    chance, numbers = random.Random(1), itertools.count()  # noqa: S311
    waiting: list[tuple[float, int, bytes]] = []
    while True:
        now_s = time.monotonic()
        while waiting and waiting[0][0] <= now_s:
            os.write(tun, heapq.heappop(waiting)[2])
        patience_s = waiting[0][0] - now_s if waiting else None
        if not select.select([tun], [], [], patience_s)[0]:
            continue
        packet = os.read(tun, _PACKET_BYTES)
        for delay_s in weather.delays_s(chance):
            heapq.heappush(waiting, (time.monotonic() + delay_s, next(numbers), packet))


if __name__ == "__main__":
    run(sys.argv[1], Weather(*map(float, sys.argv[2:])))
