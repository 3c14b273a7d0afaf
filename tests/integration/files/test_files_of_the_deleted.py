"""An account that is deleted takes its files with it."""

from support.chat_hosts import PASSWORD, ChatCluster
from support.polling import until
from support.uploads import Uploader, content

MIB = 1 << 20


async def test_nothing_is_left_of_a_deleted_account(cluster: ChatCluster) -> None:
    user, other = await cluster.user(), await cluster.user()
    ann = Uploader(user)
    _, file = await ann.put(content(1000))
    _, trashed = await ann.put(content(2000))
    await ann.call("DELETE", f"/v1/files/{trashed['id']}")
    path = await ann.begin(12 * MIB)
    answer, _ = await ann.patch(path, 0, content(6 * MIB))
    assert answer.status == 204
    _, kept = await Uploader(other).put(content(10))
    proof = {"current_password": PASSWORD}
    answer, said = await ann.call("POST", "/v1/me/delete", json=proof)
    assert answer.status == 204, said

    async def left() -> list[tuple[str, int]]:
        counts = """
            SELECT 'files', count(*) FROM files WHERE owner_id = $1
            UNION ALL SELECT 'versions', count(*) FROM file_versions WHERE file_id = ANY ($2)
            UNION ALL SELECT 'uploads', count(*) FROM uploads
                      WHERE owner_id = $1 AND state = 'receiving'
            UNION ALL SELECT 'bytes', used_bytes + reserved_bytes FROM storage WHERE user_id = $1
        """
        rows = await cluster.pool.fetch(counts, user.id, [file["id"], trashed["id"]])
        return [(name, count) for name, count in rows if count]

    async def gone() -> bool:
        return not await left()

    await until(gone, within_s=60)
    answer, _ = await Uploader(other).content(kept["id"])
    assert answer.status == 200
