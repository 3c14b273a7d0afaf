"""Errors that say what was wrong, where, and what to do."""

from typing import Final

from streamhub.cluster.access import NotDone
from streamhub.cluster.ports import PortTaken
from streamhub.cluster.ray_node import RayNotStarted
from streamhub.cluster.up import NotStarted, RayLost
from streamhub.domain.errors import StreamHubError
from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.migrations import SchemaMismatch
from streamhub.persistence.postgres import StoreMisconfigured

EXPECTED: Final = (
    EmbeddedServerError,
    NotDone,
    NotStarted,
    PermissionError,
    PortTaken,
    RayLost,
    RayNotStarted,
    SchemaMismatch,
    StoreMisconfigured,
    StreamHubError,
)
