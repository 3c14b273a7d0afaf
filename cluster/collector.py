"""Python's garbage collector, told what a host's process is like."""

import gc
from typing import Final

THRESHOLDS: Final = (5_000, 10, 10)
"""New objects until the young are looked at, and how often the older ones are (gc.set_threshold).

A send leaves no cycles behind, so there is little to find. By the defaults (700) looking for it
took 7 % of a host's time and made the slowest acknowledgements of a busy host twice as slow.
"""


def calm_collector() -> None:
    """Call it once the host has started: what there is by then lives as long as the process, and is
    not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
