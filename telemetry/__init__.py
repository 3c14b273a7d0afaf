"""What a host tells its operators: logs and metrics."""

from streamhub.telemetry.logging import configure_logging
from streamhub.telemetry.metrics import Metrics, merge

__all__ = ["Metrics", "configure_logging", "merge"]
