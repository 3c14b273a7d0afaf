"""What every area of commands is made of."""

from typing import Any, Final, Protocol

from streamhub.protocol.shapes import Incoming

WITHIN_S: Final = 60.0
"""How long a command is tried, through reconnects and refusals that are worth retrying."""


class Calls(Protocol):
    """Does the commands of the wire."""

    async def call(
        self, name: str, body: Incoming, *, key: str | None = None, within_s: float = WITHIN_S
    ) -> Any:
        """Do a command of COMMANDS once; the reply is of the type that table says."""
        ...
