"""What the tests of deploy/ share."""

import re
from collections.abc import Set
from pathlib import Path
from typing import Final

from streamhub.cluster.complete import check_complete
from streamhub.config import load_settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
PAGE: Final = ROOT / "docs" / "operations.md"
FILES: Final = [ROOT / "ray_cluster.yaml", *(p for p in sorted(DEPLOY.iterdir()) if p.is_file())]
RAYS_DRAIN_S: Final = 30
"""Ray 2.60 takes at most this long after SIGTERM."""

_SET: Final = {
    "STREAMHUB_DATABASE_URL": "postgresql://u:p@db/streamhub",
    "STREAMHUB_REDIS_URL": "redis://:p@redis:6379/1",
    "STREAMHUB_S3_URL": "http://k:s@minio:9000/bucket?region=us-east-1",
    "STREAMHUB_AUTH_SECRET": "x" * 32,
    "STREAMHUB_CLUSTER_SECRET": "x" * 32,
}


def code_of(file: Path) -> str:
    """The file without its comments."""
    return re.sub(r"(?m)(^|\s)#.*$", "", file.read_text())


def check_joins_ray(variables: Set[str]) -> None:
    """Raises SettingsError unless these are all that `streamhub up --ray-address` asks for."""
    given = {name: value for name, value in _SET.items() if name in variables}
    check_complete(load_settings(given, cwd=Path("/nowhere")))
