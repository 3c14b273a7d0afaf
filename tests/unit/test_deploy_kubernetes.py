"""deploy/kuberay.yaml, by the schemas of Kubernetes and by what must agree within it."""

import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from support.deploy import DEPLOY, RAYS_DRAIN_S, ROOT, check_joins_ray

from streamhub.config import Settings

KUBERNETES = "1.31"
"""The oldest version that still gets fixes from those who run it for others."""


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text()))


@pytest.fixture(scope="module")
def cluster(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return next(each for each in objects if each["kind"] == "RayCluster")


def the(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))


def groups(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]


def the_container(group: dict[str, Any]) -> dict[str, Any]:
    (container,) = group["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of how it finds its schemas
def test_kubernetes_accepts_every_object(
    objects: list[dict[str, Any]], cluster: dict[str, Any]
) -> None:
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "x"},
            "spec": g["template"]["spec"],
        }
        for g in groups(cluster)
    ]
    for each in [o for o in objects if o["kind"] != "RayCluster"] + pods:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_the_ray_cluster_is_what_its_operator_takes(cluster: dict[str, Any]) -> None:
    """KubeRay's own schema is in no package: these are the fields of its v1 that are used here."""
    text = {"type": "string"}
    strings = {"type": "object", "additionalProperties": text}
    count = {"type": "integer", "minimum": 0}
    template = {"type": "object", "required": ["spec"]}
    group = {"rayStartParams": strings, "template": template}
    credential = {"type": "object", "required": ["valueFrom"]}

    def exactly(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": False,
        }

    workers = group | {
        "groupName": text,
        "replicas": count,
        "minReplicas": count,
        "maxReplicas": count,
    }
    fault_tolerance = {
        "redisAddress": text,
        "redisUsername": credential,
        "redisPassword": credential,
        "externalStorageNamespace": text,
    }
    spec = {
        "rayVersion": text,
        "enableInTreeAutoscaling": {"type": "boolean"},
        "authOptions": exactly(["mode"], {"mode": {"enum": ["token"]}, "secretName": text}),
        "gcsFaultToleranceOptions": exactly(["redisAddress"], fault_tolerance),
        "headGroupSpec": exactly(["rayStartParams", "template"], group),
        "workerGroupSpecs": {"type": "array", "items": exactly(["groupName", *group], workers)},
    }
    assert cluster["apiVersion"] == "ray.io/v1"
    jsonschema.validate(cluster["spec"], exactly(list(spec), spec))
    for each in cluster["spec"]["workerGroupSpecs"]:
        assert each["minReplicas"] <= each["replicas"] <= each["maxReplicas"]


def test_ray_is_the_version_that_is_locked(cluster: dict[str, Any]) -> None:
    locked = re.search(r"(?m)^ray==(\S+)", (ROOT / "requirements.lock").read_text())
    assert locked is not None
    assert cluster["spec"]["rayVersion"] == locked[1]


def test_ports_are_those_of_the_settings_and_do_not_meet(
    objects: list[dict[str, Any]], cluster: dict[str, Any]
) -> None:
    (workers,) = cluster["spec"]["workerGroupSpecs"]
    ports = {p["name"]: p["containerPort"] for p in the_container(workers)["ports"]}
    server = Settings().server
    assert (ports["public"], ports["admin"]) == (server.port, server.admin_port)
    assert str(ports["metrics"]) == workers["rayStartParams"]["metrics-export-port"]
    assert len(set(ports.values())) == len(ports)
    for name in ("streamhub", "streamhub-admin"):
        service = the(objects, "Service", name)["spec"]
        assert {port["targetPort"] for port in service["ports"]} <= set(ports)


def test_selectors_find_the_workers_and_nothing_else(
    objects: list[dict[str, Any]], cluster: dict[str, Any]
) -> None:
    head, workers = groups(cluster)
    labels = workers["template"]["metadata"]["labels"]
    selectors = [
        the(objects, "Service", "streamhub")["spec"]["selector"],
        the(objects, "Service", "streamhub-admin")["spec"]["selector"],
        the(objects, "PodDisruptionBudget", "streamhub-hosts")["spec"]["selector"]["matchLabels"],
        *(
            spread["labelSelector"]["matchLabels"]
            for spread in workers["template"]["spec"]["topologySpreadConstraints"]
        ),
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= head["template"]["metadata"]["labels"].items()
    policy = the(objects, "NetworkPolicy", "streamhub")["spec"]["podSelector"]["matchLabels"]
    assert policy == {"ray.io/cluster": cluster["metadata"]["name"]}


def test_every_key_of_a_secret_that_is_asked_for_is_there(
    objects: list[dict[str, Any]], cluster: dict[str, Any]
) -> None:
    there = {
        (o["metadata"]["name"], key)
        for o in objects
        if o["kind"] == "Secret"
        for key in o["stringData"]
    }
    asked = set(re.findall(r"secretKeyRef': {'name': '([^']+)', 'key': '([^']+)'", str(cluster)))
    asked.add((cluster["spec"]["authOptions"]["secretName"], "auth_token"))
    assert asked == there


def test_mounts_have_their_volumes_and_probes_their_ports(cluster: dict[str, Any]) -> None:
    for group in groups(cluster):
        container = the_container(group)
        volumes = {volume["name"] for volume in group["template"]["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        ports = {port["name"] for port in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            ((_, action),) = [
                item for item in container[kind].items() if item[0] in ("httpGet", "tcpSocket")
            ]
            assert action["port"] in ports | {52365}


def test_workers_are_drained_and_carry_the_hosts(cluster: dict[str, Any]) -> None:
    (workers,) = cluster["spec"]["workerGroupSpecs"]
    container = the_container(workers)
    assert "streamhub drain" in container["lifecycle"]["preStop"]["exec"]["command"][-1]
    given = json.loads(json.loads(workers["rayStartParams"]["resources"]))
    assert given == {"streamhub_host": 1}
    node = (DEPLOY / "node.sh").read_text()
    assert """--resources='{"streamhub_host": 1}'""" in node


def test_the_head_has_all_that_joining_ray_asks_for(cluster: dict[str, Any]) -> None:
    head = the_container(cluster["spec"]["headGroupSpec"])
    check_joins_ray({variable["name"] for variable in head["env"]})


def test_a_stop_is_longer_than_a_drain_and_that_than_hosts_take_to_stop(
    cluster: dict[str, Any],
) -> None:
    (workers,) = cluster["spec"]["workerGroupSpecs"]
    grace_s = workers["template"]["spec"]["terminationGracePeriodSeconds"]
    drain_s = int(re.findall(r"timeout (\d+) streamhub drain", str(workers))[0])
    assert grace_s > drain_s + RAYS_DRAIN_S > 2 * Settings().server.shutdown_timeout_s
