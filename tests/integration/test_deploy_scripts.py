"""What deploy/ runs in a shell does as it says. Ray and StreamHub are stand-ins that write down how
they were called: the real ones take seconds, and another test's Ray must not be joined."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deploy import DEPLOY

STAND_IN = """#!{python}
import json, os, signal, sys, time
name = os.path.basename(sys.argv[0])
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps([name, *sys.argv[1:]]), file=calls)
if name == "tini":
    os.execvp(sys.argv[3], sys.argv[3:])
if "--block" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(60)
"""


class Calls:
    """The commands that a script called, in order, as JSON lines in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __iter__(self) -> Iterator[list[str]]:
        if self.file.exists():
            yield from (json.loads(line) for line in self.file.read_text().splitlines())

    def wait_for(self, name: str, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not any(call[0] == name for call in self):
            assert time.monotonic() < deadline, f"{name} was not called, only {list(self)}"
            time.sleep(0.01)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path / "calls")


@pytest.fixture
def environment(tmp_path: Path, calls: Calls) -> dict[str, str]:
    for name in ("ray", "streamhub", "tini"):
        file = tmp_path / name
        file.write_text(STAND_IN.format(python=sys.executable))
        file.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {"PATH": path, "CALLS": str(calls.file), "NODE_IP": "10.0.0.7", "POD_IP": "10.0.0.7"}


def node(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([DEPLOY / "node.sh", *arguments], env=environment, text=True)


def test_a_head_starts_ray_and_then_joins_it(environment: dict[str, str], calls: Calls) -> None:
    assert node(environment | {"RAY_REDIS_PASSWORD": "a b"}, "head").wait(20) == 0
    ray, streamhub = calls
    assert ray[:3] == ["ray", "start", "--head"]
    assert {"--node-ip-address=10.0.0.7", "--num-cpus=0", "--redis-password=a b"} <= set(ray)
    assert "--block" not in ray
    assert streamhub == ["streamhub", "up", "--ray-address", "10.0.0.7:6379"]


def test_a_worker_is_drained_before_its_ray_is_stopped(
    environment: dict[str, str], calls: Calls
) -> None:
    worker = node(environment | {"RAY_HEAD": "head:6379"}, "worker", "--num-cpus=2")
    try:
        calls.wait_for("ray")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    finally:
        worker.kill()
    ray, streamhub = calls
    assert {"--address=head:6379", '--resources={"streamhub_host": 1}', "--num-cpus=2"} <= set(ray)
    assert streamhub == ["streamhub", "drain", "10.0.0.7"]


def test_a_worker_whose_ray_ends_ends_as_it_did(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ray").write_text("#!/bin/sh\nexit 7\n")
    assert node(environment | {"RAY_HEAD": "head:6379"}, "worker").wait(20) == 7


def test_a_worker_needs_to_know_its_head(environment: dict[str, str], calls: Calls) -> None:
    assert node(environment, "worker").wait(20) != 0
    assert list(calls) == []


def groups() -> list[dict[str, Any]]:
    objects = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    spec = next(each for each in objects if each["kind"] == "RayCluster")["spec"]
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def test_pods_start_ray_as_their_operator_says(environment: dict[str, str], calls: Calls) -> None:
    head, workers = (group["template"]["spec"]["containers"][0] for group in groups())
    generated = {
        "head": "ray start --head  --block  --num-cpus=0 ",
        "worker": r'ray start --address=head:6379  --block  --resources="{\"streamhub_host\": 1}" ',
    }

    def run(container: dict[str, Any], command: str) -> subprocess.Popen[str]:
        program, *words = container["command"]
        assert program == "/bin/bash"
        variables = environment | {"KUBERAY_GEN_RAY_START_CMD": command}
        return subprocess.Popen([program, *words, *container["args"]], env=variables, text=True)

    assert run(head, generated["head"]).wait(20) == 0
    assert list(calls) == [
        ["ray", "start", "--head", "--num-cpus=0"],
        ["tini", "-g", "--", "streamhub", "up", "--ray-address", "10.0.0.7:6379"],
        ["streamhub", "up", "--ray-address", "10.0.0.7:6379"],
    ]
    calls.file.unlink()
    worker = run(workers, generated["worker"])
    try:
        calls.wait_for("ray")
    finally:
        worker.terminate()
        worker.wait(20)
    assert '--resources={"streamhub_host": 1}' in list(calls)[-1]


def test_pods_are_drained_by_their_own_address(environment: dict[str, str], calls: Calls) -> None:
    (workers,) = groups()[1:]
    stop = workers["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    subprocess.run(stop, env=environment, check=True, timeout=20)
    assert list(calls) == [["streamhub", "drain", "10.0.0.7"]]


def test_machines_of_ray_up_are_drained_and_a_failed_drain_stops_nothing(
    environment: dict[str, str], calls: Calls, tmp_path: Path
) -> None:
    config = yaml.safe_load((DEPLOY.parent / "ray_cluster.yaml").read_text())
    drain = config["worker_start_ray_commands"][0]
    assert re.search(r"/opt/streamhub/venv/bin/", drain)
    drain = drain.replace("/opt/streamhub/venv/bin/", "")
    subprocess.run(["/bin/bash", "-c", drain], env=environment, check=True, timeout=20)
    ((*words, address),) = calls
    assert words == ["streamhub", "drain"]
    assert re.fullmatch(r"\S+", address)
    (tmp_path / "streamhub").write_text("#!/bin/sh\nexit 1\n")
    subprocess.run(["/bin/bash", "-c", drain], env=environment, check=True, timeout=20)
