"""`python -m benchmarks [PART ...]`: the tables of docs/benchmarks.md, in one run."""

import os
import resource
import time
from pathlib import Path
from typing import Final

import click
import uvloop

from benchmarks import cluster, fanout, history, idle, log_ins, sends
from benchmarks.report import Line, show
from benchmarks.target import (
    Database,
    Target,
    another_database,
    embedded_database,
    own_hosts,
    running,
)

_ALL: Final = ("fanout", "sends", "log-ins", "idle", "cluster")
_ALONE: Final = ("history",)
"""Parts that take minutes of their own, and run when they are named."""

_OF_ANY: Final = ("fanout", "sends")
"""Parts that can measure hosts that run already."""

_FILES: Final = 20_000


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice((*_ALL, *_ALONE)))
@click.option("--smoke", is_flag=True, help="Tiny sizes: whether it works, not how fast.")
@click.option(
    "--up",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Data folder of a running `streamhub up` to measure instead of hosts of our own.",
)
@click.option("--hosts", default=1, help="Hosts of our own.")
def main(parts: tuple[str, ...], smoke: bool, up: Path | None, hosts: int) -> None:
    """Measure StreamHub beside its peers. All parts take about nine minutes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if not smoke and most < _FILES:
        raise click.ClickException(f"needs {_FILES} open files; the hard limit here is {most}")
    chosen = parts or (_ALL if up is None else _OF_ANY)
    began = time.monotonic()
    if up is not None:
        if not set(chosen) <= set(_OF_ANY):
            raise click.UsageError("only fanout and sends measure hosts that run already")
        uvloop.run(_measure(running(up), chosen, smoke))
    else:
        with embedded_database() as database:
            uvloop.run(_measure_own(database, chosen, smoke, hosts))
    took_s, load = time.monotonic() - began, os.getloadavg()[0]
    click.echo(f"{os.cpu_count()} cores, load {load:.1f}, {took_s:.0f} s")


async def _measure_own(database: Database, parts: tuple[str, ...], smoke: bool, hosts: int) -> None:
    if "log-ins" in parts:
        async with own_hosts(database, hosts) as target:
            sizes = log_ins.SMOKE if smoke else log_ins.Sizes()
            _show("log-ins", await log_ins.measure(target, sizes))
    if of_any := tuple(part for part in parts if part in _OF_ANY):
        async with own_hosts(database, hosts) as target:
            await _measure(target, of_any, smoke)
    if "idle" in parts:
        _show("idle", await idle.measure(database, idle.SMOKE if smoke else idle.Sizes()))
    if "cluster" in parts:
        many = cluster.SMOKE if smoke else cluster.Sizes()
        (await cluster.measure(database, many)).show()
    if "history" in parts:
        much = history.SMOKE if smoke else history.Sizes()
        names = ("tenth", "whole")
        tenth, whole = [await another_database(database, name) for name in names]
        history.show(await history.measure(tenth, whole, much), much)


async def _measure(target: Target, parts: tuple[str, ...], smoke: bool) -> None:
    if "fanout" in parts:
        _show("fanout", await fanout.measure(target, fanout.SMOKE if smoke else fanout.Sizes()))
    if "sends" in parts:
        _show("sends", await sends.measure(target, sends.SMOKE if smoke else sends.Sizes()))


def _show(part: str, lines: list[Line]) -> None:
    titles = {
        "fanout": "Fan-out: one channel, many sockets",
        "sends": "Durable sends",
        "log-ins": "Log-ins beside chat",
        "idle": "Connections that do nothing",
    }
    show(titles[part], lines)


if __name__ == "__main__":
    main()
