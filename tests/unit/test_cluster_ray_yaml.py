"""`ray_cluster.yaml` is what `ray up` accepts, by Ray's own schema and checks."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamhub import __version__

FILE = Path(__file__).parents[2] / "ray_cluster.yaml"


@pytest.fixture
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


@pytest.mark.filterwarnings("ignore")  # Ray's own, of its imports
def test_ray_accepts_it(config: dict[str, Any]) -> None:
    import jsonschema  # type: ignore[import-untyped]
    import ray
    from ray.autoscaler._private import util

    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    prepared = util.prepare_config(copy.deepcopy(config))
    util.validate_config(prepared)
    assert prepared["available_node_types"]["local.cluster.node"]["max_workers"] == 2


def test_it_installs_this_version(config: dict[str, Any]) -> None:
    assert f'"streamhub-server=={__version__}"' in "\n".join(config["setup_commands"])


def test_every_ray_start_asks_for_the_token(config: dict[str, Any]) -> None:
    commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    starts = [command for command in commands if "ray start" in command]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token" in command for command in starts)
