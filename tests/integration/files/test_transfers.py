"""The SDK's uploads and downloads, and the commands of the terminal."""

# ruff: noqa: ASYNC240 - a few small files

import asyncio
import os
import sys
from pathlib import Path

import pytest
from support.chat_hosts import PASSWORD, ChatCluster, User
from support.fault_proxy import FaultProxy, fault_proxy
from support.uploads import Uploader as Http
from support.uploads import content, digest

from streamhub.client.errors import Refused
from streamhub.client.files import Downloader, TransferFailed, Uploader
from streamhub.client.files.uploading import _Upload
from streamhub.client.http import HttpApi

MIB = 1 << 20


class Given:
    """A token that somebody has."""

    def __init__(self, user: User) -> None:
        self._user = user

    async def token(self, refused: str | None = None) -> str:
        return self._user.token

    async def close(self) -> None: ...


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "film ä.bin"
    path.write_bytes(content(23 * MIB + 11))
    return path


@pytest.mark.parametrize("lanes", [1, 3])
async def test_a_file_goes_up_and_comes_down(
    cluster: ChatCluster, tmp_path: Path, source: Path, lanes: int
) -> None:
    user = await cluster.user()
    told: list[int] = []
    async with HttpApi(cluster.hosts[0].url) as api:
        uploader = Uploader(api, Given(user), lanes=lanes)
        file = await uploader.upload(source, progress=told.append)
        path = await Downloader(api, Given(user)).download(file, tmp_path / "copy")
        about = await api.file(file, user.token)
    assert (about.name, about.size_bytes) == (source.name, source.stat().st_size)
    assert digest(path.read_bytes()) == digest(source.read_bytes())
    assert told == sorted(told)
    assert told[-1] == source.stat().st_size
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy", source.name], "no leavings"


async def test_an_empty_file(cluster: ChatCluster, tmp_path: Path) -> None:
    user, empty = await cluster.user(), tmp_path / "empty"
    empty.touch()
    async with HttpApi(cluster.hosts[0].url) as api:
        file = await Uploader(api, Given(user)).upload(empty)
        path = await Downloader(api, Given(user)).download(file, tmp_path / "copy")
    assert path.read_bytes() == b""


async def test_it_goes_on_after_cuts(cluster: ChatCluster, tmp_path: Path, source: Path) -> None:
    user, cuts = await cluster.user(), 0
    async with fault_proxy(cluster.hosts[0].url) as proxy:

        async def disturb() -> None:
            nonlocal cuts
            while True:
                await asyncio.sleep(0.1)
                proxy.cut()
                cuts += 1
                if cuts == 6:
                    return

        async with HttpApi(proxy.url(cluster.hosts[0].url)) as api:
            disturbing = asyncio.create_task(disturb())
            file = await Uploader(api, Given(user), lanes=2).upload(source)
            await disturbing
            disturbing = asyncio.create_task(disturb())
            path = await Downloader(api, Given(user)).download(file, tmp_path / "copy")
            disturbing.cancel()
    assert digest(path.read_bytes()) == digest(source.read_bytes())


async def test_s3_comes_and_goes(
    disturbed: ChatCluster, s3: FaultProxy, tmp_path: Path, source: Path
) -> None:
    """Its connections are cut, and for a while nothing comes from it."""
    user = await disturbed.user()

    async def disturb() -> None:
        for _ in range(5):
            await asyncio.sleep(0.15)
            s3.cut()
            s3.answers_flow.clear()
            await asyncio.sleep(0.3)
            s3.cut()
            s3.flow()

    async with HttpApi(disturbed.hosts[0].url) as api:
        disturbing = asyncio.create_task(disturb())
        file = await Uploader(api, Given(user)).upload(source)
        path = await Downloader(api, Given(user)).download(file, tmp_path / "copy")
        await disturbing
    assert digest(path.read_bytes()) == digest(source.read_bytes())
    storage = await Http(user).json("GET", "/v1/storage")
    assert (storage["used_bytes"], storage["reserved_bytes"]) == (source.stat().st_size, 0)


async def test_it_goes_on_after_a_restart(
    cluster: ChatCluster, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, folder = await cluster.user(), tmp_path / "state"
    async with HttpApi(cluster.hosts[0].url) as api:
        first = asyncio.Event()

        def progress(done: int) -> None:
            if done:
                first.set()

        uploader = Uploader(api, Given(user), lanes=1, folder=folder)
        uploading = asyncio.create_task(uploader.upload(source, progress=progress))
        await first.wait()
        uploading.cancel()
        await asyncio.gather(uploading, return_exceptions=True)
        assert len(list(folder.iterdir())) == 1
        sent: list[int] = []
        send_part = _Upload._send_part

        async def counted(upload: _Upload, link: object, part: int) -> None:
            sent.append(part)
            await send_part(upload, link, part)  # type: ignore[arg-type]

        monkeypatch.setattr(_Upload, "_send_part", counted)
        again = Uploader(api, Given(user), lanes=1, folder=folder)
        file = await again.upload(source)
        assert sent, "it was interrupted"
        assert 1 not in sent, "what was durable is not sent again"
        assert list(folder.iterdir()) == []
    _, got = await Http(user).content(file)
    assert digest(got) == digest(source.read_bytes())
    files = await Http(user).json("GET", "/v1/files")
    assert len(files["items"]) == 1


async def test_a_file_that_changes_meanwhile_is_told(cluster: ChatCluster, source: Path) -> None:
    user = await cluster.user()

    def change(done: int) -> None:
        if done:
            with source.open("r+b") as file:
                file.write(b"other bytes")

    async with HttpApi(cluster.hosts[0].url) as api:
        with pytest.raises(TransferFailed, match="changed"):
            await Uploader(api, Given(user), lanes=1).upload(source, progress=change)


async def test_what_the_server_refuses_is_told(cluster: ChatCluster, tmp_path: Path) -> None:
    user, large = await cluster.user(), tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(99 * MIB)
    async with HttpApi(cluster.hosts[0].url) as api:
        with pytest.raises(Refused, match="quota_exceeded"):
            await Uploader(api, Given(user)).upload(large)
        with pytest.raises(Refused, match="not_found"):
            await Downloader(api, Given(user)).download("fi_" + "0" * 26, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["large"]


async def test_a_download_goes_on_with_what_is_there(
    cluster: ChatCluster, tmp_path: Path, source: Path
) -> None:
    user, to = await cluster.user(), tmp_path / "copy"
    async with HttpApi(cluster.hosts[0].url) as api:
        file = await Uploader(api, Given(user)).upload(source)
        first = asyncio.Event()

        def progress(done: int, size: int) -> None:
            if done:
                first.set()

        downloading = asyncio.create_task(
            Downloader(api, Given(user), parallel=1).download(file, to, progress=progress)
        )
        await first.wait()
        downloading.cancel()
        await asyncio.gather(downloading, return_exceptions=True)
        assert not to.exists()
        begun: list[int] = []
        await Downloader(api, Given(user)).download(
            file, to, progress=lambda done, size: begun.append(done)
        )
    assert begun[0] >= 8 * MIB
    assert digest(to.read_bytes()) == digest(source.read_bytes())


async def test_the_commands_of_the_terminal(
    cluster: ChatCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await cluster.user()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "many"
    (folder / "inner").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "inner/c")):
        (folder / name).write_bytes(content(1000 + number, number))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    to = tmp_path / "to"
    to.mkdir()
    account = ["--url", cluster.hosts[0].url, "--login", user.handle]
    account += ["--password-file", str(tmp_path / "password")]
    status, said = await _streamhub("upload", str(folder), *account)
    assert status == 0, said
    made = [line.split("  ", 1) for line in said.splitlines()]
    paths = sorted(path for _, path in made)
    assert paths == sorted(str(folder / name) for name in ("a", "b", "inner/c"))
    ids = [file for file, _ in made]
    status, said = await _streamhub("download", *ids, "--to", str(to), *account)
    assert status == 0, said
    assert sorted(os.listdir(to)) == ["a", "b", "c"]
    assert (to / "c").read_bytes() == (folder / "inner/c").read_bytes()
    status, said = await _streamhub("download", "fi_" + "0" * 26, "--to", str(to), *account)
    assert (status, "not_found" in said) == (1, True), said


async def _streamhub(*arguments: str) -> tuple[int | None, str]:
    """The exit status of the command, and what it says."""
    command = Path(sys.executable).with_name("streamhub")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(command, *arguments, stdout=pipe, stderr=pipe)
    said, complaints = await process.communicate()
    return process.returncode, (said + complaints).decode()
