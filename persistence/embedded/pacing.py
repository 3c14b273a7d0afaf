"""When to start a server again that keeps dying."""

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0


class RestartPacing:
    """At once after a steady life, then with pauses that double from 0.25 s to 30 s.

    A life is steady when it lasted 60 s longer than the pause it was given.
    """

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._permitted_at = float("-inf")

    def permits(self, now: float) -> bool:
        """Whether to start a dead server `now` (monotonic, in s); a yes counts as a start."""
        since_s = now - self._permitted_at
        if since_s < self._pause_s:
            return False
        if since_s > self._pause_s + _STEADY_S:
            self._pause_s = 0.0
        self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._permitted_at = now
        return True
