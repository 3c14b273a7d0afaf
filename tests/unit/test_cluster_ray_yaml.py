"""The files for `ray up`: accepted by Ray's own schema and checks, and true to what we promise."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deploy import DEPLOY, ROOT

from streamhub import __version__

LOCAL = ROOT / "ray_cluster.yaml"
AWS = DEPLOY / "ray_cluster.aws.yaml"


@pytest.fixture(params=[LOCAL, AWS], ids=["local", "aws"])
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(request.param.read_text())
    return loaded


def the_start(config: dict[str, Any], role: str) -> str:
    (start,) = [c for c in config[f"{role}_start_ray_commands"] if "ray start" in c]
    assert isinstance(start, str)
    return start


@pytest.mark.filterwarnings("ignore")  # Ray's own, of its imports
def test_ray_accepts_it(config: dict[str, Any]) -> None:
    import jsonschema  # type: ignore[import-untyped]
    import ray
    from ray.autoscaler._private import util

    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    prepared = util.prepare_config(copy.deepcopy(config))
    util.validate_config(prepared)
    (workers,) = [
        type_
        for name, type_ in prepared["available_node_types"].items()
        if config["provider"]["type"] == "local" or name != prepared["head_node_type"]
    ]
    assert 2 == workers["min_workers"] <= workers["max_workers"] == config["max_workers"]


def test_it_installs_this_version(config: dict[str, Any]) -> None:
    assert f'"streamhub-server=={__version__}"' in "\n".join(config["setup_commands"])


def test_every_ray_start_asks_for_the_token(config: dict[str, Any]) -> None:
    for role in ("head", "worker"):
        assert "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=/" in the_start(config, role)


def test_head_and_workers_run_with_the_same_settings_of_ray(config: dict[str, Any]) -> None:
    def variables(role: str) -> set[str]:
        return set(re.findall(r"\bRAY_[a-z]\w*=\S+", the_start(config, role)))

    of_the_store = "RAY_external_storage_namespace"
    head = {each for each in variables("head") if not each.startswith(of_the_store)}
    assert head == {each.rstrip(";") for each in variables("worker")}
    assert "RAY_worker_niceness=0" in head


def test_the_heads_state_outlives_it(config: dict[str, Any]) -> None:
    start = the_start(config, "head")
    for part in ("RAY_REDIS_ADDRESS=", "RAY_external_storage_namespace=", "--redis-password="):
        assert part in start


def test_workers_alone_carry_hosts(config: dict[str, Any]) -> None:
    assert """--resources='{"streamhub_host": 1}'""" in the_start(config, "worker")
    assert "streamhub_host" not in the_start(config, "head")


def test_workers_are_drained_before_ray_is_stopped(config: dict[str, Any]) -> None:
    drain, stop, start = config["worker_start_ray_commands"]
    assert "streamhub drain" in drain
    assert stop.endswith("ray stop")
    assert "ray start" in start


def test_ray_tells_its_metrics_where_they_are_looked_for(config: dict[str, Any]) -> None:
    for role in ("head", "worker"):
        assert "--metrics-export-port=8090" in the_start(config, role)
    assert "--dashboard-host=127.0.0.1" in the_start(config, "head")


def test_the_example_of_a_cloud_differs_in_its_machines_only() -> None:
    local, aws = (yaml.safe_load(file.read_text()) for file in (LOCAL, AWS))
    for key in ("head_start_ray_commands", "worker_start_ray_commands", "file_mounts"):
        assert local[key] == aws[key]
