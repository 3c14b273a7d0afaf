"""`streamhub upload` and `streamhub download` on the command line."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from streamhub.client.errors import ClientError
from streamhub.client.files.downloading import Downloader
from streamhub.client.files.uploading import Uploader
from streamhub.client.http import HttpApi
from streamhub.client.tokens import AccountTokens

_URL: Final = "http://127.0.0.1:8080"
_AT_ONCE: Final = 4

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--url", default=_URL, show_default=True, help="Address of the server."),
    click.option("--login", metavar="NAME", prompt=True, help="Handle or e-mail address."),
    click.option(
        "--password-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File whose first line is the password; without it you are asked.",
    ),
)


def _signing_in(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--lanes",
    default=2,
    show_default=True,
    type=click.IntRange(1, 16),
    help="Connections for each large file.",
)
@click.option(
    "--version-of",
    metavar="FILE_ID",
    help="Make a further version of this file; for one path alone.",
)
@click.option("--into", metavar="FOLDER_ID", help="Put them into this folder.")
@_signing_in
def upload(
    paths: tuple[Path, ...],
    lanes: int,
    version_of: str | None,
    into: str | None,
    url: str,
    login: str,
    password_file: Path | None,
) -> None:
    """Upload files, and all files inside of folders.

    What is interrupted goes on when the same command is given again. Prints the id and the path of
    each file that is there.
    """
    files = sorted({file for path in paths for file in _files_in(path)})
    if version_of is not None and len(files) != 1:
        raise click.UsageError(f"--version-of takes one file, not {len(files)}")

    async def run(api: HttpApi, tokens: AccountTokens) -> int:
        uploader = Uploader(api, tokens, lanes=lanes, folder=_state_folder())
        with _progress() as shown:

            async def one(path: Path) -> str:
                size = await asyncio.to_thread(lambda: path.stat().st_size)
                bar = shown.add_task(path.name, total=size)
                made = await uploader.upload(
                    path, version_of=version_of, into=into, progress=_completes(shown, bar)
                )
                return f"{made}  {path}"

            return await _all(one, files)

    _run(url, login, password_file, run)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE_ID...")
@click.option(
    "--to",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder, or for one file its new path.",
)
@_signing_in
def download(
    files: tuple[str, ...], to: Path, url: str, login: str, password_file: Path | None
) -> None:
    """Download files by their ids.

    What is interrupted goes on when the same command is given again. Prints where each file is.
    """
    if len(files) > 1 and not to.is_dir():
        raise click.BadParameter("several files need a folder that is there", param_hint="--to")

    async def run(api: HttpApi, tokens: AccountTokens) -> int:
        downloader = Downloader(api, tokens)
        with _progress() as shown:

            async def one(file: str) -> str:
                bar = shown.add_task(file, total=None)

                def tell(done: int, size: int) -> None:
                    shown.update(bar, completed=done, total=size)

                return str(await downloader.download(file, to, progress=tell))

            return await _all(one, files)

    _run(url, login, password_file, run)


def _run(
    url: str,
    login: str,
    password_file: Path | None,
    work: Callable[[HttpApi, AccountTokens], Awaitable[int]],
) -> None:
    if password_file is not None:
        password = password_file.read_text().split("\n")[0]
    else:
        password = click.prompt("Password", hide_input=True, err=True)
    try:
        api = HttpApi(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None

    async def signed_in() -> int:
        async with api:
            tokens = AccountTokens(api, login=login, password=password)
            try:
                await tokens.token()
                return await work(api, tokens)
            finally:
                await tokens.close()

    try:
        failed = asyncio.run(signed_in())
    except ClientError as error:
        raise click.ClickException(str(error)) from None
    if failed:
        raise click.ClickException(f"{failed} failed")


async def _all(one: Callable[[T], Awaitable[str]], things: Sequence[T]) -> int:
    """A few at a time, whatever becomes of each; how many failed."""
    slots, failed = asyncio.Semaphore(_AT_ONCE), 0

    async def guarded(thing: T) -> None:
        nonlocal failed
        async with slots:
            try:
                click.echo(await one(thing))
            except ClientError as error:
                failed += 1
                click.echo(f"{thing}: {error}", err=True)

    await asyncio.gather(*(guarded(thing) for thing in things))
    return failed


def _files_in(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (inside for inside in sorted(path.rglob("*")) if inside.is_file())
    else:
        yield path


def _state_folder() -> Path:
    """As the XDG Base Directory Specification says."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "streamhub" / "uploads"


def _progress() -> Progress:
    """Bars on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _completes(shown: Progress, bar: TaskID) -> Callable[[int], None]:
    return lambda done: shown.update(bar, completed=done)
