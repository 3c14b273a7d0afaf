"""`streamhub status`: the cluster, by PostgreSQL and its hosts; and what runs in the data folder of
this machine, by the state file, the process table and `/readyz`."""

import asyncio
import enum
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

import msgspec

from streamhub.cluster.access import NotDone
from streamhub.cluster.overview import Overview, survey
from streamhub.cluster.state import State, read_state
from streamhub.config import Settings
from streamhub.domain.errors import StreamHubError
from streamhub.persistence.embedded import identity
from streamhub.persistence.postgres import StoreMisconfigured

_TIMEOUT_S: Final = 5.0


class Health(enum.Enum):
    """What is found."""

    READY = "ready"
    NOT_READY = "not ready"
    NOT_RUNNING = "not running"


class Part(msgspec.Struct, frozen=True):
    """A process that `streamhub up` started here."""

    name: str
    pid: int
    alive: bool


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """What runs in the data folder. `checks` are those of `/readyz`."""

    url: str
    admin_url: str
    processes: tuple[Part, ...]
    ready: bool
    checks: dict[str, Any]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be told. Without `cluster`, `unseen` says why."""

    health: Health
    folder: str
    cluster: Overview | None
    unseen: str
    local: Local | None


def read_status(settings: Settings) -> Status:
    """Look at everything. Raises ValueError for a state file that is none, SettingsError."""
    data = settings.server.data
    local = _local(data)
    cluster, unseen = None, ""
    if local is not None or settings.database.url is not None:
        cluster, unseen = _cluster(settings)
    return Status(
        health=_health(local, cluster),
        folder=str(data),
        cluster=cluster,
        unseen=unseen,
        local=local,
    )


def runs_here(data: Path) -> bool:
    """Whether a `streamhub up` of this folder runs. Raises ValueError like `read_status`."""
    state = read_state(data)
    return state is not None and any(map(identity.is_alive, _processes(state).values()))


def _health(local: Local | None, cluster: Overview | None) -> Health:
    """This machine's own word comes first where it has one."""
    if local is not None:
        return Health.READY if local.ready else Health.NOT_READY
    if cluster is None or not cluster.runs:
        return Health.NOT_RUNNING
    return Health.READY if cluster.ready else Health.NOT_READY


def _cluster(settings: Settings) -> tuple[Overview | None, str]:
    try:
        return asyncio.run(survey(settings)), ""
    except (NotDone, StoreMisconfigured, StreamHubError) as error:
        return None, str(error)


def _local(data: Path) -> Local | None:
    state = read_state(data)
    if state is None or not runs_here(data):
        return None
    parts = tuple(
        Part(name, pid, identity.is_alive(pid)) for name, pid in _processes(state).items()
    )
    ready, checks = _readiness(state)
    return Local(
        url=state.url, admin_url=state.admin_url, processes=parts, ready=ready, checks=checks
    )


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
