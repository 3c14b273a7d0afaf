"""The supervisor as `streamhub up` sees it: never waited for longer than a moment."""

import time
from collections.abc import Callable
from typing import Any, Final

import ray
import structlog
from ray.exceptions import RayError

from streamhub.cluster.names import NAMESPACE, SUPERVISOR
from streamhub.cluster.plan import Plan
from streamhub.cluster.ray_actors import SupervisorActor
from streamhub.cluster.supervisor import Report

log = structlog.get_logger(__name__)

ASK_EVERY_S: Final = 1.0
_ASK_FIRST_EVERY_S: Final = 0.2  # until all hosts are there
ANSWER_WITHIN_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.1


class SupervisorLink:
    """Asks the supervisor for its report about once a second, also while it is being restarted."""

    def __init__(self, plan: Plan, hosts_per_node: int) -> None:
        """Create the supervisor. Ray must be connected."""
        options = {
            "name": SUPERVISOR,
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "max_restarts": -1,
            "num_cpus": 0,
        }
        actor = ray.remote(SupervisorActor).options(**options)
        self._handle = actor.remote(plan, hosts_per_node)
        self._call: Any = None
        self._asked_at = float("-inf")
        self._report: Report | None = None

    def look(self) -> Report | None:
        """The newest report there is; None before the first. Does not wait."""
        now = time.monotonic()
        if self._call is not None:
            answered, _ = ray.wait([self._call], timeout=0)
            if answered:
                self._take(answered[0])
            elif now - self._asked_at > ANSWER_WITHIN_S:
                self._call = None
        complete = self._report is not None and self._report.complete
        pause_s = ASK_EVERY_S if complete else _ASK_FIRST_EVERY_S
        if self._call is None and now - self._asked_at >= pause_s:
            self._call = self._handle.report.remote()
            self._asked_at = now
        return self._report

    def shut_down(self, within_s: float, *, hurry: Callable[[], bool]) -> None:
        """Have it end all hosts in order; give up after `within_s` and some, or when `hurry`."""
        deadline = time.monotonic() + within_s + ANSWER_WITHIN_S
        call = self._handle.shut_down.remote(within_s)
        while not hurry() and time.monotonic() < deadline:
            answered, _ = ray.wait([call], timeout=_LOOK_EVERY_S)
            if answered:
                return
        log.warning("supervisor_not_stopped_in_order", hurry=hurry())

    def _take(self, answered: Any) -> None:
        self._call = None
        try:
            self._report = ray.get(answered) or self._report
        except RayError as error:  # it died; Ray starts it again
            log.warning("supervisor_did_not_answer", error=type(error).__name__)
