"""Why a link ended, and when a peer that says nothing is given up."""

from typing import Final, Literal

DEAD_AFTER_S: Final = 4.0

End = Literal["idle", "dropped", "closed", "replaced", "silent", "full", "broken"]
"""`closed`: by the peer, in order. `replaced`: the peer made another one."""

IN_ORDER: Final = frozenset[End]({"idle", "dropped", "closed"})
MENDED: Final = frozenset[End]({"silent", "broken"})
"""Ends after which the link is dialled again, whether or not somebody asks for it."""
