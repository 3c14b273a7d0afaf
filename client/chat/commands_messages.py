"""What is done to messages, by their numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from streamhub.client.chat.command_line import (
    Chat,
    ChatCommand,
    Misuse,
    message_of,
    open_channel,
)
from streamhub.protocol.notifying import NotifyLevel
from streamhub.protocol.reports import ReasonName

_SHOWN: Final = 50


async def _reply(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    root = await message_of(here, words[0])
    await here.client.send(open_channel(here), " ".join(words[1:]), thread=root.thread or root.id)


async def _attach(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.client.send(open_channel(here), " ".join(words[1:]), files=(words[0],))


async def _thread(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    root = await message_of(here, words[0])
    if root.thread is not None:
        root = await here.client.message(root.channel, root.thread)
    page = await here.client.history(root.channel, thread=root.id, limit=_SHOWN)
    await here.show([root, *page.items])
    if page.items:
        await here.client.read_thread(root.channel, root.id, page.items[-1].seq)


async def _threads(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    for thread in (await here.client.threads(limit=_SHOWN)).items:
        root = thread.root
        unread = f", {thread.unread} unread" if thread.unread else ""
        chat.screen.note(
            f"{here.name(root.channel)} #{root.seq}, {root.replies} replies{unread}: "
            f"{root.text or '(deleted)'}"
        )


async def _notifications(chat: Chat, words: list[str]) -> None:
    """Those that are shown were looked at."""
    here = chat.conversation
    page = await here.client.notifications(limit=_SHOWN)
    for one in page.items:
        unread = "" if one.read_at else ", unread"
        who, where = await here.people.handle(one.by), here.name(one.channel)
        place = "" if one.seq is None else f" #{one.seq}"
        chat.screen.note(f"{one.kind} by {who} in {where}{place}{unread}: {one.excerpt}")
    if page.items:
        await here.client.read_notifications(up_to=page.items[0].id)


async def _notify(chat: Chat, words: list[str]) -> None:
    level = next((one for one in get_args(NotifyLevel) if one == words[0]), None)
    if level is None:
        raise Misuse(f"one of {', '.join(get_args(NotifyLevel))}")
    await chat.conversation.client.notify(open_channel(chat.conversation), level)


async def _edit(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.edit(message.channel, message.id, " ".join(words[1:]))


async def _delete(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.delete(message.channel, message.id)


async def _react(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.react(message.channel, message.id, words[1])


async def _take_back(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.take_back(message.channel, message.id, words[1])


async def _pin(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.pin(message.channel, message.id)


async def _unpin(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.unpin(message.channel, message.id)


async def _pins(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    await here.show((await here.client.pins(open_channel(here), limit=_SHOWN)).items)


async def _save(chat: Chat, words: list[str]) -> None:
    message = await message_of(chat.conversation, words[0])
    await chat.conversation.client.save_message(message.channel, message.id)
    chat.screen.note(f"#{message.seq} is on your list: see /saved")


async def _saved(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    for saved in (await here.client.saved(limit=_SHOWN)).items:
        chat.screen.note(f"in {here.name(saved.message.channel)}:")
        await here.show([saved.message])


async def _report(chat: Chat, words: list[str]) -> None:
    reason = next((one for one in get_args(ReasonName) if one == words[1]), None)
    if reason is None:
        raise Misuse(f"the reason is one of {', '.join(get_args(ReasonName))}")
    message = await message_of(chat.conversation, words[0])
    note = " ".join(words[2:])
    await chat.conversation.client.report_message(message.channel, message.id, reason, note)
    chat.screen.note(f"#{message.seq} is reported")


COMMANDS: Final[Mapping[str, ChatCommand]] = MappingProxyType(
    {
        "reply": ChatCommand(_reply, "/reply N TEXT", "Reply to message number N.", 2),
        "attach": ChatCommand(
            _attach, "/attach FILE_ID [TEXT]", "Post a file of yours: see streamhub upload.", 1
        ),
        "thread": ChatCommand(_thread, "/thread N", "A message and the replies to it.", 1, 1),
        "threads": ChatCommand(_threads, "/threads", "Threads you follow.", 0, 0),
        "notifications": ChatCommand(
            _notifications, "/notifications", "What you are to look at.", 0, 0
        ),
        "notify": ChatCommand(
            _notify, "/notify all|mentions|none", "How much of the open channel you hear of.", 1, 1
        ),
        "edit": ChatCommand(_edit, "/edit N TEXT", "Say something else.", 2),
        "delete": ChatCommand(_delete, "/delete N", "Delete a message.", 1, 1),
        "react": ChatCommand(_react, "/react N KIND", "React to a message: an emoji, or +1.", 2, 2),
        "unreact": ChatCommand(_take_back, "/unreact N KIND", "Take a reaction back.", 2, 2),
        "pin": ChatCommand(_pin, "/pin N", "Pin a message to the open channel.", 1, 1),
        "unpin": ChatCommand(_unpin, "/unpin N", "Unpin a message.", 1, 1),
        "pins": ChatCommand(_pins, "/pins", "Messages pinned to the open channel.", 0, 0),
        "save": ChatCommand(_save, "/save N", "Put a message on your own list.", 1, 1),
        "saved": ChatCommand(_saved, "/saved", "Your own list.", 0, 0),
        "report": ChatCommand(
            _report, "/report N REASON [NOTE]", "Show a message to the site's moderators.", 2
        ),
    }
)
