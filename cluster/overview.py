"""What `streamhub status` tells of a cluster: PostgreSQL's view of it, and each host's own word."""

import msgspec

from streamhub.cluster.access import Picture, reach, secret_of
from streamhub.cluster.private_site import Siblings
from streamhub.cluster.targets import nodes_of
from streamhub.config import Settings
from streamhub.domain.cluster import HostEntry, HostReport
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import Wishes
from streamhub.transport.link_tls import LinkTls


class NodeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A node. `carries`: whether it may carry hosts; `drained`: whether operators wish it empty."""

    id: str
    address: str
    carries: bool
    drained: bool
    hosts: int


class HostLine(msgspec.Struct, frozen=True, kw_only=True):
    """A host of the view; without `report`, it did not answer."""

    id: HostId
    node: str
    address: str
    pid: int
    state: str
    report: HostReport | None


class SupervisorLine(msgspec.Struct, frozen=True, kw_only=True):
    """The supervisor's last sign of life."""

    alive: bool
    seen_s_ago: float
    pid: int
    node: str
    version: str
    ready: int
    wanted: int
    problem: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster at one moment."""

    view: int
    supervisor: SupervisorLine | None
    wishes: Wishes
    nodes: tuple[NodeLine, ...]
    hosts: tuple[HostLine, ...]

    @property
    def runs(self) -> bool:
        """Whether anything of it was heard."""
        supervised = self.supervisor is not None and self.supervisor.alive
        return supervised or any(host.report for host in self.hosts)

    @property
    def ready(self) -> bool:
        """Whether it is supervised, and as many hosts take traffic as should."""
        found = self.supervisor
        return found is not None and found.alive and found.ready >= found.wanted > 0


async def survey(settings: Settings) -> Overview:
    """Look at the cluster, and ask its hosts if the secret is known. Raises like `reach`, and
    SettingsError for unfit certificates."""
    async with reach(settings) as stores:
        picture = await stores.look()
    return overview_of(picture, await _reports(settings, picture.view.hosts))


def overview_of(picture: Picture, reports: dict[HostId, HostReport]) -> Overview:
    hosts = tuple(
        HostLine(
            id=entry.id,
            node=entry.node,
            address=entry.address,
            pid=entry.pid,
            state=entry.state,
            report=reports.get(entry.id),
        )
        for entry in picture.view.hosts
    )
    nodes = tuple(
        NodeLine(
            id=node.id,
            address=node.address,
            carries=node.carries,
            drained=node.id in picture.wishes.drained,
            hosts=sum(host.node == node.id for host in hosts),
        )
        for node in nodes_of(picture).values()
    )
    return Overview(
        view=picture.view.version,
        supervisor=_supervisor_line(picture),
        wishes=picture.wishes,
        nodes=nodes,
        hosts=hosts,
    )


def _supervisor_line(picture: Picture) -> SupervisorLine | None:
    if picture.last is None:
        return None
    sign = picture.last.sign
    return SupervisorLine(
        alive=picture.supervised,
        seen_s_ago=round(picture.last.age_s, 1),
        pid=sign.pid,
        node=sign.node,
        version=sign.version,
        ready=sign.ready,
        wanted=sign.wanted,
        problem=sign.problem,
    )


async def _reports(settings: Settings, hosts: tuple[HostEntry, ...]) -> dict[HostId, HostReport]:
    secret = secret_of(settings)
    if secret is None or not hosts:
        return {}
    siblings = Siblings(secret, LinkTls.of(settings.cluster))
    try:
        return await siblings.reports(hosts)
    finally:
        await siblings.close()
