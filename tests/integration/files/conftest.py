"""Two hosts over PostgreSQL and S3, anew for each test, with the smallest parts S3 takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.chat_hosts import ChatCluster
from support.fault_proxy import FaultProxy, fault_proxy

from streamhub.config import load_settings
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import migrate
from streamhub.persistence.objects import ObjectStore

QUOTA = 64 << 20


@pytest.fixture
async def s3(servers: EmbeddedUrls) -> AsyncIterator[FaultProxy]:
    """What disturbs the way to S3."""
    async with fault_proxy(servers.objects) as proxy:
        yield proxy


@pytest.fixture
async def disturbed(
    servers: EmbeddedUrls, tmp_path: Path, s3: FaultProxy
) -> AsyncIterator[ChatCluster]:
    """As `cluster`, with S3 behind a proxy."""
    async with _cluster(servers, tmp_path, s3.url(servers.objects)) as cluster:
        yield cluster


@pytest.fixture
async def cluster(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[ChatCluster]:
    async with _cluster(servers, tmp_path, servers.objects) as cluster:
        yield cluster


@pytest.fixture
async def redirecting(servers: EmbeddedUrls, tmp_path: Path) -> AsyncIterator[ChatCluster]:
    """As `cluster`, where clients reach S3."""
    parts = urlsplit(servers.objects)
    outside = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    async with _cluster(
        servers, tmp_path, servers.objects, STREAMHUB_S3_PUBLIC_URL=outside
    ) as cluster:
        yield cluster


@asynccontextmanager
async def _cluster(
    servers: EmbeddedUrls, tmp_path: Path, objects: str, **more: str
) -> AsyncIterator[ChatCluster]:
    environ = {
        "STREAMHUB_S3_URL": objects,
        "STREAMHUB_PART_BYTES": str(5 << 20),
        "STREAMHUB_QUOTA_BYTES": str(QUOTA),
        "STREAMHUB_MAX_FILE_BYTES": str(100 << 20),
        "STREAMHUB_LIMIT_REQUESTS": "1000/s burst 10000",
        "STREAMHUB_ALLOWED_ORIGINS": "https://chat.example.org",
        "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
        "STREAMHUB_ARGON2_TIME_COST": "1",
        **more,
    }
    await migrate(servers.postgres)
    await (await ObjectStore.open(servers.objects)).close()
    cluster = ChatCluster(load_settings(environ, cwd=tmp_path), servers.postgres)
    await cluster.start(2)
    yield cluster
    await cluster.close()
