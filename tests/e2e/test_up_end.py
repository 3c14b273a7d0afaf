"""However `streamhub up` ends, nothing of it stays, and nobody else's Ray is touched."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.up import END_WITHIN_S, START_WITHIN_S, Process, Up, descendants, wait_for

from streamhub.cluster.cli import INTERRUPTED

OTHER_RAY = """
import sys
import ray

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False,
         configure_logging=False, object_store_memory=80 << 20, _temp_dir=sys.argv[1])

@ray.remote(num_cpus=0)
class Counter:
    count = 0
    def add(self):
        self.count += 1
        return self.count

counter = Counter.remote()
ray.get(counter.add.remote())
print(ray.get_runtime_context().gcs_address, flush=True)
for _ in sys.stdin:
    print(ray.get(counter.add.remote(), timeout=60), len(ray.nodes()), flush=True)
"""


class OtherRay:
    """A Ray that was there before, with an actor that counts."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.process = process
        self.address = address
        self._count = 1
        self._processes = descendants(process.pid)

    def check_untouched(self) -> None:
        self._count += 1
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"{self._count} 1\n"
        assert all(process.alive for process in self._processes)


@contextmanager
def other_ray(folder: Path) -> Iterator[OtherRay]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", OTHER_RAY, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield OtherRay(process, process.stdout.readline().strip())
        process.stdin.close()
        process.wait(END_WITHIN_S)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@pytest.mark.timeout(3 * START_WITHIN_S)
def test_nothing_stays_and_nobody_else_is_touched(short_tmp: Path) -> None:
    data = short_tmp / "data"
    with other_ray(short_tmp) as other:
        # A Ray that is named by the environment is not ours either.
        environment = {"RAY_ADDRESS": other.address}
        killed = Up(data, cwd=short_tmp, environment=environment).wait_ready()
        login = killed.state["admin"]
        check_killed_without_a_trace(killed)
        other.check_untouched()

        stopped = Up(data, cwd=short_tmp, environment=environment).wait_ready()
        assert stopped.state["admin"] == login  # it found what the killed one left
        check_stopped_without_a_trace(stopped)
        other.check_untouched()


def test_a_start_that_is_interrupted_leaves_nothing(short_tmp: Path) -> None:
    up = Up(short_tmp / "data", cwd=short_tmp)
    try:
        wait_for(lambda: ray_is_starting(up), "Ray is starting", START_WITHIN_S)
        processes = up.processes()
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(END_WITHIN_S) == INTERRUPTED
    finally:
        up.process.kill()
    wait_for(lambda: not alive(processes), "all its processes are gone", END_WITHIN_S)
    assert not (up.data / "state.json").exists()


def ray_is_starting(up: Up) -> bool:
    assert up.process.poll() is None
    return any((up.data / "ray" / "r").glob("session_2*"))


def check_killed_without_a_trace(up: Up) -> None:
    stuck = up.state["hosts"][0]["pid"]
    os.kill(stuck, signal.SIGSTOP)  # not even a process that cannot react stays
    processes = up.processes()
    assert stuck in {process.pid for process in processes}
    up.process.kill()
    up.process.wait()
    wait_for(lambda: not alive(processes), "all its processes are gone", END_WITHIN_S)


def check_stopped_without_a_trace(up: Up) -> None:
    up.get("/metrics", admin=True)  # which makes hosts hold connections to each other
    processes = up.processes()
    assert up.stop() == 0
    assert not [r for r in up.records() if r["event"].endswith("not_stopped_in_order")]
    assert alive(processes) == []
    assert not (up.data / "state.json").exists()
    assert up.records()[-1]["event"] == "stopped"


def alive(processes: list[Process]) -> list[Process]:
    return [process for process in processes if process.alive]
