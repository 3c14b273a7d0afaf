"""PostgreSQL and its twin find the same, whatever is said and looked for."""

import random

import pytest
from support.stores import ChatStores

from streamhub.domain.channels import Loaded
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId
from streamhub.domain.search import parsed

SAID = (
    *("fox", "Fox", "FOX'", "été", "ete", "Жук", "жук", "한", "a", "b", "a-b", "a_b", "t", "don't"),
    *("5", "-5", "12", "12.5", "ex", "org", "https://ex.org/a?b=5", "ann@ex.org", "or", "OR"),
    *("…", "🦊", "\\", "\\'", "'", "''", ":*", "<->", "!&|()", "%s", "$1"),
)
TYPED = (*SAID, "-fox", "-a", '"', '"a b"', '"ex org', "-", '-"a b"', "--a", "has:link", "한" * 150)


async def filled(chat: ChatStores, texts: list[str]) -> tuple[Loaded, UserId]:
    alice = chat.user()
    channel = await chat.channel(alice)
    await chat.post(channel, alice, *texts)
    assert (await chat.index.index([channel.channel.id], 1000)).left == ()
    return channel, alice


@pytest.mark.parametrize("seed", range(5))
async def test_both_find_the_same(
    memory_chat: ChatStores, postgres_chat: ChatStores, seed: int
) -> None:
    choices = random.Random(seed)  # noqa: S311
    texts = [" ".join(choices.choices(SAID, k=choices.randint(1, 6))) for _ in range(60)]
    stores = [(chat, *await filled(chat, texts)) for chat in (memory_chat, postgres_chat)]
    hits = 0
    for _ in range(150):
        typed = " ".join(choices.choices(TYPED, k=choices.randint(1, 3)))
        try:
            query = parsed(typed)
        except Refused:  # nothing but signs
            continue
        memory, postgres = [
            sorted(one.text for one in page.items)
            for chat, _, user in stores
            for page in [await chat.search.search(user, query, None, None, 100)]
        ]
        assert memory == postgres, (typed, query.websearch)
        hits += len(memory)
    assert hits > 300
