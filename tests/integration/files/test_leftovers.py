"""`streamhub leftovers`: what would be thrown away is shown, and is still there."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.chat_hosts import ChatCluster
from support.uploads import Uploader, content

from streamhub.cluster import leftovers
from streamhub.cluster.access import NotDone
from streamhub.cluster.cli import cli
from streamhub.persistence.blobs import S3Blobs
from streamhub.persistence.embedded.stack import EmbeddedUrls

MIB = 1 << 20


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts throw nothing away meanwhile."""
    monkeypatch.setattr("streamhub.actors.care.EVERY_S", 3600)


async def shown(servers: EmbeddedUrls, *options: str, **settings: str) -> str:
    environment = {
        "STREAMHUB_DATABASE_URL": servers.postgres,
        "STREAMHUB_S3_URL": servers.objects,
        **settings,
    }
    run = CliRunner().invoke
    result = await asyncio.to_thread(run, cli, ["leftovers", *options], env=environment)
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.mark.usefixtures("idle")
async def test_what_would_go_is_shown_and_stays(
    cluster: ChatCluster, servers: EmbeddedUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "ORPHAN_AGE_MS", -60_000)
    ann = Uploader(await cluster.user())
    _, kept = await ann.put(content(1000))
    _, trashed = await ann.put(content(10))
    await ann.call("DELETE", f"/v1/files/{trashed['id']}")
    expired = (await ann.begin(6 * MIB)).rpartition("/")[2]
    given_up = await ann.begin(6 * MIB)
    await ann.call("DELETE", given_up, {"Tus-Resumable": "1.0.0"})
    await cluster.pool.execute("UPDATE uploads SET expires_at = 1 WHERE owner_id = $1", ann.user.id)

    async def bytes_of_nobody() -> Any:
        yield b"x"

    blobs = S3Blobs.connect(servers.objects)
    try:
        await blobs.put("blobs/nobody", bytes_of_nobody, 1)
        found = json.loads(await shown(servers, "--json", STREAMHUB_TRASH_DAYS="0"))
        assert expired in found["uploads"]
        assert given_up.rpartition("/")[2] in found["ended"]
        assert trashed["id"] in found["files"]
        assert "blobs/nobody" in found["objects"]
        objects = await cluster.pool.fetch("SELECT object FROM file_versions")
        assert not {row["object"] for row in objects} & {*found["objects"]}
        lines = (await shown(servers)).splitlines()
        assert f"{expired}  upload would be ended, or put together" in lines
        assert not [line for line in lines if trashed["id"] in line], "it has 30 days"
        assert lines[-1].endswith(" objects")
        assert await blobs.stat("blobs/nobody") is not None
    finally:
        await blobs.delete(["blobs/nobody"])
        await blobs.close()
    assert (await ann.content(kept["id"]))[0].status == 200
    assert (await ann.content(trashed["id"]))[0].status == 200
    assert await ann.offset(f"/v1/tus/{expired}") == 0


async def test_without_a_file_store_it_says_what_is_missing(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    with pytest.raises(NotDone, match="STREAMHUB_S3_URL"):
        await shown(servers, "--data", str(tmp_path), STREAMHUB_S3_URL="")
