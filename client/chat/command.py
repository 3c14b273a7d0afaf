"""`streamhub chat` on the command line."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import click

from streamhub.client.chat.app import Chat
from streamhub.client.chat.screen import PlainScreen, Screen, TerminalScreen
from streamhub.client.errors import ClientError
from streamhub.client.http import HttpApi

_URL: Final = "http://127.0.0.1:8080"


@click.command()
@click.option("--url", default=_URL, show_default=True, help="Address of the server.")
@click.option("--login", metavar="NAME", help="Sign in at once, by handle or e-mail address.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the password; without it you are asked.",
)
def chat(url: str, login: str | None, password_file: Path | None) -> None:
    """Chat in a terminal, or by lines of a script.

    Commands begin with a slash, see /help. Without a terminal, lines are read from standard
    input and shown on standard output; the end of input quits.
    """
    password = None
    if password_file is not None:
        if login is None:
            raise click.UsageError("--password-file needs --login: whose password is it?")
        password = password_file.read_text().split("\n")[0]
    try:
        api = HttpApi(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    try:
        asyncio.run(_chat(api, login, password))
    except ClientError as error:
        raise click.ClickException(str(error)) from None


async def _chat(api: HttpApi, login: str | None, password: str | None) -> None:
    async with api:
        await Chat(api, _screen_for).run(login, password)


def _screen_for(chat: Chat) -> Screen:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return TerminalScreen(chat.prompt, chat.toolbar, chat.typed)
    return PlainScreen()
