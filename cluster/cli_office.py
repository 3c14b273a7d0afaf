"""What the commands about accounts share: their options, how they are run, what they print."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamhub.config import load_settings

if TYPE_CHECKING:
    from streamhub.cluster.office import Office

T = TypeVar("T")

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of a StreamHub that runs here."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")

_WIDE = 240
"""Columns where nobody looks: lines for programs are not folded."""


def in_office(data: Path | None, work: "Callable[[Office], Awaitable[T]]") -> T:
    """What `work` returns. Raises NotDone with what was refused, in words for a shell."""
    from streamhub.cluster.access import NotDone
    from streamhub.cluster.office import open_office
    from streamhub.domain.errors import Refused
    from streamhub.domain.sealing import Unsealable
    from streamhub.telemetry import configure_logging

    configure_logging(False, "error")
    settings = load_settings(os.environ, overrides={"data": data}, cwd=Path.cwd())

    async def run() -> T:
        async with open_office(settings) as office:
            return await work(office)

    try:
        return asyncio.run(run())
    except Refused as error:
        raise NotDone(f"{error.field}: {error.detail}" if error.field else error.detail) from error
    except Unsealable as error:
        raise NotDone(f"{error}: is STREAMHUB_AUTH_SECRET that of the cluster?") from error


def print_json(value: Any) -> None:
    """Print structs, or what they are made of."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; cells are plain text, whatever brackets they have."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def moment(at_ms: int | None) -> str:
    """A time as people read it; a dash for none."""
    from datetime import UTC, datetime

    if at_ms is None:
        return "-"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
