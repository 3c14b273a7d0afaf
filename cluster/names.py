"""The names under which Ray knows StreamHub's actors."""

from typing import Final

from streamhub import __version__
from streamhub.domain.ids import HostId

NAMESPACE: Final = "streamhub"
SUPERVISORS: Final = "streamhub-supervisor-"
SUPERVISOR: Final = f"{SUPERVISORS}{__version__}"
"""With the version: asking Ray for an actor by name gives the code that was started under it."""

_HOST: Final = "streamhub-host-"


def host_name(host: HostId) -> str:
    return f"{_HOST}{host}"


def host_of(name: str) -> HostId | None:
    """The host of this name; None for an actor that is no host."""
    return HostId(name.removeprefix(_HOST)) if name.startswith(_HOST) else None
