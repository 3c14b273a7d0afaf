"""deploy/compose.yaml and the proxy before it, as far as it can be seen without containers."""

import json
import re
from importlib import resources
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from support.deploy import DEPLOY, RAYS_DRAIN_S, ROOT, check_joins_ray

from streamhub.config import Settings


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found is not None, duration
    return int(found[1])


def test_compose_accepts_it(compose: dict[str, Any]) -> None:
    vendored = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(compose, json.loads(vendored.read_text()))


def test_compose_waits_for_services_that_tell_their_health(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for name, dependency in service.get("depends_on", {}).items():
            if dependency["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists()


def test_compose_publishes_the_proxy_only(compose: dict[str, Any]) -> None:
    published = {name for name, service in compose["services"].items() if "ports" in service}
    assert published == {"proxy"}


def test_every_secret_of_compose_is_in_the_example_and_empty_there(compose: dict[str, Any]) -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert used == set(example)
    assert {name for name in used if re.search("PASSWORD|SECRET|TOKEN", name)} == {
        name for name, value in example.items() if not value and name != "STREAMHUB_ALLOWED_ORIGINS"
    }
    assert "deploy/.env\n" in (ROOT / ".gitignore").read_text()


def test_the_head_has_all_that_joining_ray_asks_for(compose: dict[str, Any]) -> None:
    check_joins_ray(set(compose["services"]["head"]["environment"]))


def test_a_stop_is_longer_than_a_drain_and_that_than_hosts_take_to_stop(
    compose: dict[str, Any],
) -> None:
    grace_s = seconds(compose["services"]["worker"]["stop_grace_period"])
    drain_s = int(re.findall(r"timeout (\d+) streamhub drain", (DEPLOY / "node.sh").read_text())[0])
    assert grace_s > drain_s + RAYS_DRAIN_S > 2 * Settings().server.shutdown_timeout_s


def test_the_proxy_asks_workers_where_they_answer() -> None:
    text = (DEPLOY / "haproxy.cfg").read_text()
    server = Settings().server
    assert f"check port {server.admin_port}" in text
    assert f"worker:{server.port}" in text
    tunnel = re.search(r"timeout tunnel (\d+)s", text)
    assert tunnel is not None
    assert int(tunnel[1]) > 2.5 * Settings().edge.heartbeat_ms / 1000
