"""In-memory twins of the stores: the same contract, nothing on disk.

They start no task, set no timer and read no clock: simulations give them time and scheduling.
"""

from streamhub.persistence.memory.channels import InMemoryChannelStore
from streamhub.persistence.memory.cluster import InMemoryClusterStore
from streamhub.persistence.memory.journal import Fault, InMemoryJournal
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.memory.outbox import InMemoryOutbox
from streamhub.persistence.memory.tables import Tables
from streamhub.persistence.memory.wishes import InMemoryWishStore

__all__ = [
    "Fault",
    "InMemoryChannelStore",
    "InMemoryClusterStore",
    "InMemoryJournal",
    "InMemoryLimiter",
    "InMemoryOutbox",
    "InMemoryWishStore",
    "Tables",
]
