"""What the processes that Ray starts must know before they can ask anybody."""

from dataclasses import dataclass
from pathlib import Path

from streamhub.config import Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`settings` are complete: every URL, secret and port is filled in.

    The same on all nodes. `log_socket` is where log records go, if somebody collects them, and
    `on_terminal` whether they are shown on a terminal then.
    """

    settings: Settings
    json_logs: bool
    log_socket: Path | None = None
    on_terminal: bool = False


def needed(secret: Secret | None) -> Secret:
    """A setting that `streamhub up` has filled in."""
    if secret is None:
        raise ValueError("a setting was not filled in")
    return secret
