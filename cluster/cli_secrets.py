"""`streamhub reseal`: so that a secret that was changed can be removed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamhub.cluster.cli_office import data_option, in_office

if TYPE_CHECKING:
    from streamhub.cluster.office import Office
    from streamhub.persistence.resealing import Resealed


@click.command("reseal")
@data_option
def reseal(data: Path | None) -> None:
    """Seal second factors and mails again, under STREAMHUB_AUTH_SECRET.

    The last step of changing that secret: afterwards nothing needs
    STREAMHUB_AUTH_OTHER_SECRETS but recovery codes that were made before.
    """

    async def work(office: "Office") -> "dict[str, Resealed]":
        return await office.reseal()

    for what, resealed in in_office(data, work).items():
        click.echo(f"{what}: {resealed.done} sealed again")
        if resealed.lost:
            click.echo(f"{what}: {resealed.lost} left, which no secret given here opens")
