"""The `streamhub` command: its options, and errors in one line. Each command lives elsewhere."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from streamhub import __version__
from streamhub.cluster.cli_accounts import ACCOUNT_COMMANDS
from streamhub.cluster.cli_leftovers import leftovers
from streamhub.cluster.operator_commands import COMMANDS
from streamhub.config import Settings, SettingsError, describe, load_settings, reference

INTERRUPTED: Final = 130

_data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder for everything that is kept."
)


_CLIENTS: Final = ("chat", "download", "upload")


class _Cli(click.Group):
    """Imports clients only for those who use them: the chat costs a third of a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_CLIENTS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "chat":
            from streamhub.client.chat.command import chat

            return chat
        if cmd_name in _CLIENTS:
            from streamhub.client.files import command

            return command.upload if cmd_name == "upload" else command.download
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="streamhub")
def cli() -> None:
    """StreamHub: a real-time messaging and file-sharing server."""


@cli.command()
@click.option("--host", metavar="ADDRESS", help="Address of the public port.")
@click.option("--port", type=int, metavar="PORT", help="Public port; 0 picks a free one.")
@_data_option
@click.option("--hosts", type=int, metavar="N", help="Hosts (processes); 0: one per core.")
@click.option(
    "--ray-address",
    metavar="auto|HOST:PORT",
    help="Run on this Ray cluster, of which this machine is a node, instead of a Ray of its own.",
)
@click.option(
    "--new-settings",
    is_flag=True,
    help="With --ray-address: these settings take the place of those that hold there.",
)
@click.option("--json-logs", is_flag=True, default=None, help="One JSON object a line.")
def up(new_settings: bool, **flags: Any) -> None:
    """Start everything and keep it running until Ctrl-C."""
    from streamhub.cluster.join import run_joined
    from streamhub.cluster.keys import check_token_keys
    from streamhub.cluster.progress import LogProgress, TerminalProgress
    from streamhub.cluster.up import run_up
    from streamhub.telemetry import configure_logging
    from streamhub.transport.link_tls import LinkTls
    from streamhub.transport.public_tls import PublicTls

    settings = _settings(flags)
    if new_settings and not settings.cluster.ray_address:
        raise click.UsageError(
            "--new-settings goes with --ray-address; else end StreamHub and start it again"
        )
    LinkTls.of(settings.cluster)  # before anything is started: its hosts would only find out
    PublicTls.of(settings.server)
    check_token_keys(settings.auth)
    on_terminal = sys.stderr.isatty()
    json_logs = not on_terminal if settings.logging.json is None else settings.logging.json
    configure_logging(json_logs, settings.logging.level)
    progress = TerminalProgress() if on_terminal and not json_logs else LogProgress()
    if settings.cluster.ray_address:
        run_joined(settings, progress, new_settings=new_settings)
    else:
        run_up(settings, progress, json_logs=json_logs)


@cli.command()
@click.option("--plan", is_flag=True, help="Print the SQL of each step and change nothing.")
def migrate(plan: bool) -> None:
    """Bring the schema of STREAMHUB_DATABASE_URL up to date.

    `streamhub up` does so by itself.
    """
    from streamhub.cluster.migrate import apply_migrations, print_plan

    url = _settings({}).database.url
    if url is None:
        raise click.UsageError(
            "STREAMHUB_DATABASE_URL is not set. The embedded PostgreSQL is migrated by"
            " `streamhub up`."
        )
    asyncio.run((print_plan if plan else apply_migrations)(url.reveal()))


@cli.command()
@click.option("--reference", "as_reference", is_flag=True, help="Print all settings as a page.")
def config(as_reference: bool) -> None:
    """Print the effective settings, secrets hidden."""
    click.echo(reference() if as_reference else describe(_settings({})), nl=False)


for command in (*COMMANDS, *ACCOUNT_COMMANDS, leftovers):
    cli.add_command(command)


def main() -> None:
    """Run the command; errors that a user can do something about are one line."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("streamhub: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if not _is_expected(error):
            raise
        click.echo(f"streamhub: {error}", err=True)
        sys.exit(1)


def _is_expected(error: Exception) -> bool:
    """Whether its text tells a user what to do; anything else deserves a traceback."""
    if isinstance(error, SettingsError):
        return True
    from streamhub.cluster.errors import EXPECTED

    return isinstance(error, EXPECTED)


def _settings(flags: dict[str, object]) -> Settings:
    return load_settings(os.environ, overrides=flags, cwd=Path.cwd())
