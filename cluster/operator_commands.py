"""The commands that look after a running cluster, from any machine that reaches its PostgreSQL."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import click

from streamhub.config import Settings, load_settings

MOST_HOSTS: Final = 256
NOT_RUNNING: Final = 3
NOT_READY: Final = 4

_data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of a StreamHub that runs here."
)
_timeout_option = click.option(
    "--timeout",
    "within_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait; what is wished stays so.",
)


@click.command()
@_data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def status(data: Path | None, as_json: bool) -> None:
    """Tell what runs: nodes, hosts, supervisor, wishes.

    Exit code 0: it is ready; 3: it does not run; 4: it runs, and is not ready.
    """
    import msgspec

    from streamhub.cluster.status import Health, read_status

    _quietly()
    found = read_status(_settings(data))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        from rich.console import Console

        from streamhub.cluster.status_page import print_status

        print_status(found, Console(highlight=False))
    codes = {Health.READY: 0, Health.NOT_RUNNING: NOT_RUNNING, Health.NOT_READY: NOT_READY}
    sys.exit(codes[found.health])


@click.command()
@click.argument("target", metavar="NODE|HOST")
@click.option("--no-wait", is_flag=True, help="Wish it, and return.")
@_timeout_option
@_data_option
def drain(target: str, no_wait: bool, within_s: float, data: Path | None) -> None:
    """Empty a node until `undrain`, or replace a host; clients move without an error.

    NODE is the beginning of its id, or its address; HOST the beginning of its id.
    """
    _operate(data, within_s, lambda operator: operator.drain(target, wait=not no_wait))


@click.command()
@click.argument("node")
@_data_option
def undrain(node: str, data: Path | None) -> None:
    """Let a drained node carry hosts again."""
    _operate(data, 0, lambda operator: operator.undrain(node))


@click.command()
@click.option(
    "--hosts",
    type=click.IntRange(1, MOST_HOSTS),
    required=True,
    metavar="N",
    help=f"Hosts per node, 1 to {MOST_HOSTS}; from now on, whatever `up` was told.",
)
@_timeout_option
@_data_option
def scale(hosts: int, within_s: float, data: Path | None) -> None:
    """Have N hosts on every node; those too many drain."""
    _operate(data, within_s, lambda operator: operator.scale(hosts))


@click.command()
@click.option("--rolling", is_flag=True, help="One host after the other; the only way there is.")
@_timeout_option
@_data_option
def restart(rolling: bool, within_s: float, data: Path | None) -> None:
    """Replace every host. `--timeout` is for each one."""
    if not rolling:
        raise click.UsageError(
            "Say --rolling: hosts are replaced one after the other, so that no client sees an error"
        )
    _operate(data, within_s, lambda operator: operator.restart_rolling())


@click.command()
@_timeout_option
@_data_option
def down(within_s: float, data: Path | None) -> None:
    """End all hosts, then the supervisor: for a StreamHub that joined a Ray cluster."""
    from streamhub.cluster.access import NotDone
    from streamhub.cluster.status import runs_here

    if runs_here(_settings(data).server.data):
        raise NotDone(
            "A `streamhub up` on this machine runs it: end that one, by Ctrl-C or SIGTERM"
        )
    _operate(data, within_s, lambda operator: operator.down())


COMMANDS: Final[tuple[click.Command, ...]] = (status, drain, undrain, scale, restart, down)


class _Progress:
    """A line that changes on a terminal; elsewhere a line for each change."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._told = ""

    def tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            start = "\r\x1b[K" if self._on_terminal else ""
            click.echo(f"{start}{text}", nl=not self._on_terminal, err=True)

    def end(self) -> None:
        if self._on_terminal and self._told:
            click.echo(err=True)


def _operate(data: Path | None, within_s: float, command: Callable[[Any], Awaitable[None]]) -> None:
    from streamhub.cluster.access import reach
    from streamhub.cluster.operate import Operator

    _quietly()
    settings = _settings(data)
    progress = _Progress()

    async def run() -> None:
        async with reach(settings) as stores:
            await command(Operator(stores, progress.tell, within_s=within_s))

    try:
        asyncio.run(run())
    finally:
        progress.end()


def _quietly() -> None:
    """No records between the lines for people."""
    from streamhub.telemetry import configure_logging

    configure_logging(False, "error")


def _settings(data: Path | None) -> Settings:
    return load_settings(os.environ, overrides={"data": data}, cwd=Path.cwd())
