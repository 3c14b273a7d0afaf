"""Variables, versions and times in deploy/ and ray_cluster.yaml are those that hold."""

import re
from pathlib import Path

import pytest
from support.deploy import FILES, PAGE, ROOT, code_of

from streamhub import __version__
from streamhub.config import reference

RAYS_OWN = {
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_REDIS_ADDRESS",
    "RAY_USAGE_STATS_ENABLED",
    "RAY_USE_TLS",
    "RAY_external_storage_namespace",
    "RAY_gcs_rpc_server_reconnect_timeout_s",
    "RAY_gcs_storage",
    "RAY_gcs_storage_path",
    "RAY_health_check_failure_threshold",
    "RAY_health_check_initial_delay_ms",
    "RAY_health_check_period_ms",
    "RAY_health_check_timeout_ms",
    "RAY_memory_monitor_refresh_ms",
    "RAY_worker_niceness",
    "RAY_kill_worker_timeout_milliseconds",
}
RAY_UP = {"RAY_HEAD_IP"}
"""Set by `ray up` for the commands of a worker."""

NODE_SH = {"NODE_IP", "RAY_HEAD", "RAY_REDIS_PASSWORD"}
"""Of deploy/node.sh: it gives them to `ray start` as options."""


@pytest.mark.parametrize("file", [*FILES, PAGE], ids=lambda file: file.name)
def test_every_variable_named_is_read_by_somebody(file: Path) -> None:
    known = set(re.findall(r"`(STREAMHUB_\w+)`", reference()))
    known |= {f"{name}_FILE" for name in re.findall(r"`(\w+)` \(or `_FILE`\)", reference())}
    named = set(re.findall(r"\b(?:STREAMHUB|RAY)_\w+|\bNODE_IP\b", file.read_text()))
    # a wildcard of a comment; `NAME_...`
    named = {name for name in named if not name.endswith("_")}
    assert named - known - RAYS_OWN - RAY_UP - NODE_SH == set()


def test_ray_reads_the_variables_that_are_named_as_its_own() -> None:
    import ray

    ray_folder = Path(ray.__file__).parent
    server = (ray_folder / "core/src/ray/gcs/gcs_server").read_bytes()
    raylet = (ray_folder / "core/src/ray/raylet/raylet").read_bytes()
    python = b"".join(
        path.read_bytes()
        for path in (
            ray_folder / "_common/usage/usage_constants.py",
            ray_folder / "_private/node.py",
        )
    )
    for name in RAYS_OWN:
        short = name.removeprefix("RAY_")
        option = name if short.isupper() else short  # the RAY_ of options is put before them
        assert any(option.encode() in code for code in (server, raylet, python)), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_versions_are_this_one(file: Path) -> None:
    text = file.read_text()
    assert set(re.findall(r"streamhub:(\d[\w.]+)", text)) <= {__version__}
    assert set(re.findall(r"streamhub-server==(\S+?)\"", text)) <= {__version__}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nodes_are_given_up_after_15_to_20_seconds(file: Path) -> None:
    text = code_of(file)
    names = ("period_ms", "timeout_ms", "failure_threshold")
    found = [re.findall(rf"RAY_health_check_{name}=(\d+)", text) for name in names]
    for period_ms, timeout_ms, tries in zip(*found, strict=True):
        assert 15 <= (int(period_ms) + int(timeout_ms)) / 1000 * int(tries) <= 20
    assert bool(found[0]) == (
        file.name in {"Dockerfile", "ray_cluster.aws.yaml", "ray_cluster.yaml"}
    )


def test_the_metrics_to_watch_are_there() -> None:
    named = set(re.findall(r"`(streamhub_\w+)`", PAGE.read_text())) - {"streamhub_host"}
    sources = [*ROOT.glob("cluster/*.py"), *ROOT.glob("telemetry/*.py")]
    code = "".join(path.read_text() for path in sources)
    there = set(re.findall(r'"(streamhub_\w+)"', code))
    assert {name.removesuffix("_total") for name in named} <= there
    assert len(named) >= 6
