"""`streamhub status` as tables for people."""

from rich.console import Console
from rich.table import Table

from streamhub.cluster.overview import HostLine, Overview, SupervisorLine
from streamhub.cluster.status import Local, Status

_ID_SHOWN = 12


def print_status(status: Status, console: Console) -> None:
    """Print all that is known."""
    if status.local is None and status.cluster is None:
        console.print(f"StreamHub does not run in {status.folder}")
    if status.cluster is not None:
        _print_cluster(status.cluster, console)
    if status.unseen:
        console.print(f"The cluster cannot be seen: {status.unseen}")
    if status.local is not None:
        _print_local(status.local, console)
    console.print(status.health.value)


def _print_cluster(cluster: Overview, console: Console) -> None:
    nodes = Table("node", "address", "", "hosts", title="Nodes", title_justify="left")
    for node in cluster.nodes:
        state = "carries hosts" if node.carries else "carries none"
        state = "drained" if node.drained else state
        nodes.add_row(node.id[:_ID_SHOWN], node.address, state, str(node.hosts))
    console.print(nodes)
    columns = ("node", "state", "sessions", "actors", "queued", "links", "view")
    hosts = Table("host", *columns, title=f"Hosts of view {cluster.view}", title_justify="left")
    for host in cluster.hosts:
        hosts.add_row(host.id, host.node[:_ID_SHOWN], *_cells(host))
    console.print(hosts)
    console.print(_said(cluster.supervisor))
    if wishes := _wished(cluster):
        console.print(f"wished: {wishes}")


def _cells(host: HostLine) -> tuple[str, ...]:
    report = host.report
    if report is None:
        return (f"{host.state}, [red]no answer[/]", "", "", "", "", "")
    state = host.state
    if state == "live":
        state = "[green]ready[/]" if report.ready else "[red]not ready[/]"
    links = f"{report.links}, {len(report.unlinked)} broken" if report.unlinked else report.links
    counts = (report.sockets, report.actors, report.queued, links, report.view)
    return (state, *map(str, counts))


def _said(supervisor: SupervisorLine | None) -> str:
    if supervisor is None:
        return "supervisor: [red]never heard[/]"
    if not supervisor.alive:
        return f"supervisor: [red]not heard for {supervisor.seen_s_ago:.0f} s[/]"
    problem = f"; {supervisor.problem}" if supervisor.problem else ""
    return (
        f"supervisor: version {supervisor.version}, process {supervisor.pid} on node"
        f" {supervisor.node[:_ID_SHOWN]}; {supervisor.ready} of {supervisor.wanted} hosts"
        f" ready{problem}"
    )


def _wished(cluster: Overview) -> str:
    wishes = cluster.wishes
    count, leaving = wishes.hosts_per_node, sorted(wishes.leaving)
    there = {node.id for node in cluster.nodes}
    drained = [node[:_ID_SHOWN] for node in sorted(wishes.drained & there)]
    return "; ".join(
        words
        for words, is_wished in (
            (f"{count} hosts per node", count),
            (f"drained {', '.join(drained)}", drained),
            (f"leaving {', '.join(leaving)}", leaving),
            ("down", wishes.down),
        )
        if is_wished
    )


def _print_local(local: Local, console: Console) -> None:
    table = Table("part", "", "detail", title="This machine", title_justify="left")
    for part in local.processes:
        detail = f"process {part.pid}" if part.alive else f"process {part.pid} is gone"
        table.add_row(part.name, _mark(part.alive), detail)
    for name, found in local.checks.items():
        table.add_row(f"check {name}", _mark(found["ok"]), str(found["detail"]))
    console.print(table)
    console.print(f"{local.url}, admin port {local.admin_url}")


def _mark(good: bool) -> str:
    return "[green]ok[/]" if good else "[red]no[/]"
