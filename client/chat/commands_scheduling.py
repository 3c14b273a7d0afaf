"""Messages that are posted later: /schedule, /scheduled and /unschedule."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from streamhub.client.chat.command_line import Chat, ChatCommand, Misuse, open_channel
from streamhub.protocol.scheduling import ScheduledObject

_AHEAD: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_NAME_LENGTH: Final = 6
_SHOWN: Final = 200


def send_at(word: str, now: datetime) -> int:
    """The time that `word` means, in ms: `30m` (s, m, h, d) from now, `17:30` the next time it is
    that on this clock, `2026-12-24T17:30` then. Raises Misuse."""
    if ahead := _AHEAD.fullmatch(word):
        later = now + timedelta(seconds=int(ahead[1]) * _UNITS_S[ahead[2]])
        return int(later.timestamp() * 1000)
    try:
        if "T" in word:
            at = datetime.fromisoformat(word)
            return int((at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).timestamp() * 1000)
        hour, minute = (int(part) for part in word.split(":"))
        today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    except ValueError:
        raise Misuse("say when: 30m, 2h or 3d from now, 17:30, or 2026-12-24T17:30") from None
    return int((today if today > now else today + timedelta(days=1)).timestamp() * 1000)


async def _schedule(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    at = send_at(words[0], _now())
    made = await here.client.schedule(open_channel(here), " ".join(words[1:]), at)
    chat.screen.note(f"{_name(made)} goes {_when(made)}: see /scheduled")


async def _scheduled(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    for one in (await here.client.scheduled(limit=_SHOWN)).items:
        failed = f", failed: {one.detail}" if one.state == "failed" else ""
        chat.screen.note(f"{_name(one)} in {here.name(one.channel)}, {_when(one)}{failed}:")
        chat.screen.note(one.text)


async def _unschedule(chat: Chat, words: list[str]) -> None:
    here = chat.conversation
    for one in (await here.client.scheduled(limit=_SHOWN)).items:
        if _name(one) == words[0]:
            await here.client.cancel_scheduled(one.id)
            chat.screen.note(f"{_name(one)} does not go")
            return
    raise Misuse(f"nothing that waits is called {words[0]}: see /scheduled")


def _name(one: ScheduledObject) -> str:
    """Short enough to be typed: the random end of its id."""
    return one.id[-_NAME_LENGTH:]


def _when(one: ScheduledObject) -> str:
    at = datetime.fromtimestamp(one.send_at / 1000, UTC).astimezone()
    return f"{at:%Y-%m-%d %H:%M}"


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


COMMANDS: Final[Mapping[str, ChatCommand]] = MappingProxyType(
    {
        "schedule": ChatCommand(
            _schedule, "/schedule WHEN TEXT", "Post later: in 30m, 2h, 3d, or at 17:30.", 2
        ),
        "scheduled": ChatCommand(_scheduled, "/scheduled", "What you post later.", 0, 0),
        "unschedule": ChatCommand(_unschedule, "/unschedule NAME", "Do not post it.", 1, 1),
    }
)
