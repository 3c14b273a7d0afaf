"""What can be typed after a slash."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final

from streamhub.client.chat import commands_managing, commands_messages, commands_scheduling
from streamhub.client.chat.command_line import (
    Chat,
    ChatCommand,
    Misuse,
    open_channel,
    user_of,
)
from streamhub.client.chat.conversation import Conversation
from streamhub.protocol.frames import ChannelObject, MemberObject, Visibility
from streamhub.protocol.scalars import MAX_PAGE

_HISTORY: Final = 20
_WHO: Final = 50


async def _register(chat: Chat, words: list[str]) -> None:
    await chat.register()


async def _confirm(chat: Chat, words: list[str]) -> None:
    if not words:
        raise Misuse("say /confirm and the link of the mail")
    await chat.confirm(words[0], words[1] if len(words) > 1 else None)


async def _login(chat: Chat, words: list[str]) -> None:
    login = words[0] if words else await chat.screen.ask("Login")
    if login:
        await chat.log_in(login)


async def _channels(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    mine = here.client.channels
    for state in (state for state in mine.values() if not state.hidden):
        unread, mentions = state.overview.unread, state.overview.mentions
        left = f", {unread} unread" if unread else ""
        left += f", {mentions} mentions" if mentions else ""
        opened = ", open" if state.id == here.open else ""
        chat.screen.note(f"{here.name(state.id)}{left}{opened}")
    async for channel in _listed(here):
        if channel.id not in mine:
            chat.screen.note(f"{channel.name or channel.id}, not joined")


async def _create(chat: Chat, words: list[str]) -> None:
    private = words[1:] == ["private"]
    if len(words) != 1 and not private:
        raise Misuse(_usage("create"))
    visibility: Visibility = "private" if private else "public"
    channel = await chat.conversation.client.create_channel(words[0], visibility)
    chat.conversation.named(channel.id, channel.name)
    await chat.conversation.open_channel(channel.id)


async def _join(chat: Chat, words: list[str]) -> None:
    here, wanted = chat.conversation, _one(words, "join")
    found = {c.id: c async for c in _listed(here) if wanted in (c.id, c.name)}
    channel = _only(list(found), wanted, "no public channel is called")
    await here.client.join_channel(channel)
    here.named(channel, found[channel].name)
    await here.open_channel(channel)


async def _leave(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    channel = _mine(here, _one(words, "leave")) if words else open_channel(here)
    await here.client.leave_channel(channel)
    here.close_channel(channel)


async def _open_channel(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.open_channel(_mine(here, _one(words, "open")))


async def _history(chat: Chat, words: list[str]) -> None:
    count = _one(words, "history") if words else str(_HISTORY)
    if not count.isascii() or not count.isdecimal() or not 1 <= int(count) <= MAX_PAGE:
        raise Misuse(f"a number from 1 to {MAX_PAGE}: {_usage('history')}")
    await chat.conversation.show_history(open_channel(chat.conversation), int(count))


async def _search(chat: Chat, words: list[str]) -> None:
    if not words:
        raise Misuse(_usage("search"))
    await chat.conversation.show_found(" ".join(words), _HISTORY)


async def _members(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    async for member in _members_of(here, open_channel(here)):
        role = "" if member.role == "member" else f", {member.role}"
        chat.screen.note(f"{await here.people.handle(member.user)}{role}")


async def _who(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    page = await here.client.member_list(open_channel(here), limit=_WHO)
    for member in page.items:
        presence = await here.client.presence(member.user)
        said = f", {presence.status.text or presence.status.emoji}" if presence.status else ""
        chat.screen.note(f"{await here.people.handle(member.user)}, {presence.state}{said}")
    if page.next_cursor is not None:
        chat.screen.note("and more: see /members")


async def _invite(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    channel = open_channel(here)
    if not words:
        raise Misuse(_usage("invite"))
    users = [await user_of(here, handle) for handle in words]
    await here.client.add_members(channel, tuple(users))


async def _help(chat: Chat, words: list[str]) -> None:
    for command in COMMANDS.values():
        chat.screen.note(f"{command.usage:<24} {command.summary}")
    chat.screen.note("Any other line is sent to the open channel; // begins one with a slash.")


async def _quit(chat: Chat, words: list[str]) -> None:
    chat.quit()


COMMANDS: Final[Mapping[str, ChatCommand]] = MappingProxyType(
    {
        "register": ChatCommand(_register, "/register", "Make an account and sign in."),
        "confirm": ChatCommand(
            _confirm, "/confirm LINK [HANDLE]", "Confirm your address by the link of the mail."
        ),
        "login": ChatCommand(_login, "/login NAME", "Sign in, by handle or e-mail address."),
        "channels": ChatCommand(_channels, "/channels", "Your channels, and those you may join."),
        "create": ChatCommand(_create, "/create NAME [private]", "Make a channel and open it."),
        "join": ChatCommand(_join, "/join CHANNEL", "Join a public channel and open it."),
        "leave": ChatCommand(_leave, "/leave [CHANNEL]", "Leave a channel."),
        "open": ChatCommand(_open_channel, "/open CHANNEL", "Read and write in a channel."),
        "history": ChatCommand(_history, "/history [N]", "The newest messages again."),
        "search": ChatCommand(
            _search, "/search WORDS..", "Find messages, also by from:@NAME in:CHANNEL has:file."
        ),
        "members": ChatCommand(_members, "/members", "Who is in the open channel."),
        "who": ChatCommand(_who, "/who", "Who of the open channel is there."),
        "invite": ChatCommand(_invite, "/invite USER..", "Bring people into the open channel."),
        **commands_messages.COMMANDS,
        **commands_scheduling.COMMANDS,
        **commands_managing.COMMANDS,
        "help": ChatCommand(_help, "/help", "This list."),
        "quit": ChatCommand(_quit, "/quit", "Leave, once everything was sent."),
    }
)


def _usage(name: str) -> str:
    return f"use {COMMANDS[name].usage}"


def _one(words: list[str], name: str) -> str:
    if len(words) != 1:
        raise Misuse(_usage(name))
    return words[0].removeprefix("#")


def _mine(here: Conversation, wanted: str) -> str:
    found = [channel for channel in here.client.channels if wanted in (channel, here.name(channel))]
    return _only(found, wanted, "you are in no channel called")


def _only(found: list[str], wanted: str, none: str) -> str:
    if not found:
        raise Misuse(f"{none} {wanted}: see /channels")
    if len(found) > 1:
        raise Misuse(f"several are called {wanted}, say which: {' '.join(found)}")
    return found[0]


async def _listed(here: Conversation) -> AsyncIterator[ChannelObject]:
    cursor = None
    while True:
        page = await here.client.channel_list(cursor, MAX_PAGE)
        for channel in page.items:
            yield channel
        if (cursor := page.next_cursor) is None:
            return


async def _members_of(here: Conversation, channel: str) -> AsyncIterator[MemberObject]:
    cursor = None
    while True:
        page = await here.client.member_list(channel, cursor, MAX_PAGE)
        for member in page.items:
            if not member.left:
                yield member
        if (cursor := page.next_cursor) is None:
            return
