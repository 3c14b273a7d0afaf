"""One-time codes and links in Redis. Losing all of it lets nobody in."""

from collections.abc import Sequence
from typing import Final, cast

import msgspec
from redis.asyncio import Redis

from streamhub.domain.one_time import MAX_TRIES, Pending
from streamhub.persistence.redis import translated

# KEYS: the request, the newest one of its purpose and user. ARGV: body, proofs of code and link,
# seconds, what requests' keys begin with, the request.
_PUT: Final = """
local older = redis.call('GET', KEYS[2])
if older then redis.call('DEL', ARGV[5] .. older) end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'code', ARGV[2], 'link', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[6], 'EX', ARGV[4])
return 1
"""
# KEYS: the request. ARGV: how many tries there are, the proofs. Comparing digests of what only the
# server can compute tells nothing by its timing.
_TAKE: Final = """
local found = redis.call('HMGET', KEYS[1], 'body', 'code', 'link')
if not found[1] then return false end
for at = 2, #ARGV do
    if found[2] == ARGV[at] or found[3] == ARGV[at] then
        redis.call('DEL', KEYS[1])
        return found[1]
    end
end
if redis.call('HINCRBY', KEYS[1], 'tries', 1) >= tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[1])
end
return false
"""
_PREFIX: Final = "once:"
_decode: Final = msgspec.msgpack.Decoder(Pending).decode


class RedisOneTimeStore:
    """Implements OneTimeStore by one script call each, which Redis runs alone."""

    def __init__(self, client: Redis) -> None:
        self._put = client.register_script(_PUT)
        self._take = client.register_script(_TAKE)

    async def put(self, request: str, pending: Pending, life_s: int) -> None:
        newest = f"once-newest:{pending.purpose}:{pending.user}"
        body = msgspec.msgpack.encode(pending)
        args: list[bytes | str | int] = [body, pending.code, pending.link, life_s, _PREFIX, request]
        async with translated():
            await self._put(keys=[_PREFIX + request, newest], args=args)

    async def take(self, request: str, proofs: Sequence[bytes]) -> Pending | None:
        async with translated():
            body = await self._take(keys=[_PREFIX + request], args=[MAX_TRIES, *proofs])
        return None if body is None else _decode(cast(bytes, body))
