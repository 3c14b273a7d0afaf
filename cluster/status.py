"""`streamhub status`: what runs, from the state file, the process table and `/readyz`."""

import enum
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from streamhub.cluster.state import State, read_state
from streamhub.persistence.embedded import identity

_TIMEOUT_S: Final = 5.0


class Health(enum.Enum):
    """What `print_status` found."""

    READY = "ready"
    NOT_READY = "not ready"
    NOT_RUNNING = "not running"


def print_status(data: Path) -> Health:
    """Print what runs in the folder `data`. Raises ValueError for a state file that is none."""
    console = Console(highlight=False)
    state = read_state(data)
    if state is None or not any(map(identity.is_alive, _processes(state).values())):
        console.print(f"StreamHub does not run in {data}")
        return Health.NOT_RUNNING
    ready, checks = _readiness(state)
    table = Table("part", "", "detail", title=f"StreamHub at {state.url}", title_justify="left")
    for name, pid in _processes(state).items():
        alive = identity.is_alive(pid)
        table.add_row(name, _mark(alive), f"process {pid}" if alive else f"process {pid} is gone")
    for name, found in checks.items():
        table.add_row(f"check {name}", _mark(found["ok"]), str(found["detail"]))
    console.print(table)
    health = Health.READY if ready else Health.NOT_READY
    console.print(f"{health.value}; admin port {state.admin_url}")
    return health


def _processes(state: State) -> dict[str, int]:
    hosts = {f"host {host.id}": host.pid for host in state.hosts}
    return {**hosts, "supervisor": state.supervisor_pid, **state.servers}


def _readiness(state: State) -> tuple[bool, dict[str, Any]]:
    """What a host of this node says of itself and its stores."""
    url = f"{state.admin_url}/readyz?verbose=1"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError as error:
        return False, {"readyz": {"ok": False, "detail": f"{url}: {error}"}}
    found = json.loads(body)
    return bool(found["ok"]), found["checks"]


def _mark(good: bool) -> str:
    return "[green]ok[/]" if good else "[red]no[/]"
