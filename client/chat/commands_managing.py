"""What is done to the open channel and its members, and direct conversations."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from streamhub.client.chat.command_line import (
    Chat,
    ChatCommand,
    Misuse,
    open_channel,
    user_of,
)
from streamhub.protocol.managing import GivenRole


async def _direct(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    users = [await user_of(here, handle) for handle in words]
    channel = await here.client.open_direct(*users)
    await here.open_channel(channel.id)


async def _hide(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    channel = open_channel(here)
    await here.client.hide_direct(channel)
    chat.screen.note(f"{here.name(channel)} is off the list until there is news")
    here.close_channel(channel)


async def _topic(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    channel = open_channel(here)
    if words:
        await here.client.update_channel(channel, topic=" ".join(words))
        return
    topic = (await here.client.channel(channel)).topic
    chat.screen.note(f"the topic is {topic}" if topic else "there is no topic")


async def _archive(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.archive(open_channel(here))


async def _restore(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.archive(open_channel(here), False)


async def _slow(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    if not (words[0].isascii() and words[0].isdecimal()):
        raise Misuse("say how many seconds lie between two messages, 0 for none")
    await here.client.update_channel(open_channel(here), slow_mode_s=int(words[0]))


async def _role(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    role = next((one for one in get_args(GivenRole) if one == words[1]), None)
    if role is None:
        raise Misuse(f"the role is one of {', '.join(get_args(GivenRole))}")
    await here.client.give_role(open_channel(here), await user_of(here, words[0]), role)


async def _mute(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.mute(open_channel(here), await user_of(here, words[0]))


async def _unmute(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.mute(open_channel(here), await user_of(here, words[0]), 0)


async def _ban(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.ban(open_channel(here), await user_of(here, words[0]))


async def _unban(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.unban(open_channel(here), await user_of(here, words[0]))


async def _seen(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    for one in (await here.client.seen(open_channel(here))).items:
        chat.screen.note(f"{await here.people.handle(one.user)} has read up to #{one.seq}")


COMMANDS: Final[Mapping[str, ChatCommand]] = MappingProxyType(
    {
        "hide": ChatCommand(_hide, "/hide", "Take the open conversation off the list.", 0, 0),
        "direct": ChatCommand(_direct, "/direct USER..", "Talk to one person, or to some.", 1),
        "seen": ChatCommand(_seen, "/seen", "How far the others have read.", 0, 0),
        "topic": ChatCommand(_topic, "/topic [TEXT]", "What the open channel is about."),
        "archive": ChatCommand(_archive, "/archive", "Let the open channel only be read.", 0, 0),
        "restore": ChatCommand(_restore, "/restore", "Bring it back.", 0, 0),
        "slow": ChatCommand(_slow, "/slow SECONDS", "The pause between two messages.", 1, 1),
        "role": ChatCommand(_role, "/role USER ROLE", "Make somebody owner or moderator.", 2, 2),
        "mute": ChatCommand(_mute, "/mute USER", "Let somebody only read.", 1, 1),
        "unmute": ChatCommand(_unmute, "/unmute USER", "Let somebody write again.", 1, 1),
        "ban": ChatCommand(_ban, "/ban USER", "Take somebody out who may not come back.", 1, 1),
        "unban": ChatCommand(_unban, "/unban USER", "Let somebody come back.", 1, 1),
    }
)
