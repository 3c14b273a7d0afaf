"""Users, their channels and their tokens, written straight into PostgreSQL."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_bytes
from typing import Final

import asyncpg

from benchmarks.target import Target
from streamhub.config import Secret, Settings
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import CHANNEL, RANDOM_BYTES, USER, ChannelId, UserId, make_id
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import TokenIssuer

TOKEN_TTL_S: Final = 3_600
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Person:
    """A user, signed in once, and the access token of that."""

    id: UserId
    family: FamilyId
    token: str


def new_person(issuer: TokenIssuer) -> Person:
    """One whom no database knows."""
    now_ms = time.time_ns() // 1_000_000
    user, family = UserId(_fresh_id(USER, now_ms)), FamilyId(_fresh_id("fa", now_ms))
    return Person(user, family, issuer.issue(user, family, now_ms, _randomness()))


async def make_people(target: Target, count: int) -> list[Person]:
    """Users who are signed in. Their passwords are no hashes: nobody can sign in again."""
    now_ms = time.time_ns() // 1_000_000
    issuer = TokenIssuer(TokenKeys(Secret(target.auth_secret)), Settings().auth.issuer, TOKEN_TTL_S)
    people = [new_person(issuer) for _ in range(count)]
    users = [(person.id, person.id, "A person", "none", "user", now_ms) for person in people]
    expires_at = now_ms + _DAY_MS
    families = [
        (person.family, person.id, token_bytes(16), token_bytes(32), "here", now_ms, expires_at)
        for person in people
    ]
    connection = await asyncpg.connect(target.database.url)
    try:
        await connection.copy_records_to_table(
            "users",
            records=users,
            columns=("id", "handle", "name", "password_hash", "role", "created_at"),
        )
        await connection.copy_records_to_table(
            "token_families",
            records=families,
            columns=(
                *("id", "user_id", "selector", "current"),
                *("address", "opened_at", "expires_at"),
            ),
        )
        await connection.execute("ANALYZE users, token_families")
    finally:
        await connection.close()
    return people


async def make_channels(target: Target, memberships: Sequence[Sequence[Person]]) -> list[ChannelId]:
    """A channel for each group of members, the first of whom created it.

    They are as commands would have left them: made at rev 1, joined by the others at rev 2.
    """
    now_ms = time.time_ns() // 1_000_000
    ids: list[ChannelId] = []
    channels, members = [], []
    for group in memberships:
        channel = ChannelId(_fresh_id(CHANNEL, now_ms))
        ids.append(channel)
        owner, rev = group[0].id, min(2, len(group))
        channels.append(
            (channel, "channel", "public", owner, now_ms, "bench", 1, rev, channel, b"")
        )
        for person in group:
            role, joined = ("owner", 1) if person.id == owner else ("member", 2)
            members.append((channel, person.id, role, now_ms, joined, 0, 0, 0))
    connection = await asyncpg.connect(target.database.url)
    try:
        await connection.copy_records_to_table(
            "channels",
            records=channels,
            columns=(
                *("id", "kind", "visibility", "created_by", "created_at", "name"),
                *("info_rev", "rev", "create_key", "create_digest"),
            ),
        )
        await connection.copy_records_to_table(
            "members",
            records=members,
            columns=(
                *("channel_id", "user_id", "role", "joined_at", "rev"),
                *("floor_seq", "read_seq", "read_nth"),
            ),
        )
        await connection.execute("ANALYZE channels, members")
    finally:
        await connection.close()
    return ids


def _fresh_id(prefix: str, now_ms: int) -> str:
    return make_id(prefix, now_ms, _randomness())


def _randomness() -> bytes:
    return token_bytes(RANDOM_BYTES)
