"""SIGINT and SIGTERM: interrupt the start, end the service in order, hurry its end."""

import signal
from types import FrameType
from typing import Final

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Counts the signals that ask for the end.

    Until `hold` the first one raises KeyboardInterrupt, wherever the main thread is. Afterwards
    they are only counted: the loop looks at `stop`, the end at `hurry`.
    """

    def __init__(self) -> None:
        self._count = 0
        self._held = False

    @property
    def stop(self) -> bool:
        return self._count > 0

    @property
    def hurry(self) -> bool:
        return self._count > 1

    def install(self) -> None:
        """Take the signals over. Importing Ray replaces a handler: call it again then."""
        for number in _NUMBERS:
            signal.signal(number, self._handle)

    def hold(self) -> None:
        self._held = True

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if not self._held and self._count == 1:
            raise KeyboardInterrupt
