"""The bucket of an S3 URL: made once, checked cheaply, its absence told."""

import asyncio
import secrets

import pytest
from support.fault_proxy import fault_proxy

from streamhub.domain.errors import TryAgain
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.objects import ObjectStore


def with_new_bucket(url: str) -> str:
    return f"{url.partition('?')[0].rpartition('/')[0]}/test-{secrets.token_hex(6)}"


async def test_a_bucket_is_made_by_whichever_host_is_first(servers: EmbeddedUrls) -> None:
    url = with_new_bucket(servers.objects)
    stores = await asyncio.gather(*(ObjectStore.open(url) for _ in range(4)))
    for store in stores:
        await store.check()
        await store.close()


async def test_a_bucket_that_is_not_there_is_not_ready(servers: EmbeddedUrls) -> None:
    store = ObjectStore.connect(with_new_bucket(servers.objects))
    with pytest.raises(TryAgain, match="is gone"):
        await store.check()
    await store.close()


async def test_wrong_keys_are_told(servers: EmbeddedUrls) -> None:
    url = with_new_bucket(servers.objects)
    wrong = url.replace(url.split(":")[2].split("@")[0], "not-the-secret")
    with pytest.raises(PermissionError, match="refused the keys of STREAMHUB_S3_URL"):
        await ObjectStore.open(wrong)


async def test_while_s3_is_away_calls_may_be_tried_again(servers: EmbeddedUrls) -> None:
    url = with_new_bucket(servers.objects)
    async with fault_proxy(url) as proxy:
        store = await ObjectStore.open(proxy.url(url))
        proxy.refuses = True
        proxy.cut()
        with pytest.raises(TryAgain) as caught:
            await store.check()
        assert (caught.value.code, caught.value.retry_after_ms) == ("unavailable", 1000)
        proxy.refuses = False
        await store.check()
        await store.close()
