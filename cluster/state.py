"""`DIR/state.json`: what runs, for `streamhub status` and for scripts."""

from pathlib import Path
from typing import Final

import msgspec

from streamhub.domain.ids import HostId
from streamhub.persistence.embedded.folder import ServerFolder

STATE_FILE: Final = "state.json"


class HostState(msgspec.Struct, frozen=True):
    """A host of the view."""

    id: HostId
    pid: int


class AdminState(msgspec.Struct, frozen=True):
    """The first administrator, and the file with the password it was given."""

    login: str
    password_file: str


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What runs. `servers` holds process ids by name: `postgres`, `valkey`, `s3`."""

    url: str
    admin_url: str
    hosts: tuple[HostState, ...]
    supervisor_pid: int
    servers: dict[str, int]
    admin: AdminState | None = None


class StateFile:
    """Writes the file whole, for its owner only, and only when something changed."""

    def __init__(self, folder: ServerFolder) -> None:
        self._folder = folder
        self._written: State | None = None

    def write(self, state: State) -> None:
        if state != self._written:
            text = msgspec.json.format(msgspec.json.encode(state), indent=2)
            self._folder.write(STATE_FILE, text.decode() + "\n")
            self._written = state

    def remove(self) -> None:
        (self._folder.path / STATE_FILE).unlink(missing_ok=True)


def read_state(data: Path) -> State | None:
    """None when nothing runs there. Raises ValueError for a file that is no state."""
    try:
        return msgspec.json.decode((data / STATE_FILE).read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ValueError(f"{data / STATE_FILE} cannot be read: {error}") from error
