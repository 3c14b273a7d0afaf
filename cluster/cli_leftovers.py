"""`streamhub leftovers`: what would be thrown away."""

import asyncio
import os
from pathlib import Path

import click

from streamhub.cluster.cli_office import data_option, json_option, print_json
from streamhub.config import load_settings

_WHAT = {
    "uploads": "upload would be ended, or put together",
    "ended": "ended upload would be forgotten",
    "files": "file would go from the trash for good",
    "objects": "object of S3 would be deleted: nothing names it",
}


@click.command()
@data_option
@json_option
def leftovers(data: Path | None, as_json: bool) -> None:
    """Show what care of files would throw away now. Changes nothing.

    It is done by itself every few seconds, some at a time.
    """
    import msgspec

    from streamhub.cluster.leftovers import Leftovers, open_looking
    from streamhub.telemetry import configure_logging

    configure_logging(False, "error")
    settings = load_settings(os.environ, overrides={"data": data}, cwd=Path.cwd())

    async def run() -> Leftovers:
        async with open_looking(settings) as looking:
            return await looking.leftovers()

    found = asyncio.run(run())
    if as_json:
        print_json(found)
        return
    kinds = msgspec.structs.asdict(found)
    for kind, names in kinds.items():
        for name in names:
            click.echo(f"{name}  {_WHAT[kind]}")
    click.echo(", ".join(f"{len(names)} {kind}" for kind, names in kinds.items()))
