"""`streamhub migrate`: apply what is pending, or print it."""

import click

from streamhub.persistence import migrations


async def print_plan(url: str) -> None:
    """The SQL that `streamhub migrate` would run now. Raises like `migrations.plan`."""
    pending = await migrations.plan(url)
    for step in pending:
        click.echo(f"-- {step.name}\n{step.sql}")
    if not pending:
        click.echo("-- the schema is up to date")


async def apply_migrations(url: str) -> None:
    """Raises like `migrations.migrate`."""
    applied = await migrations.migrate(url)
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("the schema is up to date")
