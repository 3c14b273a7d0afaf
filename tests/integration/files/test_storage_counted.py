"""What is noted of a user's storage is what there is, or becomes it."""

import asyncio

import pytest
from support.chat_hosts import ChatCluster
from support.polling import until
from support.uploads import Uploader, content

from streamhub.domain.ids import UserId
from streamhub.domain.upload_ledger import Usage
from streamhub.persistence.upload_ledger import PostgresUploadLedger

MIB = 1 << 20
NOW = 1_800_000_000_000


async def test_a_wrong_number_is_found_and_mended(
    cluster: ChatCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamhub.actors.care.COUNTED_EVERY_MS", -(2**40))
    ann = Uploader(await cluster.user())
    _, made = await ann.put(content(1000))
    await ann.call("POST", f"/v1/files/{made['id']}/versions", data=b"x" * 10)
    await ann.call("DELETE", f"/v1/files/{made['id']}")
    await ann.begin(6 * MIB)
    await cluster.pool.execute(
        "UPDATE storage SET used_bytes = 7, reserved_bytes = 8 WHERE user_id = $1", ann.user.id
    )

    async def mended() -> bool:
        storage = await ann.json("GET", "/v1/storage")
        return (storage["used_bytes"], storage["reserved_bytes"]) == (1010, 6 * MIB)

    await until(mended, within_s=60)


async def test_counting_is_right_amid_uploads(cluster: ChatCluster) -> None:
    user = await cluster.user()
    ann, ledger = Uploader(user), PostgresUploadLedger(cluster.pool)
    _, made = await ann.put(b"first")
    stop = asyncio.Event()
    wrong: list[tuple[Usage, Usage]] = []

    async def count() -> int:
        times = 0
        while not stop.is_set():
            noted, counted = await ledger.count(UserId(user.id), NOW)
            if noted != counted:
                wrong.append((noted, counted))
            times += 1
        return times

    async def upload(n: int) -> None:
        way = Uploader(user, cluster.hosts[n % 2])
        for size in range(1, 5):
            await way.call("POST", f"/v1/files/{made['id']}/versions", data=bytes(size))
            _, file = await way.put(bytes(size))
            for _ in range(2):
                await way.call("DELETE", f"/v1/files/{file['id']}")

    counting = asyncio.create_task(count())
    await asyncio.gather(*[upload(n) for n in range(4)])
    stop.set()
    assert await counting > 10
    assert wrong == []
    assert await ledger.usage(UserId(user.id)) == Usage(used=5 + 4 * 10, reserved=0)


async def test_each_is_counted_once_in_a_while(cluster: ChatCluster) -> None:
    users = [await cluster.user() for _ in range(3)]
    ledger = PostgresUploadLedger(cluster.pool)
    for user in users:
        await Uploader(user).put(b"x")
    ids = {UserId(user.id) for user in users}
    await ledger.count(UserId(users[0].id), NOW)
    due = await ledger.to_count(NOW, 10_000)
    assert ids - {*due} == {users[0].id}
    assert users[0].id in await ledger.to_count(NOW + 1, 10_000)
    assert await ledger.count(UserId("us_nobody"), NOW) == (Usage(), Usage())
