"""The Ray that `streamhub up` starts for itself: one node, on loopback, behind a token.

It ends with us, even by kill -9: Ray asks the kernel for that, for the processes it starts from our
main thread. No other Ray on the machine is joined or touched: its folder, its token and its ports
are its own.
"""

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from streamhub.cluster.names import NAMESPACE
from streamhub.cluster.reaper import children_of

log = structlog.get_logger(__name__)

MAX_FOLDER_BYTES: Final = 38
"""Of our folder for Ray: its sockets are 69 bytes below it, and a socket's path has 107 at most."""

_RAYS_OWN: Final = "r"  # inside of ours: Ray opens its folder to everybody

_SHORT: Final = Path("/tmp")  # noqa: S108 - our folder in it is checked
_OBJECT_STORE_BYTES: Final = 80 << 20  # nothing of ours is in it; Ray wants 75 MiB at least
_TOKEN_BYTES: Final = 32
_KEPT_SESSIONS: Final = 2

# Measured on 2 idle cores: `ray.init` 6.5 s, most of it the start of its own Python processes. With
# a worker prepared for each actor, actors take 1.1 s more instead of 3.4 s.
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen on loopback only
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # workers would run at 15
    "RAY_kill_worker_timeout_milliseconds": "1000",  # a stopped one would live on for 5 s
    "RAY_memory_monitor_refresh_ms": "0",  # a full machine is no reason to kill hosts
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayNotStarted(Exception):
    """Ray could not be started, not even at the second try."""


def ray_folder(data: Path) -> Path:
    """A private folder for Ray's sockets and logs: in `data` if that path is short enough."""
    folder = data / "ray"
    if len(os.fsencode(folder)) <= MAX_FOLDER_BYTES:
        return folder
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return _SHORT / f"streamhub-{os.geteuid()}-{name}"


def start_ray(data: Path, workers: int) -> Path:
    """Start Ray with `workers` prepared processes; returns our folder for it. Main thread only.

    Raises RayNotStarted.
    """
    folder = ray_folder(data)
    _make_private(folder)
    ray_own = folder / _RAYS_OWN
    _remove_old_sessions(ray_own)
    os.environ.update(_ENVIRONMENT)
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(_token_file(data))
    os.environ.pop("RAY_AUTH_TOKEN", None)
    os.environ.pop("RAY_ADDRESS", None)  # another Ray's, which our workers would inherit
    logging.getLogger("ray").setLevel(logging.WARNING)
    try:
        _init(ray_own, workers)
    except Exception as error:  # of many kinds, a time-out on a busy machine the usual one
        log.warning("ray_is_started_again", error=_first_line(error))
        stop_ray()
        try:
            _init(ray_own, workers)
        except Exception as again:
            stop_ray()
            raise RayNotStarted(
                f"Ray could not be started: {_first_line(again)}. Its logs are in"
                f" {ray_own / 'session_latest' / 'logs'}"
            ) from again
    return folder


def join_ray(address: str) -> None:
    """Connect to a Ray cluster of which this machine is a node. Main thread only.

    Its token is where Ray looks for it: RAY_AUTH_MODE, RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH. Raises
    RayNotStarted.
    """
    import ray

    logging.getLogger("ray").setLevel(logging.WARNING)
    try:
        ray.init(address, namespace=NAMESPACE, configure_logging=False, log_to_driver=False)
    except Exception as error:  # of many kinds
        raise RayNotStarted(
            f"The Ray cluster at {address} cannot be joined: {_first_line(error)}. This machine"
            " must be one of its nodes (`ray start --address ...`), and RAY_AUTH_MODE and"
            " RAY_AUTH_TOKEN_PATH must be set as for the cluster"
        ) from error
    if os.environ.get("RAY_AUTH_MODE") != "token":
        log.warning("ray_without_token", advice="whoever reaches Ray's ports can run code")


def stop_ray() -> None:
    """End all of our Ray's processes, or leave the Ray that was joined."""
    import ray

    ray.shutdown()


def pids() -> tuple[int, ...]:
    """Ray's own processes, and those that they have started until now."""
    from ray._private.worker import _global_node

    ours = [info.process.pid for infos in _global_node.all_processes.values() for info in infos]
    return (*ours, *(child for pid in ours for child in children_of(pid)))


def dead_parts() -> tuple[str, ...]:
    """Processes of Ray without which it cannot go on, and that ended."""
    from ray._private.worker import _global_node

    dead = _global_node.dead_processes() if _global_node is not None else ()
    return tuple(name for name, _ in dead if name in ("gcs_server", "raylet"))


def _init(folder: Path, workers: int) -> None:
    import ray

    ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=workers,
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
        _temp_dir=str(folder),
    )


def _make_private(folder: Path) -> None:
    """Raises RayNotStarted for a folder in a shared place that somebody else made."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise RayNotStarted(f"{folder} belongs to somebody else. Choose a shorter path with --data")
    folder.chmod(0o700)


def _token_file(data: Path) -> Path:
    path = data / "ray-token"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as file:
            file.write(secrets.token_hex(_TOKEN_BYTES))
    return path


def _remove_old_sessions(folder: Path) -> None:
    """Ray never does. The newest are kept: their logs may say why the last run ended."""
    sessions = sorted(path for path in folder.glob("session_2*") if not path.is_symlink())
    for session in sessions[: 1 - _KEPT_SESSIONS]:
        with suppress(OSError):
            shutil.rmtree(session)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
