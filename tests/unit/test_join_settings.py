"""What must be set before hosts on several machines can share it."""

from pathlib import Path

import pytest

from streamhub.cluster.complete import check_complete
from streamhub.config import SettingsError, load_settings

SHARED = {
    "STREAMHUB_DATABASE_URL": "postgresql://u:p@10.0.0.9:5432/streamhub",
    "STREAMHUB_REDIS_URL": "redis://10.0.0.9:6379/0",
    "STREAMHUB_S3_URL": "http://key:secret@10.0.0.9:9000/streamhub",
    "STREAMHUB_AUTH_SECRET": "a" * 32,
    "STREAMHUB_CLUSTER_SECRET": "c" * 32,
}


def check(environ: dict[str, str]) -> None:
    check_complete(load_settings(environ, cwd=Path()))


def test_stores_and_secrets_are_enough_to_join() -> None:
    check(SHARED)


@pytest.mark.parametrize("missing", SHARED)
def test_what_is_missing_is_named(missing: str) -> None:
    given = {name: value for name, value in SHARED.items() if name != missing}
    with pytest.raises(SettingsError, match=f"^{missing} must be set to join a Ray cluster"):
        check(given)


@pytest.mark.parametrize("port", ["STREAMHUB_PORT", "STREAMHUB_ADMIN_PORT"])
def test_a_port_that_differs_from_host_to_host_is_refused(port: str) -> None:
    with pytest.raises(SettingsError, match=f"^{port} must not be 0"):
        check({**SHARED, port: "0"})


@pytest.mark.parametrize(
    "address", ["auto", "10.0.0.1:6379", "head.example.com:6379", "[fd00::1]:1"]
)
def test_addresses_of_a_ray_cluster(address: str) -> None:
    settings = load_settings({"STREAMHUB_RAY_ADDRESS": address}, cwd=Path())
    assert settings.cluster.ray_address == address


@pytest.mark.parametrize("address", ["ray", "10.0.0.1", ":6379", "10.0.0.1:x", "ray://h:1", "h:0"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="must be auto or HOST:PORT"):
        load_settings({"STREAMHUB_RAY_ADDRESS": address}, cwd=Path())
