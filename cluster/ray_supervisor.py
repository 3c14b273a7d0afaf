"""The supervisor as `streamhub up` sees it: never waited for longer than a moment."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import ray
import structlog
from ray.exceptions import ActorDiedError, RayError

from streamhub.cluster.names import NAMESPACE, SUPERVISOR, SUPERVISORS
from streamhub.cluster.plan import Plan, needed
from streamhub.cluster.ray_actors import SupervisorActor
from streamhub.cluster.supervisor import Report
from streamhub.domain.errors import TryAgain
from streamhub.persistence.postgres import open_pool
from streamhub.persistence.wishes import PostgresWishStore

log = structlog.get_logger(__name__)

ASK_EVERY_S: Final = 1.0
_ASK_FIRST_EVERY_S: Final = 0.2  # until all hosts are there
ANSWER_WITHIN_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.1
_END_WITHIN_S: Final = 30.0


class SupervisorLink:
    """Asks the supervisor for its report about once a second, also while it is being restarted."""

    def __init__(self, plan: Plan, hosts_per_node: int, *, new_settings: bool = False) -> None:
        """Create the supervisor, or find the one there is, whose settings hold then, unless
        `new_settings`. One of another version, or of the old settings, is ended; its hosts are
        taken over as they are. Ray must be connected.

        Raises TryAgain when PostgreSQL is away, or the old supervisor does not end.
        """
        self._plan = plan
        self._hosts_per_node = hosts_per_node
        asyncio.run(_wish_up(plan))
        if new_settings:
            _end_supervisor()
        self._handle = self._get_or_create()
        _end_other_versions()
        self._call: Any = None
        self._asked_at = float("-inf")
        self._report: Report | None = None
        self._answers = True
        self._was_complete = False
        self.over = False
        """Whether it ended for good: `streamhub down`, or another version in its place."""

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
        self._was_complete = self._was_complete or complete
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

    # -- private ----------------------------------------------------------------------------

    def _get_or_create(self) -> Any:
        options = {
            "name": SUPERVISOR,
            "namespace": NAMESPACE,
            "get_if_exists": True,
            "lifetime": "detached",
            "max_restarts": -1,
            "num_cpus": 0,
            # Beside Ray's head, without which it could replace nobody: on another node it would be
            # cut off with that node, and Ray waits 18 s before it makes another.
            "resources": {"node:__internal_head__": 0.001},
        }
        actor = ray.remote(SupervisorActor).options(**options)
        return actor.remote(self._plan, self._hosts_per_node)

    def _take(self, answered: Any) -> None:
        self._call = None
        try:
            self._report = ray.get(answered) or self._report
            self._answers = True
        except RayError as error:  # most often it died, and Ray starts it again
            if self._answers:
                log.warning("supervisor_did_not_answer", error=str(error))
            self._answers = False
            if isinstance(error, ActorDiedError):
                if self._was_complete:
                    self.over = True
                else:
                    self._make_again()

    def _make_again(self) -> None:
        """The one that was found ended for good, as operators had wished before we came. Not done
        later, when another version may have replaced it, or operators wish the cluster down."""
        try:
            self._handle = self._get_or_create()
        except (RayError, ValueError) as error:
            log.warning("supervisor_not_made", error=type(error).__name__)


def _end_supervisor() -> None:
    """Returns when its name is free."""
    deadline = time.monotonic() + _END_WITHIN_S
    while time.monotonic() < deadline:
        try:
            ray.kill(ray.get_actor(SUPERVISOR, namespace=NAMESPACE), no_restart=True)
        except ValueError:
            return
        time.sleep(_LOOK_EVERY_S)
    raise TryAgain("unavailable", f"the supervisor did not end within {_END_WITHIN_S:.0f} s")


def _end_other_versions() -> None:
    """Hosts are not theirs, but Ray's: they stay."""
    for actor in ray.util.list_named_actors(all_namespaces=True):
        name = actor["name"]
        if actor["namespace"] != NAMESPACE or name == SUPERVISOR:
            continue
        if name.startswith(SUPERVISORS):
            log.info("supervisor_of_another_version_ends", name=name)
            ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)


async def _wish_up(plan: Plan) -> None:
    """Take back an earlier `streamhub down`."""
    url = needed(plan.settings.database.url).reveal()
    pool = await open_pool(url, size=1, application_name="streamhub up")
    try:
        await PostgresWishStore(pool).wish_down(False)
    finally:
        await pool.close()
