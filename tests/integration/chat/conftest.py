"""Two chat hosts over the embedded servers, anew for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.chat_hosts import ChatCluster

from streamhub.config import load_settings
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.migrations import migrate


@pytest.fixture
def environ() -> dict[str, str]:
    """What hosts are set to. Only where it is about them does the history have messages of the
    system: elsewhere the first message is the first."""
    return {
        "STREAMHUB_ALLOWED_ORIGINS": "https://chat.example.org",
        "STREAMHUB_UNAUTHENTICATED_PER_ADDRESS": "5",
        "STREAMHUB_AUTH_TIMEOUT_MS": "1500",
        "STREAMHUB_ARGON2_MEMORY_KIB": "8192",
        "STREAMHUB_ARGON2_TIME_COST": "1",
        "STREAMHUB_SYSTEM_MESSAGES_MEMBERS": "0",
    }


@pytest.fixture
async def cluster(
    servers: EmbeddedUrls, tmp_path: Path, environ: dict[str, str]
) -> AsyncIterator[ChatCluster]:
    await migrate(servers.postgres)
    cluster = ChatCluster(load_settings(environ, cwd=tmp_path), servers.postgres)
    await cluster.start(2)
    yield cluster
    await cluster.close()
